package gateway

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// errRecord is the answer to octets that no record explains.
var errRecord = errors.New("no record that is known")

// recordWriter is what was written so far.
type recordWriter []byte

func (w *recordWriter) number(n int64) { *w = binary.AppendVarint(*w, n) }

// text is s as UTF-8, as JSON would keep it.
func (w *recordWriter) text(s string) { w.octets(strings.ToValidUTF8(s, "\uFFFD")) }

// octets is s as it is.
func (w *recordWriter) octets(s string) {
	w.number(int64(len(s)))
	*w = append(*w, s...)
}

func (w *recordWriter) yes(b bool) {
	n := int64(0)
	if b {
		n = 1
	}
	w.number(n)
}

func (w *recordWriter) texts(list []string) {
	w.number(int64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *recordWriter) time(t time.Time) {
	w.yes(!t.IsZero())
	if t.IsZero() {
		return
	}
	_, offset := t.Zone()
	w.number(t.Unix())
	w.number(int64(t.Nanosecond()))
	w.number(int64(offset))
}

// recordReader reads the parts of a value; after a bad one all are empty.
type recordReader struct {
	rest []byte
	// whole is the value again where its texts share one memory; where it is
	// empty each text is a copy, and keeps nothing else of the value.
	whole string
	bad   bool
}

func (r *recordReader) fail() { r.bad, r.rest, r.whole = true, nil, "" }

func (r *recordReader) number() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count is how many of something follow. Each takes an octet at least.
func (r *recordReader) count() int {
	n := r.number()
	if n < 0 || n > int64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

// octets are those that octets wrote, in the memory of the value.
func (r *recordReader) octets() []byte {
	n := r.count()
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *recordReader) text() string {
	if r.whole == "" {
		return string(r.octets())
	}
	n := r.count()
	at := len(r.whole) - len(r.rest)
	r.rest = r.rest[n:]
	return r.whole[at : at+n]
}

func (r *recordReader) texts() []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.text()
	}
	return list
}

func (r *recordReader) time() time.Time {
	if r.number() == 0 {
		return time.Time{}
	}
	seconds, nanos, offset := r.number(), r.number(), r.number()
	t := time.Unix(seconds, nanos)
	if offset == 0 {
		return t.UTC()
	}
	if _, here := t.Zone(); here == int(offset) { // as package time reads one, without a zone for each
		return t
	}
	return t.In(time.FixedZone("", int(offset)))
}
