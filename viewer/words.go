package viewer

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/bidi"
)

// wordFiles holds one file a language, named by its BCP 47 tag. English has
// every text; where another language lacks one, English stands in.
//
//go:embed words/*.json
var wordFiles embed.FS

// catalogue holds the texts of all pages in all languages.
type catalogue struct {
	bundle  *i18n.Bundle
	tags    []language.Tag // English first
	matcher language.Matcher
}

func loadWords(files fs.FS) (*catalogue, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(files, "words/*.json")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no files with words: %w", fs.ErrNotExist)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading words: %w", err)
		}
		if _, err := bundle.ParseMessageFileBytes(raw, path.Base(name)); err != nil {
			return nil, fmt.Errorf("reading words of %s: %w", path.Base(name), err)
		}
	}
	tags := bundle.LanguageTags()
	return &catalogue{bundle: bundle, tags: tags, matcher: language.NewMatcher(tags)}, nil
}

// words are the texts of one language.
type words struct {
	Lang string // BCP 47, for <html lang>
	Dir  string // ltr or rtl
	say  *i18n.Localizer
	at   *time.Location
}

// in picks the best language: what the correspondent's record says, else what
// the browser asks for.
func (c *catalogue) in(at *time.Location, record, browser string) words {
	wanted := make([]language.Tag, 0, 4)
	if tag, err := language.Parse(record); err == nil && record != "" {
		wanted = append(wanted, tag)
	}
	if tags, _, err := language.ParseAcceptLanguage(cutTo(browser, 256)); err == nil {
		wanted = append(wanted, tags...)
	}
	_, n, _ := c.matcher.Match(wanted...)
	tag := c.tags[n]
	return words{Lang: tag.String(), Dir: direction(tag), say: i18n.NewLocalizer(c.bundle, tag.String()), at: at}
}

// direction of writing of a language.
func direction(tag language.Tag) string {
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	default:
		return "ltr"
	}
}

// T is the text id with pairs of names and values put in. A value named Count
// chooses between singular and plural. A text that is missing everywhere shows
// as its id; a test keeps that from happening.
func (w words) T(id string, pairs ...any) string {
	data := make(map[string]any, len(pairs)/2)
	for n := 0; n+1 < len(pairs); n += 2 {
		if name, ok := pairs[n].(string); ok {
			data[name] = w.apart(pairs[n+1])
		}
	}
	text, err := w.say.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: data, PluralCount: data["Count"]})
	if text == "" && err != nil {
		return id
	}
	return text
}

// apart keeps a value that is written in the other direction apart from the
// sentence around it: a Latin name at the end of an Arabic sentence would else
// take the full stop with it (Unicode Standard Annex 9, section 2.7).
func (w words) apart(value any) any {
	s, ok := value.(string)
	if !ok || strings.HasPrefix(s, firstStrong) || strings.HasPrefix(s, leftToRight) {
		return value
	}
	for _, r := range s {
		p, _ := bidi.LookupRune(r)
		class := p.Class()
		if w.Dir == "rtl" && class == bidi.L || w.Dir != "rtl" && (class == bidi.R || class == bidi.AL) {
			return firstStrong + s + popIsolate
		}
	}
	return value
}

// Characters around what keeps a direction of its own.
const (
	firstStrong = "\u2068" // its first letter decides
	leftToRight = "\u2066"
	popIsolate  = "\u2069"
)

// Day is a date and time as people write it.
func (w words) Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(w.at)
	return w.T("format.day", "Weekday", nth(w.T("format.weekdays"), int(t.Weekday())), "Day", t.Day(),
		"Month", nth(w.T("format.months"), int(t.Month())-1), "Year", t.Year(), "Clock", w.Clock(t), "Zone", t.Format("MST"))
}

// nth is word n of a list, "" when it has none.
func nth(list string, n int) string {
	if words := strings.Fields(list); n < len(words) {
		return words[n]
	}
	return ""
}

// Clock is a time of day.
func (w words) Clock(t time.Time) string { return t.In(w.at).Format(w.T("format.clock")) }

// Keep is a masked address or number inside of a sentence: it is not broken
// over two lines, and reads from left to right in every language. A number has
// no letter that would say so.
func (w words) Keep(s string) string {
	return leftToRight + strings.ReplaceAll(s, " ", "\u00a0") + popIsolate
}

// Size is a number of octets in words.
func (w words) Size(n int64) string {
	switch {
	case n >= 1_000_000:
		return w.T("size.mb", "N", strings.Replace(fmt.Sprintf("%.1f", float64(n)/1e6), ".", w.T("format.decimal"), 1))
	case n >= 1_000:
		return w.T("size.kb", "N", fmt.Sprint((n+500)/1000))
	default:
		return w.T("size.b", "Count", int(n))
	}
}
