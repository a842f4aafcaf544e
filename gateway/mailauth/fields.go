package mailauth

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"strings"
	"unicode/utf8"
)

// Limits of a header that is verified.
const (
	mostHeader = 256 << 10 // octets
	mostFields = 1000
)

// field is one field of a header: its octets, folding and line end included.
type field struct {
	name  string // lower case
	raw   string // with CRLF
	value int    // where the value begins in raw
	at    int    // offset in the message
}

// head is a header taken apart.
type head struct {
	fields []field
	body   int // where the body begins
	// sound: each line ends with CRLF and belongs to a field, within the limits.
	// In an unsound header another reader may see other fields than those that
	// were signed.
	sound bool
}

// split takes the header in front of raw apart.
func split(raw []byte) head {
	h := head{sound: true, body: len(raw)}
	at := 0
	for at < len(raw) {
		line, ended := nextLine(raw[at:])
		if len(line) == 2 && ended {
			h.body = at + 2
			break
		}
		if at+len(line) > mostHeader || len(h.fields) == mostFields {
			h.sound = false
			break
		}
		h.sound = h.add(line, at) && ended && h.sound
		at += len(line)
	}
	h.cut(string(raw[:at]))
	return h
}

// cut fills in the texts, each reaching to the next field.
func (h *head) cut(text string) {
	end := len(text)
	for i := len(h.fields) - 1; i >= 0; i-- {
		f := &h.fields[i]
		f.raw, end = text[f.at:end], f.at
	}
}

// nextLine is the first line of b with its CRLF, and whether it has one.
func nextLine(b []byte) (line []byte, ended bool) {
	if n := bytes.Index(b, []byte("\r\n")); n >= 0 {
		return b[:n+2], true
	}
	return b, false
}

// add takes one line, and reports whether it was sound.
func (h *head) add(line []byte, at int) bool {
	text := bytes.TrimSuffix(line, []byte("\r\n"))
	sound := bytes.IndexAny(text, "\r\n\x00") < 0
	if len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
		if len(h.fields) == 0 {
			return false
		}
		return sound && len(bytes.Trim(text, " \t")) > 0
	}
	name, _, ok := bytes.Cut(text, []byte(":"))
	trimmed := bytes.TrimRight(name, " \t")
	if !ok || !isName(trimmed) {
		return false
	}
	h.fields = append(h.fields, field{name: strings.ToLower(string(trimmed)), value: len(name) + 1, at: at})
	return sound
}

// isName is the field-name of RFC 5322 section 3.6.8.
func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// named are the fields with a name (in lower case), in order.
func (h head) named(name string) []field {
	var list []field
	for _, f := range h.fields {
		if f.name == name {
			list = append(list, f)
		}
	}
	return list
}

// text is the value of f without its folding.
func (f field) text() string {
	return strings.Trim(strings.ReplaceAll(f.raw[f.value:], "\r\n", ""), " \t")
}

// author is the domain of the one address in the one From; "" when there are
// more or none, or when readers may differ about it.
func (h head) author() string {
	from := h.named("from")
	if len(from) != 1 || !h.sound {
		return ""
	}
	text := from[0].text()
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "?") // names in other charsets do happen
	}
	asIs := &mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	list, err := (&mail.AddressParser{WordDecoder: asIs}).ParseList(text)
	if err != nil || len(list) != 1 {
		return ""
	}
	return hostname(list[0].Address[strings.LastIndexByte(list[0].Address, '@')+1:])
}
