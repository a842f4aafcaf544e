package text

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
	"pgregory.net/rapid"
)

// TestLimits: how much one segment and each of several holds, escapes counted
// twice.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
		gsm  bool
	}{
		{"", 1, true},
		{strings.Repeat("a", 160), 1, true}, {strings.Repeat("a", 161), 2, true},
		{strings.Repeat("a", 306), 2, true}, {strings.Repeat("a", 307), 3, true},
		{strings.Repeat("€", 80), 1, true}, {strings.Repeat("€", 81), 2, true},
		{strings.Repeat("€", 152), 2, true}, {strings.Repeat("€", 153), 3, true},
		{strings.Repeat("я", 70), 1, false}, {strings.Repeat("я", 71), 2, false},
		{strings.Repeat("я", 134), 2, false}, {strings.Repeat("я", 135), 3, false},
		{strings.Repeat("🙂", 35), 1, false}, {strings.Repeat("🙂", 36), 2, false},
		{strings.Repeat("🙂", 66), 2, false}, {strings.Repeat("🙂", 67), 3, false},
		{strings.Repeat("a", 153*255), 255, true}, {strings.Repeat("я", 67*255), 255, false},
	} {
		n, gsm := Texts{}.Fits(c.text)
		segments, err := Texts{}.Compose(c.text, 0xABCD)
		if n != c.want || gsm != c.gsm || len(segments) != c.want || err != nil {
			t.Errorf("%d times %.4q: %d, %v, %d segments, %v", utf8.RuneCountInString(c.text), c.text, n, gsm, len(segments), err)
		}
		for _, s := range segments {
			checkSize(t, s, len(segments), gsm)
		}
	}
}

func checkSize(t *testing.T, s gateway.Segment, of int, gsm bool) {
	t.Helper()
	limit := map[bool]int{true: wholeGSM, false: 140}[gsm]
	if of > 1 {
		limit = map[bool]int{true: 6 + partGSM, false: 140}[gsm]
		if s.ESMClass != udhi || string(s.Short[:4]) != "\x05\x00\x03\xCD" {
			t.Errorf("a part begins with %x, esm_class %x", s.Short[:4], s.ESMClass)
		}
	}
	if len(s.Short) > limit {
		t.Errorf("%d octets in a segment of %d", len(s.Short), limit)
	}
}

// TestTooLong: above 255 segments nothing is composed.
func TestTooLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 153*255+1), strings.Repeat("я", 67*255+1)} {
		if s, err := (Texts{}).Compose(text, 1); !errors.Is(err, ErrTooLong) || s != nil {
			t.Errorf("%d segments, %v", len(s), err)
		}
		if n, _ := (Texts{}).Fits(text); n != 256 {
			t.Errorf("Fits says %d", n)
		}
	}
}

// TestNoCut: each part is a text of its own: no half escape, no half pair, and
// no character that a person sees as one in two parts.
func TestNoCut(t *testing.T) {
	for _, unit := range []string{"€", "🙂", "👩‍⚕️", "e\u0301", "🇩🇪", "👍🏽", "👨‍👩‍👧‍👦", "न्", "❤️", "1️⃣"} {
		for pad := range 70 {
			text := strings.Repeat("x", pad) + strings.Repeat(unit, 40)
			segments, err := Texts{}.Compose(text, 1)
			if err != nil {
				t.Fatal(err)
			}
			for i := range segments {
				r := Texts{}.Read(segments[i : i+1])
				got := strings.TrimLeft(r.Parts[0].Text.Reveal(), "x")
				if strings.ReplaceAll(got, unit, "") != "" || len(r.Uncertain) > 0 {
					t.Errorf("%q after %d: part %d is %q %v", unit, pad, i+1, got, r.Uncertain)
				}
			}
		}
	}
}

// TestEndlessCluster: marks without end are cut, and in linear time.
func TestEndlessCluster(t *testing.T) {
	text := "a" + strings.Repeat("\u0301", 5000)
	segments, err := Texts{}.Compose(text, 1)
	if err != nil || (Texts{}).Read(segments).Parts[0].Text.Reveal() != text {
		t.Errorf("%d segments, %v", len(segments), err)
	}
}

// TestLineEnds: a telephone has LF.
func TestLineEnds(t *testing.T) {
	s, err := Texts{}.Compose("a\r\nb\rc\nd\r\n\r\n", 0)
	if err != nil || string(s[0].Short) != "a\nb\nc\nd\n\n" {
		t.Errorf("%q, %v", s[0].Short, err)
	}
}

// TestPartsAlone: the parts of any text read one by one give the text.
func TestPartsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("a1 €[]é🙂я\u200D\u0301🇩🇪\n")), 60, 600, -1).Draw(t, "text")
		segments, err := Texts{}.Compose(text, 3)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for i := range segments {
			got.WriteString(Texts{}.Read(segments[i : i+1]).Parts[0].Text.Reveal())
		}
		if got.String() != text {
			t.Fatalf("%q of %q", got.String(), text)
		}
	})
}

// TestNaughtyStrings: the outside set survives composing and reading.
func TestNaughtyStrings(t *testing.T) {
	for _, text := range naughty(t) {
		segments, err := Texts{}.Compose(text, 77)
		if err != nil {
			t.Fatal(err)
		}
		r := Texts{}.Read(segments)
		if got := r.Parts[0].Text.Reveal(); got != clean(text) || len(r.Uncertain)+len(r.Unreadable) > 0 {
			t.Errorf("%q is read as %q %v", text, got, r.Uncertain)
		}
	}
}

func naughty(t *testing.T) (texts []string) {
	t.Helper()
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Skip("GATEPOST_TESTDATA is unset: the outside cases of naughty-strings are NOT tested")
	}
	f, err := os.Open(filepath.Join(dir, "naughty-strings", "data", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, c.Text)
	}
	if len(texts) < 100 || texts[10] == "" && texts[11] == "" {
		t.Fatalf("only %d strings", len(texts))
	}
	return texts
}
