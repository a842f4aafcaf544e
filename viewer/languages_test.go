package viewer

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// sameInBoth are texts that are the same in English and in another language,
// looked at one by one. What only arranges numbers is exempt by its name.
func sameInBoth() map[string][]string {
	return map[string][]string{
		"de": {"files.of"}, "it": {"files.of"},
		"es": {"error.title", "files.of"},
		"fr": {"files.of", "kind.document"},
	}
}

// TestLanguagesSayTheSame: every language has every text, with the same things
// put in, the forms for numbers that its grammar has, and in its own words.
func TestLanguagesSayTheSame(t *testing.T) {
	names, err := fs.Glob(wordFiles, "words/*.json")
	if err != nil || len(names) < 6 {
		t.Fatalf("languages %v, %v", names, err)
	}
	english := textsOf(t, "words/en.json")
	for _, name := range names {
		lang := strings.TrimSuffix(path.Base(name), ".json")
		texts := textsOf(t, name)
		for _, id := range slices.Sorted(maps.Keys(english)) {
			if _, ok := texts[id]; !ok {
				t.Errorf("%s has no %q", lang, id)
				continue
			}
			checkText(t, lang, id, texts[id], english[id])
		}
		for id := range texts {
			if _, ok := english[id]; !ok {
				t.Errorf("%s has %q, which English has not", lang, id)
			}
		}
		checkFormats(t, lang, texts)
	}
}

// textsOf reads a file of words; a text without forms for numbers has the one
// form "".
func textsOf(t *testing.T, name string) map[string]map[string]string {
	t.Helper()
	raw, err := wordFiles.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	texts, written := map[string]map[string]string{}, 0
	for decoder.More() || written == 0 { // token by token, so that a key that stands twice is seen
		token, err := decoder.Token()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, ok := token.(json.Delim); ok && written == 0 {
			written++
			continue
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id := fmt.Sprint(token)
		if texts[id] != nil {
			t.Errorf("%s says %q twice", name, id)
		}
		texts[id] = map[string]string{}
		forms, ok := value.(map[string]any)
		if !ok {
			forms = map[string]any{"": value}
		}
		for form, text := range forms {
			texts[id][form] = fmt.Sprint(text)
		}
	}
	return texts
}

func checkText(t *testing.T, lang, id string, forms, english map[string]string) {
	t.Helper()
	_, counts := english["other"]
	want := []string{""}
	alone := map[string]bool{}
	if counts {
		want, alone = grammar(lang)
	}
	if got := slices.Sorted(maps.Keys(forms)); !slices.Equal(got, want) {
		t.Errorf("%s: %s has the forms %q, its grammar %q", lang, id, got, want)
		return
	}
	for form, text := range forms {
		if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) {
			t.Errorf("%s: %s is %q", lang, id, text)
		}
		expected := puts(english[""] + english["other"])
		if got := puts(text); got != expected && !(alone[form] && got == strings.ReplaceAll(expected, "{{.Count}}", "")) {
			t.Errorf("%s: %s (%s) puts in %s, English %s", lang, id, form, got, expected)
		}
		arranges := strings.HasPrefix(id, "format.") || strings.HasPrefix(id, "size.")
		if lang != "en" && !arranges && text == english[form] && !slices.Contains(sameInBoth()[lang], id) {
			t.Errorf("%s: %s is English: %q", lang, id, text)
		}
	}
}

// grammar is the forms for numbers that a language has up to some thousands
// (Unicode CLDR, plural rules), sorted, and which of them mean one number
// alone: these may say it in a word.
func grammar(lang string) (forms []string, alone map[string]bool) {
	names := map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}
	count := map[string]int{"other": 2}
	for n := range 5000 {
		count[names[plural.Cardinal.MatchPlural(language.MustParse(lang), n, 0, 0, 0, 0)]]++
	}
	alone = map[string]bool{}
	for form, n := range count {
		alone[form] = n == 1
	}
	return slices.Sorted(maps.Keys(count)), alone
}

// puts lists what is put into a text.
func puts(text string) string {
	found := regexp.MustCompile(`\{\{\.[A-Za-z]+\}\}`).FindAllString(text, -1)
	slices.Sort(found)
	return strings.Join(slices.Compact(found), "")
}

// checkFormats: dates need twelve months and seven days, each one word.
func checkFormats(t *testing.T, lang string, texts map[string]map[string]string) {
	t.Helper()
	if n := len(strings.Fields(texts["format.months"][""])); n != 12 {
		t.Errorf("%s has %d months", lang, n)
	}
	if n := len(strings.Fields(texts["format.weekdays"][""])); n != 7 {
		t.Errorf("%s has %d days", lang, n)
	}
	if clock := time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC).Format(texts["format.clock"][""]); !strings.Contains(clock, ":05") {
		t.Errorf("%s: five past two is %s", lang, clock)
	}
}

// TestEveryNumberHasItsForm says every text with a number with every number up
// to 120: no language falls back to English for want of a form.
func TestEveryNumberHasItsForm(t *testing.T) {
	c, err := loadWords(wordFiles)
	if err != nil {
		t.Fatal(err)
	}
	english := textsOf(t, "words/en.json")
	tried := 0
	for _, tag := range c.tags {
		w := c.in(time.UTC, tag.String(), "")
		known := textsOf(t, "words/"+tag.String()+".json")
		for id, forms := range english {
			if forms["other"] == "" {
				continue
			}
			for n := range 121 {
				tried++
				said := w.T(id, "Count", n)
				form := grammarForm(tag, n)
				if want := strings.ReplaceAll(known[id][form], "{{.Count}}", fmt.Sprint(n)); said != want {
					t.Errorf("%s: %s with %d is %q, want the form %s: %q", tag, id, n, said, form, want)
				}
			}
		}
	}
	if tried < 6*4*121 {
		t.Errorf("only %d tried", tried)
	}
}

func grammarForm(tag language.Tag, n int) string {
	return map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
}

// TestNamesKeepTheirDirection: what is put into a sentence of the other
// direction stands apart from it, and nothing else is touched.
func TestNamesKeepTheirDirection(t *testing.T) {
	c, err := loadWords(wordFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct{ lang, org, want string }{
		{"ar", "Clinic (Nord)", "\u2068Clinic (Nord)\u2069"}, {"en", "Clinic (Nord)", "Clinic (Nord)"},
		{"en", "\u0645\u0634\u0641\u0649 1", "\u2068\u0645\u0634\u0641\u0649 1\u2069"}, {"ar", "\u0645\u0634\u0641\u0649 1", "\u0645\u0634\u0641\u0649 1"},
		{"ar", "112", "112"}, {"ar", "\u2068a\u2069", "\u2068a\u2069"},
	} {
		if got := c.in(time.UTC, k.lang, "").T("root.title", "Org", k.org); !strings.Contains(got, k.want) || strings.Contains(k.want, "\u2068") != strings.Contains(got, "\u2068") {
			t.Errorf("%s: %q in %q", k.lang, k.org, got)
		}
	}
}
