package mailmsg

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// texts lists every text of a language under the name of its field.
func texts(v reflect.Value, name string, list map[string]string) {
	switch v.Kind() {
	case reflect.String:
		list[name] = v.String()
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), name+"."+v.Type().Field(i).Name, list)
		}
	}
}

// TestEveryLanguageHasEveryText: nothing is left empty or in English, and the
// gaps of a text are those of the English one.
func TestEveryLanguageHasEveryText(t *testing.T) {
	all := func(w words) map[string]string {
		list := map[string]string{}
		texts(reflect.ValueOf(w), "", list)
		return list
	}
	verbs := regexp.MustCompile(`%.`)
	gaps := func(s string) string { return strings.Join(verbs.FindAllString(s, -1), "") }
	own := all(english())
	if len(own) < 80 {
		t.Fatalf("only %d texts were found", len(own))
	}
	for _, language := range []string{"ar", "de", "fr", "it", "es"} {
		w := wordsFor(language + "-XX")
		if w.language != language {
			t.Errorf("%s has no texts", language)
		}
		for name, text := range all(w) {
			switch {
			case text == "" || strings.TrimSpace(text) != text:
				t.Errorf("%s%s is empty or begins or ends with a space", language, name)
			case text == own[name] && name != ".date":
				t.Errorf("%s%s is English", language, name)
			case gaps(text) != gaps(own[name]):
				t.Errorf("%s%s has gaps %q, not %q", language, name, gaps(text), gaps(own[name]))
			case strings.ContainsAny(text, "<>\r\n\t") || strings.Contains(text, "http") || isDigits.MatchString(text):
				t.Errorf("%s%s holds more than words", language, name)
			case strings.Contains(text, "  "):
				t.Errorf("%s%s holds two spaces", language, name)
			}
		}
		if n := len(strings.Fields(w.months)); n != 12 {
			t.Errorf("%s has %d months", language, n)
		}
		if w.rtl != (language == "ar") {
			t.Errorf("%s runs the wrong way", language)
		}
	}
}

var isDigits = regexp.MustCompile(`[0-9]`)
