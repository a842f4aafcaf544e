package detect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestLexiconCases reads the cases beside the lists: sentences that a list must
// tell ("+") and sentences that it must not ("-").
func TestLexiconCases(t *testing.T) {
	d := newTest(t)
	files, err := filepath.Glob("lexicon/*.cases")
	if err != nil || len(files) < len(topicNames)+len(kindNames)+len(linkNames)+1 {
		t.Fatalf("%d files of cases, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".cases")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]int{}
		for _, line := range strings.Split(string(data), "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			sign, sentence, _ := strings.Cut(line, " ")
			out := d.Scan(text(sentence))
			if n[sign]++; told(name, out) != (sign == "+") {
				t.Errorf("%s: %s %q: %v %v addressed %v", name, sign, sentence, out.Topics, out.Kinds, out.AddressedToReader)
			}
		}
		if n["+"] < 3 || n["-"] < 3 || len(n) != 2 {
			t.Errorf("%s: %v cases", name, n)
		}
	}
}

// told reports whether what list is for was found.
func told(list string, out *gateway.Detections) bool {
	switch {
	case slices.Contains(topicNames[:], list):
		return slices.ContainsFunc(out.Topics, func(s gateway.TopicScore) bool { return s.Name == list && s.Level >= gateway.Medium })
	case slices.Contains(kindNames[:], list):
		return slices.Contains(out.Kinds, list)
	case list == "names":
		return slices.ContainsFunc(out.Findings, func(f gateway.Finding) bool { return f.Type == "name" && f.Level >= gateway.Medium })
	case list == "public":
		return protective(out) == ""
	case list == "telling":
		return protective(out) != ""
	}
	return out.AddressedToReader
}
