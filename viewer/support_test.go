package viewer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"gatepost/store"
)

func rangeOfAll() store.Range { return store.Range{} }

func visitInto(b *strings.Builder) func(store.Item) bool {
	return func(i store.Item) bool {
		b.Write(i.Key)
		b.Write(i.Value)
		return true
	}
}

func mustTag(s string) language.Tag { return language.MustParse(s) }

// sourceFiles are the files of this package that use words.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.go", "pages/*.html"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no files %s", pattern)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(raw))
		}
	}
	return out
}

// naughty are strings that break programs: ours, and the outside set when it
// is there.
func naughty(t *testing.T) []string {
	t.Helper()
	own := []string{"", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{.Token}}", "\u202egnp.exe", "a\x00b", "\xff\xfe", "../../x", "CON", strings.Repeat("\u00e4", 3000), "]]>", "--><svg onload=1>", "' or 1=1 --"}
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Log("GATEPOST_TESTDATA is unset: only our own strings are tried")
		return own
	}
	cases := readCases(t, filepath.Join(dir, "naughty-strings", "data", "cases.jsonl"))
	for _, c := range cases {
		own = append(own, c.Text)
	}
	return own
}

type outsideCase struct {
	ID, Text, HTML string
}

func readCases(t *testing.T, path string) []outsideCase {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []outsideCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c outsideCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if err := lines.Err(); err != nil || len(out) == 0 {
		t.Fatalf("no cases in %s: %v", filepath.Base(path), err)
	}
	return out
}
