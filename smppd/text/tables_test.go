package text

import (
	"slices"
	"testing"

	"gatepost/gateway"
)

// TestEveryCharacterOfTheDefaultAlphabet: each goes out in GSM 7-bit and is
// read as itself, the extension behind an escape.
func TestEveryCharacterOfTheDefaultAlphabet(t *testing.T) {
	for r, v := range septets {
		if r == '\r' {
			continue // becomes LF
		}
		s, err := Texts{}.Compose(string(r), 0)
		if err != nil || len(s) != 1 || s[0].DataCoding != 0 {
			t.Fatalf("%q: %+v, %v", r, s, err)
		}
		want := []byte{byte(v)}
		if v > 0x7F {
			want = []byte{escape, byte(v)}
		}
		if !slices.Equal(s[0].Short, want) {
			t.Errorf("%q is %x, want %x", r, s[0].Short, want)
		}
		if got := (Texts{}).Read(s).Parts[0].Text.Reveal(); got != string(r) {
			t.Errorf("%q is read as %q", r, got)
		}
	}
	if len(septets) != 127+10 {
		t.Errorf("%d characters, want 127 and 10 of the extension", len(septets))
	}
}

// TestKnownSeptets are facts of 3GPP TS 23.038 by hand.
func TestKnownSeptets(t *testing.T) {
	for text, want := range map[string]string{
		"@": "\x00", "$": "\x02", "_": "\x11", "¡": "\x40", "§": "\x5F", "¿": "\x60", "à": "\x7F", "Δ": "\x10", "Å": "\x0E",
		"ß": "\x1E", "É": "\x1F", "\n": "\x0A", "¤": "\x24", "Ñ": "\x5D", "Ç": "\x09",
		"€": "\x1B\x65", "[": "\x1B\x3C", "]": "\x1B\x3E", "{": "\x1B\x28", "}": "\x1B\x29", "\\": "\x1B\x2F", "~": "\x1B\x3D",
		"^": "\x1B\x14", "|": "\x1B\x40", "\f": "\x1B\x0A",
	} {
		s, err := Texts{}.Compose(text, 0)
		if err != nil || string(s[0].Short) != want {
			t.Errorf("%q is %x, want %x: %v", text, s[0].Short, want, err)
		}
	}
}

// national is a segment with the tables of a language.
func national(id byte, language byte, septets string) []gateway.Segment {
	return []gateway.Segment{{ESMClass: udhi, Short: []byte("\x03" + string([]byte{id, 1, language}) + septets)}}
}

// TestNationalTables are facts of annex A, a few of each language.
func TestNationalTables(t *testing.T) {
	for _, c := range []struct {
		id, language byte
		septets      string
		want         string
	}{
		{ieLocking, turkish, "\x07\x0B\x0C\x1C\x1D\x40\x60\x04", "ıĞğŞşİç€"},
		{ieSingle, turkish, "\x1Bg\x1Bi\x1Bs\x1Bc\x1BG\x1BI\x1BS\x1Be", "ğışçĞİŞ€"},
		{ieSingle, spanish, "\x1Ba\x1Bi\x1Bo\x1Bu\x1BA\x1BI\x1BO\x1BU\x1B\x09", "áíóúÁÍÓÚç"},
		{ieLocking, portuguese, "\x04\x06\x07\x08\x0B\x0C\x0E\x0F\x12\x15\x5B\x5C\x7B\x7C\x7D", "êúíóÔôÁáª∞ÃÕãõ`"},
		{ieSingle, portuguese, "\x1B\x05\x1B\x7B\x1B\x7C\x1B\x7F\x1B\x61\x1B\x41\x1B\x12", "êãõâÂÀΦ"},
		{ieLocking, bengali, "\x15\x5F\x15\x60\x7F", "ক্কৎৱ"},
		{ieLocking, gujarati, "\x15\x50\x60", "કાૐ"},
		{ieLocking, hindi, "\x28\x4C\x42\x4C\x5F\x27\x59\x29", ")समस्ते("},
		{ieLocking, kannada, "\x15\x5F\x7F", "ಕ್ೣ"},
		{ieLocking, malayalam, "\x15\x5F\x7F", "ക്൹"},
		{ieLocking, oriya, "\x15\x5F\x7B", "କ୍ୗ"},
		{ieLocking, punjabi, "\x15\x4E\x60\x7F", "ਕ਼ੑੴ"},
		{ieLocking, tamil, "\x15\x42\x5F\x7B", "கம்ௗ"},
		{ieLocking, telugu, "\x00\x15\x5F\x7B", "ఁక్ౖ"},
		{ieLocking, urdu, "\x00\x02\x47\x5E\x7F", "ابکُٰ"},
		{ieSingle, bengali, "\x1B\x19\x1B\x23\x1B\x24\x1B\x34", "০৯\u09DF৺"},
		{ieSingle, hindi, "\x1B\x19\x1B\x1C\x1B\x25\x1B\x2C\x1BA\x1B\x3A", "।०९\u0958Aॱ"},
		{ieSingle, tamil, "\x1B\x1C\x1B\x2E", "௦௺"},
		{ieSingle, telugu, "\x1B\x19\x1B\x1C\x1B\x32", "Θ౦౿"},
		{ieSingle, malayalam, "\x1B\x34", "ൿ"},
		{ieSingle, gujarati, "\x1B\x1C\x1B\x26", "૦&"},
		{ieSingle, kannada, "\x1B\x2A", "ೲ"},
		{ieSingle, oriya, "\x1B\x2C", "ୱ"},
		{ieSingle, punjabi, "\x1B\x2D", "ੵ"},
		{ieSingle, urdu, "\x1B\x19\x1B\x1C\x1B\x26\x1B\x3F\x1B\x3B", "\u0600۰،۔ۍ"},
	} {
		r := Texts{}.Read(national(c.id, c.language, c.septets))
		if got := r.Parts[0].Text.Reveal(); got != c.want || len(r.Uncertain) > 0 {
			t.Errorf("language %d, element %x: %q, want %q %v", c.language, c.id, got, c.want, r.Uncertain)
		}
	}
}

// TestNationalTablesAreWhole: no character stands twice in a locking table,
// and every septet of every language is read as its table says.
func TestNationalTablesAreWhole(t *testing.T) {
	for language := byte(1); language <= urdu; language++ {
		for _, id := range []byte{ieLocking, ieSingle} {
			g := plainTongue
			if !g.use(element{id: id, data: []byte{language}}) {
				if language == spanish && id == ieLocking {
					continue
				}
				t.Fatalf("language %d has no table for element %x", language, id)
			}
			whole(t, language, id, g)
		}
	}
}

func whole(t *testing.T, language, id byte, g tongue) {
	t.Helper()
	seen := map[rune]int{}
	for i := range 128 {
		if i == escape {
			continue
		}
		in, want := string([]byte{byte(i)}), g.locking[i]
		if id == ieSingle {
			in = "\x1B" + in
			if want = g.shift[i]; want == 0 {
				want = g.locking[i]
			}
		}
		if seen[want]++; id == ieLocking && seen[want] > 1 && want != ' ' {
			t.Errorf("language %d: %q stands twice", language, want)
		}
		if got := (Texts{}).Read(national(id, language, in)).Parts[0].Text.Reveal(); got != string(want) {
			t.Errorf("language %d, element %x, septet %02x: %q, want %q", language, id, i, got, want)
		}
	}
}

// TestUnknownLanguage: the tables of the default alphabet are used, and it is
// uncertain.
func TestUnknownLanguage(t *testing.T) {
	for _, c := range [][]gateway.Segment{
		national(ieLocking, 14, "\x00b"), national(ieSingle, 0, "\x00b"), national(ieLocking, spanish, "\x00b"),
		{{ESMClass: udhi, Short: []byte("\x04\x25\x02\x01\x01\x00b")}},
	} {
		r := Texts{}.Read(c)
		if r.Parts[0].Text != "@b" || len(r.Uncertain) != 1 {
			t.Errorf("%x: %q %v", c[0].Short, r.Parts[0].Text.Reveal(), r.Uncertain)
		}
	}
}
