package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const docFile = "../../deploy/docs/policy.md"

// vocabularyTable is what the documentation says of the words, made of the
// words themselves.
func vocabularyTable() string {
	var b strings.Builder
	b.WriteString("| name | type | meaning |\n|---|---|---|\n")
	row := func(name, typ, words string) {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(name, "|", "\\|"), typ, words)
	}
	for _, v := range variables() {
		row(v.name, v.typ.String(), v.words)
	}
	for _, f := range functions() {
		row(f.usage, f.typ.String(), f.words)
	}
	row("lists.x", "list(string)", "the list x of this file")
	row(strings.Join(levelNames(), " "), levelType().String(), "confidence, or how much")
	b.WriteString("\n| in quotes | one of |\n|---|---|\n")
	for _, set := range []struct {
		name  string
		words []string
	}{
		{"types of `found` and `count`", append(BuiltinTypes(), nationalID, "your own detectors")},
		{"`national_id`, all of these, each a type too", NationalTypes()},
		{"`topic`", topicNames()}, {"`kind`", kindNames()}, {"`declared`", declaredNames()}, {"`unreadable`", unreadableNames()},
		{"`recipient.consents`", []string{"marketing", "any other of your contacts"}},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", set.name, strings.Join(set.words, ", "))
	}
	return b.String()
}

func TestDocumentedVocabulary(t *testing.T) {
	raw, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), "-update` -->\n")
	_, tail, closed := strings.Cut(rest, "<!-- end -->")
	if !ok || !closed {
		t.Fatal("the document has no place for the vocabulary")
	}
	whole := head + "-update` -->\n" + vocabularyTable() + "<!-- end -->" + tail
	if whole == string(raw) {
		return
	}
	if !*update {
		t.Fatal("the table of words differs from the code: go test ./gateway/policy -run TestDocumentedVocabulary -update")
	}
	if err := os.WriteFile(docFile, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentedKeys: every key and word of the format stands in the document.
func TestDocumentedKeys(t *testing.T) {
	raw, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	keys := "policy default on_error own_identifiers lists detectors define rules tests file words words_file pattern literal " +
		"id reason mode when then shadow enforce action pin expires staff_copy status opened notify sender required optional until satisfies exempts none keep reject hold secure tls pass " +
		"text subject channel headers from to patient consents thread_secured at sent_today system_id service_type source_address declared expect"
	for _, key := range append(strings.Fields(keys), pinNames()...) {
		if !strings.Contains(string(raw), "`"+key+"`") && !strings.Contains(string(raw), "`{"+key+": ") {
			t.Errorf("%s is not documented", key)
		}
	}
}

// TestDocumentedProblems: what the document shows is what is said.
func TestDocumentedProblems(t *testing.T) {
	raw, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	broken := `policy: clinic
default: pass
rules:
  - id: thread
    reson: The conversation was secured before
    when: thread.secred
    then: secure
  - id: ids
    reason: Regulated identifier
    when: found(["snn"], MEDIUM)
    then: secure
`
	for _, src := range []string{broken, strings.Replace(broken, "reson", "reason", 1)} {
		_, err := Load("policy.yaml", []byte(src))
		if err == nil {
			t.Fatal("accepted")
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.Contains(line, "has no reason") && !strings.Contains(string(raw), line+"\n") {
				t.Errorf("the document does not show %s", line)
			}
		}
	}
}
