package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestAddressGrammar(t *testing.T) {
	good := map[string]string{
		"":                               "",
		"pat@out.example":                "pat@out.example",
		"Pat@OUT.Example":                "Pat@out.example",
		`"pat jones"@out.example`:        `"pat jones"@out.example`,
		`"pat"@out.example`:              "pat@out.example",
		`"a\"b"@out.example`:             `"a\"b"@out.example`,
		`"a@b"@out.example`:              `"a@b"@out.example`,
		"x@[192.0.2.1]":                  "x@[192.0.2.1]",
		"x@[IPv6:2001:db8::1]":           "x@[ipv6:2001:db8::1]",
		"jos\u00e9@exampl\u00e9.example": "jos\u00e9@exampl\u00e9.example",
	}
	for in, want := range good {
		a, err := ParseAddress(in)
		if err != nil || a.Wire() != want {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", in, a.Wire(), err, want)
		}
	}
	bad := []string{
		"pat", "@out.example", "pat@", "a@b@c.example", "pat@-x.example", "pat@x..example", ".pat@x.example",
		"pat.@x.example", "p at@x.example", "pat@x example", "<pat@x.example>", "@a.example:pat@x.example",
		"pat@x.example\r\nRCPT TO:<y@x.example>", "pat\x00@x.example", "\"pat@x.example", `""@x.example`,
		"pat@[300.1.1.1]", "pat@[x]", strings.Repeat("a", 65) + "@x.example", "pat@" + strings.Repeat("a.", 130) + "example",
		"pat\xff@x.example",
	}
	for _, in := range bad {
		if a, err := ParseAddress(in); err == nil {
			t.Errorf("ParseAddress(%q) accepted as %q", in, a.Wire())
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"a@b.example", `"a b"@c.example`, "x@[192.0.2.1]", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		b, err := ParseAddress(a.Wire())
		if err != nil || a != b {
			t.Fatalf("%q -> %q does not read back: %v", s, a.Wire(), err)
		}
		if strings.ContainsAny(a.Wire(), "\r\n\x00") {
			t.Fatalf("%q keeps a line break", s)
		}
	})
}

// TestNounsRedactThemselves prints every noun that can hold a person's data in
// every way and looks for the data.
// TestLookAlikesAreOthers: no character beyond ASCII makes a name the same as
// one that is written without it.
func TestLookAlikesAreOthers(t *testing.T) {
	ann, kim := MustAddress("ann@clinic.example"), MustAddress("kim@clinic.example")
	for _, s := range []string{
		"ann@cl\u0130nic.example", "ann@cl\u0131nic.example", "ann@\u0441linic.example", "ann@\uff43linic.example", "ann@clinic\u3002example", "ann@clinic\uff0eexample", "ann@clinic.example\u200b",
		"ann@\u2102linic.example", "\u0430nn@clinic.example", "\uff41nn@clinic.example", "ann\u00ad@clinic.example", "\u212aim@clinic.example", "k\u0130m@clinic.example", "k\u0131m@clinic.example",
	} {
		a, err := ParseAddress(s)
		if err != nil {
			continue
		}
		if a.Key() == ann.Key() || a.Key() == kim.Key() || a.IsASCII() || a.In([]string{"clinic.example"}) && a.Local() == "ann" {
			t.Errorf("%q is read as %q", s, a.Key())
		}
	}
	if a := MustAddress("KIM@Clinic.EXAMPLE"); a.Key() != kim.Key() {
		t.Errorf("capitals: %q", a.Key())
	}
	if a, b := MustAddress("Zo\u00cb@B\u00dcCHER.example"), MustAddress("zo\u00eb@b\u00fccher.example"); a.Key() != b.Key() || a.Domain() != b.Domain() {
		t.Errorf("capitals beyond ASCII: %q and %q", a.Key(), b.Key())
	}
}

func TestNounsRedactThemselves(t *testing.T) {
	secret := LinkSecret{1, 2, 3}
	nouns := []any{
		Sensitive("zebraquartz"), MustAddress("zebraquartz@x.example"), secret,
		Message{Sender: MustAddress("zebraquartz@x.example"), Subject: "zebraquartz", Edits: []Edit{{Text: "zebraquartz"}}},
		&Envelope{Recipient: MustAddress("zebraquartz@x.example"), Last: Outcome{Text: "zebraquartz"}},
		Reading{Subject: "zebraquartz", Parts: []Part{{Text: "zebraquartz"}}, Tags: Tags{PIN: "zebraquartz"}, To: []Address{MustAddress("zebraquartz@x.example")}},
		Mail{Subject: "zebraquartz", Text: "zebraquartz", Files: []File{{Name: "zebraquartz"}}},
		Submission{From: MustAddress("zebraquartz@x.example"), Recipients: []Recipient{{Address: MustAddress("zebraquartz@x.example")}}},
	}
	for _, n := range nouns {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			out := fmt.Sprintf(verb, n)
			if strings.Contains(out, "zebraquartz") || strings.Contains(out, fmt.Sprintf("%x", "zebraquartz")) || strings.Contains(out, secret.Path()) {
				t.Errorf("%T under %s shows %s", n, verb, out)
			}
		}
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "noun", n)
		if strings.Contains(b.String(), "zebraquartz") {
			t.Errorf("%T in slog shows %s", n, b.String())
		}
	}
}

func TestIDsReadBack(t *testing.T) {
	now := time.UnixMilli(1795000000123)
	id, err := NewMessageID(now, bytes.NewReader(bytes.Repeat([]byte{0xa5}, 10)))
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseMessageID(id.String()); err != nil || back != id || !back.Time().Equal(now) {
		t.Fatalf("id %v came back as %v, %v", id, back, err)
	}
	env := EnvelopeID{Message: id, N: 70000}
	if back, err := ParseEnvelopeID(env.String()); err != nil || back != env {
		t.Fatalf("envelope id came back as %v, %v", back, err)
	}
	for _, s := range []string{"", "x", id.String() + "0", id.String()[:25] + "v", env.String() + "x", id.String()} {
		if _, err := ParseEnvelopeID(s); err == nil {
			t.Errorf("%q is an envelope id", s)
		}
	}
}

func TestZeroValuesProtect(t *testing.T) {
	var v Verdict
	if v.Action != Secure {
		t.Fatal("the zero verdict does not secure")
	}
	if Action(200).String() != "secure" || Pass.StricterThan(Action(200)) {
		t.Fatal("an unknown action is weaker than secure")
	}
	if f := FaultOf(errors.New("bug")); !f.Temporary() {
		t.Fatal("an unclassified error is permanent")
	}
}
