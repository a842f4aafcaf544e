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
	rest string
	bad  bool
}

func (r *recordReader) fail() { r.bad, r.rest = true, "" }

func (r *recordReader) number() int64 {
	var u uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	r.fail()
	return 0
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

func (r *recordReader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
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
	t := time.Unix(seconds, nanos).UTC()
	if offset != 0 {
		t = t.In(time.FixedZone("", int(offset)))
	}
	return t
}
