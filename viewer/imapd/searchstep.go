package imapd

import (
	"strings"

	"gatepost/gateway"
)

// step says what is known of a message, and keeps what was made of it for the
// next key.
type step struct {
	place  int
	row    *row
	layout *gateway.Layout
	text   *string // lower case; nil: not looked at
	closed bool    // text may not be looked at: this user has not opened it

	fields []field // of the header
	split  bool    // fields are there
	whole  string  // see header
}

// field is one of a header.
type field struct {
	name  string
	value string // unfolded; lower case and decoded once it was looked at
	ready bool
}

// header is the header in lower case, as people read it.
func (p *step) header() string {
	if p.whole == "" {
		p.whole = strings.ToLower(decoded(p.layout.Header.Reveal()))
	}
	return p.whole
}

// hasField reports whether a field of the header has what, in lower case, in
// its text; an empty what is in every one.
func (p *step) hasField(name, what string) bool {
	if !p.split {
		p.fields, p.split = splitFields(p.layout.Header.Reveal()), true
	}
	for i := range p.fields {
		f := &p.fields[i]
		if !strings.EqualFold(f.name, name) {
			continue
		}
		if !f.ready {
			f.value, f.ready = strings.ToLower(decoded(unfold(f.value))), true
		}
		if strings.Contains(f.value, what) {
			return true
		}
	}
	return false
}

// splitFields finds the fields of a header. Their values are as they came.
func splitFields(header string) []field {
	list := make([]field, 0, 16)
	begin := -1 // of the value at hand
	for at := 0; at < len(header); {
		end := strings.IndexByte(header[at:], '\n') + 1
		if end == 0 {
			end = len(header) - at
		}
		line := strings.TrimRight(header[at:at+end], "\r\n")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if begin >= 0 {
				list[len(list)-1].value = header[begin : at+len(line)]
			}
		} else if name, value, ok := strings.Cut(line, ":"); ok {
			begin = at + len(name) + 1
			list = append(list, field{name: strings.TrimRight(name, " \t"), value: value})
		} else {
			begin = -1
		}
		at += end
	}
	return list
}

func unfold(value string) string {
	if !strings.Contains(value, "\n") {
		return value
	}
	return strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\n ", " ", "\n\t", " ").Replace(value)
}
