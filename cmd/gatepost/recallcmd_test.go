package main

import (
	"strings"
	"testing"
)

// TestRecallPromisesNothing: of what left in the clear nothing is taken back,
// so nothing can be undone.
func TestRecallPromisesNothing(t *testing.T) {
	for json, want := range map[string]bool{
		`{"message":"03e6ljtc013939hmeou78pt5jc","until":"2030-01-01T00:00:00Z","envelopes":[{"id":"03e6ljtc013939hmeou78pt5jc.0","recipient":"+15552000001","reach":"locked"}]}`: true,
		`{"message":"03e6ljtc013939hmeou78pt5jc","envelopes":[{"id":"03e6ljtc013939hmeou78pt5jc.0","recipient":"+15552000001","reach":"left"}]}`:                                  false,
	} {
		var out strings.Builder
		if err := showRecalled(&out, strings.NewReader(json)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "can be undone"); got != want || !strings.Contains(out.String(), "+15552000001") {
			t.Errorf("says:\n%s", out.String())
		}
	}
}

// TestTheUndoingOfOneIsForOne: also where one recipient was named twice, what is
// printed gives nothing back to the others.
func TestTheUndoingOfOneIsForOne(t *testing.T) {
	const id = "03e6ljtc013939hmeou78pt5jc"
	for all, want := range map[string]string{"false": "recall " + id + " --recipient pat@out.example --undo)", "true": "recall " + id + " --undo)"} {
		var out strings.Builder
		err := showRecalled(&out, strings.NewReader(`{"message":"`+id+`","all":`+all+`,"until":"2030-01-01T00:00:00Z","envelopes":[`+
			`{"id":"`+id+`.0","recipient":"pat@out.example","reach":"locked"},{"id":"`+id+`.2","recipient":"pat@out.example","reach":"locked"}]}`))
		if err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("all %s: %v\n%s", all, err, out.String())
		}
	}
}
