package policy

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", name, got)
	}
}

// TestProblems reads the broken files of problems.txt and compares what is
// said about them: each line has a place, and a reader can act on it.
func TestProblems(t *testing.T) {
	raw, err := os.ReadFile("testdata/problems.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	n := 0
	for block := range strings.SplitSeq(strings.TrimSuffix(string(raw), "====\n"), "====\n") {
		src, _, _ := strings.Cut(block, "----\n")
		_, err := Load("p.yaml", []byte(src))
		if err == nil {
			t.Errorf("accepted:\n%s", src)
			continue
		}
		n++
		out.WriteString(src + "----\n" + err.Error() + "\n====\n")
	}
	if n < 80 {
		t.Fatalf("only %d broken files were read", n)
	}
	golden(t, "problems.txt", out.String())
}
