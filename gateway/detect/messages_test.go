package detect

import (
	"os"
	"strings"
	"testing"
)

// mostWrong is how many messages of a group of testdata/messages.txt may be
// judged otherwise than the file says; of the others at most one in 25.
var mostWrong = map[string]int{
	"text messages among friends": 3,
	"newsletters and lists":       4,
	"newsletters and lists 2":     2,
	"portal 3":                    4,
	"dialogue and notes 3":        2,
	"bank, insurer and law 3":     2,
}

// TestMessages judges testdata/messages.txt as the built-in policy would.
func TestMessages(t *testing.T) {
	d := newTest(t)
	data, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(data), "\n== ")[1:] {
		head, rest, _ := strings.Cut(block, "\n")
		group, mode, _ := strings.Cut(head, "; ")
		if mode != "secure" && mode != "standard" {
			t.Fatalf("group %q: mode %q", group, mode)
		}
		n, wrong := 0, 0
		for _, line := range strings.Split(strings.TrimSpace(rest), "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			out := d.Scan(text(strings.ReplaceAll(line, `\n`, "\n")))
			why := protective(out)
			if n++; (why != "") != (mode == "secure") {
				wrong++
				t.Logf("%s: %q %q %v", group, line, why, out.Topics)
			}
		}
		most, ok := mostWrong[group]
		if !ok {
			most = (n + 24) / 25
		}
		if n == 0 || wrong > most {
			t.Errorf("%s: %d of %d not %s, may be %d", group, wrong, n, mode, most)
		}
		t.Logf("%-36s %3d of %3d %s", group, n-wrong, n, mode)
	}
}
