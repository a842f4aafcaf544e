package charset_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway/mailmsg/internal/charset"
)

// FuzzDecode: any octets under any label become valid UTF-8 of bounded size,
// the same each time, and plain ASCII stays what it is where it must.
func FuzzDecode(f *testing.F) {
	for label, text := range map[string]string{
		"": "caf\xe9", "utf-8": "caf\xc3\xa9 \xc3", "utf-7": "a+AGEAYg-b +- +2AA-", "utf-16": "\xff\xfea\x00\x00\xd8", "iso-2022-jp": "\x1b$B$\"\x1b(Ba", "hz-gb-2312": "~{VPNDHK~}~~", "ibm037": "\xc1\x00",
		"windows-1252": "a\x00b", "gb18030": "\x81\x30\x81\x30", "big5": "\xa4\xa4", "shift_jis": "\x82\xa0", "euc-kr": "\xb0\xa1", "utf-8*de": "x", " \"KOI8-R\" ": "\xc1", "x-nothing": "a\xff", "utf-16be": "\x00",
	} {
		f.Add(label, []byte(text))
	}
	for _, label := range []string{"", "utf-8", "utf-7", "utf-16", "unicode", "hz", "ibm037", "iso-2022-jp", "x-nothing", "latin1"} {
		f.Add(label, []byte("plain text ~{VPNDHK~} +AGEAYg-"))
		f.Add(label, []byte("plain text ~~"))
	}
	f.Fuzz(func(t *testing.T, label string, b []byte) {
		x := charset.Decode(label, b)
		if !utf8.ValidString(x.Main) || !utf8.ValidString(x.Other) {
			t.Fatalf("%q of %q is no UTF-8: %q, %q", b, label, x.Main, x.Other)
		}
		if len(x.Main) > 16+8*len(b) || len(x.Other) > 16+8*len(b) {
			t.Fatalf("%d octets of %q became %d and %d", len(b), label, len(x.Main), len(x.Other))
		}
		if x != charset.Decode(label, b) {
			t.Fatal("another text the second time")
		}
		if x.Other != "" && x.Other == x.Main {
			t.Fatalf("%q of %q is told twice", b, label)
		}
		if charset.Itself(label, b) && x != (charset.Text{Main: string(b), Known: true}) {
			t.Fatalf("%q of %q is not itself: %q, %q", b, label, x.Main, x.Other)
		}
		if charset.Plain(b) && (charset.Clean(label) == "" || charset.Clean(label) == "utf-8") && !strings.Contains(string(b), "+") && !strings.Contains(string(b), "&") && (x.Main != string(b) || !x.Known) {
			t.Fatalf("plain %q became %q", b, x.Main)
		}
	})
}
