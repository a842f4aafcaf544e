package config

import (
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the documentation anew")

const docFile = "../../deploy/docs/configuration.md"

// TestDocumentedKeys: the list of keys in the documentation is the example
// that the program prints.
func TestDocumentedKeys(t *testing.T) {
	raw, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), "-update` -->\n")
	_, tail, closed := strings.Cut(rest, "<!-- end -->")
	if !ok || !closed {
		t.Fatal("the document has no place for the keys")
	}
	whole := head + "-update` -->\n```yaml\n" + string(Example()) + "```\n<!-- end -->" + tail
	if whole == string(raw) {
		return
	}
	if !*update {
		t.Fatal("the documented keys differ from the code: go test ./gateway/config -run TestDocumentedKeys -update")
	}
	if err := os.WriteFile(docFile, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentedExamplesLoad reads every block of the documentation, and finds
// what it says of a restart in the code.
func TestDocumentedExamplesLoad(t *testing.T) {
	raw, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d blocks were read", len(blocks))
	}
	for _, b := range blocks {
		c, err := Parse("/etc/gatepost/gatepost.yaml", []byte(b[1]))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, path := range restart {
		if !strings.Contains(string(raw), "`"+path+"`") {
			t.Errorf("the document does not say that %s needs a restart", path)
		}
	}
}

// TestExampleShowsDefaults: what the example shows is the default, but for
// what names a person, file, domain, network or peer.
func TestExampleShowsDefaults(t *testing.T) {
	example, err := Parse("/etc/gatepost/gatepost.yaml", Example())
	if err != nil {
		t.Fatal(err)
	}
	minimal, err := Parse("/etc/gatepost/gatepost.yaml", []byte(`organization: {domains: [clinic.example]}
routes: [{domain: "*", via: mx}, {domain: "*", via: mx}]
sms: {accounts: [{system_id: e}], upstream: {addr: "127.0.0.1:1"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`^(hostname|brand\[0\]\..*|organization\.(name|help|timezone)|policy|listen\.(smpp|imap)|relay\.trusted|routes\[\d\]\.(domain|via|tls|auth\..*)|sms\.(sender|country)|sms\.accounts\[0\]\..*|sms\.upstream\.(addr|system_id|password))$`)
	for _, c := range Changes(minimal, example) {
		if !named.MatchString(c.Path) {
			t.Errorf("the example does not show the default of %s", c.Path)
		}
	}
}

// TestEveryMisspelledKeyIsSuggested leaves a letter out of each key, one after
// the other, and wants to be told the right one.
func TestEveryMisspelledKeyIsSuggested(t *testing.T) {
	lines, n := strings.Split(string(Example()), "\n"), 0
	key := regexp.MustCompile(`^( *(?:- )?)([a-z_]{4,}):`)
	for i, line := range lines {
		m := key.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n++
		broken := append([]string{}, lines...)
		broken[i] = m[1] + m[2][:1] + m[2][2:] + line[len(m[1])+len(m[2]):]
		_, err := Parse("g.yaml", []byte(strings.Join(broken, "\n")))
		if err == nil || !strings.Contains(err.Error(), `did you mean "`+m[2]+`"?`) {
			t.Errorf("line %d, %s: %v", i+1, broken[i], err)
		}
	}
	if keys := count(reflect.TypeFor[Config]()); n < keys*2/3 {
		t.Errorf("%d of %d keys were misspelled", n, keys)
	}
}

func count(t reflect.Type) int {
	n := 0
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") != "" {
			n++
		}
		inner := t.Field(i).Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if isSection(inner) {
			n += count(inner)
		}
	}
	return n
}
