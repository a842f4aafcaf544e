package detect_test

import (
	"html"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"gatepost/gateway"
)

// plainValue is what a reader sees of s: letters and digits, in capitals.
func plainValue(s string) string {
	s = html.UnescapeString(strings.ReplaceAll(s, "=\r\n", ""))
	s = strings.NewReplacer("⓿", "0", "❶", "1", "❷", "2", "❸", "3", "❹", "4", "❺", "5", "❻", "6", "❼", "7", "❽", "8", "❾", "9").Replace(s)
	var b strings.Builder
	for _, c := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Nd, c) && c > '9':
			zero := c
			for unicode.Is(unicode.Nd, zero-1) && zero-1 > '9' && (c < 0x1d7ce || zero > 0x1d7ce) {
				zero--
			}
			b.WriteByte('0' + byte(c-zero)%10)
		case unicode.IsLetter(c) || unicode.IsDigit(c):
			b.WriteRune(unicode.ToUpper(c))
		}
	}
	return b.String()
}

// surroundings are texts whose code points, octets and columns differ.
var surroundings = []string{
	"👩‍👩‍👧‍👦 ", "שלום, הנה המספר: ", "مرحبا ", "ｆｕｌｌ　ｗｉｄｔｈ ", "z\u200be\u200dr\ufeffo ", "ﬃ ﬁ ﷺ ㎏ ", "e\u0301a\u0308 ", "naïve café ", "日本語のテキスト ", "&amp;&lt;&eacute; ", "a=\r\nb ",
	"\u202bעברית\u202c ", "🇩🇪 ", "\U000e0067\U000e007f ", "plain words ", "\r\n\r\n", "ǅ Ⅻ ½ ", "\t", "\x00\xff ", "नमस्ते ", "…—“”’ ",
}

// TestOffsets: in texts of all scripts, with values in disguise, a finding's
// place holds the value that was put there: nothing cut, nothing shifted, no
// separator at its ends.
func TestOffsets(t *testing.T) {
	d := newDetector(t)
	disguises := tricks[:9]
	for _, tr := range tricks {
		if strings.Contains(tr.name, "entities") || tr.name == "soft break" {
			disguises = append(disguises[:len(disguises):len(disguises)], tr)
		}
	}
	found := 0
	for i := range 4000 {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		around := func() (s string) {
			for range r.IntN(6) {
				s += surroundings[r.IntN(len(surroundings))]
			}
			if i%500 == 0 {
				s += strings.Repeat(s+"wörd ", 20000)
			}
			return s
		}
		g := &generatedTypes[r.IntN(len(generatedTypes))]
		if g.typ == "bank_account" {
			continue // its forms hold words
		}
		value := g.make(r)
		shown := formed(value, g.form(r.IntN(len(g.forms)), value))
		if r.IntN(3) > 0 {
			shown = disguises[r.IntN(len(disguises))].do(r, shown)
		}
		before := around() + g.labels[r.IntN(len(g.labels))] + ": "
		text := before + shown + " " + around()
		runes := []rune(text)
		from, to := len([]rune(before)), len([]rune(before+shown))
		for _, f := range findings(d, text) {
			if f.Start < 0 || f.End > len(runes) || f.Start >= f.End {
				t.Fatalf("%s at %d:%d of %d code points", f.Type, f.Start, f.End, len(runes))
			}
			if f.Type != g.typ || f.Start >= to || f.End <= from || f.Level < gateway.Medium {
				continue
			}
			found++
			if got, want := plainValue(string(runes[f.Start:f.End])), strings.ToUpper(value); got != want {
				t.Errorf("%s: %q stands at %d:%d, want %q of %q", g.typ, got, f.Start, f.End, want, text)
			}
			if f.Start < from || f.End > to {
				t.Errorf("%s: %d:%d is wider than %d:%d in %q", g.typ, f.Start, f.End, from, to, text)
			}
		}
	}
	if found < 3500 {
		t.Errorf("%d of 4,000 found: too few to say anything", found)
	}
}
