package gateway

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// The records that every message writes are put into JSON here, octet for octet
// as encoding/json would, in a fifth of its time. Whatever is rare inside them is
// left to encoding/json, which also reads them back.

// fields writes the members of one JSON object. The first error stays.
type fields struct {
	b     []byte
	begun bool
	err   error
}

// key begins a member. Names here need no escaping.
func (f *fields) key(name string) {
	if f.begun {
		f.b = append(f.b, ',', '"')
	} else {
		f.b, f.begun = append(f.b, '{', '"'), true
	}
	f.b = append(append(f.b, name...), '"', ':')
}

// end closes the object.
func (f *fields) end() ([]byte, error) {
	if !f.begun {
		f.b = append(f.b, '{')
	}
	return append(f.b, '}'), f.err
}

// with lets add write a value behind the name of a member.
func (f *fields) with(name string, add func(b []byte) ([]byte, error)) {
	f.key(name)
	b, err := add(f.b)
	if f.b = b; err != nil && f.err == nil {
		f.err = err
	}
}

// other leaves a value to encoding/json.
func (f *fields) other(name string, v any) {
	f.key(name)
	raw, err := json.Marshal(v)
	if f.b = append(f.b, raw...); err != nil && f.err == nil {
		f.err = err
	}
}

func (f *fields) text(name, s string) {
	f.key(name)
	f.b = appendText(f.b, s)
}

func (f *fields) textIf(name, s string) {
	if s != "" {
		f.text(name, s)
	}
}

func (f *fields) texts(name string, list []string) {
	f.key(name)
	f.b = appendTexts(f.b, list)
}

func (f *fields) textsIf(name string, list []string) {
	if len(list) > 0 {
		f.texts(name, list)
	}
}

func (f *fields) number(name string, n int64) {
	f.key(name)
	f.b = strconv.AppendInt(f.b, n, 10)
}

func (f *fields) numberIf(name string, n int64) {
	if n != 0 {
		f.number(name, n)
	}
}

func (f *fields) flag(name string, v bool) {
	f.key(name)
	f.b = strconv.AppendBool(f.b, v)
}

func (f *fields) flagIf(name string, v bool) {
	if v {
		f.flag(name, v)
	}
}

func (f *fields) octetsIf(name string, p []byte) {
	if len(p) > 0 {
		f.key(name)
		f.b = append(base64.StdEncoding.AppendEncode(append(f.b, '"'), p), '"')
	}
}

func (f *fields) time(name string, t time.Time) {
	f.key(name)
	b, err := t.AppendText(append(f.b, '"'))
	if f.b = append(b, '"'); err != nil && f.err == nil {
		f.err = err
	}
}

func (f *fields) timeIf(name string, t time.Time) {
	if !t.IsZero() {
		f.time(name, t)
	}
}

// id writes the 16 octets of an id, of whatever kind.
func (f *fields) id(name string, id [16]byte) {
	f.key(name)
	f.b = append(appendID(append(f.b, '"'), id), '"')
}

func (f *fields) idIf(name string, id [16]byte) {
	if id != [16]byte{} {
		f.id(name, id)
	}
}

func (f *fields) address(name string, a Address) { f.text(name, a.Wire()) }

// isZero reports what the option omitzero asks of a struct without IsZero.
func isZero[T any](v *T) bool { return reflect.ValueOf(v).Elem().IsZero() }

func appendID(b []byte, id [16]byte) []byte { return idEncoding.AppendEncode(b, id[:]) }

// list writes a JSON array of what one writes; a nil one is null.
func list[T any](b []byte, items []T, one func([]byte, *T) ([]byte, error)) ([]byte, error) {
	if items == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '[')
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = one(b, &items[i]); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendTexts(b []byte, texts []string) []byte {
	b, _ = list(b, texts, func(b []byte, s *string) ([]byte, error) { return appendText(b, *s), nil })
	return b
}

// appendText writes a JSON string.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if !plain(s[i]) {
			raw, _ := json.Marshal(s) // a string is never refused
			return append(b, raw...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// plain reports whether encoding/json writes an octet of a string as it is.
func plain(c byte) bool {
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

// appendMap writes a map with its keys in order, as encoding/json does.
func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(appendText(b, k), ':'), m[k])
	}
	return append(b, '}')
}
