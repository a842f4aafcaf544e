// Package transfer undoes the encodings that carry octets through mail:
// base64 and quoted-printable (RFC 2045 section 6), uuencode and yEnc. It
// reads what is broken the way tolerant readers do, and says where such
// readers part ways. It knows nothing of headers or text.
//
// Invariants: linear time, output no longer than input and maxLost, no panic, no
// state.
package transfer

import (
	"bytes"
	"encoding/base64"
)

// Base64 is the result of reading base64.
type Base64 struct {
	Data []byte
	// Junk says that octets outside the alphabet stood within: readers that
	// stop there see less, readers that show the source see more.
	Junk bool
	// Tail is where text after the first padding begins, -1 when there is none.
	Tail int
}

const (
	skip = 0xff
	pad  = 0xfe
	junk = 0xfd
)

// value is the meaning of an octet in base64.
func value(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	case c == '=':
		return pad
	case c == '\r' || c == '\n' || c == ' ' || c == '\t':
		return skip
	}
	return junk
}

// DecodeBase64 decodes b; what is no base64 is skipped, and what follows a
// padding is decoded as a new run, because some readers go on there.
func DecodeBase64(b []byte) Base64 {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	if n, err := base64.StdEncoding.Decode(out, b); err == nil {
		return Base64{Data: out[:n], Tail: -1}
	}
	return tolerant(out[:0], b)
}

func tolerant(out, b []byte) Base64 {
	r := run{tail: -1}
	out = r.decode(out, b)
	return Base64{Data: r.flush(out), Junk: r.junk, Tail: r.tail}
}

// run is the state of tolerant decoding between two pieces.
type run struct {
	bits   uint32
	n      int // characters in bits
	padded bool
	junk   bool
	at     int // octets taken so far
	tail   int
}

// decode appends what b means to out.
func (r *run) decode(out, b []byte) []byte {
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			n = len(b)
		}
		var ok bool
		if out, ok = r.line(out, b[:n]); !ok {
			out = r.octets(out, b[:n])
		}
		r.at += n
		b = b[n:]
	}
	return out
}

// line decodes what nearly every line is: whole groups without padding.
func (r *run) line(out, b []byte) ([]byte, bool) {
	b = bytes.TrimRight(b, "\r\n")
	if r.n != 0 || len(b)%4 != 0 || bytes.HasSuffix(b, []byte("=")) || r.padded && r.tail < 0 {
		return out, false
	}
	longer, err := base64.StdEncoding.AppendDecode(out, b)
	if err != nil {
		return out, false
	}
	return longer, true
}

// octets decodes one by one.
func (r *run) octets(out, b []byte) []byte {
	for i, c := range b {
		switch v := value(c); v {
		case skip:
		case junk:
			r.junk = true
			r.behind(i)
		case pad:
			out = r.flush(out)
			r.padded = true
		default:
			r.behind(i)
			r.bits, r.n = r.bits<<6|uint32(v), r.n+1
			if r.n == 4 {
				out = append(out, byte(r.bits>>16), byte(r.bits>>8), byte(r.bits))
				r.bits, r.n = 0, 0
			}
		}
	}
	return out
}

// behind notes where text behind the first padding begins.
func (r *run) behind(i int) {
	if r.padded && r.tail < 0 {
		r.tail = r.at + i
	}
}

// flush writes the octets of an unfinished group.
func (r *run) flush(out []byte) []byte {
	switch r.n {
	case 2:
		out = append(out, byte(r.bits>>4))
	case 3:
		out = append(out, byte(r.bits>>10), byte(r.bits>>2))
	}
	r.bits, r.n = 0, 0
	return out
}

// QuotedPrintable decodes b. What is malformed stays as it is; white space at
// the end of lines goes (RFC 2045 section 6.7 rule 3), and a soft line break
// may have white space behind its "=".
func QuotedPrintable(b []byte) []byte {
	return appendQuoted(make([]byte, 0, len(b)), b)
}

func appendQuoted(out, b []byte) []byte {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '=')
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		b = b[i:]
		if len(b) >= 3 && hex(b[1]) < 16 && hex(b[2]) < 16 {
			out = append(out, hex(b[1])<<4|hex(b[2]))
			b = b[3:]
			continue
		}
		n := softBreak(b)
		if n == 0 {
			out, n = append(out, '='), 1
		}
		b = b[n:]
	}
	return out
}

// softBreak is the length of the soft line break that b begins with, 0 when
// it begins with none.
func softBreak(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\n':
			return i + 1
		case ' ', '\t', '\r':
		default:
			return 0
		}
	}
	return len(b)
}

func hex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}
