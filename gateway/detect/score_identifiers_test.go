package detect

import (
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestScoreNational: hardly any mail of the development set without personal
// data (N1 to N5) holds what looks like a person's national number.
func TestScoreNational(t *testing.T) {
	d, mails, alarms := newTest(t), 0, 0
	for _, e := range corpus(t) {
		if e.Mode == "" || !strings.HasPrefix(e.Rule, "N") {
			continue
		}
		mails++
		for _, f := range d.Scan(e.parts()).Findings {
			if f.Level >= gateway.Medium && isNationalID(f.Type) {
				alarms++
				t.Logf("%s in %s", f.Type, e.ID)
			}
		}
	}
	t.Logf("%d national numbers in %d mails", alarms, mails)
	if mails == 0 || 2000*alarms > mails {
		t.Errorf("%d national numbers in %d mails", alarms, mails)
	}
}

// disputed are test strings whose source says that they hold nothing of a type,
// and that the detector reports on purpose: an IBAN with a small letter.
var disputed = []string{"presidio-unit/iban/476"}

// TestScoreNegatives reads the test strings that must hold no identifier of a type.
func TestScoreNegatives(t *testing.T) {
	d, n := newTest(t), 0
	for _, e := range corpus(t) {
		for _, name := range e.NegativeFor {
			typ, ok := corpusTypes[name]
			if !ok || slices.Contains([]string{"phone", "email", "url", "ip"}, typ) || slices.Contains(disputed, e.ID) {
				continue
			}
			n++
			for _, f := range d.Scan(e.parts()).Findings {
				if f.Type == typ && f.Level >= gateway.Medium {
					t.Errorf("%s: %s found", e.ID, typ)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no test string")
	}
}
