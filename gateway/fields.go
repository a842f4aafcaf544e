package gateway

import (
	"errors"
	"net/netip"
	"time"
)

// The records that every message writes, and that whatever is done with one
// reads, are kept as numbered fields. A field without a value is left out, and
// the number 0 ends a record, also one within another. Each type has one
// function that goes over its fields in the order of their numbers, and both
// writes and reads them. A number is never given to another field, or to another
// kind of value: what was written stays readable, and a new field gets the
// next number. What names have, such as actions, is kept by name: their order may
// change.

// walk goes over the fields of a record, to write or to read it.
type walk struct {
	w       recordWriter
	r       recordReader
	reading bool
	next    int64 // the number that stands next in what is read
	err     error // of writing: the first one
}

// errYear is RFC 3339's limit, which what is shown of records has.
var errYear = errors.New("year outside 0 to 9999")

// writeRecord appends what fields goes over, behind an octet that says what it is.
func writeRecord(b []byte, format byte, fields func(*walk)) ([]byte, error) {
	x := walk{w: append(b, format)}
	fields(&x)
	x.w.number(0)
	return x.w, x.err
}

// readRecord reads what writeRecord wrote. value is not kept.
func readRecord(value []byte, format byte, fields func(*walk)) error {
	if len(value) == 0 || value[0] != format {
		return errRecord
	}
	x := walk{r: recordReader{rest: value[1:]}, reading: true}
	x.all(fields)
	if x.r.bad || len(x.r.rest) > 0 {
		return errRecord
	}
	return nil
}

// all reads one record to its end.
func (x *walk) all(fields func(*walk)) {
	x.next = x.r.number()
	fields(x)
	if x.next != 0 {
		x.r.fail() // a field that is not known, or stands elsewhere
	}
}

// at reports whether the value of field n is to be written or read now; then
// done is to follow.
func (x *walk) at(n int64, empty bool) bool {
	if x.reading {
		return x.next == n
	}
	if empty {
		return false
	}
	x.w.number(n)
	return true
}

func (x *walk) done() {
	if x.reading {
		x.next = x.r.number()
	}
}

func (x *walk) flag(n int64, v *bool) {
	if x.at(n, !*v) {
		if x.reading {
			*v = true
		}
		x.done()
	}
}

// texts are as UTF-8, as JSON keeps them.
func text[T ~string](x *walk, n int64, v *T) {
	switch {
	case !x.at(n, *v == ""):
		return
	case x.reading:
		*v = T(x.r.text())
	default:
		x.w.text(string(*v))
	}
	x.done()
}

func number[T ~int | ~int64 | ~uint8 | ~uint32](x *walk, n int64, v *T) {
	switch {
	case !x.at(n, *v == 0):
		return
	case x.reading:
		is := x.r.number()
		if *v = T(is); int64(*v) != is {
			x.r.fail()
		}
	default:
		x.w.number(int64(*v))
	}
	x.done()
}

// name is a value that is known by its name.
func name[T ~uint8, P interface {
	*T
	String() string
	UnmarshalText([]byte) error
}](x *walk, n int64, v *T) {
	if !x.at(n, *v == 0) {
		return
	}
	is := *v // what methods of P get is moved to the heap: not the whole record
	if !x.reading {
		x.w.text(P(&is).String())
	} else {
		if P(&is).UnmarshalText(x.r.octets()) != nil {
			x.r.fail()
		}
		*v = is
	}
	x.done()
}

func (x *walk) time(n int64, v *time.Time) {
	if !x.at(n, v.IsZero()) {
		return
	}
	x.instant(v)
	x.done()
}

func (x *walk) instant(v *time.Time) {
	if x.reading {
		*v = x.r.time()
	}
	switch year := v.Year(); {
	case year >= 0 && year <= 9999:
	case x.reading:
		x.r.fail()
	case x.err == nil:
		x.err = errYear
	}
	if !x.reading {
		x.w.time(*v)
	}
}

// id is one of any kind.
func (x *walk) id(n int64, v *[16]byte) {
	if x.at(n, *v == [16]byte{}) {
		x.octets16(v)
		x.done()
	}
}

func (x *walk) octets16(v *[16]byte) {
	if !x.reading {
		x.w = append(x.w, v[:]...)
		return
	}
	if len(x.r.rest) < len(v) {
		x.r.fail()
		return
	}
	x.r.rest = x.r.rest[copy(v[:], x.r.rest):]
}

func (x *walk) envelope(n int64, v *EnvelopeID) {
	x.part(n, func(x *walk) {
		x.id(1, (*[16]byte)(&v.Message))
		number(x, 2, &v.N)
	})
}

func (x *walk) octets(n int64, v *[]byte) {
	switch {
	case !x.at(n, *v == nil):
		return
	case x.reading:
		*v = append([]byte{}, x.r.octets()...)
	default:
		x.w.number(int64(len(*v)))
		x.w = append(x.w, *v...)
	}
	x.done()
}

func (x *walk) address(n int64, v *Address) {
	switch {
	case !x.at(n, v.IsNull()):
		return
	case !x.reading:
		x.w.text(v.Wire())
	case v.UnmarshalText(x.r.octets()) != nil:
		x.r.fail()
	}
	x.done()
}

func (x *walk) addrPort(n int64, v *netip.AddrPort) {
	switch {
	case !x.at(n, *v == netip.AddrPort{}):
		return
	case x.reading:
		if v.UnmarshalBinary(x.r.octets()) != nil {
			x.r.fail()
		}
	default:
		var room [32]byte
		b, err := v.AppendBinary(room[:0])
		if x.w.octets(string(b)); err != nil && x.err == nil {
			x.err = err
		}
	}
	x.done()
}

// part is a record within; one without any field with a value is left out.
func (x *walk) part(n int64, fields func(*walk)) {
	if x.reading {
		if x.next == n {
			x.all(fields)
			x.done()
		}
		return
	}
	before := len(x.w)
	x.w.number(n)
	begun := len(x.w)
	if fields(x); len(x.w) == begun {
		x.w = x.w[:before]
		return
	}
	x.w.number(0)
}

// pointer is a record within that may be missing.
func pointer[T any](x *walk, n int64, v **T, fields func(*T, *walk)) {
	if !x.at(n, *v == nil) {
		return
	}
	if x.reading {
		*v = new(T)
	}
	x.item(func(x *walk) { fields(*v, x) })
	x.done()
}

// item is a record within that stands there also when it is empty.
func (x *walk) item(fields func(*walk)) {
	if x.reading {
		x.all(fields)
		return
	}
	fields(x)
	x.w.number(0)
}

// list is of what one goes over, or as with item writes and reads. Memory is
// taken as it is read: a number alone takes none.
func list[T any](x *walk, n int64, v *[]T, one func(*T, *walk)) {
	if !x.at(n, *v == nil) {
		return
	}
	if !x.reading {
		x.w.number(int64(len(*v)))
		for i := range *v {
			one(&(*v)[i], x)
		}
		return
	}
	count := x.r.count()
	*v = make([]T, 0, min(count, 16))
	for range count {
		*v = append(*v, *new(T))
		if one(&(*v)[len(*v)-1], x); x.r.bad {
			break
		}
	}
	x.done()
}

// parts is a list of records.
func parts[T any](x *walk, n int64, v *[]T, fields func(*T, *walk)) {
	list(x, n, v, func(v *T, x *walk) { x.item(func(x *walk) { fields(v, x) }) })
}

func (x *walk) texts(n int64, v *[]string) {
	list(x, n, v, func(s *string, x *walk) {
		if x.reading {
			*s = x.r.text()
		} else {
			x.w.text(*s)
		}
	})
}
