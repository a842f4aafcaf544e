package pdu_test

import (
	"bytes"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// submission is a submit_sm as applications send them: one part of a long text.
func submission() pdu.PDU {
	return pdu.PDU{Command: pdu.SubmitSM, Sequence: 1, Body: &pdu.Message{Segment: gateway.Segment{
		Source: gateway.Line{TON: 5, Addr: "CLINIC"}, Dest: gateway.Line{TON: 1, NPI: 1, Addr: "15551234567"},
		ESMClass: 0x40, Registered: 1, Short: append([]byte{5, 0, 3, 7, 2, 1}, bytes.Repeat([]byte("a"), 153)...),
		TLVs: []gateway.TLV{{Tag: 0x0204, Value: []byte{0, 1}}},
	}}}
}

func BenchmarkDecodeSubmit(b *testing.B) {
	raw := encode(b, submission())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pdu.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSubmit(b *testing.B) {
	p := submission()
	var raw []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if raw, err = pdu.Append(raw[:0], p); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(raw)))
}

func BenchmarkAppendResponse(b *testing.B) {
	p := pdu.PDU{Command: pdu.SubmitSMResp, Sequence: 1, Body: &pdu.MessageResp{MessageID: "0123456789abcdef"}}
	var raw []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if raw, err = pdu.Append(raw[:0], p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadResponse(b *testing.B) {
	raw := encode(b, pdu.PDU{Command: pdu.SubmitSMResp, Sequence: 1, Body: &pdu.MessageResp{MessageID: "0123456789abcdef"}})
	raw = bytes.Repeat(raw, 1000)
	r := pdu.NewReader(&endless{raw: raw}, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

// endless gives the same octets again and again.
type endless struct {
	raw []byte
	at  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.raw[e.at:])
	e.at = (e.at + n) % len(e.raw)
	return n, nil
}

// TestAllocations: what a PDU costs in memory is bounded in number, too.
func TestAllocations(t *testing.T) {
	submit, p := encode(t, submission()), submission()
	out := make([]byte, 0, 1024)
	for _, v := range []struct {
		name string
		max  float64
		run  func()
	}{
		{"decode", 5, func() { _, _ = pdu.Decode(submit) }}, // body, two addresses, octets, parameters
		{"append", 0, func() { _, _ = pdu.Append(out, p) }},
	} {
		if got := testing.AllocsPerRun(100, v.run); got > v.max {
			t.Errorf("%s: %v allocations, want at most %v", v.name, got, v.max)
		}
	}
}
