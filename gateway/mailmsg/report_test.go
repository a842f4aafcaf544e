package mailmsg_test

import (
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

func reportData() mailmsg.ReportData {
	return mailmsg.ReportData{
		From: gateway.MustAddress("notices@clinic.example"), To: gateway.MustAddress("ann@clinic.example"), Host: "gate.clinic.example",
		Action: mailmsg.ActionFailed, Original: "original.1@client.example", EnvID: "env-1", Arrived: noon.Add(-time.Hour), Now: noon, Random: random(),
		Recipients: []mailmsg.ReportedRecipient{
			{Address: gateway.MustAddress("pat@out.example"), Requested: "rfc822;Pat@out.example",
				Outcome: gateway.Outcome{Code: 550, Status: "5.1.1", Text: "5.1.1 no such user\r\nhere \x1b[1m ä", Host: "mx.out.example:25", At: noon}},
			{Address: gateway.MustAddress("jörg@out.example"), Outcome: gateway.Outcome{Code: 451, Status: "4.4.1", Text: "too old"}},
			{Address: gateway.MustAddress("kim@out.example")},
		},
	}
}

func TestReport(t *testing.T) {
	raw, err := mailmsg.Report(reportData())
	if err != nil {
		t.Fatal(err)
	}
	ascii := strings.ReplaceAll(string(raw), "j=C3=B6rg", "")
	sound(t, []byte(ascii))
	m, parts := parse(t, raw)
	if m.Header.Get("In-Reply-To") != "<original.1@client.example>" || m.Header.Get("Auto-Submitted") != "auto-replied" {
		t.Error("not threaded or not marked as automatic")
	}
	status := parts["message/delivery-status"]
	for _, want := range []string{
		"Reporting-MTA: dns; gate.clinic.example\r\n", "Original-Envelope-Id: env-1\r\n", "Original-Recipient: rfc822; Pat@out.example\r\n",
		"Final-Recipient: rfc822; pat@out.example\r\nAction: failed\r\nStatus: 5.1.1\r\n", "Diagnostic-Code: smtp; 550 5.1.1 no such user here [1m ?\r\n",
		`Final-Recipient: utf-8; j\x{F6}rg@out.example`, "Final-Recipient: rfc822; kim@out.example\r\nAction: failed\r\nStatus: 5.0.0\r\n",
	} {
		if !strings.Contains(status, want) {
			t.Errorf("%q is missing in %q", want, status)
		}
	}
	if parts["text/rfc822-headers"] != "Message-ID: <original.1@client.example>\r\n" {
		t.Errorf("of the original: %q", parts["text/rfc822-headers"])
	}
	back := mailmsg.ParseReport(raw)
	if len(back.Recipients) != 3 || back.Action != mailmsg.ActionFailed || back.Status != "5.1.1" || !strings.Contains(back.Diagnostic.Reveal(), "no such user") {
		t.Errorf("read back: %+v", back)
	}
}

func TestReportOfDelay(t *testing.T) {
	d := reportData()
	d.Action, d.Recipients = mailmsg.ActionDelayed, d.Recipients[1:2]
	d.Recipients[0].Until = noon.Add(time.Hour)
	raw, err := mailmsg.Report(d)
	if err != nil {
		t.Fatal(err)
	}
	_, parts := parse(t, raw)
	if s := parts["message/delivery-status"]; !strings.Contains(s, "Action: delayed\r\nStatus: 4.4.1\r\n") || !strings.Contains(s, "Will-Retry-Until: Wed, 04 Mar 2026 13:30:00 +0000") {
		t.Errorf("%q", s)
	}
	if back := mailmsg.ParseReport(raw); back.Action != mailmsg.ActionDelayed || back.Status != "4.4.1" {
		t.Errorf("read back: %+v", back)
	}
}

func TestParseReport(t *testing.T) {
	cases := []struct{ name, raw, action, status, diagnostic string }{
		{"exim", "From: Mailer-Daemon <x@y>\nSubject: Mail delivery failed: returning message to sender\n\nThis message was created automatically\n\n  pat@out.example\n    host mx [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<pat@out.example>:\n    550 5.1.1 unknown user\n",
			"failed", "5.1.1", "550 5.1.1 unknown user"},
		{"qmail", "From: MAILER-DAEMON@out\nSubject: failure notice\n\nHi. This is the qmail-send program.\n<pat@out.example>:\nRemote host said: 554 delivery error\n", "failed", "5.0.0", "Remote host said: 554 delivery error"},
		{"delay", "Subject: Warning: message delayed 24 hours\n\nnothing more\n", "delayed", "4.0.0", ""},
		{"empty", "", "failed", "5.0.0", ""},
		{"base64 status", "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\nUmVwb3J0aW5nLU1UQTogZG5zOyB4CgpBY3Rpb246IGRlbGl2ZXJlZApTdGF0dXM6IDIuMS41Cg==\n--b--\n", "delivered", "2.1.5", ""},
		{"worst wins", "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: relayed\nStatus: 2.0.0\n\nAction: Failed (x)\nStatus: 5.2.2 (mailbox full)\nDiagnostic-Code: smtp; 552 5.2.2\n Over quota\n", "failed", "5.2.2", "552 5.2.2 Over quota"},
		{"status only", "Content-Type: message/delivery-status\n\nStatus: 4.2.1\n", "delayed", "4.2.1", ""},
		{"nonsense action", "Content-Type: message/delivery-status\n\nAction: exploded\n", "failed", "5.0.0", ""},
	}
	for _, c := range cases {
		got := mailmsg.ParseReport([]byte(strings.ReplaceAll(c.raw, "\n", "\r\n")))
		if got.Action != c.action || got.Status != c.status || strings.TrimSpace(got.Diagnostic.Reveal()) != c.diagnostic || len(got.Recipients) == 0 {
			t.Errorf("%s: %q %q %q", c.name, got.Action, got.Status, got.Diagnostic.Reveal())
		}
	}
}

// TestReportLanguages: the prose is in the language of its reader, and programs
// read the same of each.
func TestReportLanguages(t *testing.T) {
	seen := map[string]bool{}
	for _, language := range languages() {
		for _, action := range []string{mailmsg.ActionFailed, mailmsg.ActionDelayed} {
			d := reportData()
			d.Language, d.Action, d.Recipients = language, action, d.Recipients[:1]
			d.Recipients[0].Until = noon.Add(time.Hour)
			raw, err := mailmsg.Report(d)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, raw)
			_, parts := parse(t, raw)
			text := parts["text/plain"]
			for _, want := range []string{"pat@out.example", "mx.out.example:25", "no such user here", "2026", "13:30 UTC"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s %s: %q is missing", language, action, want)
				}
			}
			if seen[text] || mailmsg.ParseReport(raw).Action != action {
				t.Errorf("%s %s: another's text, or read as %s", language, action, mailmsg.ParseReport(raw).Action)
			}
			seen[text] = true
		}
	}
}

// A short message of an application is named as what it is: nobody finds it
// in a mailbox.
func TestReportOfAShortMessage(t *testing.T) {
	for want, segments := range map[string][]gateway.SegmentResult{
		"Diagnostic-Code: x-smpp; 0x0000000B\r\n":  {{Sent: true}, {Status: 0x0B}},
		"Diagnostic-Code: x-smpp; UNDELIV 001\r\n": {{Sent: true, State: gateway.Undeliverable, Error: "001"}},
	} {
		d := reportData()
		d.Application, d.ID, d.Recipients = "esme1", "03e6ljtc013939hmeou78pt5jc", d.Recipients[2:]
		d.Recipients[0].Outcome = gateway.Outcome{Code: 550, Status: "5.0.0", Host: "smsc.example:2775", Segments: segments}
		raw, err := mailmsg.Report(d)
		if err != nil {
			t.Fatal(err)
		}
		_, parts := parse(t, raw)
		if status := parts["message/delivery-status"]; !strings.Contains(status, want) || strings.Contains(status, "smtp;") {
			t.Errorf("status: %q", status)
		}
		if text := parts["text/plain"]; !strings.Contains(text, "application esme1") || !strings.Contains(text, d.ID) || !strings.Contains(text, d.Arrived.Format(time.RFC3339)) {
			t.Errorf("text: %q", text)
		}
	}
}

// TestReportWithHostileValues: nothing that others wrote leaves its field,
// neither in the header nor in the part for programs.
func TestReportWithHostileValues(t *testing.T) {
	const evil = "x\r\nBcc: eve@evil.example\r\n\r\n--\u202e=?utf-8?q?Bcc?= \x00\"<>"
	for _, language := range languages() {
		for _, action := range []string{mailmsg.ActionFailed, mailmsg.ActionDelayed} {
			d := reportData()
			d.Action, d.Language, d.Host, d.Original, d.EnvID, d.Application, d.ID = action, language, evil, evil, evil, evil, evil
			d.Recipients = []mailmsg.ReportedRecipient{{
				Address: gateway.MustAddress(`"x Bcc: <eve>"@out.example`), Requested: evil, Until: noon.Add(time.Hour),
				Outcome: gateway.Outcome{Code: 550, Status: evil, Text: evil, Host: evil, At: noon},
			}}
			raw, err := mailmsg.Report(d)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, raw)
			m, parts := parse(t, raw)
			if m.Header.Get("Bcc") != "" || m.Header.Get("To") != "<ann@clinic.example>" {
				t.Errorf("%s %s: the header holds %v", language, action, m.Header)
			}
			for kind, text := range parts {
				if strings.Contains(text, "\nBcc:") || strings.Contains(text, "\u202e") || kind == "message/delivery-status" && strings.Count(text, "\r\n\r\n") > 1 {
					t.Errorf("%s %s: a value left its place in %s: %q", language, action, kind, text)
				}
			}
		}
	}
}

// TestCodeWithHostileValues: the same for the mail with a code.
func TestCodeWithHostileValues(t *testing.T) {
	const evil = "x\r\nBcc: eve@evil.example\r\n\r\n987654 \u202e=?utf-8?q?Bcc?= \x00\"<>"
	for _, language := range languages() {
		raw, err := mailmsg.Code(mailmsg.CodeData{
			From: gateway.MustAddress("notices@clinic.example"), To: gateway.MustAddress("pat@out.example"), Organization: evil, Reference: evil, Language: language, Code: "123456", Now: noon, Random: random(),
		})
		if err != nil {
			t.Fatal(err)
		}
		sound(t, raw)
		m, parts := parse(t, raw)
		if m.Header.Get("Bcc") != "" || strings.Contains(parts["text/plain"], "\nBcc:") || strings.Contains(parts["text/plain"], "\u202e") {
			t.Errorf("%s: a value left its place: %v %q", language, m.Header, parts["text/plain"])
		}
	}
}
