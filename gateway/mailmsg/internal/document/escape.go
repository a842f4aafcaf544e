package document

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Unescaped returns the lines of text that hide letters or digits of ASCII behind
// percent signs (RFC 3986 section 2.1) or the escapes of JSON (RFC 8259 section
// 7), decoded; "" when there are none. Who writes addresses or JSON has no need
// to escape those, so ordinary text has no such lines.
func Unescaped(text string) string {
	if strings.IndexByte(text, '%') < 0 && !strings.Contains(text, `\u`) {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if decoded, needless := unescapeLine(line); needless {
			b.WriteString(decoded)
		}
	}
	return b.String()
}

// unescapeLine decodes a line; needless says that two letters or digits of ASCII
// and more were escaped.
func unescapeLine(line string) (decoded string, needless bool) {
	var b []byte
	plain := 0
	for line != "" {
		i := strings.IndexAny(line, `%\`)
		if i < 0 {
			break
		}
		b = append(b, line[:i]...)
		line = line[i:]
		v, n := escaped(line)
		switch {
		case n == 0:
			b, n = append(b, line[0]), 1
		case line[0] == '%':
			b = append(b, byte(v))
		default:
			b = utf8.AppendRune(b, rune(v))
		}
		if n > 1 && v < 0x80 && (isLetter(byte(v)) || v >= '0' && v <= '9') {
			plain++
		}
		line = line[n:]
	}
	return string(append(b, line...)), plain >= 2
}

// escaped reads "%XX" or "\uXXXX" at the beginning of s and returns its length.
func escaped(s string) (v uint64, n int) {
	from, to := 1, 3
	if s[0] == '\\' {
		from, to = 2, 6
	}
	if len(s) < to || from == 2 && s[1] != 'u' {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[from:to], 16, 16)
	if err != nil {
		return 0, 0
	}
	return v, to
}
