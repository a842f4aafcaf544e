package observe

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
)

// secretWord stands in every value that must not show. It is no word, so that
// it occurs nowhere else, and has no digits, so that no pattern finds it.
const secretWord = "zebraquartz"

// secretLink is a link whose path holds the word in base64url.
func secretLink() (s gateway.LinkSecret) {
	copy(s[:], secretWord)
	return s
}

// leaks says which form of a secret stands in text, "" for none.
func leaks(text string) string {
	link := secretLink()
	for _, form := range []string{secretWord, strings.ToUpper(secretWord), link.Path(), fmt.Sprintf("%x", secretWord), fmt.Sprintf("%X", secretWord),
		strings.Trim(fmt.Sprint([]byte(secretWord)), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(secretWord)), "[]byte{}")} {
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

// nouns are all types that hold something of a message or a person.
func nouns() []any {
	return []any{
		new(gateway.Message), new(gateway.Envelope), new(gateway.Notice), new(gateway.Outcome), new(gateway.Link), new(gateway.LinkPage),
		new(gateway.Visitor), new(gateway.ProofResult), new(gateway.Grant), new(gateway.Mail), new(gateway.File), new(gateway.Submission),
		new(gateway.Recipient), new(gateway.Peer), new(gateway.Reading), new(gateway.Field), new(gateway.Part), new(gateway.Unreadable),
		new(gateway.Tags), new(gateway.Verdict), new(gateway.Explanation), new(gateway.Finding), new(gateway.Detections), new(gateway.Record),
		new(gateway.Sensitive), new(gateway.Address), new(gateway.LinkSecret), new(gateway.OwnDetector), new(gateway.Edit),
	}
}

// fill puts the secret into everything inside v that is of a type which
// redacts itself, and if all is set into every string and octet string too.
func fill(v reflect.Value, all bool, depth int) {
	if depth > 6 || !v.CanSet() {
		return
	}
	switch v.Addr().Interface().(type) {
	case *gateway.Sensitive:
		v.SetString("my " + secretWord)
		return
	case *gateway.Address:
		v.Set(reflect.ValueOf(gateway.MustAddress(secretWord + "@" + secretWord + ".example")))
		return
	case *gateway.LinkSecret:
		v.Set(reflect.ValueOf(secretLink()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if all {
			v.SetString("my " + secretWord)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), all, depth+1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), all, depth+1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if all {
				v.SetBytes([]byte(secretWord))
			}
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), all, depth+1)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String && all {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), reflect.ValueOf(secretWord).Convert(v.Type().Elem()))
		}
	}
}

func filled(all bool) []any {
	list := nouns()
	for _, n := range list {
		fill(reflect.ValueOf(n).Elem(), all, 0)
	}
	return list
}

// TestNoNounShowsItsSecretsUnderAnyVerb: what is sensitive by type stays so in
// any text that becomes an error.
func TestNoNounShowsItsSecretsUnderAnyVerb(t *testing.T) {
	for _, n := range filled(false) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			// Pointers in a list under %s and %q are out: fmt shows them as a wrong
			// verb, and then asks no type how it wants to be shown.
			for _, v := range []any{n, reflect.ValueOf(n).Elem().Interface(), []any{reflect.ValueOf(n).Elem().Interface()}} {
				if form := leaks(fmt.Sprintf(verb, v)); form != "" {
					t.Errorf("%T shows %q under %s", v, form, verb)
				}
			}
		}
	}
}

// TestLogShowsNoNoun logs every noun, with every string of it secret, under
// every key, at any depth, as value and as pointer.
func TestLogShowsNoNoun(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelDebug)
	for _, n := range filled(true) {
		value := reflect.ValueOf(n).Elem().Interface()
		for _, key := range append(keys[:], "subject", "msg", "time", "level", "") {
			log.Info("noun", key, n)
			log.Info("noun", key, value)
			log.With(key, value).WithGroup("g").Info("noun", slog.Group(key, key, value), slog.Any(key, []any{value}))
		}
	}
	if form := leaks(out.String()); form != "" {
		at := strings.Index(out.String(), form)
		t.Errorf("the log shows %q: …%s…", form, out.String()[max(0, at-150):at+30])
	}
}

// TestSecretsNeverReachTheLog draws random lines: errors around errors around
// nouns, addresses and links inside the text of foreign errors, groups, and
// keys in and out of the list.
func TestSecretsNeverReachTheLog(t *testing.T) {
	all := filled(false)
	link := secretLink()
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		log := NewLogger(&out, slog.LevelDebug)
		key := rapid.SampledFrom(append(keys[:], "subject", "to", "Error", "msg", "time", "level", "source"))
		var value func(depth int) any
		value = func(depth int) any {
			noun := rapid.SampledFrom(all).Draw(t, "noun")
			switch rapid.IntRange(0, 6).Draw(t, "shape") {
			case 0:
				return noun
			case 1:
				return reflect.ValueOf(noun).Elem().Interface()
			case 2:
				return fmt.Errorf("delivering %v: %w", noun, errors.New("550 no such user <"+secretWord+"@"+secretWord+".example>"))
			case 3:
				before := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "before")
				return before + " https://secure.clinic.example/m/" + link.Path() + rapid.SampledFrom([]string{"", " ", ">", "\n", "?x"}).Draw(t, "after")
			case 4:
				return slog.GroupValue(slog.Any(key.Draw(t, "inner"), noun))
			case 5:
				if depth < 3 {
					return []any{value(depth + 1)}
				}
			}
			return struct{ A any }{noun}
		}
		for range 5 {
			log.With(key.Draw(t, "with"), value(0)).Info("x", key.Draw(t, "key"), value(0))
		}
		if form := leaks(out.String()); form != "" {
			t.Fatalf("the log shows %q: %s", form, out.String())
		}
	})
}

// FuzzScrub: nothing that is an address, a link or a telephone number is left,
// whatever surrounds it, and scrubbing again changes nothing.
func FuzzScrub(f *testing.F) {
	f.Add("no such user ", " here")
	f.Add("<", ">")
	f.Add("\"", "\"@")
	f.Fuzz(func(t *testing.T, before, after string) {
		const number = "+15550001111"
		for _, secret := range []string{" " + secretWord + "@out.example ", " /m/" + strings.Repeat("A", 22) + " ", " " + number + " "} {
			got := Scrub(before + secret + after)
			if len(before) < 900 && strings.Contains(got, strings.TrimSpace(secret)) {
				t.Fatalf("%q is left in %q", secret, got)
			}
			if len(got) > 4000 {
				t.Fatalf("%d octets", len(got))
			}
			if want := scrubSlowly(before + secret + after); got != want {
				t.Fatalf("%q, by every rule %q", got, want)
			}
		}
	})
}

// scrubSlowly is Scrub by every rule, without a look at whether it may match.
func scrubSlowly(s string) string {
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	s = looksLikeAddress.ReplaceAllString(s, "[address]")
	s = looksLikeLink.ReplaceAllString(s, "/m/[link]")
	return looksLikeNumber.ReplaceAllString(s, "[number]")
}
