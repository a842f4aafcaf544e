package viewer

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestWordsAreComplete(t *testing.T) {
	raw, err := wordFiles.ReadFile("words/en.json")
	if err != nil {
		t.Fatal(err)
	}
	english := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &english); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	sources := sourceFiles(t)
	for _, text := range sources {
		for _, m := range regexp.MustCompile(`\.T "([a-z_.]+)"|\.T\("([a-z_.]+)"`).FindAllStringSubmatch(text, -1) {
			used[m[1]+m[2]] = true
		}
	}
	for id := range used {
		if _, ok := english[id]; !ok && !strings.HasSuffix(id, ".") {
			t.Errorf("no English for %q", id)
		}
	}
	all := strings.Join(sources, "\n")
	for id := range english {
		if !used[id] && !strings.HasPrefix(id, "kind.") && !strings.Contains(all, `"`+strings.TrimSuffix(id, ".nohelp")+`"`) {
			t.Errorf("%q is said nowhere", id)
		}
	}
	if len(used) < 60 {
		t.Errorf("only %d texts found in use", len(used))
	}
}

func TestLanguageAndDirection(t *testing.T) {
	c, err := loadWords(wordFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range [][2]string{{"en", ""}, {"en-GB", "fr"}, {"", "xx;q=2,,,"}, {"not a tag", ""}, {"", ""}} {
		if w := c.in(time.UTC, k[0], k[1]); w.Lang != "en" || w.Dir != "ltr" {
			t.Errorf("%v: %s %s", k, w.Lang, w.Dir)
		}
	}
	for tag, want := range map[string]string{"ar": "rtl", "he-IL": "rtl", "fa": "rtl", "ur": "rtl", "de": "ltr", "az-Arab": "rtl", "pa": "ltr"} {
		if got := direction(mustTag(tag)); got != want {
			t.Errorf("%s is written %s", tag, got)
		}
	}
	noon := time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC)
	for tag, want := range map[string]string{"en": "Sunday, 1\u00a0March 2026, 2:05\u00a0pm\u00a0UTC", "de-AT": "Sonntag, 1.\u00a0M\u00e4rz 2026, 14:05\u00a0Uhr\u00a0UTC",
		"ar-EG": "\u0627\u0644\u0623\u062d\u062f\u060c 1 \u0645\u0627\u0631\u0633 2026\u060c \u0627\u0644\u0633\u0627\u0639\u0629 14:05 \u2068UTC\u2069",
		"fr":    "dimanche 1\u00a0mars 2026, 14:05\u00a0UTC", "it": "domenica 1\u00a0marzo 2026, 14:05\u00a0UTC", "es-MX": "domingo 1\u00a0de marzo de 2026, 14:05\u00a0UTC"} {
		if got := c.in(time.UTC, tag, "").Day(noon); got != want {
			t.Errorf("%s: %q", tag, got)
		}
	}
	if got := c.in(time.UTC, "", "de-CH, en;q=0.5").Size(1_340_000); got != "1,3 MB" {
		t.Errorf("German size: %q", got)
	}
	w := c.in(time.UTC, "en", "")
	if got := w.T("error.left", "Count", 1); got != "You have 1 try left, then there is a short break." {
		t.Errorf("singular: %q", got)
	}
	for n, want := range map[int64]string{1: "1 byte", 900: "900 bytes", 1500: "2 KB", 1_340_000: "1.3 MB"} {
		if got := w.Size(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}

func TestHelpLinks(t *testing.T) {
	for text, want := range map[string]string{
		"help@clinic.example": "mailto:help@clinic.example", "+1 (555) 000-1111": "tel:+15550001111", "Ask at the desk": "", "javascript:alert(1)": "",
		"a?subject=x@clinic.example": "", " 112 ": "tel:112", "12": "",
	} {
		if h := helpFrom(text); h == nil || string(h.Href) != want {
			t.Errorf("%q: %+v", text, h)
		}
	}
	if helpFrom(" ") != nil {
		t.Error("help from nothing")
	}
}
