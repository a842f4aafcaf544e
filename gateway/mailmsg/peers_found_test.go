package mailmsg_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/mailmsg"
)

// score counts the samples of a form.
type score struct{ samples, found, unreadable int }

// TestDocumentsOfOtherPrograms: what LibreOffice writes is read, all of it, and
// numbers in it are found by detection.
func TestDocumentsOfOtherPrograms(t *testing.T) {
	d := detector(t)
	scores := map[string]*score{}
	if underRace {
		t.Skip("the documents are read by one goroutine: the run without the race detector has them")
	}
	for _, doc := range officeDocuments(t) {
		data, err := os.ReadFile(doc.file)
		if err != nil {
			t.Fatal(err)
		}
		s := scores[doc.form]
		if s == nil {
			s = &score{}
			scores[doc.form] = s
		}
		s.samples++
		r := mailmsg.Read(crlf(part("application/octet-stream; name=\"a."+doc.form+"\"", string(data))))
		if len(r.Unreadable)+len(r.Uncertain) > 0 {
			s.unreadable++
			if !old(doc.form) {
				t.Logf("%s: %v %v", doc.name, r.Unreadable, r.Uncertain)
			}
		}
		missing := lacks(d, r, doc.form, doc.want)
		if len(missing) == 0 {
			s.found++
		}
		if old(doc.form) {
			if len(r.Unreadable) != 1 || r.Unreadable[0].Kind != gateway.UnreadableContainer {
				t.Errorf("%s: %v", doc.name, r.Unreadable)
			}
			continue
		}
		for _, m := range missing {
			t.Errorf("%s: %s", doc.name, m)
		}
	}
	printScores(t, scores)
}

// old reports whether a form is one of those before 2007: of them the visible
// strings are read, and they always are an unknown container besides.
func old(form string) bool { return form == "doc" || form == "xls" || form == "ppt" }

func detector(t *testing.T) *detect.Detector {
	t.Helper()
	d, err := detect.New(detect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// lacks says what a reading lacks, and which of the words that a form is said
// to leave out it has.
func lacks(d *detect.Detector, r *gateway.Reading, form string, want []wanted) []string {
	var list []string
	text := plainly(parts(r))
	found := d.Scan(r.Parts).Findings
	for _, w := range want {
		has := strings.Contains(text, w.text)
		if w.kind != "" {
			has = slices.ContainsFunc(found, func(f gateway.Finding) bool { return f.Type == w.kind && sameNumber(r, f, w.text) })
		}
		switch {
		case !has && w.in(form):
			list = append(list, fmt.Sprintf("%s %q is not found", w.kind, w.text))
		case has && !w.in(form):
			list = append(list, fmt.Sprintf("%s %q is found, but was said to be left out", w.kind, w.text))
		}
	}
	return list
}

// sameNumber reports whether a finding stands on the digits and letters of want.
func sameNumber(r *gateway.Reading, f gateway.Finding, want string) bool {
	text := []rune(r.Parts[f.Part].Text.Reveal())
	return alphanumeric(string(text[f.Start:f.End])) == alphanumeric(want)
}

func alphanumeric(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
			return c
		}
		return -1
	}, s)
}

// printScores prints the table and holds the floor: of well-formed samples at
// most one in twenty may be unreadable.
func printScores(t *testing.T, scores map[string]*score) {
	t.Helper()
	var forms []string
	var all score
	for form, s := range scores {
		forms = append(forms, form)
		if old(form) {
			continue
		}
		all.samples, all.found, all.unreadable = all.samples+s.samples, all.found+s.found, all.unreadable+s.unreadable
	}
	slices.Sort(forms)
	t.Logf("%-12s %8s %8s %10s", "format", "samples", "found", "unreadable")
	for _, form := range forms {
		s := scores[form]
		t.Logf("%-12s %8d %8d %10d", form, s.samples, s.found, s.unreadable)
		if s.unreadable*20 > s.samples && !old(form) {
			t.Errorf("%s: %d of %d samples are unreadable", form, s.unreadable, s.samples)
		}
	}
	t.Logf("%-12s %8d %8d %10d", "all but old", all.samples, all.found, all.unreadable)
	if all.found*20 < all.samples*19 {
		t.Errorf("of %d samples only %d were read whole", all.samples, all.found)
	}
}
