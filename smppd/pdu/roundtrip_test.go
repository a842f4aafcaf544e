package pdu_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestRoundTrip: whatever can be written is read again as it was, from a frame
// that is overwritten afterwards too.
func TestRoundTrip(t *testing.T) {
	for _, c := range commands {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := pdus(c).Draw(t, "pdu")
				before := []byte("before")
				raw, err := pdu.Append(before, p)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.HasPrefix(raw, before) {
					t.Fatal("overwrites what stood before")
				}
				raw = raw[len(before):]
				if n := binary.BigEndian.Uint32(raw); int(n) != len(raw) {
					t.Fatalf("command_length %d of %d octets", n, len(raw))
				}
				got, err := pdu.Decode(raw)
				if err != nil {
					t.Fatal(err)
				}
				clear(raw)
				if !reflect.DeepEqual(got, p) {
					t.Fatalf("reads otherwise: %s", show(got))
				}
			})
		})
	}
}

// show prints a PDU without redaction.
func show(p pdu.PDU) string {
	b, err := pdu.Append(nil, p)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestTruncated: no PDU that is cut short is taken for a whole one, and none
// with an octet behind its end.
func TestTruncated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pdus(0).Draw(t, "pdu")
		if p.Body == nil {
			return
		}
		bare(p.Body)
		raw, err := pdu.Append(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) == pdu.HeaderLen {
			return
		}
		cut := rapid.IntRange(pdu.HeaderLen, len(raw)-1).Draw(t, "cut")
		short := bytes.Clone(raw[:cut])
		binary.BigEndian.PutUint32(short, uint32(cut))
		got, err := pdu.Decode(short)
		if err == nil && !(cut == pdu.HeaderLen && p.Command.IsResponse()) {
			t.Fatalf("%d of %d octets of %v decode to %s", cut, len(raw), p.Command, show(got))
		}
		more := append(bytes.Clone(raw), make([]byte, rapid.IntRange(1, 3).Draw(t, "more"))...)
		binary.BigEndian.PutUint32(more, uint32(len(more)))
		var e *pdu.DecodeError
		if _, err := pdu.Decode(more); !errors.As(err, &e) || e.Status != pdu.RINVOPTPARSTREAM {
			t.Fatalf("%v with octets behind: %v", p.Command, err)
		}
	})
}

// bare drops the optional parameters, which are where a PDU may be cut.
func bare(b pdu.Body) {
	f := reflect.ValueOf(b).Elem()
	if s := f.FieldByName("Segment"); s.IsValid() {
		f = s
	}
	f.FieldByName("TLVs").SetZero()
}

// TestStream: PDUs that follow each other are read one by one, however the
// stream is cut.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		want := rapid.SliceOfN(pdus(0), 1, 8).Draw(t, "pdus")
		for _, p := range want {
			var err error
			if raw, err = pdu.Append(raw, p); err != nil {
				t.Fatal(err)
			}
		}
		var src io.Reader = bytes.NewReader(raw)
		switch rapid.IntRange(0, 2).Draw(t, "cut") {
		case 0:
			src = iotest.OneByteReader(src)
		case 1:
			src = iotest.DataErrReader(src)
		}
		r := pdu.NewReader(src, 0)
		for i := range want {
			got, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want[i]) {
				t.Fatalf("PDU %d reads otherwise", i)
			}
		}
		if _, err := r.Read(); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// TestNormalForm: the two forms that Decode documents.
func TestNormalForm(t *testing.T) {
	for _, v := range []struct {
		name      string
		raw, want []byte
	}{
		{"submit_sm_resp ends at the header", frame(pdu.SubmitSMResp, ""), frame(pdu.SubmitSMResp, "\x00")},
		{"deliver_sm_resp ends at the header", frame(pdu.DeliverSMResp, ""), frame(pdu.DeliverSMResp, "\x00")},
		{"data_sm_resp ends at the header", frame(pdu.DataSMResp, ""), frame(pdu.DataSMResp, "\x00")},
		{"error of submit_sm with a body", failed(frame(pdu.SubmitSMResp, "\x00")), failed(frame(pdu.SubmitSMResp, ""))},
		{"error of submit_sm without a body", failed(frame(pdu.SubmitSMResp, "")), failed(frame(pdu.SubmitSMResp, ""))},
		{"error of submit_sm with an id", failed(frame(pdu.SubmitSMResp, "12\x00")), failed(frame(pdu.SubmitSMResp, "12\x00"))},
		{"error of deliver_sm", failed(frame(pdu.DeliverSMResp, "")), failed(frame(pdu.DeliverSMResp, "\x00"))},
		{"error of bind with an empty body", failed(frame(pdu.BindTransceiverResp, "\x00")), failed(frame(pdu.BindTransceiverResp, ""))},
		{"error of bind without a body", failed(frame(pdu.BindTransceiverResp, "")), failed(frame(pdu.BindTransceiverResp, ""))},
		{"error of query_sm", failed(frame(pdu.QuerySMResp, "")), failed(frame(pdu.QuerySMResp, "\x00\x00\x00\x00"))},
		{"error of submit_multi", failed(frame(pdu.SubmitMultiResp, "")), failed(frame(pdu.SubmitMultiResp, "\x00\x00"))},
	} {
		t.Run(v.name, func(t *testing.T) {
			p := decode(t, v.raw)
			if p.Body == nil {
				t.Fatal("no body at all: every reader would have to ask")
			}
			if got := encode(t, p); !bytes.Equal(got, v.want) {
				t.Errorf("written as %x, want %x", got, v.want)
			}
		})
	}
	for _, raw := range [][]byte{frame(pdu.BindReceiverResp, ""), frame(pdu.QuerySMResp, ""), frame(pdu.SubmitMultiResp, "")} {
		if p, err := pdu.Decode(raw); err == nil {
			t.Errorf("%v with status 0 and no body decodes", p.Command)
		}
	}
}

// failed sets an error status.
func failed(raw []byte) []byte {
	raw[11] = byte(pdu.RTHROTTLED)
	return raw
}

// TestOrderOfTLVs: also those that nobody expects there stay, in their order.
func TestOrderOfTLVs(t *testing.T) {
	want := []gateway.TLV{{Tag: 0x1FFF, Value: []byte("v")}, {Tag: 5, Value: []byte{}}, {Tag: 0x1FFF, Value: []byte("w")}, {Tag: 0, Value: []byte{0}}}
	tail := "\x1f\xff\x00\x01v\x00\x05\x00\x00\x1f\xff\x00\x01w\x00\x00\x00\x01\x00"
	for _, raw := range [][]byte{frame(pdu.EnquireLink, tail), frame(pdu.UnbindResp, tail), frame(pdu.GenericNack, tail), frame(pdu.CancelSMResp, tail)} {
		p := decode(t, raw)
		if b, ok := p.Body.(*pdu.Extra); !ok || !reflect.DeepEqual(b.TLVs, want) {
			t.Errorf("%v: lost its parameters", p.Command)
		}
		if got := encode(t, p); !bytes.Equal(got, raw) {
			t.Errorf("%v: written as %x", p.Command, got)
		}
	}
}
