package header_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway/mailmsg/internal/header"
)

// FuzzHeader: any octets are a header in which fields lie one behind the other
// where they say, and whose values, words, parameters and addresses are valid
// UTF-8 within their limits.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{
		"Subject: =?utf-8?q?J=C3=B6rg?= =?utf-8?b?w7Y?=\r\n =?x?B?QUJD?=\r\n\r\nbody", "Content-Type: a/b; n*0*=utf-8''%e4; n*1=\"x\\\"y\"; n=(c)z\r\n\r\n", "To: A (b (c) <a@b>, \"q\"@d; G: e@f, <@r:g@h>;\r\nA : b\r\n\r\n",
		"References: <a@b> <c @d>\r\n <e\r\n", "\r\n", " folded\n\tmore\nNo colon\n: empty\nX:\r\r\n", "A: =?utf-8?q?=?=\nB: =?\nC: =?a?b?\n\n", "N: \"\\", "References: a\rb\n\n", "N: (\\", "T: a/b; x=\"\\", "T: a/b; x*=''%",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b := header.Split(raw)
		if b.Body > len(raw) || len(b.Fields) > header.MaxFields {
			t.Fatalf("%d fields, the body at %d of %d", len(b.Fields), b.Body, len(raw))
		}
		for _, at := range b.Others {
			if at < 0 || at > len(raw) {
				t.Fatalf("another body at %d of %d", at, len(raw))
			}
		}
		last := 0
		for _, x := range b.Fields {
			if x.Start < last || x.End > b.Body || x.Value > x.End || !strings.HasPrefix(string(raw[x.Start:]), x.Name) || !strings.HasPrefix(string(raw[x.Value:]), x.Raw) {
				t.Fatalf("a field at %d to %d, its value at %d, behind %d", x.Start, x.End, x.Value, last)
			}
			last = x.End
			checkValue(t, x.Raw)
		}
		checkValue(t, string(raw))
	})
}

// checkValue reads a value in every way.
func checkValue(t *testing.T, raw string) {
	t.Helper()
	sane := func(what, s string) {
		if utf8.ValidString(raw) && !utf8.ValidString(s) || len(s) > 64+8*len(raw) {
			t.Fatalf("%s of %q is %q", what, raw, s)
		}
	}
	words := header.Decode(raw)
	if !utf8.ValidString(words.Main) || !utf8.ValidString(words.Other) {
		t.Fatalf("the words of %q are no UTF-8", raw)
	}
	sane("words", words.Main)
	p := header.ParseParams(raw)
	sane("the value", p.Value)
	for _, x := range p.List {
		if x.Name != strings.ToLower(x.Name) {
			t.Fatalf("a parameter %q", x.Name)
		}
		sane("a parameter", x.Value)
	}
	for _, m := range header.Mailboxes(raw) {
		if m.Name == "" && m.Addr == "" {
			t.Fatalf("a mailbox of nothing in %q", raw)
		}
		sane("a name", m.Name)
	}
	for _, id := range header.MessageIDs(raw) {
		if id == "" || strings.ContainsAny(id, " \t\r\n") {
			t.Fatalf("the Message-ID %q", id)
		}
	}
}
