package detect_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/gateway"
)

// trick is a way to write a value that a reader takes for the same.
type trick struct {
	name string
	do   func(r rnd, v string) string
	// of says for which types it makes sense; nil is all.
	of func(g *generated) bool
}

// each replaces every digit and letter of v.
func each(v string, f func(c rune) string) string {
	var b strings.Builder
	for _, c := range v {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			b.WriteString(f(c))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// eachDigit replaces every digit of v.
func eachDigit(v string, f func(d int) string) string {
	return each(v, func(c rune) string {
		if c > '9' {
			return string(c)
		}
		return f(int(c - '0'))
	})
}

// between puts s, which may depend on chance, between all characters of the
// value and drops its separators.
func between(v string, s func() string) string {
	var b strings.Builder
	each(v, func(c rune) string {
		if b.Len() > 0 {
			b.WriteString(s())
		}
		b.WriteRune(c)
		return ""
	})
	return b.String()
}

// inside puts s at one place within v.
func inside(r rnd, v, s string) string {
	i := 1 + r.IntN(len(v)-1)
	for strings.Contains(v, "account") && v[i-1] >= 'a' { // not within that word
		i = 1 + r.IntN(len(v)-1)
	}
	return v[:i] + s + v[i:]
}

// swapped replaces what stands between the groups of v; a value without groups
// gets them in fours.
func swapped(v, s string) string {
	if !strings.ContainsAny(v, " -.") {
		v = formed(v, "#### #### #### #### #### #### #### #### ###")
	}
	return strings.NewReplacer(" ", s, "-", s, ".", s).Replace(v)
}

var lookalikes = map[rune]rune{'A': 'А', 'B': 'В', 'C': 'С', 'E': 'Е', 'H': 'Н', 'K': 'К', 'M': 'М', 'P': 'Р', 'T': 'Т', 'X': 'Х', 'O': 'О', 'S': 'Ѕ', 'J': 'Ј', 'I': 'І', 'Y': 'Υ', 'Z': 'Ζ', 'N': 'Ν', 'D': 'Ｄ', 'F': 'Ｆ', 'R': 'Ｒ', 'W': 'Ｗ'}

func hasLetters(g *generated) bool {
	return strings.ContainsAny(g.make(rand.New(rand.NewPCG(1, 1))), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") || g.typ == "iban"
}

// grouped are the types that people write in groups of their own. What has no
// checksum or is a code of letters is what it is by its form.
func grouped(g *generated) bool {
	switch g.typ {
	case "bic", "bitcoin", "ethereum", "passport", "bank_account", "ein", "ca.ab_phn":
		return false
	}
	return true
}

func spoken(g *generated) bool {
	v := g.make(rand.New(rand.NewPCG(1, 1)))
	return len(v) <= 12 && strings.Trim(v, digits) == "" && grouped(g)
}

// exact are the types in which capitals and small letters differ.
func exact(g *generated) bool { return g.typ == "bitcoin" || g.typ == "ethereum" }

func words(list string) func(rnd, string) string {
	w := strings.Fields(list)
	return func(r rnd, v string) string {
		var all []string
		eachDigit(v, func(d int) string {
			all = append(all, w[d])
			return ""
		})
		return strings.Join(all, []string{" ", ", ", "-", " "}[r.IntN(4)])
	}
}

func same(s string) func() string { return func() string { return s } }

var tricks = []trick{
	{"zero width", func(r rnd, v string) string {
		return each(v, func(c rune) string { return string(c) + pick(r, "\u200b \u200c \u200d \ufeff \u2060") })
	}, nil},
	{"soft hyphen", func(r rnd, v string) string { return inside(r, v, "\u00ad") }, nil},
	{"full width", func(r rnd, v string) string { return each(v, func(c rune) string { return string(c + 0xfee0) }) }, nil},
	{"circled", func(r rnd, v string) string {
		return eachDigit(v, func(d int) string {
			return []string{"⓪①②③④⑤⑥⑦⑧⑨", "⓿❶❷❸❹❺❻❼❽❾"}[r.IntN(2)][3*d : 3*d+3]
		})
	}, nil},
	{"mathematical", func(r rnd, v string) string {
		return eachDigit(v, func(d int) string { return string(rune(0x1d7ce + 10*r.IntN(5) + d)) })
	}, nil},
	{"superscript", func(r rnd, v string) string {
		return eachDigit(v, func(d int) string { return string([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[d]) })
	}, nil},
	{"other scripts", func(r rnd, v string) string {
		zero := []rune{'٠', '۰', '०', '০', '๐'}[r.IntN(5)]
		return eachDigit(v, func(d int) string { return string(zero + rune(d)) })
	}, nil},
	{"keycaps", func(r rnd, v string) string {
		return eachDigit(v, func(d int) string { return fmt.Sprint(d) + "\ufe0f\u20e3" })
	}, nil},
	{"struck out", func(r rnd, v string) string { return each(v, func(c rune) string { return string(c) + "\u0336" }) }, nil},
	{"lookalikes", func(r rnd, v string) string {
		return each(v, func(c rune) string {
			if q, ok := lookalikes[c]; ok && r.IntN(2) == 0 {
				c = q
			}
			return string(c)
		})
	}, hasLetters},
	{"O for 0", func(r rnd, v string) string {
		return eachDigit(v, func(d int) string {
			if d == 0 {
				return pick(r, "O o О")
			}
			return fmt.Sprint(d)
		})
	}, func(g *generated) bool { return !exact(g) && g.typ != "passport" && g.typ != "bic" }},
	{"l for 1", func(r rnd, v string) string {
		return eachDigit(v, func(d int) string {
			if d == 1 {
				return pick(r, "l I")
			}
			return fmt.Sprint(d)
		})
	}, func(g *generated) bool { return !exact(g) && g.typ != "passport" && g.typ != "bic" }},
	{"spaced out", func(r rnd, v string) string {
		return between(v, same([]string{"_", "\u2009", "\u00a0", "."}[r.IntN(4)]))
	}, grouped},
	{"blanks", func(r rnd, v string) string { return between(v, same(" ")) }, grouped},
	{"hyphens", func(r rnd, v string) string { return between(v, same("-")) }, grouped},
	{"in pairs", func(r rnd, v string) string {
		return formed(between(v, same("")), "## ## ## ## ## ## ## ## ## ## ## ## ## ## ## ## ##")
	}, func(g *generated) bool { return grouped(g) && !hasLetters(g) }},
	{"dots", func(r rnd, v string) string { return swapped(v, ".") }, grouped},
	{"slashes", func(r rnd, v string) string { return swapped(v, "/") }, grouped},
	{"underscores", func(r rnd, v string) string { return swapped(v, "_") }, grouped},
	{"dashes", func(r rnd, v string) string { return swapped(v, pick(r, "– — ‑ − ‐")) }, grouped},
	{"spaced dashes", func(r rnd, v string) string { return swapped(v, " - ") }, grouped},
	{"two blanks", func(r rnd, v string) string { return swapped(v, "  ") }, grouped},
	{"commas", func(r rnd, v string) string { return swapped(v, ",") }, grouped},
	{"asterisks", func(r rnd, v string) string { return swapped(v, "*") }, grouped},
	{"middle dots", func(r rnd, v string) string { return swapped(v, pick(r, "· • ∙")) }, grouped},
	{"line break", func(r rnd, v string) string { return swapped(v, "\n") }, grouped},
	{"wrapped", func(r rnd, v string) string { return strings.Replace(swapped(v, " "), " ", "\r\n", 1) }, grouped},
	{"quoted", func(r rnd, v string) string { return strings.Replace(swapped(v, " "), " ", "\n> ", 1) }, grouped},
	{"soft break", func(r rnd, v string) string { return inside(r, v, "=\r\n") }, nil},
	{"entities", func(r rnd, v string) string { return each(v, func(c rune) string { return fmt.Sprintf("&#%d;", c) }) }, nil},
	{"hex entities", func(r rnd, v string) string { return each(v, func(c rune) string { return fmt.Sprintf("&#x%X;", c) }) }, nil},
	{"named entities", func(r rnd, v string) string {
		return strings.ReplaceAll(inside(r, v, pick(r, "&shy; &zwnj; &zwj;")), " ", "&nbsp;")
	}, nil},
	{"backwards", func(r rnd, v string) string {
		c := []rune(v)
		for i, j := 0, len(c)-1; i < j; i, j = i+1, j-1 {
			c[i], c[j] = c[j], c[i]
		}
		return "\u202e" + string(c) + "\u202c"
	}, nil},
	{"English words", words("zero one two three four five six seven eight nine"), spoken},
	{"English words, oh", words("oh one two three four five six seven eight nine"), spoken},
	{"words and digits", func(r rnd, v string) string {
		names, which := strings.Fields("zero one two three four five six seven eight nine"), r.IntN(2)
		var all []string
		eachDigit(v, func(d int) string {
			if which++; which%2 == 0 {
				all = append(all, names[d])
			} else {
				all = append(all, fmt.Sprint(d))
			}
			return ""
		})
		return strings.Join(all, []string{" ", ", ", "-", " "}[r.IntN(4)])
	}, spoken},
	{"Spanish words", words("cero uno dos tres cuatro cinco seis siete ocho nueve"), spoken},
	{"French words", words("zéro un deux trois quatre cinq six sept huit neuf"), spoken},
	{"German words", words("null eins zwei drei vier fünf sechs sieben acht neun"), spoken},
	{"small letters", func(r rnd, v string) string { return strings.ToLower(v) }, func(g *generated) bool { return hasLetters(g) && !exact(g) && g.typ != "bic" }},
}

// said are sentences for values in disguise.
var said = []string{"%L: %V", "My %L is %V.", "%L %V", "Please note the %L %V, thanks.", "The %L (%V) is new"}

// TestSpellings writes each type of identifier with each trick and expects nine
// of ten to be found, at the place where they stand. The sum per trick and per
// type is printed.
func TestSpellings(t *testing.T) {
	const n = 40
	d := newDetector(t)
	type count struct{ hit, n int }
	byTrick, byType, all := map[string]*count{}, map[string]*count{}, count{}
	for k, g := range generatedTypes {
		byType[g.typ] = &count{}
		for j, tr := range tricks {
			if byTrick[tr.name] == nil {
				byTrick[tr.name] = &count{}
			}
			if tr.of != nil && !tr.of(&g) {
				continue
			}
			cell := count{}
			for i := range n {
				r := rand.New(rand.NewPCG(uint64(i), uint64(100*k+j)))
				v := g.make(r)
				v = formed(v, g.form(r.IntN(len(g.forms)), v))
				text, from, to := sentence(r, said[r.IntN(len(said))], g.labels[r.IntN(len(g.labels))], tr.do(r, v))
				cell.n++
				if spottedAt(findings(d, text), g.typ, from, to) {
					cell.hit++
				} else if cell.n-cell.hit <= 2 {
					t.Logf("%s, %s: missed in %q", g.typ, tr.name, text)
				}
			}
			for _, c := range []*count{byTrick[tr.name], byType[g.typ], &all} {
				c.hit, c.n = c.hit+cell.hit, c.n+cell.n
			}
			if 10*cell.hit < 9*cell.n {
				t.Errorf("%s, %s: %d of %d", g.typ, tr.name, cell.hit, cell.n)
			}
		}
	}
	var table strings.Builder
	for _, tr := range tricks {
		c := byTrick[tr.name]
		fmt.Fprintf(&table, "%-18s %.3f (%d of %d)\n", tr.name, float64(c.hit)/float64(c.n), c.hit, c.n)
	}
	for _, g := range generatedTypes {
		c := byType[g.typ]
		fmt.Fprintf(&table, "%-18s %.3f (%d of %d)\n", g.typ, float64(c.hit)/float64(c.n), c.hit, c.n)
	}
	t.Logf("\n%sall %.4f (%d of %d)", &table, float64(all.hit)/float64(all.n), all.hit, all.n)
}

// spottedAt reports whether a finding of typ lies in [from, to) and covers at
// least a quarter of it: words may stand between a sort code and its account.
func spottedAt(found []gateway.Finding, typ string, from, to int) bool {
	for _, f := range found {
		if f.Type == typ && f.Level >= gateway.Medium && f.Start >= from && f.End <= to && 4*(f.End-f.Start) >= to-from {
			return true
		}
	}
	return false
}
