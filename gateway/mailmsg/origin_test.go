package mailmsg_test

import (
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

func TestReadOrigin(t *testing.T) {
	o := mailmsg.ReadOrigin([]byte("From: Pat <pat@out.example>\r\nTo: Ann <r.x@reply.example>, b@c.example\r\nCC: d@e.example\r\n" +
		"Date: Mon, 04 May 2026\r\n 12:00:00 +0200 (CEST)\r\nSubject: x\r\nMessage-ID: <1@out.example>\r\n\r\nFrom: no\r\n"))
	if o.Froms != 1 || o.Authors != 1 || o.Repeated || !o.Date.Equal(time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", o)
	}
	if len(o.To) != 2 || o.To[0].Wire() != "r.x@reply.example" || len(o.Cc) != 1 || o.Cc[0].Wire() != "d@e.example" {
		t.Errorf("to %d, cc %d", len(o.To), len(o.Cc))
	}
}

func TestReadOriginOfTwoMinds(t *testing.T) {
	const good = "Date: Mon, 04 May 2026 12:00:00 +0200\r\nMessage-ID: <1@x.example>\r\n"
	for name, c := range map[string]struct {
		head           string
		froms, authors int
		repeated       bool
	}{
		"two Froms":          {good + "From: a@x.example\r\nFrom: b@x.example\r\n", 2, 2, false},
		"two authors":        {good + "From: a@x.example, b@x.example\r\n", 1, 2, false},
		"an address as name": {good + "From: a@x.example <b@y.example>\r\n", 1, 2, false},
		"two in angles":      {good + "From: <a@x.example> <b@y.example>\r\n", 1, 2, false},
		"a name alone":       {good + "From: \"Pat\"\r\n", 1, 1, false},
		"no From":            {good, 0, 0, false},
		"a spaced From":      {good + "From: a@x.example\r\nFrom : b@x.example\r\n", 2, 2, true},
		"two dates":          {good + "From: a@x.example\r\nDate: Mon, 04 May 2026 12:00:00 +0200\r\n", 1, 1, true},
		"two recipients":     {good + "From: a@x.example\r\nTo: a@b.example\r\nto: c@d.example\r\n", 1, 1, true},
		"two subjects":       {good + "From: a@x.example\r\nSubject: a\r\nSubject: a\r\n", 1, 1, true},
		"two types":          {good + "From: a@x.example\r\nContent-Type: text/html\r\ncontent-type: text/plain\r\n", 1, 1, true},
		"two encodings":      {good + "From: a@x.example\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n", 1, 1, true},
		"a line of nothing":  {good + "From: a@x.example\r\nnothing\r\n", 1, 1, true},
	} {
		o := mailmsg.ReadOrigin([]byte(c.head + "\r\nx\r\n"))
		if o.Froms != c.froms || o.Authors != c.authors || o.Repeated != c.repeated {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if o := mailmsg.ReadOrigin([]byte("Date: yesterday\r\n\r\n")); !o.Date.IsZero() {
		t.Error("a date was made of no date")
	}
}

func FuzzReadOrigin(f *testing.F) {
	seeds(f)
	f.Add([]byte("From: a@b.example\r\nFrom: (c\r\nDate: Mon, 04 May 2026 12:00:00 +0200\r\nTo: x\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if o := mailmsg.ReadOrigin(raw); o.Authors > 0 && o.Froms == 0 {
			t.Fatal("authors without a From")
		}
	})
}

// outward is what a correspondent reads of a mail of staff.
func outward(t testing.TB, raw string) string {
	t.Helper()
	shown := func(a gateway.Address) (gateway.Address, bool, bool) {
		switch a.Domain() {
		case "reply.clinic.example":
			return gateway.MustAddress("pat@out.example"), false, a.Local() == "r.one"
		case "srv1.clinic.example":
			return a, false, false
		}
		return a, true, true
	}
	head, body := mailmsg.Outward([]byte(raw), shown)
	return string(head) + raw[body:]
}

const staffTurn = "Return-Path: <ann@clinic.example>\r\nReceived: from pc17.ward3.clinic.example ([10.1.2.3])\r\n\tby mail.clinic.example; Mon, 04 May 2026 12:00:00 +0200\r\n" +
	"X-Originating-IP: [10.1.2.3]\r\nX-Mailer: Ward 3\r\nUser-Agent: Thunderbird\r\nDKIM-Signature: v=1; d=clinic.example\r\nFrom: =?utf-8?q?Dr_=C3=84nn?= <ann@clinic.example>\r\n" +
	"Reply-To: ward3@srv1.clinic.example\r\nTo: \"Jane (pat@out.example) via Secure\" <r.one@reply.clinic.example>, r.two@reply.clinic.example\r\n" +
	"Cc: Bob <bob@clinic.example>, root@srv1.clinic.example\r\nBcc: hidden@clinic.example\r\nSubject: Re:\r\n hello\r\nDate: Mon, 04 May 2026 12:00:00 +0200\r\n" +
	"Message-ID: <1@pc17.ward3.clinic.example>\r\nIn-Reply-To: <2@pc17.ward3.clinic.example>\r\nReferences: <2@pc17.ward3.clinic.example>\r\nThread-Index: AAA\r\n" +
	"X-Gatepost-Pin: 123456\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\nContent-Location: file://pc17/x\r\n\r\n--b\r\n\r\nbody\r\n--b--\r\n"

func TestOutward(t *testing.T) {
	got := outward(t, staffTurn)
	want := "From: =?utf-8?q?Dr_=C3=84nn?= <ann@clinic.example>\r\nTo: <pat@out.example>\r\nCc: \"Bob\" <bob@clinic.example>\r\nSubject: Re:\r\n hello\r\n" +
		"Date: Mon, 04 May 2026 12:00:00 +0200\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\n\r\n--b\r\n\r\nbody\r\n--b--\r\n"
	if got != want {
		t.Errorf("%s", got)
	}
	if got := outward(t, "Subject: Re: [secure pin:123456] Hello\r\nThread-Topic: [secure pin:123456] Hello\r\n\r\nx"); got != "Subject: Re: Hello\r\n\r\nx" {
		t.Errorf("%q", got)
	}
	if got := outward(t, "Subject: [secure] =?utf-8?q?J=C3=A4n?=\r\nTo: r.two@reply.clinic.example\r\n\r\nx"); got != "Subject: =?utf-8?q?J=C3=A4n?=\r\n\r\nx" {
		t.Errorf("%q", got)
	}
}

func FuzzOutward(f *testing.F) {
	seeds(f)
	f.Add([]byte(staffTurn))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := outward(t, string(raw))
		head, _, _ := strings.Cut("\r\n"+got, "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.HasPrefix(strings.ToLower(line), "received:") || strings.HasPrefix(strings.ToLower(line), "x-") || strings.HasPrefix(strings.ToLower(line), "message-id:") {
				t.Fatalf("%q stands in the copy", line)
			}
		}
	})
}
