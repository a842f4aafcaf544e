package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-smpp/smpp"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutext"
)

// TestServesSMPP: an application binds at the served listener, with a password
// longer than the eight octets of the specification, and its message is
// accepted while the carrier is away.
func TestServesSMPP(t *testing.T) {
	dir := t.TempDir()
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`organization: {name: Clinic, domains: [clinic.example]}
data_dir: %[1]s/data
key_dir: %[1]s/keys
listen: {smpp: "127.0.0.1:%[2]d"}
sms:
  accounts: [{system_id: esme1, password: {file: secret}, senders: ["15550001111"], inbox: desk@clinic.example}]
  upstream: {addr: "127.0.0.1:%[3]d", system_id: gw, password: {file: secret}}
`, dir, ports[0], ports[1])
	for name, content := range map[string]string{"g.yaml": config, "secret": "a long password\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := environment{out: new(strings.Builder), err: new(strings.Builder), config: filepath.Join(dir, "g.yaml")}
	c, err := loadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- serve(ctx, c, env, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	var found strings.Builder
	looking := env
	looking.out = &found
	if err := (doctorCmd{}).Run(t.Context(), looking); err == nil || !strings.Contains(found.String(), "is not bound as transceiver") || !strings.Contains(found.String(), "answers SMPP") {
		t.Errorf("doctor: %v\n%s", err, found.String())
	}
	app := &smpp.Transceiver{Addr: c.Listen.SMPP, User: "esme1", Passwd: "a long password", RespTimeout: 10 * time.Second}
	if s := <-app.Bind(); s.Status() != smpp.Connected {
		t.Fatalf("bind: %v", s.Error())
	}
	sent, err := app.Submit(&smpp.ShortMessage{Src: "15550001111", Dst: "15552220000", Text: pdutext.GSM7("See you on Tuesday at 10")})
	if err != nil || len(sent.RespID()) != 26 {
		t.Errorf("submitted: %v", err)
	} else {
		verifyShort(t, env, sent.RespID())
	}
	if _, err := app.Submit(&smpp.ShortMessage{Src: "15559999999", Dst: "15552220000", Text: pdutext.GSM7("not mine")}); err == nil {
		t.Error("a source address of somebody else is taken")
	}
	if err := app.Close(); err != nil {
		t.Error(err)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// verifyShort makes the verdict of a short message again from its text.
func verifyShort(t *testing.T, env environment, id string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sms.txt")
	for text, want := range map[string]string{
		"See you on Tuesday at 10\n":  "file: a text as long as that of the SMS",
		"See you on Tuesday at 10:30": "file: not the text of the SMS, which had another length",
		"See you on Tuesday \xE0t 10": "",
	} {
		writeFile(t, path, text)
		var out strings.Builder
		asking := env
		asking.out = &out
		err := explainCmd{File: path, Verify: id}.Run(t.Context(), asking)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "its text, in UTF-8") {
				t.Errorf("no UTF-8: %v", err)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "\nverified: ") {
			t.Errorf("%q: %s%v", text, out.String(), err)
		}
	}
}
