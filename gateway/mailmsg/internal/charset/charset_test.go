package charset_test

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"gatepost/gateway/mailmsg/internal/charset"
)

func TestDecode(t *testing.T) {
	cases := []struct {
		label, in, main, other string
		known                  bool
	}{
		{"", "plain", "plain", "", true},
		{"utf-8", "\xc3\xa4", "ä", "", true},
		{"UTF8", "\xe4x", "\ufffdx", "äx", true},
		{"", "\xe4", "ä", "", true},
		{"iso-8859-1", "\x80", "€", "", true},
		{"iso-8859-1", "\xc3\xa4", "Ã¤", "ä", true},
		{"\"windows-1251\"", "\xc4", "Д", "", true},
		{"us-ascii*en", "x", "x", "", true},
		{"utf-7", "+AOQ-x", "äx", "+AOQ-x", true},
		{"", "+AGEAYg-", "+AGEAYg-", "ab", true},
		{"utf-16le", "a\x00b\x00", "ab", "a\x00b\x00", true},
		{"", "a\x00b\x00", "ab", "", true},
		{"", "\xfe\xff\x00a", "a", "\xfe", true},
		{"x-martian", "plain", "plain", "", true},
		{"x-martian", "\xe4", "ä", "", false},
		{"koi8-r", "\xc1", "а", "", true},
		{"shift_jis", "\x82\xa0", "あ", "", true},
		{"iso-2022-jp", "\x1b$B$\"\x1b(B", "あ", "\x1b", true},
		{"ibm037", "\x81", "a", "\u0081", true},
		{"", "a\x00b c d e f g", "a\x00b c d e f g", "ab c d e f g", true},
	}
	for _, c := range cases {
		got := charset.Decode(c.label, []byte(c.in))
		if got.Main != c.main || got.Known != c.known || c.other == "" && got.Other != "" && c.label == "" && c.in != "a\x00b\x00" {
			t.Errorf("%s %q: %+v", c.label, c.in, got)
		}
		if c.other != "" && got.Other == "" {
			t.Errorf("%s %q: no other reading", c.label, c.in)
		}
	}
}

func TestDecodeYieldsUTF8(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SampledFrom([]string{"", "utf-8", "utf-16", "utf-7", "iso-2022-jp", "hz", "gb18030", "ibm037", "koi8-r", "x-none", "utf-32"}).Draw(t, "label")
		b := rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("+A~{\x1b$B\x00")))).Draw(t, "octets")
		got := charset.Decode(label, b)
		if !utf8.ValidString(got.Main) || !utf8.ValidString(got.Other) {
			t.Fatalf("%+v", got)
		}
		if len(got.Main) > 4*len(b)+4 {
			t.Fatalf("%d octets of %d", len(got.Main), len(b))
		}
	})
}
