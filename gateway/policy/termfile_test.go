package policy

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// TestProblemsOfFiles: what is wrong in a file of words is told with the name,
// the line and the column of that file.
func TestProblemsOfFiles(t *testing.T) {
	files := map[string]string{
		"empty": "# nothing\n\n", "blank": "zebra\n\n   --- \n", "latin": "good\n  caf\xe9\n", "nul": "a\x00b\n", "long": strings.Repeat("x", 300) + "\n",
		"wide": strings.Repeat("a ", 17) + "\n", "compound": "é " + strings.Repeat("x", 65), "two": "...\n\x01\n", "many": strings.Repeat("x\n", maxTerms+1),
		"large": strings.Repeat("x", maxTermFile+1), "crlf": "\xef\xbb\xbfzebra\r\n quartz \r\n", "marks": "---\n", "separators": "zebra\n a\u2028 \u2028b\n", "accent": "e\u0301\n\u0301\n", "comments": "zebra # with TLS\nC# x\t#y # z\nward#3\n",
	}
	load := func(section string) (*Policy, error) {
		return LoadWith("/etc/gp/p.yaml", []byte("policy: p\n"+section+"\n"), Options{ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[strings.TrimPrefix(name, "/etc/gp/")]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		}})
	}
	words := func(name string) string { return "detectors: {x: {words_file: " + name + "}}" }
	for section, want := range map[string]string{
		words("empty"):    "/etc/gp/p.yaml:2:13: detector x has no words",
		words("blank"):    `/etc/gp/blank:3:4: detector x: "---" has no letter and no digit`,
		words("latin"):    "/etc/gp/latin:2:6: detector x: is not UTF-8",
		words("nul"):      "/etc/gp/nul:1:2: detector x: a control character",
		words("long"):     "/etc/gp/long:1:251: detector x: is longer than 250 characters: one word or phrase a line",
		words("wide"):     "/etc/gp/wide:1:1: detector x: " + quote(strings.TrimSpace(files["wide"])) + " has more than 16 words",
		words("compound"): "/etc/gp/compound:1:1: detector x: " + quote(files["compound"]) + " has a word of more than 64 octets",
		words("accent"):   "/etc/gp/accent:2:1: detector x: " + quote("\u0301") + " has no letter and no digit",
		words("two"):      "/etc/gp/two:1:1: detector x: \"...\" has no letter and no digit\n/etc/gp/two:2:1: detector x: a control character",
		words("many"):     "/etc/gp/p.yaml:2:29: detector x: /etc/gp/many has more than 500000 words",
		words("large"):    "/etc/gp/p.yaml:2:29: detector x: /etc/gp/large is larger than 16 MiB",
		words("absent"):   "/etc/gp/p.yaml:2:29: detector x: file does not exist",
		`detectors: {x: {words: [a, "b\nc", "b,\n\nc"]}}`: "/etc/gp/p.yaml:2:36: detector x: " + quote("b,\n\nc") + " has an empty line, over which no phrase goes on: write a blank instead",
		words("separators"):         "/etc/gp/separators:2:2: detector x: " + quote("a\u2028 \u2028b") + " has an empty line, over which no phrase goes on: write a blank instead",
		"lists: {x: {file: latin}}": "/etc/gp/latin:2:6: list x: is not UTF-8",
		"detectors: {x: {words: [a, '-', [b]]}}": "/etc/gp/p.yaml:2:28: detector x: \"-\" has no letter and no digit\n" +
			"/etc/gp/p.yaml:2:33: detector x must be a text",
	} {
		if _, err := load(section); err == nil || err.Error() != want {
			t.Errorf("%s: got\n%v\nwant\n%s", section, err, want)
		}
	}
	if p, err := load("lists: {x: {file: comments}}"); err != nil || fmt.Sprintf("%q", p.lists["x"].words) != `["zebra" "C# x" "ward#3"]` {
		t.Errorf("got %+v %v", p, err)
	}
	p, err := load("lists: {x: {file: marks}}\n" + words("crlf"))
	if err != nil || fmt.Sprint(p.Detectors()[0].Words, p.lists["x"].words) != "[zebra quartz] [---]" {
		t.Errorf("got %+v %v", p, err)
	}
}
