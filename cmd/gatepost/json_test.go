package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJSONKeys: what commands that need no server print as JSON stands in
// interfaces.md. The others are compared by the tests of deploy/e2e.
func TestJSONKeys(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/docs/interfaces.md")
	if err != nil {
		t.Fatal(err)
	}
	_, next := outside(t)
	r := newRig(t, next)
	r.must("user", "list")
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)
	r.replaceData()
	cases, draft, mail := filepath.Join(r.dir, "c.jsonl"), filepath.Join(r.dir, "draft.yaml"), filepath.Join(r.dir, "m.eml")
	writeFile(t, cases, `{"id":"a","channel":"email","subject":"x","text":"SSN 536-22-1234 of Pat Jones"}`+"\n"+`{"id":"b","channel":"email","subject":"Lunch","text":"See you at noon."}`+"\n")
	writeFile(t, draft, "policy: draft\ndefault: secure\n")
	writeFile(t, mail, "From: ann@clinic.example\n"+plainMail)
	for command, args := range map[string][]string{
		"check": nil, "version": nil, "doctor": nil, "restore": {backup}, "explain": {mail}, "policy test": {cases}, "policy diff": {"-", draft, cases},
	} {
		_, text, found := strings.Cut(string(raw), "\n### "+command+"\n")
		if !found {
			t.Errorf("%s is not documented", command)
		}
		text, _, _ = strings.Cut(text, "\n### ")
		config := r.config
		if command == "policy diff" { // it needs none
			config = filepath.Join(r.dir, "none.yaml")
		}
		out, errs, _ := (&rig{t: t, config: config}).run(append(append(strings.Fields(command), "--json"), args...)...)
		lines := 0
		for line := range strings.Lines(out) {
			lines++
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("%s: %v: %s", command, err, line)
			}
			for key := range v {
				if !strings.Contains(text, "`"+key+"`") {
					t.Errorf("%s: the key %q is not documented", command, key)
				}
			}
		}
		if lines == 0 {
			t.Errorf("%s --json prints nothing: %s", command, errs)
		}
	}
}
