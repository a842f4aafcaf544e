package pdu_test

import (
	"bytes"
	"sort"
	"testing"

	fiorix "github.com/fiorix/go-smpp/smpp/pdu"
	"github.com/fiorix/go-smpp/smpp/pdu/pdufield"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutlv"
	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// theirs are the commands that the independent codec has. It has neither
// outbind, cancel_sm, replace_sm, data_sm nor alert_notification.
var theirs = []pdu.Command{
	pdu.GenericNack, pdu.BindReceiver, pdu.BindReceiverResp, pdu.BindTransmitter, pdu.BindTransmitterResp,
	pdu.BindTransceiver, pdu.BindTransceiverResp, pdu.QuerySM, pdu.QuerySMResp, pdu.SubmitSM, pdu.SubmitSMResp,
	pdu.DeliverSM, pdu.DeliverSMResp, pdu.Unbind, pdu.UnbindResp, pdu.EnquireLink, pdu.EnquireLinkResp,
	pdu.SubmitMulti, pdu.SubmitMultiResp,
}

// TestIndependentReader: what we write is read by a codec that others wrote
// with the same value in every field.
func TestIndependentReader(t *testing.T) {
	for _, c := range theirs {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := rapid.Map(pdus(c), tame).Filter(understood).Draw(t, "pdu")
				raw, err := pdu.Append(nil, p)
				if err != nil {
					t.Fatal(err)
				}
				if len(raw) > fiorix.MaxSize {
					return
				}
				f, err := fiorix.Decode(bytes.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
				h := f.Header()
				if h.ID != fiorix.ID(p.Command) || h.Status != fiorix.Status(p.Status) || h.Seq != p.Sequence || int(h.Len) != len(raw) {
					t.Fatalf("their header: %+v", h)
				}
				fields := mandatory(p)
				if c == pdu.QuerySMResp { // see tame
					fields[pdufield.MessageState] = append(fields[pdufield.MessageState], 0)
					delete(fields, pdufield.ErrorCode)
				}
				for name, want := range fields {
					field := f.Fields()[name]
					if field == nil {
						t.Fatalf("they read no %s", name)
					}
					if got := field.Bytes(); !bytes.Equal(got, want) {
						t.Fatalf("%s: they read %x, we wrote %x", name, got, want)
					}
				}
				parameters(t, f.TLVFields(), p)
			})
		})
	}
}

// understood leaves out what their codec is known to read wrongly: a bare
// response has no fields, a user data header is taken off deliver_sm.
func understood(p pdu.PDU) bool {
	switch b := p.Body.(type) {
	case *pdu.Message:
		return p.Command != pdu.DeliverSM || b.Segment.ESMClass&0x40 == 0
	case *pdu.QueryResp:
		return b.State != 0
	case *pdu.BindResp:
		return p.Status == pdu.OK || b.SystemID != "" || len(b.TLVs) > 0
	case *pdu.MessageResp:
		return p.Status == pdu.OK || b.MessageID != "" || len(b.TLVs) > 0
	}
	return true
}

// tame takes the same out of a PDU, where little would be left otherwise: a
// list of submit_multi is read as a line, the integers of query_sm_resp as
// text that ends with the next NUL.
func tame(p pdu.PDU) pdu.PDU {
	switch b := p.Body.(type) {
	case *pdu.Multi:
		for i := range b.Dests {
			b.Dests[i].List = ""
		}
	case *pdu.QueryResp:
		b.ErrorCode, b.TLVs = 0, nil
	}
	return p
}

// mandatory gives each field of p as it stands on the wire, under their name.
func mandatory(p pdu.PDU) map[pdufield.Name][]byte {
	text := func(s string) []byte { return append([]byte(s), 0) }
	switch b := p.Body.(type) {
	case *pdu.Bind:
		return map[pdufield.Name][]byte{
			pdufield.SystemID: text(b.SystemID), pdufield.Password: text(b.Password.Reveal()), pdufield.SystemType: text(b.SystemType),
			pdufield.InterfaceVersion: {b.InterfaceVersion}, pdufield.AddrTON: {b.AddrTON}, pdufield.AddrNPI: {b.AddrNPI},
			pdufield.AddressRange: text(b.AddressRange),
		}
	case *pdu.BindResp:
		return map[pdufield.Name][]byte{pdufield.SystemID: text(b.SystemID)}
	case *pdu.MessageResp:
		return map[pdufield.Name][]byte{pdufield.MessageID: text(b.MessageID)}
	case *pdu.Query:
		return map[pdufield.Name][]byte{
			pdufield.MessageID: text(b.MessageID), pdufield.SourceAddrTON: {b.Source.TON}, pdufield.SourceAddrNPI: {b.Source.NPI},
			pdufield.SourceAddr: text(b.Source.Addr),
		}
	case *pdu.QueryResp:
		return map[pdufield.Name][]byte{
			pdufield.MessageID: text(b.MessageID), pdufield.FinalDate: text(b.FinalDate), pdufield.MessageState: {b.State}, pdufield.ErrorCode: {b.ErrorCode},
		}
	case *pdu.Message:
		m := message(b.Segment)
		m[pdufield.DestAddrTON], m[pdufield.DestAddrNPI] = []byte{b.Segment.Dest.TON}, []byte{b.Segment.Dest.NPI}
		m[pdufield.DestinationAddr] = text(b.Segment.Dest.Addr)
		return m
	case *pdu.Multi:
		m := message(b.Segment)
		m[pdufield.NumberDests], m[pdufield.DestinationList] = []byte{byte(len(b.Dests))}, nil
		for _, d := range b.Dests {
			m[pdufield.DestinationList] = append(append(m[pdufield.DestinationList], 1, d.Line.TON, d.Line.NPI), text(d.Line.Addr)...)
		}
		return m
	case *pdu.MultiResp:
		return map[pdufield.Name][]byte{pdufield.MessageID: text(b.MessageID), pdufield.NoUnsuccess: {byte(len(b.Failed))}}
	}
	return nil
}

func message(s gateway.Segment) map[pdufield.Name][]byte {
	text := func(s string) []byte { return append([]byte(s), 0) }
	return map[pdufield.Name][]byte{
		pdufield.ServiceType: text(s.ServiceType), pdufield.SourceAddrTON: {s.Source.TON}, pdufield.SourceAddrNPI: {s.Source.NPI},
		pdufield.SourceAddr: text(s.Source.Addr), pdufield.ESMClass: {s.ESMClass}, pdufield.ProtocolID: {s.ProtocolID},
		pdufield.PriorityFlag: {s.Priority}, pdufield.ScheduleDeliveryTime: text(s.Schedule), pdufield.ValidityPeriod: text(s.Validity),
		pdufield.RegisteredDelivery: {s.Registered}, pdufield.ReplaceIfPresentFlag: {s.Replace}, pdufield.DataCoding: {s.DataCoding},
		pdufield.SMDefaultMsgID: {s.DefaultID}, pdufield.SMLength: {byte(len(s.Short))}, pdufield.ShortMessage: s.Short,
	}
}

// parameters compares the optional ones, of which their map keeps the last of
// each tag.
func parameters(t *rapid.T, got pdutlv.Map, p pdu.PDU) {
	want := map[uint16][]byte{}
	for _, v := range optional(p.Body) {
		want[v.Tag] = v.Value
	}
	if len(got) != len(want) {
		t.Fatalf("they read %d parameters, we wrote %d", len(got), len(want))
	}
	for tag, value := range want {
		if v := got[pdutlv.Tag(tag)]; v == nil || !bytes.Equal(v.Bytes(), value) {
			t.Fatalf("parameter %04x differs", tag)
		}
	}
}

func optional(b pdu.Body) []gateway.TLV {
	switch b := b.(type) {
	case *pdu.Bind:
		return b.TLVs
	case *pdu.BindResp:
		return b.TLVs
	case *pdu.Message:
		return b.Segment.TLVs
	case *pdu.MessageResp:
		return b.TLVs
	case *pdu.Multi:
		return b.Segment.TLVs
	case *pdu.MultiResp:
		return b.TLVs
	case *pdu.Query:
		return b.TLVs
	case *pdu.QueryResp:
		return b.TLVs
	case *pdu.Extra:
		return b.TLVs
	}
	return nil
}

// TestIndependentWriter: what they write is read by us with the value that
// they were given, and written again octet by octet.
func TestIndependentWriter(t *testing.T) {
	makers := map[pdu.Command]func() fiorix.Body{
		pdu.GenericNack: fiorix.NewGenericNACK, pdu.BindReceiver: fiorix.NewBindReceiver, pdu.BindTransmitter: fiorix.NewBindTransmitter,
		pdu.BindTransceiver: fiorix.NewBindTransceiver, pdu.BindReceiverResp: fiorix.NewBindReceiverResp,
		pdu.BindTransmitterResp: fiorix.NewBindTransmitterResp, pdu.BindTransceiverResp: fiorix.NewBindTransceiverResp,
		pdu.QuerySM: fiorix.NewQuerySM, pdu.QuerySMResp: fiorix.NewQuerySMResp, pdu.SubmitSMResp: fiorix.NewSubmitSMResp,
		pdu.DeliverSMResp: fiorix.NewDeliverSMResp, pdu.Unbind: fiorix.NewUnbind, pdu.UnbindResp: fiorix.NewUnbindResp,
		pdu.EnquireLink: fiorix.NewEnquireLink, pdu.EnquireLinkResp: fiorix.NewEnquireLinkResp,
		pdu.SubmitSM: func() fiorix.Body { return fiorix.NewSubmitSM(nil) },
	}
	for c, maker := range makers {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := pdus(c).Filter(func(p pdu.PDU) bool { return p.Status == pdu.OK && distinct(optional(p.Body)) }).Draw(t, "pdu")
				f := maker()
				f.Header().Seq = p.Sequence
				for name, value := range mandatory(p) {
					if n := len(value); n > 1 && value[n-1] == 0 && name != pdufield.ShortMessage {
						value = value[:n-1]
					}
					if err := f.Fields().Set(name, value); err != nil {
						t.Fatal(err)
					}
				}
				for _, v := range optional(p.Body) {
					if err := f.TLVFields().Set(pdutlv.Tag(v.Tag), v.Value); err != nil {
						t.Fatal(err)
					}
				}
				var raw bytes.Buffer
				if err := f.SerializeTo(&raw); err != nil {
					t.Fatal(err)
				}
				got, err := pdu.Decode(raw.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				again, err := pdu.Append(nil, got)
				if err != nil || !bytes.Equal(again, raw.Bytes()) {
					t.Fatalf("written again as %x, came as %x: %v", again, raw.Bytes(), err)
				}
				ordered(optional(got.Body))
				ordered(optional(p.Body))
				if show(got) != show(p) {
					t.Fatalf("read as %x, was %x", show(got), show(p))
				}
			})
		})
	}
}

// distinct: their map holds one parameter of each tag.
func distinct(list []gateway.TLV) bool {
	seen := map[uint16]bool{}
	for _, v := range list {
		if seen[v.Tag] {
			return false
		}
		seen[v.Tag] = true
	}
	return true
}

// ordered sorts: their map knows no order.
func ordered(list []gateway.TLV) {
	sort.Slice(list, func(i, j int) bool { return list[i].Tag < list[j].Tag })
}
