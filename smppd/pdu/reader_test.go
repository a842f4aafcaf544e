package pdu_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"testing/iotest"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestReaderGoesOn: a malformed PDU is consumed as a whole, and what follows
// it is read.
func TestReaderGoesOn(t *testing.T) {
	var raw []byte
	for range 3 {
		raw = append(raw, frame(0x0A, long(5000))...)
		raw = append(raw, frame(pdu.SubmitSM, "")...)
		raw = append(raw, frame(pdu.EnquireLink, "")...)
	}
	r := pdu.NewReader(iotest.HalfReader(bytes.NewReader(raw)), 0)
	for range 3 {
		for _, want := range []pdu.Status{pdu.RINVCMDID, pdu.RINVCMDLEN} {
			var e *pdu.DecodeError
			if p, err := r.Read(); !errors.As(err, &e) || e.Status != want || p.Sequence != 7 {
				t.Fatalf("%v, want %v", err, want)
			}
		}
		if p, err := r.Read(); err != nil || p.Command != pdu.EnquireLink {
			t.Fatalf("%v: %v", p.Command, err)
		}
	}
	if _, err := r.Read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestFramingLost: an impossible command_length is told as soon as it is there,
// and is final.
func TestFramingLost(t *testing.T) {
	for _, v := range []struct {
		name     string
		raw      []byte
		limit    int
		length   uint32
		sequence uint32
	}{
		{"15", append([]byte{0, 0, 0, 15}, frame(pdu.EnquireLink, "")[4:]...), 0, 15, 7},
		{"0 and nothing more", []byte{0, 0, 0, 0}, 0, 0, 0},
		{"0xFFFFFFFF", []byte{255, 255, 255, 255, 0, 0, 0, 4}, 0, 0xFFFFFFFF, 0},
		{"0x80000010", []byte{128, 0, 0, 16}, 0, 0x80000010, 0},
		{"above the limit", frame(pdu.SubmitSM, long(100)), 115, 116, 7},
		{"above the default", binary.BigEndian.AppendUint32(nil, pdu.MaxFrame+1), 0, pdu.MaxFrame + 1, 0},
	} {
		t.Run(v.name, func(t *testing.T) {
			src := bytes.NewReader(append(v.raw, frame(pdu.EnquireLink, "")...))
			if v.sequence == 0 {
				src = bytes.NewReader(v.raw)
			}
			r := pdu.NewReader(src, v.limit)
			for range 2 {
				_, err := r.Read()
				var e *pdu.FramingError
				if !errors.As(err, &e) || e.Length != v.length || e.Sequence != v.sequence {
					t.Fatalf("%v of sequence %d, want length %d, sequence %d", err, e.Sequence, v.length, v.sequence)
				}
				if a := e.Answer(); a.Command != pdu.GenericNack || a.Status != pdu.RINVCMDLEN || a.Sequence != v.sequence {
					t.Errorf("answered by %v", a)
				}
			}
		})
	}
	p, err := pdu.NewReader(bytes.NewReader(frame(pdu.SubmitSMResp, long(60)+"\x00")), 77).Read()
	if err != nil || len(p.Body.(*pdu.MessageResp).MessageID) != 60 {
		t.Errorf("a PDU as long as the limit: %v", err)
	}
}

// TestLargestPDU: 64 KiB of message_payload beside 254 destinations fit the
// default limit.
func TestLargestPDU(t *testing.T) {
	b := &pdu.Multi{Dests: make([]pdu.Dest, 254)}
	for i := range b.Dests {
		b.Dests[i].Line.Addr = long(20)
	}
	b.Segment.TLVs = []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, 65535)}}
	raw := encode(t, pdu.PDU{Command: pdu.SubmitMulti, Body: b})
	p, err := pdu.NewReader(bytes.NewReader(raw), 0).Read()
	if err != nil || len(p.Body.(*pdu.Multi).Segment.Payload()) != 65535 {
		t.Errorf("%d octets: %v", len(raw), err)
	}
}

// TestReaderEnds: the end of a stream between PDUs is not one inside of them.
func TestReaderEnds(t *testing.T) {
	raw := frame(pdu.SubmitSMResp, "77\x00")
	for n := range raw {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := pdu.NewReader(bytes.NewReader(raw[:n]), 0).Read(); err != want {
			t.Errorf("after %d octets: %v, want %v", n, err, want)
		}
	}
	if _, err := pdu.NewReader(silent{}, 0).Read(); err != io.ErrNoProgress {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

// TestFramingLostWithHeader: the sequence_number is told as soon as the header
// is whole.
func TestFramingLostWithHeader(t *testing.T) {
	raw := append([]byte{0, 0, 0, 15}, frame(pdu.EnquireLink, "")[4:]...)
	for n, want := range map[int]uint32{15: 0, 16: 7} {
		var e *pdu.FramingError
		if _, err := pdu.NewReader(bytes.NewReader(raw[:n]), 0).Read(); !errors.As(err, &e) || e.Sequence != want {
			t.Errorf("after %d octets: %v", n, err)
		}
	}
}

// hesitant gives nothing 90 times before each octet.
type hesitant struct {
	src   io.Reader
	calls int
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.calls++; h.calls%91 != 0 {
		return 0, nil
	}
	return h.src.Read(p)
}

// TestReaderIsPatient: a source that gives nothing for a while is no broken one.
func TestReaderIsPatient(t *testing.T) {
	src := iotest.OneByteReader(bytes.NewReader(frame(pdu.SubmitSMResp, "77\x00")))
	if _, err := pdu.NewReader(&hesitant{src: src}, 0).Read(); err != nil {
		t.Error(err)
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// slow gives one octet, then a timeout, then the next.
type slow struct {
	raw  []byte
	next bool
}

func (s *slow) Read(p []byte) (int, error) {
	if s.next = !s.next; !s.next {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.raw) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.raw[:1])
	s.raw = s.raw[1:]
	return n, nil
}

// TestReaderAfterTimeout: reading goes on where a timeout stopped it, also
// within a length.
func TestReaderAfterTimeout(t *testing.T) {
	raw := append(frame(pdu.SubmitSMResp, "77\x00"), frame(pdu.SubmitSMResp, "78\x00")...)
	r := pdu.NewReader(&slow{raw: raw}, 0)
	var ids []string
	for stops := 0; len(ids) < 2; stops++ {
		p, err := r.Read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && stops < len(raw):
		case err != nil:
			t.Fatal(err)
		default:
			ids = append(ids, p.Body.(*pdu.MessageResp).MessageID)
		}
	}
	if ids[0] != "77" || ids[1] != "78" {
		t.Errorf("read %q", ids)
	}
}

// TestReaderHoldsLittle: a peer that announces 64 KiB and sends nothing more
// costs one small buffer, one that sent them costs nothing afterwards.
func TestReaderHoldsLittle(t *testing.T) {
	const peers = 200
	announced := binary.BigEndian.AppendUint32(nil, 65536)
	big := encode(t, pdu.PDU{Command: pdu.DataSM, Body: &pdu.Message{Segment: gateway.Segment{
		Data: true, TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: make([]byte, 65000)}},
	}}})
	for _, v := range []struct {
		name string
		raw  []byte
		err  error
	}{{"announced", announced, os.ErrDeadlineExceeded}, {"sent", big, nil}} {
		t.Run(v.name, func(t *testing.T) {
			before := heap()
			readers := make([]*pdu.Reader, peers)
			for i := range readers {
				readers[i] = pdu.NewReader(io.MultiReader(bytes.NewReader(v.raw), iotest.ErrReader(os.ErrDeadlineExceeded)), 0)
				if _, err := readers[i].Read(); err != v.err {
					t.Fatal(err)
				}
			}
			if each := (heap() - before) / peers; each > 8<<10 {
				t.Errorf("each peer holds %d octets", each)
			}
			runtime.KeepAlive(readers)
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
