package pdu_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"testing"
	"testing/iotest"

	"gatepost/smppd/pdu"
)

// seeds are PDUs of every command, and those of other projects where they are
// at hand.
func seeds(f *testing.F) [][]byte {
	var list [][]byte
	for i, c := range commands {
		for seed := range 3 {
			raw, err := pdu.Append(nil, pdus(c).Example(3*i+seed))
			if err != nil {
				f.Fatal(err)
			}
			if len(raw) < 2000 {
				list = append(list, raw)
			}
		}
	}
	if os.Getenv("GATEPOST_TESTDATA") != "" {
		for _, c := range outside(f) {
			list = append(list, c.raw(f))
		}
	}
	return append(list, frame(0x0A, ""), []byte{255, 255, 255, 255}, nil)
}

// FuzzDecode: nothing panics; what decodes is written again as it came, but for
// the normal form, and that one is read as the same PDU.
func FuzzDecode(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		p, err := pdu.Decode(raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("the frame was changed")
		}
		if err != nil {
			told(t, p, err)
			return
		}
		again, err := pdu.Append(nil, p)
		if err != nil {
			t.Fatalf("decodes, and cannot be written: %v", err)
		}
		if bytes.Equal(again, raw) {
			return
		}
		if !p.Command.IsResponse() || len(again)+len(raw) > 2*pdu.HeaderLen+4 {
			t.Fatalf("written again as\n%x, came as\n%x", again, raw)
		}
		if q, err := pdu.Decode(again); err != nil || !reflect.DeepEqual(q, p) {
			t.Fatalf("the normal form %x is another PDU: %v", again, err)
		}
	})
}

// told: the errors of a frame are the documented ones, and their answers can
// be written.
func told(t *testing.T, p pdu.PDU, err error) {
	t.Helper()
	var broken *pdu.DecodeError
	var lost *pdu.FramingError
	answer, ok := pdu.PDU{}, false
	switch {
	case errors.As(err, &broken):
		if broken.Status == pdu.OK || broken.Field == "" || broken.Command != p.Command || broken.Sequence != p.Sequence {
			t.Fatalf("says nothing: %+v", broken)
		}
		answer, ok = broken.Answer()
	case errors.As(err, &lost):
		answer, ok = lost.Answer(), true
	default:
		t.Fatalf("neither: %v", err)
	}
	if !ok {
		return
	}
	raw, err := pdu.Append(nil, answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pdu.Decode(raw); err != nil {
		t.Fatal(err)
	}
}

// FuzzReader: a stream is the same PDUs and the same errors however it is cut,
// and it ends.
func FuzzReader(f *testing.F) {
	var all []byte
	for _, raw := range seeds(f) {
		f.Add(raw)
		if len(all)+len(raw) < 4000 {
			all = append(all, raw...)
		}
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := pdu.NewReader(bytes.NewReader(stream), 8192)
		cut := pdu.NewReader(iotest.OneByteReader(bytes.NewReader(stream)), 8192)
		for n := 0; ; n++ {
			if n > len(stream)/pdu.HeaderLen {
				t.Fatal("more PDUs than the stream can hold")
			}
			p, err := whole.Read()
			q, cutErr := cut.Read()
			if !reflect.DeepEqual(p, q) || !same(err, cutErr) {
				t.Fatalf("PDU %d: %v, in pieces %v", n, err, cutErr)
			}
			var broken *pdu.DecodeError
			if err != nil && !errors.As(err, &broken) {
				return
			}
		}
	})
}

// same: a framing error in pieces may come before its sequence number.
func same(a, b error) bool {
	var x, y *pdu.FramingError
	if errors.As(a, &x) && errors.As(b, &y) {
		return x.Length == y.Length
	}
	if a == io.EOF || a == io.ErrUnexpectedEOF {
		return a == b
	}
	return reflect.DeepEqual(a, b)
}
