package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Evidence is JSON: its octets are what is hashed, exported and verified by
// others. As every message writes several records, they are put into JSON here,
// octet for octet as encoding/json would, in a fifth of its time.

// AppendJSON appends the record as encoding/json writes it.
func (r Record) AppendJSON(b []byte) ([]byte, error) {
	b, err := appendTime(append(b, `{"at":`...), r.At)
	if err != nil {
		return b, err
	}
	b = appendText(append(b, `,"event":`...), string(r.Event))
	if r.Actor != "" {
		b = appendText(append(b, `,"actor":`...), r.Actor)
	}
	if !r.Message.IsZero() {
		b = appendID(append(b, `,"message":`...), r.Message)
	}
	if r.Envelope != "" {
		b = appendText(append(b, `,"envelope":`...), r.Envelope)
	}
	if !r.Thread.IsZero() {
		b = appendID(append(b, `,"thread":`...), r.Thread)
	}
	if !r.Link.IsZero() {
		b = appendID(append(b, `,"link":`...), r.Link)
	}
	for i, p := range r.Persons {
		if i == 0 {
			b = append(b, `,"persons":[`...)
		} else {
			b = append(b, ',')
		}
		if b = appendID(b, p); i == len(r.Persons)-1 {
			b = append(b, ']')
		}
	}
	if len(r.Detail) > 0 {
		b = appendMap(append(b, `,"detail":`...), r.Detail)
	}
	return append(b, '}'), nil
}

func appendTime(b []byte, t time.Time) ([]byte, error) {
	b, err := t.AppendText(append(b, '"'))
	return append(b, '"'), err
}

func appendID(b []byte, id [16]byte) []byte {
	return append(idEncoding.AppendEncode(append(b, '"'), id[:]), '"')
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
