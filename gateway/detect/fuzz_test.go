package detect

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
)

// FuzzScan: whatever the text, a scan answers, answers the same again, its
// findings lie inside their parts and show nothing of secrets, and the map
// back is in order.
func FuzzScan(f *testing.F) {
	d := newTest(f, gateway.OwnDetector{Name: "codeword", Words: []string{"zebraquartz", "a b"}},
		gateway.OwnDetector{Name: "patient_no", Pattern: `PN-[0-9]{7}`, Literal: "PN-"})
	f.Fuzz(func(t *testing.T, a, b string) {
		parts := []gateway.Part{{Kind: gateway.PartSubject, Text: gateway.Sensitive(b)}, {Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(a)}}
		out := d.Scan(parts)
		for _, x := range out.Findings {
			checkFinding(t, d, parts[x.Part], x)
		}
		for _, s := range out.Topics {
			if s.Level == gateway.None || len(s.Terms) == 0 || len(s.Terms) > maxTerms {
				t.Errorf("topic %+v", s)
			}
		}
		if again := d.Scan(parts); !reflect.DeepEqual(out, again) {
			t.Error("another answer the second time")
		}
		checkMap(t, d, a)
	})
}

func checkFinding(t *testing.T, d *Detector, p gateway.Part, x gateway.Finding) {
	n := utf8.RuneCountInString(p.Text.Reveal())
	if x.Start < 0 || x.Start >= x.End || x.End > n || x.Kind != p.Kind || x.Path != p.Path {
		t.Fatalf("%s at %d:%d of %d", x.Type, x.Start, x.End, n)
	}
	if x.Level == gateway.None || x.Masked == "" || len(x.Steps) == 0 {
		t.Errorf("%+v", x)
	}
	value := d.folds.text(string([]rune(p.Text.Reveal())[x.Start:x.End]))
	if len(value) > 4 && strings.Contains(x.Masked, value) {
		t.Errorf("%s: the mask shows the value", x.Type)
	}
}

// checkMap: the places of octets in s never go back and stay inside.
func checkMap(t *testing.T, d *Detector, s string) {
	v, last := normal{folds: d.folds}, 0
	v.read(s, 0)
	n := utf8.RuneCountInString(s)
	for i := range v.n {
		from, to := v.start(i), v.end(i+1)
		if from < last || to <= from || to > n {
			t.Fatalf("octet %d of %d stands at %d:%d of %d", i, v.n, from, to, n)
		}
		last = from
	}
}
