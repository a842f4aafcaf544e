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

  {"id":"2","channel":"sms","text":"See you at noon.","mode":"standard","entities":[1],"unit":true}` + "\r\n" + `{"text":"SSN: 536-22-8146","mode":"standard"}`
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

const allKeys = "at, channel, consents, declared, from, headers, id, mode, patient, sent_today, service_type, source_address, subject, system_id, text, thread_secured, to"

// TestExampleFacts: an example says what a test of the policy says, and each
// key alone makes the rule that asks for it true.
func TestExampleFacts(t *testing.T) {
	for line, when := range map[string]string{
		`{"from":"ann@billing.example"}`: `sender.domain == "billing.example"`, `{"to":"desk@lab.example"}`: `recipient.domain == "lab.example"`,
		`{"to":"+15550001111","channel":"sms"}`: `recipient.address == "+15550001111"`, `{"headers":{"X-Template":"s1"}}`: `header("X-Template") == "s1"`,
		`{"patient":true}`: "recipient.patient", `{"consents":["marketing"]}`: `recipient.consents("marketing")`, `{"thread_secured":true}`: "thread.secured",
		`{"at":0}`: "local_time == 0", `{}`: "local_time == 12", `{"sent_today":5}`: "recipient.sent_today >= 5", `{"declared":["campaign"]}`: `declared("campaign")`,
		`{"channel":"sms","system_id":"a"}`: `system_id == "a"`, `{"channel":"sms","service_type":"b"}`: `service_type == "b"`,
		`{"channel":"sms","source_address":"c"}`: `source_address == "c"`, `{"subject":"[urgent] x"}`: "tag.urgent",
	} {
		j := judgeOf(t, "policy: p\ndefault: pass\nrules:\n  - {id: r, reason: R, when: '"+when+"', then: hold}\n")
		var out strings.Builder
		if _, err := j.TestExamples(strings.NewReader(line), &out); err != nil || !strings.Contains(out.String(), `"action":"hold"`) {
			t.Errorf("%s: %v %s", line, err, out.String())
		}
		out.Reset()
		if _, err := j.TestExamples(strings.NewReader(`{"at":13}`), &out); err != nil || !strings.Contains(out.String(), `"action":"pass"`) {
			t.Errorf("%s is true without it: %v %s", when, err, out.String())
		}
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
		`{"at":25}`: "at must be an hour, 0 to 23", `{"at":7.5}`: "at must be a whole number, not number", `{"sent_today":-1}`: "sent_today must not be negative",
		`{"to":"zebra"}`: "to is no address", `{"from":"<>"}`: "from is no address", `{"patient":"zebra"}`: "patient must be true or false, not string",
		`{"consents":[7]}`: "consents must be a list of texts, not number", `{"headers":{"zebra":7}}`: "headers must be names with texts, not number",
		`{"declared":["zebra"]}`: "declared can hold campaign, list, bulk", `null`: "not a JSON object with id, channel, subject and text",
		`{"txt":"zebra"}`: `unknown key "txt"; did you mean "text"?`, `{"Text":"zebra"}`: `unknown key "Text"; did you mean "text"?`,
		`{"expect":"pass"}`: `unknown key "expect"; mode says what an example should be: standard or secure`,
		`{"quagga":1}`:      `unknown key "quagga"; known are ` + allKeys, `{"a zebra":1}`: "a key that is unknown; known are " + allKeys,
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

// TestDisguisedShortMessages: what the letters of a short message look like
// counts as in a mail, and is no place in the text.
func TestDisguisedShortMessages(t *testing.T) {
	j := judgeOf(t, "policy: p\ndefault: pass\nrules:\n  - {id: h, reason: H, when: 'topic(\"health\") >= MEDIUM', then: secure}\n")
	for text, action := range map[string]string{
		"Your b10psy result is back": "secure", "Your b i o p s y is back": "secure", "your d.i.a.b.e.t.e.s": "secure", "About your c*ncer": "secure",
		"gr8 2 c u, l8r @ 5 or 7?": "pass", "H.A.P.P.Y birthday m8": "pass",
	} {
		var out strings.Builder
		if _, err := j.TestExamples(strings.NewReader(fmt.Sprintf(`{"channel":"sms","text":%q}`, text)), &out); err != nil || !strings.Contains(out.String(), `"action":"`+action+`"`) || !strings.Contains(out.String(), `"detections":[]`) {
			t.Errorf("%s: %v %s", text, err, out.String())
		}
	}
	var out strings.Builder
	if _, err := j.TestExamples(strings.NewReader(`{"channel":"sms","text":"`+strings.Repeat("c*ncer ", 10_000)+`"}`), &out); err != nil || !strings.Contains(out.String(), `"action":"hold"`) {
		t.Errorf("more than is read: %v %s", err, out.String())
	}
}
