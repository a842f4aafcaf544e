package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"

	"gatepost/gateway/config"
	"gatepost/gateway/policy"
)

// demoConfig is what an organization would write, with the demo's addresses.
const demoConfig = `mode: enforce
hostname: gate.clinic.example
organization: {name: Example Clinic, domains: [clinic.example], help: "+1 555 010 0100"}
data_dir: %s/data
key_dir: %s/keys
policy: %s/policy.yaml
listen: {relay: "127.0.0.1:%d", submission: "127.0.0.1:%d", viewer: "127.0.0.1:%d", admin: "127.0.0.1:%d", smpp: "127.0.0.1:%d", imap: "127.0.0.1:%d"}
imap: {plaintext_loopback: true}
tls: {viewer: false}
relay: {trusted: [127.0.0.0/8]}
routes:
  - {domain: clinic.example, via: "%s", tls: none}
  - {domain: hospital.example, via: "%s", tls: none, enforces_tls: true}   # a next hop that promises verified TLS
  - {domain: "*", via: "%s", tls: none}
viewer: {url: "http://127.0.0.1:%d"}
queue: {first_retry: 2s}
sms:
  accounts:
    - {system_id: %s, password: {file: "%s/esme.password"}, senders: ["%s"], inbox: %s}
  upstream: {addr: "%s", system_id: clinic, password: {file: "%s/esme.password"}}
`

// demoPolicy is the shipped policy with two partners who have forced TLS.
func demoPolicy() string {
	return strings.Replace(string(policy.DefaultSource()), "tls_partners: []", "tls_partners: [lab.example, hospital.example]", 1)
}

const demoPassword = "demo-ann-password"

const demoDesk = "frontdesk@clinic.example"

const demoContacts = `email,email2,phone,language,name,patient
pat@out.example,pat@home.example,%s,en,Pat Jones,true
`

// sample is a mail of the demo.
type sample struct {
	from, what string
	want       string // how the gateway's answer begins
	to         []string
	account    bool // sent by AUTH over TLS, as a mail client does
	body       string
}

// expectedOutside is how many mails reach the mailbox: what passes, what left
// by verified TLS, and two notices.
const expectedOutside = 4

func samples() []sample {
	mail := func(from, to, subject, more, body string) string {
		return "From: " + from + "\r\nTo: " + to + "\r\nSubject: " + subject + "\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
			"Message-ID: <demo-" + fmt.Sprintf("%x", len(subject)*len(body)) + "@clinic.example>\r\nMIME-Version: 1.0\r\n" + more + "\r\n" + strings.ReplaceAll(body, "\n", "\r\n")
	}
	plain := "Content-Type: text/plain; charset=utf-8\r\n"
	return []sample{
		{
			from: "frontdesk@clinic.example", to: []string{"pat@out.example"}, what: "appointment reminder: passes untouched", want: "250 2.0.0",
			body: mail("Front desk <frontdesk@clinic.example>", "pat@out.example", "Your appointment", plain, "Reminder: your dental appointment is on Tuesday at 10.\n"),
		},
		{
			from: "ann@clinic.example", to: []string{"pat@out.example"}, account: true, what: "test result with a picture: a link leaves instead", want: "250 2.0.0",
			body: mail("Dr Ann Miller <ann@clinic.example>", "pat@out.example", "Your biopsy result", "Content-Type: multipart/mixed; boundary=demo\r\n", resultMail()),
		},
		{
			from: "ann@clinic.example", to: []string{"hospital@hospital.example", "results@lab.example"}, account: true, what: "to two partners: forced TLS for one (simulated), a link for the other, whose server has none", want: "250 2.0.0",
			body: mail("Dr Ann Miller <ann@clinic.example>", "hospital@hospital.example, results@lab.example", "Referral", plain, "Dear colleagues, I refer my patient Pat Jones with newly diagnosed type 2 diabetes, HbA1c 9.1 %.\n"),
		},
		{
			from: "frontdesk@clinic.example", to: []string{"pat@out.example"}, what: "an archive that nobody can read: waits for a person", want: "250 2.0.0",
			body: mail("Front desk <frontdesk@clinic.example>", "pat@out.example", "Documents", "Content-Type: application/zip; name=documents.zip\r\nContent-Disposition: attachment; filename=documents.zip\r\nContent-Transfer-Encoding: base64\r\n", encryptedZip()),
		},
		{
			from: "frontdesk@clinic.example", to: []string{"pat@out.example"}, what: "a card with its security code: refused", want: "550 5.7.1",
			body: mail("Front desk <frontdesk@clinic.example>", "pat@out.example", "Payment", plain, "We charged card 4111 1111 1111 1111, expiry 04/28, CVV 123.\n"),
		},
	}
}

func resultMail() string {
	return `--demo
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain; charset=utf-8

Dear Pat,

your biopsy result is back: benign, no further treatment is needed.

Dr Ann Miller
--alt
Content-Type: text/html; charset=utf-8

<p>Dear Pat,</p><p>your <b>biopsy result</b> is back: <b>benign</b>, no further treatment is needed.</p><p><img src="cid:scan" alt="scan" width="120" height="120"></p><p>Dr Ann Miller</p>
--alt--
--demo
Content-Type: image/png; name=scan.png
Content-ID: <scan>
Content-Disposition: inline; filename=scan.png
Content-Transfer-Encoding: base64

iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAFUlEQVR4nGNk+M+AB/zHJ8lIrgoAAR4CCkHRnN8AAAAASUVORK5CYII=
--demo--
`
}

// encryptedZip is a ZIP of one stored member whose encryption flag is set.
func encryptedZip() string {
	name, data := "report.pdf", "0123456789ab\x00\x01\x02\x03"
	local := "PK\x03\x04\x14\x00\x01\x00\x00\x00\x00\x00\x00\x00\x11\x22\x33\x44" + le32(len(data)) + le32(len(data)-12) + le16(len(name)) + le16(0) + name + data
	central := "PK\x01\x02\x14\x00\x14\x00\x01\x00\x00\x00\x00\x00\x00\x00\x11\x22\x33\x44" + le32(len(data)) + le32(len(data)-12) + le16(len(name)) +
		le16(0) + le16(0) + le16(0) + le16(0) + le32(0) + le32(0) + name
	end := "PK\x05\x06\x00\x00\x00\x00" + le16(1) + le16(1) + le32(len(central)) + le32(len(local)) + le16(0)
	return base64.StdEncoding.EncodeToString([]byte(local+central+end)) + "\n"
}

func le16(n int) string { return string([]byte{byte(n), byte(n >> 8)}) }
func le32(n int) string { return le16(n&0xffff) + le16(n>>16) }

// send hands the mail to the gateway as a client would and returns its answer.
func (m sample) send(c *config.Config) string {
	addr := c.Listen.Relay
	if m.account {
		addr = c.Listen.Submission
	}
	client, err := smtp.Dial(addr)
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer client.Close()
	if m.account {
		if err := m.loginWith(client, c, demoPassword); err != nil {
			return "log-in failed: " + err.Error()
		}
	}
	if err := client.Mail(m.from); err != nil {
		return said(err)
	}
	for _, to := range m.to {
		if err := client.Rcpt(to); err != nil {
			return said(err)
		}
	}
	id, err := client.Text.Cmd("DATA")
	if err != nil {
		return said(err)
	}
	client.Text.StartResponse(id)
	_, _, err = client.Text.ReadResponse(354)
	client.Text.EndResponse(id)
	if err != nil {
		return said(err)
	}
	w := client.Text.DotWriter()
	_, err = w.Write([]byte(m.body))
	if err = errors.Join(err, w.Close()); err != nil {
		return said(err)
	}
	code, text, err := client.Text.ReadResponse(250)
	if err != nil {
		return said(err)
	}
	return fmt.Sprintf("%d %s", code, text)
}

func (m sample) loginWith(client *smtp.Client, c *config.Config, password string) error {
	raw, err := os.ReadFile(c.KeyDir + "/tls.crt")
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	if err := client.StartTLS(&tls.Config{ServerName: "localhost", RootCAs: roots}); err != nil {
		return err
	}
	return client.Auth(smtp.PlainAuth("", m.from, password, "127.0.0.1"))
}

func said(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	}
	return err.Error()
}

const demoNext = `
Look at what arrived outside:   http://%s
  Two secure messages are there. Open the one to pat@out.example, ask for the
  code, come back to the mailbox for it (it went to pat@home.example, the
  patient's other address), and read the mail. The viewer is at %s.
  There you can answer, choose a PIN and have the browser remembered; the next
  message then opens more easily. "message recall ID" takes a message back.

  Beside the mails are the telephones. The link on %s asks for a code,
  too, which goes by mail. "write from this telephone" answers, stops and resumes.

Simulated here: the carrier; the viewer's plain HTTP, which it speaks on loopback
only; and hospital.example gets its mail in the clear, because the route promises
TLS (enforces_tls) and the demo's mailbox has none.

Then, in another terminal, of the mails:
%sand of the short messages the one that became a link, who said STOP, and what was
refused after that:
%sWhat Ann sees in her mail client: IMAP %s without TLS, as
ann@clinic.example with the password %s. What was secured lies under
Secured; moving it to Recall takes it back.

For your own tries: SMTP %s, metrics http://%s/metrics,
SMPP %s as %s with the password %s

Ctrl-C ends the demo.
`

// demoOver takes the place of demoNext where nothing goes on running.
const demoOver = `
The demo ends here (--once). Without --once it goes on, shows what arrived outside, and tells what to try.
`

// demoKept goes with it where --dir keeps the data. These commands need no server.
const demoKept = `
Its data is kept. Of the mails, and of the short message that became a link:
%s`
