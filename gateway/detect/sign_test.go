package detect

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// foundAs is what of a text a detector of the words finds, each between bars.
func foundAs(t *testing.T, find func(gateway.OwnDetector) (*Detector, error), s string, words ...string) string {
	t.Helper()
	d, err := find(gateway.OwnDetector{Name: "d", Words: words})
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	var all []string
	for _, f := range d.Scan([]gateway.Part{text(s)[0]}).Findings {
		if f.Type == "d" {
			all = append(all, string([]rune(s)[f.Start:f.End]))
		}
	}
	return strings.Join(all, "|")
}

// TestTermsWithSigns: a term with a sign that ends a phrase is found wherever
// in it the sign stands, with it, without it, in any case, with accents or
// without and over the end of a line.
func TestTermsWithSigns(t *testing.T) {
	bare := bareDetectors()
	for _, sign := range strings.Split(". , ; : ! ? ( ) [ ] { } < | @ , . ?! ) ( :: \U0001f993 \uff0c \u00bf", " ") {
		for term, texts := range map[string][]string{
			sign + "Müller Hans":            {"Müller Hans", "about " + sign + "Müller Hans today", "x" + sign + " MULLER HANS"},
			"Müller Hans" + sign:            {"Müller Hans", "about Müller Hans" + sign + " today", "müller\nhans" + sign},
			"Müller" + sign + "Hans":        {"Müller" + sign + "Hans", "Müller Hans", "MÜLLER" + sign + " hans", "muller " + sign + "\nHANS.", "Mu\u0308ller" + sign + "\r\nHans"},
			"Müller" + sign + " Hans":       {"Müller" + sign + "Hans", "an Müller" + sign + "\n> Hans, bitte", "mueller, Müller" + sign + " HÁNS"},
			"a " + sign + " b" + sign + "c": {"a " + sign + " b" + sign + "c", "A b C", "a b" + sign + "c", "a" + sign + "b c"},
		} {
			for _, s := range append(texts, term) {
				if got := foundAs(t, bare, s, term); got == "" || strings.Contains(got, "|") && sign != "|" {
					t.Errorf("%q in %q: found %q", term, s, got)
				}
			}
		}
	}
}

// TestTermsEnd: signs that are not the term's end it as before, and so does an
// empty line; a term without signs crosses none because another has some.
func TestTermsEnd(t *testing.T) {
	bare := bareDetectors()
	words := []string{"Müller, Hans", "blue heron", "Müller, Hans; Ward 3 (west)", "St. Georg"}
	for s, want := range map[string]string{
		"Müller, Hans":                        "Müller, Hans",
		"Müller; Hans":                        "",
		"Müller,, Hans":                       "",
		"Müller,\n\nHans":                     "",
		"Müller, dear Hans":                   "",
		"Müller,":                             "",
		"blue, heron":                         "",
		"blue heron":                          "blue heron",
		"Müller, blue heron, Hans":            "blue heron",
		"Müller, Müller, Hans":                "Müller, Hans",
		"x Müller Hans, Ward":                 "Müller Hans",
		"MÜLLER, HANS;\nward 3 (West) closed": "MÜLLER, HANS|MÜLLER, HANS;\nward 3 (West",
		"in St. Georg or St.\nGeorg":          "St. Georg|St.\nGeorg",
	} {
		if got := foundAs(t, bare, s, words...); got != want {
			t.Errorf("%q: found %q, want %q", s, got, want)
		}
	}
}

// TestTermsInsideFindings: a term is found though it is, or is part of, an
// address or a number that is something by itself; that is still found too.
func TestTermsInsideFindings(t *testing.T) {
	for _, c := range []struct{ term, text, typ string }{
		{"desk@clinic.example", "Write to Desk@Clinic.example.", "email"},
		{"clinic.example, Room 4", "to desk@clinic.example,\nroom 4", "email"},
		{"DE89 3704 0044 0532 0130 00", "IBAN DE89 3704 0044 0532 0130 00", "iban"},
		{"Zebra: DE89370400440532013000, Quartz", "zebra: DE89370400440532013000, quartz", "iban"},
		{"AKIA4F7QX2ZLM9TR3KWD.., zebra (x", "AKIA4F7QX2ZLM9TR3KWD.., Zebra (X", "token"},
		{"2001:db8::7, zebra", "at 2001:db8::7, zebra", "ip"},
		{"2001:db8::, zebra", "at 2001:db8::, zebra", "ip"},
	} {
		d := newTest(t, gateway.OwnDetector{Name: "ours", Words: []string{c.term}})
		types := map[string]bool{}
		for _, f := range d.Scan(text(c.text)).Findings {
			types[f.Type] = true
		}
		if !types["ours"] || c.typ != "" && !types[c.typ] {
			t.Errorf("%q in %q: found %v", c.term, c.text, types)
		}
	}
}

// TestTermsLeaveLexicons: phrases of the lexicons cross no sign because terms
// of the organization's own do.
func TestTermsLeaveLexicons(t *testing.T) {
	own := newTest(t, gateway.OwnDetector{Name: "ours", Words: []string{"breast, cancer zebra", "blood; test zebra", "zebra, breast cancer"}})
	ours := newTest(t)
	for _, s := range []string{
		"your breast, cancer", "your breast cancer", "zebra, breast cancer of yours", "blood; test results of your blood test", "a@breast.example cancer",
		"Your biopsy: see DE89 3704 0044 0532 0130 00 days", "breast, cancer zebra",
	} {
		a, b := own.Scan(text(s)), ours.Scan(text(s))
		if len(a.Topics) != len(b.Topics) {
			t.Fatalf("%q: topics %v and %v", s, a.Topics, b.Topics)
		}
		for i := range a.Topics {
			if a.Topics[i].Score != b.Topics[i].Score || a.Topics[i].Level != b.Topics[i].Level {
				t.Errorf("%q: %+v and %+v", s, a.Topics[i], b.Topics[i])
			}
		}
	}
}

// TestTermsRefused: what no text could hold as a phrase is refused.
func TestTermsRefused(t *testing.T) {
	bare := bareDetectors()
	for _, w := range []string{"blue\n\nheron", "blue,\n\nheron", "blue " + strings.Repeat("x", maxWord+1)} {
		if _, err := bare(gateway.OwnDetector{Name: "d", Words: []string{w}}); err == nil {
			t.Errorf("%q: accepted", w)
		}
	}
}
