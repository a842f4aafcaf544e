package main

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

// FuzzSendmail: what a program writes to sendmail becomes a mail that has a
// From, a Date and a Message-ID, tells nobody who got a blind copy, keeps its
// body, and is for recipients that are no commands.
func FuzzSendmail(f *testing.F) {
	for _, s := range []string{
		"To: a@b.example\nSubject: x\n\nbody\n.\nmore", "To: A <a@b.example>, \"B\" <c@d.example>\nBcc: e@f.example,\n g@h.example\nCc: i@j.example\n\n", "bcc: x@y.example\nTo: a@b.example\n\nb", "Bcc : x@y.example\nTo: a@b.example\n\nb", "body without header",
		"\nbody", "To: a@b.example\r\nX: y\r\n\r\nz\r", "To: undisclosed:;\n\n", "To: =?utf-8?q?=0d=0a?= <a@b.example>\n\n", "Bcc\t: x@y.example\nTo: a@b.example\n\n", "To: a@b.example\nBCC:x@y.example\n\n", "To: \"a\\\nb\"@c.example\n\n", " Bcc: x@y.example\nTo: a@b.example\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		raw := canonical(bytes.Clone(in))
		out, to, err := (sendmailCmd{Header: true}).prepare(raw, "ann@clinic.example")
		if err != nil {
			return
		}
		if len(to) == 0 || slices.ContainsFunc(to, func(a string) bool { return a == "" || strings.ContainsAny(a, "\r\n") }) {
			t.Fatalf("recipients %q", to)
		}
		head, body, _ := bytes.Cut(out, []byte("\r\n\r\n"))
		for line := range strings.SplitSeq(string(head), "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			if strings.EqualFold(strings.TrimSpace(name), "bcc") {
				t.Fatalf("%q tells of a blind copy", head)
			}
		}
		if _, was, ok := bytes.Cut(raw, []byte("\r\n\r\n")); ok && !bytes.HasPrefix(raw, []byte("\r\n")) && !bytes.Equal(body, was) {
			t.Fatalf("the body %q became %q", was, body)
		}
		m, err := mail.ReadMessage(bytes.NewReader(out))
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		for _, name := range []string{"From", "Date", "Message-Id"} {
			if _, ok := m.Header[name]; !ok {
				t.Fatalf("%q has no %s", head, name)
			}
		}
	})
}
