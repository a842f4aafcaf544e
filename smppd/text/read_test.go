package text

import (
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

const secret = "your biopsy result is positive"

func utf16of(text string, little bool) string {
	b := appendUTF16(nil, text)
	if little {
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
	return string(b)
}

// pack writes septets as 3GPP TS 23.038 section 6.1.2.1 has them, after the
// fill bits that a header asks for.
func pack(text string, fill int) string {
	var out []byte
	bit := fill
	for i := range len(text) {
		for b := range 7 {
			if bit/8 == len(out) {
				out = append(out, 0)
			}
			out[bit/8] |= text[i] >> b & 1 << (bit % 8)
			bit++
		}
	}
	return string(out)
}

func eighth(text string) string {
	b := []byte(text)
	for i := range b {
		b[i] |= 0x80
	}
	return string(b)
}

// TestNothingHides: whatever the coding says and wherever the octets stand,
// some part of the reading holds the words.
func TestNothingHides(t *testing.T) {
	forms := map[string]string{
		"ascii": secret, "big": utf16of(secret, false), "little": utf16of(secret, true),
		"packed": pack(secret, 0), "eighth": eighth(secret), "utf-8": "ärztin: " + secret, "latin": "\xE4rztin: " + secret,
		"big after an octet": "\x07" + utf16of(secret, false), "broken utf-8": "ä\xC3 " + secret + "\xFF",
	}
	skipped := 0
	for form, octets := range forms {
		for coding := range 256 {
			kind := alphabetOf(byte(coding))
			if kind == ucs2 && (form == "packed" || form == "eighth") || kind == foreign && form == "eighth" {
				skipped++ // no telephone and no carrier makes these words of it
				continue
			}
			for where, s := range map[string]gateway.Segment{
				"short":   {DataCoding: byte(coding), Short: []byte(octets)},
				"payload": {DataCoding: byte(coding), TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte(octets)}}},
				"header":  {DataCoding: byte(coding), ESMClass: udhi, Short: []byte("\x06\x05\x04\x0B\x84\x23\xF0" + filled(form, octets, 7))},
			} {
				r := Texts{}.Read([]gateway.Segment{s})
				if !holds(r, secret) {
					t.Errorf("%s as coding %02x in %s is hidden", form, coding, where)
				}
			}
		}
	}
	if skipped != 63 {
		t.Errorf("%d codings were skipped", skipped)
	}
}

// filled packs again behind a header of that size.
func filled(form, octets string, header int) string {
	if form != "packed" {
		return octets
	}
	return pack(secret, (7-header*8%7)%7)
}

func holds(r *gateway.Reading, words string) bool {
	return slices.ContainsFunc(r.Parts, func(p gateway.Part) bool { return strings.Contains(p.Text.Reveal(), words) })
}

// TestNothingHidesBesideTheText: elements of headers and optional parameters
// leave with the segment, so their words are read too.
func TestNothingHidesBesideTheText(t *testing.T) {
	foreign := func(data string) gateway.Segment {
		return gateway.Segment{ESMClass: udhi, Short: []byte(string([]byte{byte(len(data) + 2), 0x70, byte(len(data))}) + data + "Hello")}
	}
	for name, s := range map[string]gateway.Segment{
		"element":        foreign(secret),
		"element, big":   foreign(utf16of(secret, false)),
		"element, tail":  foreign("\x00\x01\x02" + secret + "\xFF"),
		"parameter":      {Short: []byte("Hello"), TLVs: []gateway.TLV{{Tag: 0x1400, Value: []byte(secret)}}},
		"parameter, big": {Short: []byte("Hello"), TLVs: []gateway.TLV{{Tag: 0x1400, Value: []byte(utf16of(secret, false))}}},
		"second payload": {TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte("Hello")}, {Tag: gateway.TagMessagePayload, Value: []byte(secret)}}},
		"short beside":   {Short: []byte(secret), TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte("Hello")}}},
		"bad header":     {ESMClass: udhi, Short: []byte("\xFF\x00" + secret)},
		"bad element":    {ESMClass: udhi, Short: []byte("\x20\x70\xFF" + secret)},
	} {
		r := Texts{}.Read([]gateway.Segment{s})
		if !holds(r, secret) {
			t.Errorf("%s: %v", name, reveal(r))
		}
		if r.Parts[0].Text != "Hello" && !strings.HasPrefix(name, "bad") {
			t.Errorf("%s: the text is %q", name, r.Parts[0].Text.Reveal())
		}
	}
}

// TestControlCharacters: they are shown as nothing, or they stand between words.
func TestControlCharacters(t *testing.T) {
	for coding, octets := range map[byte]string{
		0x01: "bio\x01psy was\x02done", 0x03: "bio\x01psy was\x02done", 0x05: "bio\x01psy was\x02done", 0x06: "bio\x01psy was\x02done",
		0x08: utf16of("bio\x01psy was\x02done", false), 0xE0: utf16of("bio\x01psy was\x02done", false),
	} {
		r := Texts{}.Read(one(coding, octets))
		if !holds(r, "biopsy") || !holds(r, "bio\x01psy") {
			t.Errorf("%02x: %q", coding, reveal(r))
		}
	}
}

func reveal(r *gateway.Reading) (texts []string) {
	for _, p := range r.Parts {
		texts = append(texts, p.Kind.String()+" "+p.Text.Reveal())
	}
	return texts
}

// TestLikelyReading: what was meant comes first.
func TestLikelyReading(t *testing.T) {
	for _, c := range []struct {
		coding byte
		octets string
		want   string
	}{
		{0x00, "caf\x05 \x1Be5", "café €5"},
		{0x00, "caf\xE9", "café"},
		{0x00, "café 🙂", "café 🙂"},
		{0x00, "a@b.c", "a¡b.c"},
		{0x00, utf16of("Hallo Welt", false), "Hallo Welt"},
		{0x00, utf16of("Привет", false), "Привет"},
		{0x00, utf16of("Hallo Welt", true), "Hallo Welt"},
		{0x00, pack("Hello, this is packed text", 0), "Hello, this is packed text"},
		{0x00, "x\x1B\x1By\x1B\x00\x1B", "x y@ "},
		{0x01, "a@b_c", "a@b_c"},
		{0x03, "stra\xDFe \x80 5", "straße € 5"},
		{0x03, "straße", "straße"},
		{0x03, "caf\x05", "café"},
		{0x02, "plain data", "plain data"},
		{0x04, "straße 🙂", "straße 🙂"},
		{0x04, "ended\x00", "ended"},
		{0x04, utf16of("Hallo Welt", false), "Hallo Welt"},
		{0x05, "\x83\x65\x83\x58\x83\x67", "テスト"},
		{0x05, "\x1B$B%F%9%H\x1B(B", "テスト"},
		{0x06, "\xBF\xE0\xD8\xD2\xD5\xE2", "Привет"},
		{0x07, "\xF9\xEC\xE5\xED", "שלום"},
		{0x08, utf16of("日本 🙂", false), "日本 🙂"},
		{0x08, "\xFF\xFE" + utf16of("日本", true), "\uFEFF日本"},
		{0x08, utf16of("Hello", true), "Hello"},
		{0x0A, "\x1B$B%F%9%H\x1B(B", "テスト"},
		{0x0E, "\xC7\xD1\xB1\xB9", "한국"},
		{0x10, "flash \x00", "flash @"},
		{0xF0, "flash \x00", "flash @"},
		{0x18, utf16of("вот", false), "вот"},
		{0x50, "\x02 and \x1B\x65", "$ and €"},
		{0xC8, "mail \x00", "mail @"},
		{0xD0, "mail \x00", "mail @"},
		{0xE0, utf16of("почта", false), "почта"},
		{0xF5, "data", "data"},
	} {
		r := Texts{}.Read([]gateway.Segment{{DataCoding: c.coding, Short: []byte(c.octets)}})
		if got := r.Parts[0]; got.Text.Reveal() != c.want || got.Kind != gateway.PartText || len(r.Uncertain)+len(r.Unreadable) > 0 {
			t.Errorf("%02x %q: %q, want %q (%v %v)", c.coding, c.octets, reveal(r), c.want, r.Uncertain, r.Unreadable)
		}
	}
}

// TestOrdinaryTextHasOneReading: the texts of every day cost one detection and
// raise no doubt.
func TestOrdinaryTextHasOneReading(t *testing.T) {
	for _, text := range []string{"", "Your appointment is at 10:30, please be on time!", "5 < 6 & 7 > 2 + \"x\" 100% 'y' (a/b) #1 *\n",
		"Ваш приём в понедельник", "日本語", "שלום", "مرحبا", "สวัสดี", "नमस्ते", "Hello 🙂👩‍⚕️ plain", strings.Repeat("long text ", 100)} {
		s, err := Texts{}.Compose(text, 9)
		if err != nil {
			t.Fatal(err)
		}
		r := Texts{}.Read(s)
		if len(r.Parts) != 1 || r.Parts[0].Text.Reveal() != text || len(r.Uncertain)+len(r.Unreadable) > 0 || r.Channel != gateway.SMS {
			t.Errorf("%q: %q %v %v", text, reveal(r), r.Uncertain, r.Unreadable)
		}
	}
}

// TestDoubts: what nobody can read with certainty says so.
func TestDoubts(t *testing.T) {
	binary := "\x01\x06\x00\xAE\x82\x05\x6A\x00\x45\xC6\x0C\x03\x90"
	for name, c := range map[string]struct {
		segments   []gateway.Segment
		uncertain  string
		unreadable bool
	}{
		"odd octet":        {one(0x08, "\x00a\x00"), "half a character of UTF-16", false},
		"lone high":        {one(0x08, "\xD8\x3D\x00a"), "half a character of UTF-16", false},
		"lone low":         {one(0x08, "\xDE\x42\x00a"), "half a character of UTF-16", false},
		"high at the end":  {one(0x08, "\x00a\xD8\x3D"), "half a character of UTF-16", false},
		"compressed":       {one(0x20, "\x91\x17"), "a compressed text", true},
		"compressed, 0x6A": {one(0x6A, "\x91\x17"), "a compressed text", true},
		"reserved":         {one(0x80, "hello"), "a data coding that is not known", false},
		"reserved class":   {one(0x1C, "hello"), "a data coding that is not known", false},
		"pictograms":       {one(0x09, "hello"), "a data coding that is not known", false},
		"not JIS":          {one(0x05, "\x85\xFF\xFF"), "octets that the charset does not have", false},
		"no alphabet":      {one(0x00, "\x81\x90\x9D\x8F\xFF"), "octets that the alphabet does not have", false},
		"binary":           {one(0x04, binary), "", true},
		"binary, class 1":  {one(0xF5, binary), "", true},
		"ringtone":         {one(0x04, "\x02\x4A\x3A\x51\xD1\x95\xCD\xD0\x04\x00\x1B\x20\x55\x05\x90\x61\x05"), "", true},
		"picture":          {[]gateway.Segment{{ESMClass: udhi, Short: []byte("\x22\x12\x20" + strings.Repeat("\x00\xFF", 16) + "hi")}}, "", true},
		"canned":           {[]gateway.Segment{{DefaultID: 3}}, "a text that the carrier keeps", false},
		"mixed": {[]gateway.Segment{{Short: []byte("caf\x05 ")}, {DataCoding: 3, Short: []byte("@b")}},
			"parts of one text in several codings", false},
	} {
		r := Texts{}.Read(c.segments)
		if strings.Join(r.Uncertain, ", ") != c.uncertain || (len(r.Unreadable) == 1) != c.unreadable {
			t.Errorf("%s: %v %v %q", name, r.Uncertain, r.Unreadable, reveal(r))
		}
		for _, u := range r.Unreadable {
			if u.Kind != gateway.UnreadableContainer {
				t.Errorf("%s: %+v", name, u)
			}
		}
	}
}

func one(coding byte, octets string) []gateway.Segment {
	return []gateway.Segment{{DataCoding: coding, Short: []byte(octets)}}
}

// TestCutAnywhere: senders cut where they like, also through escapes,
// surrogate pairs, single octets of UCS-2 and characters of UTF-8.
func TestCutAnywhere(t *testing.T) {
	for name, c := range map[string]struct {
		coding byte
		octets string
		want   string
	}{
		"escape":    {0x00, "5 \x1Be and \x1B<x\x1B>", "5 € and [x]"},
		"surrogate": {0x08, utf16of("я 🙂 и 👩‍⚕️", false), "я 🙂 и 👩‍⚕️"},
		"utf-8":     {0x00, "für 5 € 🙂", "für 5 € 🙂"},
	} {
		for cut := range len(c.octets) {
			segments := append(one(c.coding, c.octets[:cut]), one(c.coding, c.octets[cut:])...)
			if r := (Texts{}).Read(segments); r.Parts[0].Text.Reveal() != c.want || len(r.Uncertain) > 0 {
				t.Errorf("%s at %d: %q %v", name, cut, reveal(r), r.Uncertain)
			}
		}
	}
}

// TestPackedParts: each part is packed for itself, behind its header.
func TestPackedParts(t *testing.T) {
	fill := (7 - 6*8%7) % 7
	a := gateway.Segment{ESMClass: udhi, Short: []byte("\x05\x00\x03\x01\x02\x01" + pack(secret[:17], fill))}
	b := gateway.Segment{ESMClass: udhi, Short: []byte("\x05\x00\x03\x01\x02\x02" + pack(secret[17:], fill))}
	if r := (Texts{}).Read([]gateway.Segment{a, b}); !holds(r, secret) {
		t.Errorf("hidden in %q", reveal(r))
	}
}

// TestPartsOfSeveralCodings: a text whose parts have different alphabets, and
// one whose parts have different national tables.
func TestPartsOfSeveralCodings(t *testing.T) {
	segments := append(one(0x00, "biopsy is "), one(0x08, utf16of("позитивна", false))...)
	r := Texts{}.Read(segments)
	if r.Parts[0].Text != "biopsy is позитивна" || len(r.Uncertain) > 0 {
		t.Errorf("%q %v", reveal(r), r.Uncertain)
	}
	segments = append(national(ieSingle, turkish, "da\x1Bg "), national(ieLocking, turkish, "da\x0C ")...)
	r = Texts{}.Read(append(segments, one(0x00, "dag")...))
	if r.Parts[0].Text != "dağ dağ dag" || len(r.Uncertain) > 0 || !holds(r, "dag daø dag") {
		t.Errorf("%q %v", reveal(r), r.Uncertain)
	}
}
