package text

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
)

// charsetOf is the alphabet of a data_coding of SMPP v3.4 section 5.2.19 that
// is neither GSM, Latin nor UCS-2. JIS is written in its shifted form by most,
// in its escaped form by some.
func charsetOf(coding byte, src []byte) encoding.Encoding {
	switch coding {
	case 0x05:
		for _, c := range src {
			if c == escape {
				return japanese.ISO2022JP
			}
		}
		return japanese.ShiftJIS
	case 0x06:
		return charmap.ISO8859_5
	case 0x07:
		return charmap.ISO8859_8
	case 0x0A:
		return japanese.ISO2022JP
	}
	return korean.EUCKR
}

// latinPage is ISO 8859-1 with the characters of Windows in the place of the
// controls from 0x80, as every reader of "Latin-1" has it.
var latinPage = func() (page [256]rune) {
	for i := range page {
		page[i] = charmap.Windows1252.DecodeByte(byte(i))
	}
	return page
}()

func appendLatin(dst, src []byte) []byte {
	for _, c := range src {
		dst = appendChar(dst, latinPage[c])
	}
	return dst
}
