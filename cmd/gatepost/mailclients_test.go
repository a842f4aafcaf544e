package main

import (
	"strings"
	"testing"

	"gatepost/gateway/config"
)

func TestMailClientRecords(t *testing.T) {
	c, err := config.Parse("test.yaml", []byte(`organization: {name: X, domains: [clinic.example]}
listen: {imaps: "0.0.0.0:993", submission: "0.0.0.0:587", viewer: "127.0.0.1:8443"}
`))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	printMailClients(&b, c)
	want := `  _imaps._tcp.secure.clinic.example.  SRV  0 1 993 secure.clinic.example.
  _submission._tcp.secure.clinic.example.  SRV  0 1 587 secure.clinic.example.
`
	if b.String() != want {
		t.Errorf("the records are\n%swant\n%s", b.String(), want)
	}
	c.Listen.IMAPS = ""
	b.Reset()
	if printMailClients(&b, c); b.Len() > 0 {
		t.Errorf("records for an IMAP that is not served:\n%s", b.String())
	}
}
