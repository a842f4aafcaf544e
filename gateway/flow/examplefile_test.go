package flow

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// TestExampleLines: what `policy test --json` prints, octet by octet.
func TestExampleLines(t *testing.T) {
	j := judgeOf(t, "policy: p\ndefault: pass\nrules:\n  - {id: ids, reason: I, when: 'found([\"ssn\", \"national_id\"], MEDIUM)', then: secure}\n")
	in := "\xef\xbb\xbf" + `{"id":"1","channel":"email","subject":"SSN 536-22-8145","text":"😀é SSN: 536-22-8146 <x>","mode":"secure"}

  {"id":"2","channel":"sms","text":"See you at noon.","mode":"standard","more":[1]}` + "\r\n" + `{"text":"SSN: 536-22-8146","mode":"standard"}`
	want := `{"id":"1","action":"secure","rules":["ids"],"detections":[{"type":"ssn","part":"subject","start":4,"end":15,"confidence":"high"},{"type":"ssn","part":"text","start":8,"end":19,"confidence":"high"}]}
{"id":"2","action":"pass","rules":[],"detections":[]}
{"id":"","action":"secure","rules":["ids"],"detections":[{"type":"ssn","part":"text","start":5,"end":16,"confidence":"high"}]}
`
	var out strings.Builder
	sums, err := j.TestExamples(strings.NewReader(in), &out)
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	if want := "action pass: 1\naction secure: 2\nlabelled secure: 1, right: 1 (100.0 %), wrong: 0; secure 1\nlabelled standard: 2, right: 1 (50.0 %), wrong: 1; pass 1, secure 1\n"; sums != want {
		t.Errorf("got %s", sums)
	}
}

// TestBadExamples: the line and what is wrong with it, and nothing of the
// example; lines before it have been judged.
func TestBadExamples(t *testing.T) {
	j := judgeOf(t, "policy: p\ndefault: pass\n")
	for line, want := range map[string]string{
		`{"id":"x"`: "not a JSON object with id, channel, subject and text", `zebra`: "not a JSON object with id, channel, subject and text",
		`["zebra"]`: "not a JSON object with id, channel, subject and text", `{"id":"x"} {"id":"y"}`: "not a JSON object with id, channel, subject and text",
		`{"id":7}`: "id must be a text, not number", `{"id":"x","text":["zebra"]}`: "text must be a text, not array",
		`{"channel":"zebra"}`: "channel must be email or sms", `{"mode":"zebra"}`: "mode must be standard or secure",
		`{"text":"` + strings.Repeat("x", maxExample) + `"}`: fmt.Sprintf("longer than %d octets", maxExample),
	} {
		var out strings.Builder
		_, err := j.TestExamples(strings.NewReader("{\"id\":\"a\"}\n\n"+line+"\n{}\n"), &out)
		if err == nil || err.Error() != "examples, line 3: "+want || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%.40s: %v, %s", line, err, out.String())
		}
		if _, err := DiffExamples(j, j, strings.NewReader(line), io.Discard, true); err == nil || err.Error() != "examples, line 1: "+want {
			t.Errorf("%.40s: %v", line, err)
		}
	}
}

// endless writes n examples as they are read.
type endless struct {
	n    int
	rest string
}

func (e *endless) Read(b []byte) (int, error) {
	if e.rest == "" {
		if e.n == 0 {
			return 0, io.EOF
		}
		e.n--
		e.rest = fmt.Sprintf("{\"id\":\"%d\",\"channel\":\"sms\",\"text\":\"Tag %d\"}\n", e.n, e.n%3)
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestManyExamples: a hundred thousand examples take no more memory than few.
func TestManyExamples(t *testing.T) {
	const many = 100_000
	old := judgeOf(t, "policy: p\ndefault: pass\n")
	next := judgeOf(t, "policy: p\ndefault: pass\ndetectors: {tag: {words: [tag 1]}}\nrules:\n  - {id: r, reason: R, when: 'found([\"tag\"], LOW)', then: hold}\n")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sum, err := DiffExamples(old, next, &endless{n: many}, io.Discard, true)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if want := fmt.Sprintf("%d decisions change of %d examples\n  pass -> hold: %d\n", many/3, many, many/3); err != nil || sum.String() != want {
		t.Errorf("%v %s", err, sum)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d octets are kept", grown)
	}
}
