package blob

import (
	"bytes"
	"fmt"
	"testing"
)

// FuzzReference: a reference is read in the one form in which it is written,
// lies within what a file can hold, and leads to the key of no other.
func FuzzReference(f *testing.F) {
	for _, p := range []place{{kind: inRecord, id: [16]byte{1}}, {kind: inSegment, segment: 7, offset: block, size: 70_000}, {kind: inFile, id: [16]byte{2}, size: 1 << 21}} {
		f.Add(p.ref(), "k.00000000000000000000000000000000")
	}
	f.Add("s.0000000000000001.9223372036854775807.1", "s.1.0.0")
	f.Add("f.0000000000000000000000000000000A.1", "f.0000000000000000000000000000000a.-1")
	f.Fuzz(func(t *testing.T, one, other string) {
		p, err := parse(one)
		if n, ok := segmentNamed(one); ok && fmt.Sprintf("%016x", n) != one {
			t.Fatalf("%q names segment %x", one, n)
		}
		if p, ok := fileNamed(one); ok && fmt.Sprintf("%x", p.id) != one {
			t.Fatalf("%q names file %x", one, p.id)
		}
		if err != nil {
			return
		}
		if p.ref() != one || p.offset < 0 || p.size < 0 || p.offset+p.size < 0 {
			t.Fatalf("%q reads %+v", one, p)
		}
		q, err := parse(other)
		if err != nil || p == q {
			return
		}
		sameOctets := p.kind == q.kind && p.id == q.id && p.segment == q.segment && p.offset == q.offset // only the size, which the record holds, differs
		if bytes.Equal(p.key(), q.key()) && !sameOctets {
			t.Fatalf("%q and %q have one key", one, other)
		}
	})
}
