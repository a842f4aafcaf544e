// Package charset turns octets of a declared character set into text the way
// tolerant readers do: as declared and, where the octets smell of something
// else, a second time as that. It does not guess languages and never fails.
//
// Invariants: linear time, valid UTF-8 out, no state.
package charset

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// Text is what octets may mean.
type Text struct {
	Main  string // as declared
	Other string // as another reader may see it; "" when there is no difference
	Known bool   // false: the declared set is unknown and the octets need it
}

// Decode reads b as the character set that label declares; "" is undeclared.
func Decode(label string, b []byte) Text {
	label = Clean(label)
	if hasNUL(b) && smellsUTF16(b) && !strings.HasPrefix(label, "utf-16") {
		return differ(fromUTF16(b, label), noNUL(b))
	}
	if f, ok := lookup(label); ok {
		return withoutNUL(f.decode(label, b))
	}
	t := withoutNUL(undeclared(b))
	t.Known = Plain(b)
	return t
}

// Itself reports whether b, whose character set label declares, means its own
// octets to every reader: Decode would give them back and nothing else. It may
// be false for some of which that is true.
func Itself(label string, b []byte) bool {
	if !Plain(b) || bytes.Contains(b, []byte("+A")) { // UTF-7
		return false
	}
	label = Clean(label)
	f, ok := lookup(label)
	return !ok || !f.seven && !f.state && !wide(label)
}

// wide reports whether a label declares characters of two octets.
func wide(label string) bool {
	return strings.HasPrefix(label, "utf-16") || label == "unicode" || strings.Contains(label, "ucs-2")
}

// withoutNUL adds what readers see that drop NUL.
func withoutNUL(t Text) Text {
	if t.Other == "" && strings.IndexByte(t.Main, 0) >= 0 {
		t.Other = strings.ReplaceAll(t.Main, "\x00", "")
	}
	return t
}

// Clean brings a label into the form that lookups use: lower case without
// quotes, white space and the language suffix of RFC 2231 section 5.
func Clean(label string) string {
	label, _, _ = strings.Cut(label, "*")
	return strings.ToLower(strings.Trim(label, " \t\r\n\"'"))
}

// Plain reports whether b is ASCII without NUL and ESC, which means the same
// in every character set that keeps no state.
func Plain(b []byte) bool {
	const high, ones = 0x8080808080808080, 0x0101010101010101
	const esc = 0x1b * ones
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		e := w ^ esc
		if (w|(w-ones)&^w|(e-ones)&^e)&high != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c == 0 || c == 0x1b || c >= 0x80 {
			return false
		}
	}
	return true
}

// set is one character set: nil enc means UTF-8 or undeclared.
type set struct {
	enc   encoding.Encoding
	utf8  bool // declared as UTF-8
	seven bool // UTF-7
	state bool // ASCII octets do not always mean ASCII
}

func lookup(label string) (set, bool) {
	switch label {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "7bit", "8bit", "binary", "unknown-8bit", "x-unknown", "unknown", "none", "default":
		return set{}, true
	case "utf-8", "utf8", "unicode-1-1-utf-8", "utf-8n", "utf8mb4":
		return set{utf8: true}, true
	case "iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "cp-1252", "iso8859-1", "iso_8859-1", "ansi", "x-ansi":
		return set{enc: charmap.Windows1252}, true
	case "utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7":
		return set{seven: true, state: true}, true
	case "utf-16", "utf16", "unicode", "ucs-2", "iso-10646-ucs-2", "utf-16be", "utf-16le":
		return set{enc: unicode.UTF16(unicode.BigEndian, unicode.UseBOM), state: true}, true
	case "hz-gb-2312", "hz":
		return set{enc: simplifiedchinese.HZGB2312, state: true}, true
	case "iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "csiso2022jp":
		return set{enc: japanese.ISO2022JP, state: true}, true
	case "ibm037", "cp037", "ebcdic-cp-us", "ibm1140", "cp1140", "ibm1047", "cp1047":
		return set{enc: charmap.CodePage037, state: true}, true
	case "iso-8859-8-i", "iso-8859-8-e":
		return set{enc: charmap.ISO8859_8}, true
	case "cp932", "ms932", "x-sjis", "shift-jis":
		return set{enc: japanese.ShiftJIS}, true
	}
	return indexed(label)
}

// indexed asks the registries of WHATWG and IANA.
func indexed(label string) (set, bool) {
	enc, err := htmlindex.Get(label)
	if err != nil || enc == encoding.Replacement {
		enc, err = ianaindex.MIME.Encoding(label)
	}
	if err != nil || enc == nil || enc == encoding.Replacement {
		return set{}, false
	}
	return set{enc: enc}, true
}

func (s set) decode(label string, b []byte) Text {
	switch {
	case s.seven:
		return differ(decode7(string(b)), undeclared(b).Main)
	case wide(label):
		return differ(fromUTF16(b, label), undeclared(b).Main)
	case s.state:
		return differ(run(s.enc, b), undeclared(b).Main)
	case Plain(b):
		return smell7(string(b))
	case s.utf8 && !utf8.Valid(b):
		return differ(string([]rune(string(b))), run(charmap.Windows1252, b))
	case s.enc == nil:
		return undeclared(b)
	case utf8.Valid(b) && !hasESC(b):
		return differ(run(s.enc, b), string(b))
	}
	return differ(run(s.enc, b), "")
}

// undeclared reads b as UTF-8 when it is, else as Windows-1252; escape
// sequences of ISO-2022-JP are read too, as mail readers of Japan do.
func undeclared(b []byte) Text {
	t := Text{Known: true}
	if utf8.Valid(b) {
		t = smell7(string(b))
	} else {
		t.Main = run(charmap.Windows1252, b)
	}
	if t.Other == "" && hasESC(b) {
		return differ(t.Main, run(japanese.ISO2022JP, b))
	}
	return t
}

func differ(main, other string) Text {
	if main == other {
		other = ""
	}
	return Text{Main: main, Other: other, Known: true}
}

func run(enc encoding.Encoding, b []byte) string {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil || !utf8.Valid(out) {
		return strings.ToValidUTF8(string(b), string(utf8.RuneError))
	}
	return string(out)
}
