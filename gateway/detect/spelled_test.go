package detect

import (
	"fmt"
	"strings"
	"testing"
)

// TestListsOfPieces: a number that JSON holds as a list.
func TestListsOfPieces(t *testing.T) {
	d := newTest(t)
	for _, s := range []string{
		`{"name": "Pat", "ssn": [536, 22, 8145]}`, `{"ssn":["536","22","8145"]}`, `{"ssn":[5,3,6,2,2,8,1,4,5]}`, `{"ssn":["5","3","6","2","2","8","1","4","5"],"x":1}`,
		"{\n  \"ssn\": [\n    536,\n    22,\n    8145\n  ]\n}", "{\n  \"SSN\": [\n    \"536\",\n    \"22\",\n    \"8145\"\n  ]\n}", "{\n\t\"ssn\": [\n\t\t\"5\",\n\t\t\"3\",\n\t\t\"6\",\n\t\t\"2\",\n\t\t\"2\",\n\t\t\"8\",\n\t\t\"1\",\n\t\t\"4\",\n\t\t\"5\"\n\t]\n}",
	} {
		if countOf(d.Scan(text(s)), "ssn") != 1 {
			t.Errorf("%s: not found", s)
		}
	}
	for _, s := range []string{`{"sizes":["536","22","8145"]}`, `{"ssn":[536,22,8145,17]}`} {
		if countOf(d.Scan(text(s)), "ssn") != 0 {
			t.Errorf("%s: found", s)
		}
	}
}

// TestDigitsBehindWords: digits behind a number in words may make another number of
// it all; the one in words stays.
func TestDigitsBehindWords(t *testing.T) {
	d := newTest(t)
	for n := range 10_000 {
		behind := strings.Join(strings.Split(fmt.Sprint(n), ""), " ")
		if s := "The SSN is five three six two two eight one four five " + behind + " thanks"; countOf(d.Scan(text(s)), "ssn") == 0 {
			t.Fatalf("%q: not found", s)
		}
	}
	for _, s := range []string{
		"My card: eight one 4 0 8 1 3 5 8 8 5 0 3 4 7 4 7 3",
		"My card: 7, four zero eight one, three five eight eight, five zero three four, seven four seven three",
	} {
		if countOf(d.Scan(text(s)), "card") == 0 {
			t.Errorf("%q: not found", s)
		}
	}
}
