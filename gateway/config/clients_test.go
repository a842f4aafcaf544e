package config

import (
	"strings"
	"testing"
)

func TestMailClients(t *testing.T) {
	const org = "organization: {name: X, domains: [clinic.example]}\n"
	at := func(host string, port int, tls bool) *Client { return &Client{host, port, tls} }
	for name, c := range map[string]struct {
		text             string
		imap, submission *Client
	}{
		"none":     {org + "listen: {submission: \"127.0.0.1:2587\"}\n", nil, nil},
		"implied":  {org + "listen: {imaps: \"0.0.0.0:993\", imap: \"0.0.0.0:143\", submission: \"0.0.0.0:587\"}\n", at("secure.clinic.example", 993, true), at("secure.clinic.example", 587, false)},
		"starttls": {org + "listen: {imap: \"127.0.0.1:2143\"}\n", at("secure.clinic.example", 2143, false), nil},
		"named": {
			org + "listen: {imap: \"127.0.0.1:2143\", submission: \"127.0.0.1:2587\"}\nimap: {address: \"mail.clinic.example:993\", submission: \"smtp.clinic.example:465\"}\n",
			at("mail.clinic.example", 993, true), at("smtp.clinic.example", 465, true),
		},
	} {
		cfg, err := Parse("test.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(name, err)
		}
		imap, submission := cfg.MailClients()
		if !same(imap, c.imap) || !same(submission, c.submission) {
			t.Errorf("%s: %v and %v", name, imap, submission)
		}
	}
	for _, bad := range []string{"address: \"mail.clinic.example\"", "address: \":993\"", "submission: \"smtp.clinic.example:0\""} {
		cfg, err := Parse("test.yaml", []byte(org+"imap: {"+bad+"}\n"))
		if err == nil {
			err = cfg.Check()
		}
		if err == nil || !strings.Contains(err.Error(), "imap.") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func same(a, b *Client) bool { return a == b || a != nil && b != nil && *a == *b }
