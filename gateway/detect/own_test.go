package detect

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

func TestOwnDetectors(t *testing.T) {
	d := newTest(t,
		gateway.OwnDetector{Name: "codeword", Words: []string{"zebraquartz", "blue Heron café"}},
		gateway.OwnDetector{Name: "patient_no", Pattern: `PN-[0-9]{7}`, Literal: "PN-"},
		gateway.OwnDetector{Name: "ticket", Pattern: `(?i)tk[0-9]{4}`})
	for _, c := range []struct{ text, typ, inside string }{
		{"about ZebraQuartz today", "codeword", "ZebraQuartz"},
		{"about zebra\u200bquartz today", "codeword", "zebra\u200bquartz"},
		{"about zеbrаquartz today", "codeword", "zеbrаquartz"}, // Cyrillic е and а
		{"the blue  heron\ncafe opens", "codeword", "blue  heron\ncafe"},
		{"zebraquartzes", "", ""},
		{"blue heron", "", ""},
		{"naïve PN-4821937.", "patient_no", "PN-4821937"},
		{"PN\u2010\uff14821937.", "patient_no", "PN\u2010\uff14821937"},
		{"pn-4821937", "", ""},
		{"see Tk4821", "ticket", "Tk4821"},
	} {
		var got *gateway.Finding
		out := d.Scan(text(c.text))
		for i, f := range out.Findings {
			if f.Type == c.typ {
				got = &out.Findings[i]
			}
		}
		switch {
		case c.typ == "" && len(out.Findings) > 0, c.typ != "" && got == nil:
			t.Errorf("%q: %+v", c.text, out.Findings)
		case c.typ != "":
			if in := string([]rune(c.text)[got.Start:got.End]); in != c.inside || got.Level != gateway.High || got.Masked != "****" {
				t.Errorf("%q: %q, %+v", c.text, in, got)
			}
		}
	}
}

func TestOwnDetectorsRefused(t *testing.T) {
	for _, o := range []gateway.OwnDetector{
		{Name: "", Words: []string{"a"}}, {Name: "ssn", Words: []string{"a"}}, {Name: "order", Words: []string{"a"}},
		{Name: "x"}, {Name: "x", Words: []string{"a"}, Pattern: "a"}, {Name: "x", Pattern: "("}, {Name: "x", Pattern: "a*"},
		{Name: "x", Words: []string{"?!"}}, {Name: "x", Words: []string{strings.Repeat("a ", maxPhrase+1)}},
	} {
		if _, err := New(Config{Own: []gateway.OwnDetector{o}}); err == nil {
			t.Errorf("%+v: accepted", o)
		}
	}
}

// TestManyOwnWords: an organization may bring a list of 100,000 terms.
func TestManyOwnWords(t *testing.T) {
	words := make([]string, 100_000)
	for i := range words {
		words[i] = "term" + string([]byte{byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26), byte('a' + i/17576)}) + " two"
	}
	d := newTest(t, gateway.OwnDetector{Name: "list", Words: words})
	if got := types(d.Scan(text("x termabca two y termabca one, termzzzz")), gateway.High); got != "list" {
		t.Errorf("found %q", got)
	}
}

// TestOwnIdentifiers: what stands in every footer is no finding, however it is
// spelled there; its neighbours still are.
func TestOwnIdentifiers(t *testing.T) {
	d, err := New(Config{OwnIdentifiers: []string{
		"DE44 5001 0517 5407 3249 31", "+1 415 555 0134", "desk@clinic.example", "https://clinic.example/pay",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"IBAN DE44500105175407324931", "IBAN: de44-5001-0517-5407-3249-31", "IBAN DE44\u00a05001 0517 5407 3249 31",
		"Call +14155550134", "Tel. (415) 555-0134", "phone 1-415-555-0134", "Desk@Clinic.example", "https://clinic.example/pay",
	} {
		if out := d.Scan(text(s)); len(out.Findings) > 0 {
			t.Errorf("%q: %+v", s, out.Findings)
		}
	}
	if got := types(d.Scan(text("IBAN DE44500105175407324931 or GB29 NWBK 6016 1331 9268 19")), gateway.Medium); got != "iban" {
		t.Errorf("beside our own account: %q", got)
	}
}

// TestOwnIdentifiersLiftTheirTypeOnly: the digits of our telephone number may
// be somebody's social security number.
func TestOwnIdentifiersLiftTheirTypeOnly(t *testing.T) {
	d, err := New(Config{OwnIdentifiers: []string{"+49 536 228145", "+1 943 476 5919"}})
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"SSN 536-22-8145":             "ssn",
		"NHS number 943 476 5919":     "nhs",
		"Tel. +49 536 228145":         "",
		"Phone: (943) 476-5919":       "",
		"call 943-476-5919 until six": "",
	} {
		if got := types(d.Scan(text(s)), gateway.Medium); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// TestOwnIBANBehindANumber: the number before it, which is judged when the IBAN begins,
// does not stand in its value: it is the organization's own, and one value, there too.
func TestOwnIBANBehindANumber(t *testing.T) {
	const iban = "DE89370400440532013000"
	own, err := New(Config{OwnIdentifiers: []string{iban}})
	if err != nil {
		t.Fatal(err)
	}
	all := newTest(t)
	for _, text := range []string{iban, "MRN-458619 " + iban, "24-CV-01934 " + iban, "order ABC-458619: " + iban, "MRN-458619, " + "DE89 3704 0044 0532 0130 00"} {
		parts := []gateway.Part{{Text: gateway.Sensitive(text + " and IBAN " + iban)}}
		values := map[uint64]bool{}
		for _, f := range all.Scan(parts).Findings {
			if f.Type == "iban" {
				values[f.Value] = true
			}
		}
		if len(values) != 1 {
			t.Errorf("%q: %d values, want 1", text, len(values))
		}
		for _, f := range own.Scan(parts).Findings {
			if f.Type == "iban" {
				t.Errorf("%q: our own is found: %s", text, f.Masked)
			}
		}
	}
	foreign := []gateway.Part{{Text: "DE-8937040044    0532013000 DE75512108001245126199"}}
	if all := own.Scan(foreign).Findings; len(all) == 0 || all[len(all)-1].Type != "iban" { // and no IBAN stands before it
		t.Errorf("a foreign one behind the digits of ours is ours: %v", all)
	}
}
