package header_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway/mailmsg/internal/header"
)

func TestSplit(t *testing.T) {
	cases := []struct {
		raw    string
		names  string
		body   string
		phrase string
	}{
		{"A: b\r\nC:\r\n d\r\n\r\nbody", "A C", "body", ""},
		{"A: b\nC: d\n\nbody", "A C", "body", ""},
		{"A : b\r\n\r\n", "A", "", header.OddColon},
		{"no colon\r\nA: b\r\n\r\nbody", "A", "body", header.OddLine},
		{"From x Mon\r\nA: b\r\n\r\n", "A", "", ""},
		{" folded\r\nA: b\r\n\r\n", "A", "", header.OddFold},
		{"A: b\r\n \r\nC: d\r\n\r\n", "A C", "", header.OddBlank},
		{"A: b\rC: d\r\n\r\n", "A", "", header.OddReturn},
		{"A: b", "A", "", ""},
		{"", "", "", ""},
		{"\r\nbody", "", "body", ""},
		{strings.Repeat("A: b\n", header.MaxFields+1) + "\nbody", strings.TrimSpace(strings.Repeat("A ", header.MaxFields)), "A: b\n\nbody", header.OddFields},
	}
	for _, c := range cases {
		b := header.Split([]byte(c.raw))
		var names []string
		for _, f := range b.Fields {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != c.names || c.raw[b.Body:] != c.body {
			t.Errorf("%.40q: fields %.40q, body %.40q", c.raw, got, c.raw[b.Body:])
		}
		if c.phrase != "" && !slices.Contains(b.Odd, c.phrase) || c.phrase == "" && len(b.Odd) > 0 {
			t.Errorf("%.40q: odd %q", c.raw, b.Odd)
		}
	}
}

// TestFieldsLieWhereTheySay: what Edits removes is exactly a field.
func TestFieldsLieWhereTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"A:", "Bc", " ", "\t", ":", "\r\n", "\n", "\r", "x", "\xe4"})).Draw(t, "raw"), "")
		b := header.Split([]byte(raw))
		at := 0
		for _, f := range b.Fields {
			if f.Start < at || f.End > b.Body || f.Value > f.End || !strings.HasPrefix(raw[f.Start:], f.Name) || !strings.HasPrefix(raw[f.Value:], f.Raw) {
				t.Fatalf("field at %d to %d, value at %d, behind %d", f.Start, f.End, f.Value, at)
			}
			at = f.End
		}
	})
}

func TestParseParams(t *testing.T) {
	cases := []struct{ raw, value, name, want string }{
		{` Text/PLAIN; Charset="utf-8"`, "text/plain", "charset", "utf-8"},
		{`text/plain; charset=utf-8 (x; charset=y)`, "text/plain", "charset", "utf-8 (x"},
		{`text (c) / plain (d) ; a=b`, "text/plain", "a", "b"},
		{`a/b; n="x\"y;z"; m=1`, "a/b", "n", `x"y;z`},
		{`a/b; n*0="x"; n*1*=%79; n*2=z`, "a/b", "n", "xyz"},
		{`a/b; n*=iso-8859-1'de'%E4`, "a/b", "n", "ä"},
		{`a/b; n="=?utf-8?q?=C3=A4?="`, "a/b", "n", "ä"},
		{`a/b; n=x; n=y`, "a/b", "n", "x y"},
		{`a/b; n`, "a/b", "n", ""},
		{`; n=x`, "", "n", "x"},
		{`a/b; n="x`, "a/b", "n", "x"},
		{`a/b; n*1=y; n*0=x`, "a/b", "n", "xy"},
	}
	for _, c := range cases {
		p := header.ParseParams(c.raw)
		all := p.All(c.name)
		if c.want != "" && !slices.ContainsFunc(all, func(v string) bool { return strings.HasPrefix(v, strings.Fields(c.want)[0]) }) || p.Value != c.value {
			t.Errorf("%s: %q, %q", c.raw, p.Value, all)
		}
		if c.want == "" && len(all) > 0 {
			t.Errorf("%s: %q", c.raw, all)
		}
	}
}

func TestMailboxes(t *testing.T) {
	cases := []struct{ raw, want string }{
		{`a@b`, `{ a@b}`},
		{`A B <a@b>, "C, D" <c@d>`, `{A B a@b} {C, D c@d}`},
		{`a@b (Ann)`, `{Ann a@b}`},
		{`G: a@b, c@d;, e@f`, `{ a@b} { c@d} { e@f}`},
		{`<@x,@y:a@b>`, `{ a@b}`},
		{`"a b"@c`, `{ "a b"@c}`},
		{`=?utf-8?q?J=C3=B6rg?= <j@x>`, `{Jörg j@x}`},
		{`<a@b`, `{ a@b}`},
		{`"a <b@c>`, `{ a <b@c>}`},
		{`<ceo@a.b> <ann@a.b>`, `{ ceo@a.b} { ann@a.b}`},
		{`Boss <ceo@a.b><ann@a.b>`, `{Boss ceo@a.b} { ann@a.b}`},
		{`ceo@a.b <ann@a.b>`, `{ceo@a.b ann@a.b} { ceo@a.b}`},
		{`<ann@a.b> ceo@a.b`, `{ceo@a.b ann@a.b} { ceo@a.b}`},
		{`ceo@a.b (x) <ann@a.b>`, `{ceo@a.b ann@a.b} { ceo@a.b}`},
		{`"ceo"@a.b <ann@a.b>`, `{"ceo"@a.b ann@a.b} { "ceo"@a.b}`},
		{`ceo@a.b: ann@a.b;`, `{ ceo@a.b} { ann@a.b}`},
		{`<@ceo@a.b:ann@a.b>`, `{ @ceo@a.b:ann@a.b}`},
		{`Ann@a.b <ann@A.b>`, `{Ann@a.b ann@A.b}`},
		{`"ceo@a.b" <ann@a.b>`, `{ceo@a.b ann@a.b}`},
		{`Ann@Home (ceo@a.b) <ann@a.b>`, `{Ann@Home ann@a.b}`},
		{`G: <a@b>;`, `{ a@b}`},
		{``, ``},
	}
	for _, c := range cases {
		var got []string
		for _, m := range header.Mailboxes(c.raw) {
			got = append(got, fmt.Sprintf("{%s %s}", m.Name, m.Addr))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, not %s", c.raw, s, c.want)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	for raw, want := range map[string]string{
		" <a@b>\r\n <c@d>": "a@b c@d", "a@b": "a@b", "<a @b>": "a@b", "": "", "<": "", "<a": "", "x <a@b> (y)": "a@b", "two words": "",
	} {
		if got := strings.Join(header.MessageIDs(raw), " "); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}
