package evasion

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// quoted is quoted-printable with every octet spelled out.
func quoted(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
		if i%20 == 19 {
			b.WriteString("=\r\n")
		}
	}
	return b.String() + "\r\n"
}

// uu is uuencode (POSIX).
func uu(raw []byte, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "begin 644 %s\r\n", name)
	for len(raw) > 0 {
		n := min(45, len(raw))
		chunk := append(slices.Clone(raw[:n]), 0, 0)
		b.WriteByte(byte(32 + n))
		for i := 0; i < n; i += 3 {
			v := uint(chunk[i])<<16 | uint(chunk[i+1])<<8 | uint(chunk[i+2])
			for s := 18; s >= 0; s -= 6 {
				c := byte(v>>s&63) + 32
				if c == 32 {
					c = '`'
				}
				b.WriteByte(c)
			}
		}
		b.WriteString("\r\n")
		raw = raw[n:]
	}
	return b.String() + "`\r\nend\r\n"
}

func encodings() map[string]func(string) []byte {
	text := around(Word)
	b64 := lines([]byte(text))
	const utf8 = "text/plain; charset=utf-8"
	at := strings.Index(text, Word) + 4
	cases := map[string]entity{
		"base64":                    {utf8, "base64", nil, b64},
		"base64 in capitals":        {utf8, "BASE64", nil, b64},
		"base64 short lines":        {utf8, "base64", nil, strings.Join(strings.SplitAfter(strings.ReplaceAll(b64, "\r\n", ""), ""), "\r\n")},
		"base64 with junk":          {utf8, "base64", nil, strings.ReplaceAll(b64, "Z", "*Z!")},
		"base64 without padding":    {utf8, "base64", nil, strings.ReplaceAll(b64, "=", "")},
		"base64 in two":             {utf8, "base64", nil, lines([]byte(text[:at-2])) + lines([]byte(text[at-2:]))},
		"base64 and then text":      {utf8, "base64", nil, b64 + "\r\nkind regards\r\n"},
		"base64 with a comment":     {utf8, "base64 (really)", nil, b64},
		"base64 with blanks before": {utf8, "\r\n  base64", nil, b64},
		"quoted-printable":          {utf8, "quoted-printable", nil, quoted(text, "=%02X")},
		"quoted in small letters":   {utf8, "Quoted-Printable", nil, quoted(text, "=%02x")},
		"quoted with soft breaks":   {utf8, "quoted-printable", nil, text[:at] + "=\r\n" + text[at:]},
		"quoted with blanks":        {utf8, "quoted-printable", nil, text[:at] + "= \t\r\n" + text[at:]},
		"quoted and broken":         {utf8, "quoted-printable", nil, "100 =GG =\r\n" + quoted(text, "=%02X")},
		"uuencode":                  {utf8, "x-uuencode", nil, uu([]byte(text), "a.txt")},
		"uuencode in the text":      {utf8, "7bit", nil, around("the garden") + uu([]byte(text), "a.txt")},
		"encoding of nobody":        {utf8, "x-rot13", nil, strings.Map(rot13, text)},
		"two encodings":             {utf8, "7bit", []string{"Content-Transfer-Encoding: base64"}, b64},
		"two encodings turned":      {utf8, "base64", []string{"Content-Transfer-Encoding: 7bit"}, b64},
		"multipart in base64":       {"multipart/mixed; boundary=x", "base64", nil, lines([]byte("--x\r\n" + plain(text).String() + "\r\n--x--\r\n"))},
	}
	return mails(cases)
}

func mails(cases map[string]entity) map[string]func(string) []byte {
	all := make(map[string]func(string) []byte)
	for name, e := range cases {
		all[name] = message(e, "")
	}
	return all
}

func rot13(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return 'a' + (r-'a'+13)%26
	case r >= 'A' && r <= 'Z':
		return 'A' + (r-'A'+13)%26
	}
	return r
}

// wide is UTF-16 or UTF-32 of s.
func wide(s string, octets int, little bool) []byte {
	var out []byte
	put := func(v uint32) {
		for i := range octets {
			shift := 8 * (octets - 1 - i)
			if little {
				shift = 8 * i
			}
			out = append(out, byte(v>>shift))
		}
	}
	if octets == 4 {
		for _, r := range s {
			put(uint32(r))
		}
		return out
	}
	for _, u := range utf16.Encode([]rune(s)) {
		put(uint32(u))
	}
	return out
}

// utf7 spells s wholly in base64 (RFC 2152).
func utf7(s string) string {
	return "+" + base64.RawStdEncoding.EncodeToString(wide(s, 2, false)) + "-"
}

func charsets() map[string]func(string) []byte {
	text := around(Word)
	ebcdic, _ := charmap.CodePage037.NewEncoder().String(text)
	jis, _ := japanese.ISO2022JP.NewEncoder().String(around("報告 " + Word + " 報告"))
	sjis, _ := japanese.ShiftJIS.NewEncoder().String(around("報告" + Word))
	gb, _ := simplifiedchinese.GB18030.NewEncoder().String(around("报告" + Word))
	hz, _ := simplifiedchinese.HZGB2312.NewEncoder().String(around("报告" + Word))
	bom := []byte{0xEF, 0xBB, 0xBF}
	cases := map[string]entity{
		"utf-16":                 encoded("text/plain; charset=utf-16", append([]byte{0xFE, 0xFF}, wide(text, 2, false)...)),
		"utf-16 little":          encoded("text/plain; charset=utf-16le", wide(text, 2, true)),
		"utf-16 big":             encoded("text/plain; charset=UTF-16BE", wide(text, 2, false)),
		"utf-16 called utf-8":    encoded("text/plain; charset=utf-8", append([]byte{0xFF, 0xFE}, wide(text, 2, true)...)),
		"utf-16 without mark":    encoded("text/plain; charset=utf-16", wide(text, 2, true)),
		"utf-32":                 encoded("text/plain; charset=utf-32", append([]byte{0, 0, 0xFE, 0xFF}, wide(text, 4, false)...)),
		"utf-32 little":          encoded("text/plain; charset=utf-32le", wide(text, 4, true)),
		"utf-7":                  {"text/plain; charset=utf-7", "7bit", nil, around(utf7(Word))},
		"utf-7 letter by letter": {"text/plain; charset=UTF-7", "7bit", nil, around("z" + utf7("e") + "bra" + utf7("quartz"))},
		"utf-7 unicode-1-1":      {"text/plain; charset=unicode-1-1-utf-7", "7bit", nil, around(utf7(Word))},
		"ebcdic":                 encoded("text/plain; charset=ibm037", []byte(ebcdic)),
		"iso-2022-jp":            {"text/plain; charset=iso-2022-jp", "7bit", nil, jis},
		"shift_jis":              encoded("text/plain; charset=shift_jis", []byte(sjis)),
		"gb18030":                encoded("text/plain; charset=gb18030", []byte(gb)),
		"hz":                     {"text/plain; charset=hz-gb-2312", "7bit", nil, hz},
		"bom":                    encoded("text/plain; charset=us-ascii", append(bom, text...)),
		"charset of nobody":      {"text/plain; charset=klingon", "8bit", nil, text},
		"charset twice":          {"text/plain; charset=us-ascii; charset=utf-7", "7bit", nil, around(utf7(Word))},
		"charset in quotes":      {`text/plain; charset="utf-7" (not)`, "7bit", nil, around(utf7(Word))},
		"html says otherwise":    {"text/html", "7bit", nil, `<html><head><meta charset="utf-7"></head><body>` + utf7(Word) + "</body></html>\r\n"},
	}
	return mails(cases)
}

func lookAlikes() map[string]func(string) []byte {
	shift := func(base rune) string {
		return strings.Map(func(r rune) rune { return base + r - 'a' }, Word)
	}
	between := func(s string) string { return strings.Join(strings.Split(Word, ""), s) }
	turned := []rune(Word)
	slices.Reverse(turned)
	spelled := map[string]string{
		"cyrillic":          "zеbrаquаrtz",
		"greek":             "zεbrαquαrtz",
		"full width":        shift('ａ'),
		"circled":           shift('ⓐ'),
		"bold":              shift('𝐚'),
		"script":            shift('𝓪'),
		"monospace":         shift('𝚊'),
		"capitals":          strings.ToUpper(Word),
		"zero width":        between("\u200b"),
		"joiner":            between("\u200d"),
		"soft hyphen":       between("\u00ad"),
		"word joiner":       between("\u2060"),
		"accents":           between("\u0301"),
		"enclosing":         between("\u20dd"),
		"variation":         between("\ufe0f"),
		"backwards":         "\u202e" + string(turned) + "\u202c",
		"hyphen at the end": "zebra-\r\nquartz",
		"points":            between("."),
		"blanks":            between(" "),
		"tag letters":       "zebra\U000e0071\U000e0075quartz",
	}
	all := make(map[string]func(string) []byte)
	for name, s := range spelled {
		all[name] = message(plain(around(s)), "")
	}
	return all
}

func subjects() map[string]func(string) []byte {
	b := func(charset, mark, s string) string {
		return "=?" + charset + "?" + mark + "?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	body := plain(around("the garden"))
	all := make(map[string]func(string) []byte)
	for name, s := range map[string]string{
		"bare":               "Report on " + Word,
		"base64":             b("utf-8", "B", "Report on "+Word),
		"small b":            b("utf-8", "b", Word),
		"quoted":             "=?utf-8?Q?=7A=65=62=72=61quartz?=",
		"quoted with blanks": "=?utf-8?q?Report_on_zebraquartz?=",
		"two words":          b("utf-8", "B", "zebra") + "\r\n " + b("utf-8", "B", "quartz"),
		"word and text":      b("utf-8", "B", Word) + "...",
		"in quotes":          `"` + b("utf-8", "B", Word) + `"`,
		"with language":      "=?utf-8*en?B?" + base64.StdEncoding.EncodeToString([]byte(Word)) + "?=",
		"utf-16":             b("utf-16be", "B", string(wide(Word, 2, false))),
		"utf-7":              "=?utf-7?Q?" + strings.ReplaceAll(utf7(Word), "=", "=3D") + "?=",
		"without padding":    strings.ReplaceAll(b("utf-8", "B", Word), "==?=", "?="),
		"charset of nobody":  b("klingon", "B", Word),
		"blank inside":       "=?utf-8?Q?=7Aebraquartz is ready?=",
		"split letter":       b("utf-8", "B", "zebraqu\xc3") + " " + b("utf-8", "B", "\xa4rtz zebraquartz"),
		"folded":             "Report\r\n on\r\n\t" + Word,
	} {
		all[name] = message(body, s)
	}
	return all
}
