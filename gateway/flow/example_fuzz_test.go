package flow

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzExamples: a file of examples is read to its end or its problem names a
// line of it and quotes nothing of a text; what is read has only values that
// the judge knows.
func FuzzExamples(f *testing.F) {
	for _, s := range []string{
		`{"id":"1","subject":"s","text":"t","mode":"secure"}` + "\n\n" + `{"id":"2","channel":"sms","to":"+15550001111","at":7,"headers":{"X-A":"b"}}`, "\xef\xbb\xbf{}", "[]", "null", `{"id":1}`, `{"at":24}`, `{"at":1.5}`, `{"to":"SECRET"}`, `{"SECRET":1}`,
		`{"headers":{"a":1}}`, `{"declared":["x"]}`, `{"sent_today":-1}`, `{"id":"a","id":"b","ID":"c"}`, "{\"text\":\"\xff\"}", `{"lang":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		read := 0
		err := eachExample(bytes.NewReader(raw), func(e example) error {
			read++
			if problem := e.check(); problem != "" {
				t.Fatalf("taken, and yet %s", problem)
			}
			c := e.asCase()
			if c.At < 0 || c.At > 23 || !utf8.ValidString(c.Text) || !utf8.ValidString(c.Subject) {
				t.Fatalf("%+v", c)
			}
			return nil
		})
		if lines := strings.Count(string(raw), "\n") + 1; read > lines {
			t.Fatalf("%d examples in %d lines", read, lines)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "examples, line ") || len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\r\n\x00")) {
			t.Fatalf("the problem %q", err)
		}
	})
}
