package pdu_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// commands are all of SMPP v3.4 section 5.1.2.1.
var commands = []pdu.Command{
	pdu.GenericNack, pdu.BindReceiver, pdu.BindReceiverResp, pdu.BindTransmitter, pdu.BindTransmitterResp,
	pdu.QuerySM, pdu.QuerySMResp, pdu.SubmitSM, pdu.SubmitSMResp, pdu.DeliverSM, pdu.DeliverSMResp,
	pdu.Unbind, pdu.UnbindResp, pdu.ReplaceSM, pdu.ReplaceSMResp, pdu.CancelSM, pdu.CancelSMResp,
	pdu.BindTransceiver, pdu.BindTransceiverResp, pdu.Outbind, pdu.EnquireLink, pdu.EnquireLinkResp,
	pdu.SubmitMulti, pdu.SubmitMultiResp, pdu.AlertNotification, pdu.DataSM, pdu.DataSMResp,
}

// frame is a PDU with sequence 7 and status 0, of the octets of body.
func frame(c pdu.Command, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(pdu.HeaderLen+len(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(c))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, 7)
	return append(b, body...)
}

func encode(t testing.TB, p pdu.PDU) []byte {
	t.Helper()
	b, err := pdu.Append(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t testing.TB, b []byte) pdu.PDU {
	t.Helper()
	p, err := pdu.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// times that section 7.1.1 allows.
var times = []string{"", "261122040506700+", "261122040506748-", "000007000000000R", "990000235959000R"}

// words draws printable text of at most limit octets.
func words(limit int, label string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.ByteRange(' ', '~'), 0, limit).Draw(t, label))
	})
}

// nonNUL draws any octets but NUL.
func nonNUL(limit int, label string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.ByteRange(1, 255), 0, limit).Draw(t, label))
	})
}

func lines(limit int) *rapid.Generator[gateway.Line] {
	return rapid.Custom(func(t *rapid.T) gateway.Line {
		return gateway.Line{TON: rapid.Byte().Draw(t, "ton"), NPI: rapid.Byte().Draw(t, "npi"), Addr: words(limit, "addr").Draw(t, "addr")}
	})
}

// octets are n octets from a seed: rapid itself is slow at long slices.
func octets(t *rapid.T, n int) []byte {
	seed := rapid.Uint64().Draw(t, "seed")
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// tlvs draws optional parameters, foreign ones too, but none of those that
// decide how a message is read.
func tlvs(t *rapid.T) []gateway.TLV {
	n := rapid.IntRange(0, 5).Draw(t, "tlvs")
	var list []gateway.TLV
	for range n {
		tag := rapid.Uint16().Filter(func(tag uint16) bool {
			return tag != gateway.TagMessagePayload && (tag < gateway.TagSourcePort || tag > gateway.TagSARSeq)
		}).Draw(t, "tag")
		list = append(list, gateway.TLV{Tag: tag, Value: octets(t, rapid.IntRange(0, 300).Draw(t, "size"))})
	}
	return list
}

// segments draws the fields that data_sm has too, and with full the others.
func segments(t *rapid.T, addr int, full bool) gateway.Segment {
	s := gateway.Segment{
		ServiceType: words(5, "service").Draw(t, "service"),
		Source:      lines(addr).Draw(t, "source"),
		Dest:        lines(addr).Draw(t, "dest"),
		ESMClass:    rapid.Byte().Draw(t, "esm"),
		Registered:  rapid.Byte().Draw(t, "registered"),
		DataCoding:  rapid.Byte().Draw(t, "coding"),
		TLVs:        tlvs(t),
		Data:        !full,
	}
	if full {
		s.ProtocolID = rapid.Byte().Draw(t, "protocol")
		s.Priority = rapid.Byte().Draw(t, "priority")
		s.Schedule = rapid.SampledFrom(times).Draw(t, "schedule")
		s.Validity = rapid.SampledFrom(times).Draw(t, "validity")
		s.Replace = rapid.Byte().Draw(t, "replace")
		s.DefaultID = rapid.Byte().Draw(t, "default")
	}
	switch rapid.IntRange(0, 2).Draw(t, "where") {
	case 0:
		n := rapid.SampledFrom([]int{0, 1, 140, 4096, 65535}).Draw(t, "payload")
		s.TLVs = append(s.TLVs, gateway.TLV{Tag: gateway.TagMessagePayload, Value: octets(t, n)})
	case 1:
		if n := rapid.IntRange(0, 255).Draw(t, "short"); full && n > 0 {
			s.Short = octets(t, n)
		}
	}
	if rapid.Bool().Draw(t, "sar") {
		s.TLVs = append(s.TLVs, gateway.TLV{Tag: gateway.TagSARRef, Value: []byte{1, 2}},
			gateway.TLV{Tag: gateway.TagSARTotal, Value: []byte{3}}, gateway.TLV{Tag: gateway.TagSARSeq, Value: []byte{1}})
	}
	return s
}

// bodies draws a body for c, nil for a header only.
func bodies(t *rapid.T, c pdu.Command) pdu.Body {
	switch c {
	case pdu.BindReceiver, pdu.BindTransmitter, pdu.BindTransceiver:
		return &pdu.Bind{
			SystemID: words(15, "id").Draw(t, "id"), Password: gateway.Sensitive(nonNUL(64, "password").Draw(t, "password")),
			SystemType: words(12, "type").Draw(t, "type"), InterfaceVersion: rapid.Byte().Draw(t, "version"),
			AddrTON: rapid.Byte().Draw(t, "ton"), AddrNPI: rapid.Byte().Draw(t, "npi"),
			AddressRange: words(40, "range").Draw(t, "range"), TLVs: tlvs(t),
		}
	case pdu.BindReceiverResp, pdu.BindTransmitterResp, pdu.BindTransceiverResp:
		return &pdu.BindResp{SystemID: words(15, "id").Draw(t, "id"), TLVs: tlvs(t)}
	case pdu.Outbind:
		return &pdu.OutbindBody{SystemID: words(15, "id").Draw(t, "id"), Password: gateway.Sensitive(nonNUL(64, "password").Draw(t, "password")), TLVs: tlvs(t)}
	case pdu.SubmitSM, pdu.DeliverSM:
		return &pdu.Message{Segment: segments(t, 20, true)}
	case pdu.DataSM:
		return &pdu.Message{Segment: segments(t, 64, false)}
	case pdu.SubmitSMResp, pdu.DeliverSMResp, pdu.DataSMResp:
		return &pdu.MessageResp{MessageID: nonNUL(64, "id").Draw(t, "id"), TLVs: tlvs(t)}
	case pdu.SubmitMulti:
		b := &pdu.Multi{Segment: segments(t, 20, true)}
		b.Segment.Dest = gateway.Line{}
		for range rapid.SampledFrom([]int{1, 2, 254}).Draw(t, "dests") {
			if rapid.Bool().Draw(t, "list") {
				b.Dests = append(b.Dests, pdu.Dest{List: "L" + words(19, "list").Draw(t, "list")})
			} else {
				b.Dests = append(b.Dests, pdu.Dest{Line: lines(20).Draw(t, "line")})
			}
		}
		return b
	case pdu.SubmitMultiResp:
		b := &pdu.MultiResp{MessageID: nonNUL(64, "id").Draw(t, "id"), TLVs: tlvs(t)}
		for range rapid.SampledFrom([]int{0, 1, 2, 255}).Draw(t, "failed") {
			b.Failed = append(b.Failed, pdu.Failed{Line: lines(20).Draw(t, "line"), Status: pdu.Status(rapid.Uint32().Draw(t, "status"))})
		}
		return b
	}
	return lesserBodies(t, c)
}

func lesserBodies(t *rapid.T, c pdu.Command) pdu.Body {
	switch c {
	case pdu.QuerySM:
		return &pdu.Query{MessageID: words(64, "id").Draw(t, "id"), Source: lines(20).Draw(t, "source"), TLVs: tlvs(t)}
	case pdu.QuerySMResp:
		return &pdu.QueryResp{
			MessageID: nonNUL(64, "id").Draw(t, "id"), FinalDate: rapid.SampledFrom(times).Draw(t, "date"),
			State: rapid.Byte().Draw(t, "state"), ErrorCode: rapid.Byte().Draw(t, "code"), TLVs: tlvs(t),
		}
	case pdu.CancelSM:
		return &pdu.Cancel{
			ServiceType: words(5, "service").Draw(t, "service"), MessageID: words(64, "id").Draw(t, "id"),
			Source: lines(20).Draw(t, "source"), Dest: lines(20).Draw(t, "dest"), TLVs: tlvs(t),
		}
	case pdu.ReplaceSM:
		s := segments(t, 20, true)
		s.ServiceType, s.Dest, s.ESMClass, s.ProtocolID, s.Priority, s.Replace, s.DataCoding = "", gateway.Line{}, 0, 0, 0, 0, 0
		return &pdu.Replace{MessageID: words(64, "id").Draw(t, "id"), Segment: s}
	case pdu.AlertNotification:
		return &pdu.Alert{Source: lines(64).Draw(t, "source"), ESME: lines(64).Draw(t, "esme"), TLVs: tlvs(t)}
	}
	if list := tlvs(t); len(list) > 0 {
		return &pdu.Extra{TLVs: list}
	}
	return nil
}

// pdus draws any PDU, of a given command unless it is 0.
func pdus(c pdu.Command) *rapid.Generator[pdu.PDU] {
	return rapid.Custom(func(t *rapid.T) pdu.PDU {
		p := pdu.PDU{Command: c, Sequence: rapid.Uint32().Draw(t, "sequence")}
		if c == 0 {
			p.Command = rapid.SampledFrom(commands).Draw(t, "command")
		}
		if rapid.Bool().Draw(t, "error") {
			p.Status = pdu.Status(rapid.Uint32().Draw(t, "status"))
		}
		p.Body = bodies(t, p.Command)
		return p
	})
}

// long is n times the letter a.
func long(n int) string { return strings.Repeat("a", n) }
