package mailmsg_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

func edited(t *testing.T, raw string, dropTags bool) string {
	t.Helper()
	out, err := io.ReadAll(iotest.OneByteReader(mailmsg.Apply(strings.NewReader(raw), mailmsg.Edits([]byte(raw), dropTags))))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestEdits(t *testing.T) {
	const head, tail = "From: <a@b>\r\n", "To: <c@d>\r\n\r\nSubject: [secure] stays\r\nX-Gatepost-PIN: stays\r\n"
	cases := []struct{ name, in, out string }{
		{"nothing", "Subject: Hello\r\n", "Subject: Hello\r\n"},
		{"a tag before", "Subject: [secure] Hello\r\n", "Subject: Hello\r\n"},
		{"a tag behind", "Subject: Hello  (secure)\r\n", "Subject: Hello\r\n"},
		{"a tag within", "Subject: Hello {urgent} you\r\n", "Subject: Hello you\r\n"},
		{"two tags behind", "Subject: Hello [secure] [expire:3d]\r\n", "Subject: Hello\r\n"},
		{"tags all around", "Subject: [urgent][secure] Hello [expire:3d]\r\n", "Subject: Hello\r\n"},
		{"nothing left", "Subject: [secure]\r\n", "Subject:\r\n"},
		{"no tag", "Subject: [secure shell] Hello (sic)\r\n", "Subject: [secure shell] Hello (sic)\r\n"},
		{"double spaces stay", "Subject:  [secure] Hello   you \r\n", "Subject:  Hello   you\r\n"},
		{"folded", "Subject: Hello\r\n [secure]\r\n\tyou\r\n", "Subject: Hello\r\n you\r\n"},
		{"folded inside the tag", "Subject: Hello [secure\r\n +15551234567] you\r\n", "Subject: Hello you\r\n"},
		{"PIN", "Subject: [secure pin:123456] Hello\r\n", "Subject: Hello\r\n"},
		{"other people's", "Subject: Re: [secure] Hello\r\n", "Subject: Re: [secure] Hello\r\n"},
		{"before Re", "Subject: [secure] AW: [secure] Hello\r\n", "Subject: AW: [secure] Hello\r\n"},
		{"the PIN of one's own mail", "Subject: Re: [secure pin:123456] Hello\r\n", "Subject: Re: Hello\r\n"},
		{"the PIN of a mail handed on", "Subject: Fwd: AW: (urgent) Hello [pin:123456 expire:3d]\r\n", "Subject: Fwd: AW: (urgent) Hello\r\n"},
		{"a PIN before and behind", "Subject: [secure pin:234567] Re: [secure pin:123456] Hello\r\n", "Subject: Re: Hello\r\n"},
		{"a mistyped PIN behind Re", "Subject: Re: [secure 123456] Hello\r\n", "Subject: Re: Hello\r\n"},
		{"a PIN without its bracket behind Re", "Subject: Re: Hello [secure pin:123456\r\n", "Subject: Re: Hello\r\n"},
		{"a PIN in wide digits behind Re", "Subject: Re: 【secure pin：１２３４５６】 Hello\r\n", "Subject: Re: Hello\r\n"},
		{"an encoded PIN behind Re", "Subject: =?utf-8?q?Re:_[secure_pin:123?=\r\n =?utf-8?q?456]_Gr=C3=BC=C3=9Fe?=\r\n", "Subject: =?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=\r\n"},
		{"a folded PIN behind Re", "Subject: Re: [secure\r\n pin:123456] Hello\r\n", "Subject: Re: Hello\r\n"},
		{"numbers that are no tag", "Subject: Re: [Ticket 123456] (4711)\r\n", "Subject: Re: [Ticket 123456] (4711)\r\n"},
		{"the topic", "Thread-Topic: [secure pin:123456] Hello\r\nSubject: Re: Hello\r\n", "Thread-Topic: Hello\r\nSubject: Re: Hello\r\n"},
		{"raw UTF-8", "Subject: [secure] Gr\u00fc\u00dfe\r\n", "Subject: Gr\u00fc\u00dfe\r\n"},
		{"encoded beside", "Subject: [secure] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"},
		{"encoded", "Subject: =?utf-8?q?[secure]_Gr=C3=BC=C3=9Fe?=\r\n", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"},
		{"own fields", "X-Gatepost-PIN: 123456\r\nx-gatepost-foo:\r\n bar\r\nX-Gatepost: 1\r\nX-GatepostOther: 2\r\n", "X-Gatepost: 1\r\nX-GatepostOther: 2\r\n"},
		{"space before the colon", "X-Gatepost-PIN : 1\r\n", ""},
		{"two subjects", "Subject: [secure] a\r\nX-Gatepost-Secure: 1\r\nSubject: [secure] b\r\n", "Subject: a\r\nSubject: b\r\n"},
		{"a tag within a tag", "Subject: [sec[urgent]ure] Hello\r\n", "Subject: Hello\r\n"},
		{"an encoded tag within a tag", "Subject: =?utf-8?q?[sec[urgent]ure]_Gr=C3=BC=C3=9Fe?=\r\n", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"},
		{"a folded tag within a tag", "Subject: Hello [sec[urg\r\n ent]ure] you\r\n", "Subject: Hello [sec[urg\r\n ent]ure] you\r\n"},
		{"tags without an end", "Subject: " + strings.Repeat("[sec", 20) + "[urgent]" + strings.Repeat("ure]", 20) + "\r\n", "Subject: \r\n"},
	}
	for _, c := range cases {
		if got := edited(t, head+c.in+tail, true); got != head+c.out+tail {
			t.Errorf("%s: %q", c.name, strings.TrimSuffix(strings.TrimPrefix(got, head), tail))
		}
	}
	if got := edited(t, head+"X-Gatepost-PIN: 1\r\nSubject: [secure] x\r\n"+tail, false); got != head+"Subject: [secure] x\r\n"+tail {
		t.Errorf("tags that do not bind were touched: %q", got)
	}
}

// TestSubjectPIN: a PIN is found wherever it stands, and not where none is.
func TestSubjectPIN(t *testing.T) {
	for head, want := range map[string]bool{
		"Subject: [secure pin:123456] a": true, "Subject: a [secure pin:123]": true, "Subject: Re: [secure pin:123456] a": true,
		"Subject: a\r\nSubject: WG: (pin:123456)": true, "Thread-Topic: [secure pin:123456] a": true, "Subject: =?utf-8?q?Re:_[secure_pin:123456]?=": true,
		"Subject: Re: [secure] a": false, "Subject: [urgent] Ticket 123456": false, "Comments: [secure pin:123456]": false, "Subject: a\r\n\r\nSubject: [pin:123456]": false,
	} {
		if got := mailmsg.SubjectPIN([]byte(head + "\r\n\r\n")); got != want {
			t.Errorf("%q: %v", head, got)
		}
	}
}

func TestApplyOfAnotherMessageFails(t *testing.T) {
	for _, e := range []gateway.Edit{{Offset: 3, Length: 5}, {Offset: 9, Length: 1}} {
		if _, err := io.ReadAll(mailmsg.Apply(strings.NewReader("12345"), []gateway.Edit{e})); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: %v", e.Offset, err)
		}
	}
	out, err := io.ReadAll(mailmsg.Apply(bytes.NewReader([]byte("12345")), []gateway.Edit{{Offset: 0, Length: 1, Text: "ab"}, {Offset: 5, Text: "c"}}))
	if err != nil || string(out) != "ab2345c" {
		t.Errorf("%q, %v", out, err)
	}
}
