package pdu_test

import (
	"bytes"
	"reflect"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestGolden: one PDU of each kind, its octets written down from the tables
// of section 4 and not from what Append does.
func TestGolden(t *testing.T) {
	line := func(ton, npi byte, addr string) gateway.Line { return gateway.Line{TON: ton, NPI: npi, Addr: addr} }
	for _, v := range []struct {
		command pdu.Command
		octets  string
		body    pdu.Body
	}{
		{pdu.BindReceiver, "esme\x00secret\x00ehr\x00\x34\x01\x02^1555\x00", &pdu.Bind{
			SystemID: "esme", Password: "secret", SystemType: "ehr", InterfaceVersion: 0x34, AddrTON: 1, AddrNPI: 2, AddressRange: "^1555",
		}},
		{pdu.BindTransmitterResp, "smsc\x00\x02\x10\x00\x01\x34", &pdu.BindResp{
			SystemID: "smsc", TLVs: []gateway.TLV{{Tag: 0x0210, Value: []byte{0x34}}},
		}},
		{pdu.Outbind, "smsc\x00secret\x00", &pdu.OutbindBody{SystemID: "smsc", Password: "secret"}},
		{pdu.SubmitSM, "CMT\x00\x05\x00CLINIC\x00\x01\x0115551234567\x00\x40\x7f\x01" +
			"261122040506700+\x00000001000000000R\x00\x01\x01\xf1\x02\x03a\x00b\x04\x26\x00\x01\x01",
			&pdu.Message{Segment: gateway.Segment{
				ServiceType: "CMT", Source: line(5, 0, "CLINIC"), Dest: line(1, 1, "15551234567"),
				ESMClass: 0x40, ProtocolID: 0x7F, Priority: 1, Schedule: "261122040506700+", Validity: "000001000000000R",
				Registered: 1, Replace: 1, DataCoding: 0xF1, DefaultID: 2, Short: []byte("a\x00b"),
				TLVs: []gateway.TLV{{Tag: 0x0426, Value: []byte{1}}},
			}}},
		{pdu.SubmitSMResp, "0a1B\x00", &pdu.MessageResp{MessageID: "0a1B"}},
		{pdu.DeliverSM, "\x00\x01\x0115551234567\x00\x00\x0140404\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x02hi\x04\x27\x00\x01\x02",
			&pdu.Message{Segment: gateway.Segment{
				Source: line(1, 1, "15551234567"), Dest: line(0, 1, "40404"), ESMClass: 4, Short: []byte("hi"),
				TLVs: []gateway.TLV{{Tag: gateway.TagMessageState, Value: []byte{2}}},
			}}},
		{pdu.DataSM, "WAP\x00\x01\x0115551234567\x00\x00\x0140404\x00\x40\x01\x08\x04\x24\x00\x04text",
			&pdu.Message{Segment: gateway.Segment{
				ServiceType: "WAP", Source: line(1, 1, "15551234567"), Dest: line(0, 1, "40404"), ESMClass: 0x40, Registered: 1, DataCoding: 8,
				TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte("text")}}, Data: true,
			}}},
		{pdu.SubmitMulti, "\x00\x05\x00CLINIC\x00\x03\x01\x01\x0115551234567\x00\x02everybody\x00\x01\x00\x01911\x00" +
			"\x00\x00\x03\x00\x00\x00\x00\x00\x00\x02hi",
			&pdu.Multi{
				Segment: gateway.Segment{Source: line(5, 0, "CLINIC"), Priority: 3, Short: []byte("hi")},
				Dests:   []pdu.Dest{{Line: line(1, 1, "15551234567")}, {List: "everybody"}, {Line: line(0, 1, "911")}},
			}},
		{pdu.SubmitMultiResp, "77\x00\x02\x01\x0115551234567\x00\x00\x00\x00\x0b\x00\x01911\x00\x00\x00\x00\x58",
			&pdu.MultiResp{MessageID: "77", Failed: []pdu.Failed{
				{Line: line(1, 1, "15551234567"), Status: pdu.RINVDSTADR}, {Line: line(0, 1, "911"), Status: pdu.RTHROTTLED},
			}}},
		{pdu.QuerySM, "77\x00\x05\x00CLINIC\x00", &pdu.Query{MessageID: "77", Source: line(5, 0, "CLINIC")}},
		{pdu.QuerySMResp, "77\x00261122040506700+\x00\x02\x0b", &pdu.QueryResp{MessageID: "77", FinalDate: "261122040506700+", State: 2, ErrorCode: 11}},
		{pdu.CancelSM, "CMT\x0077\x00\x05\x00CLINIC\x00\x01\x0115551234567\x00", &pdu.Cancel{
			ServiceType: "CMT", MessageID: "77", Source: line(5, 0, "CLINIC"), Dest: line(1, 1, "15551234567"),
		}},
		{pdu.CancelSMResp, "", nil},
		{pdu.ReplaceSM, "77\x00\x05\x00CLINIC\x00261122040506700+\x00000001000000000R\x00\x01\x09\x02hi", &pdu.Replace{
			MessageID: "77", Segment: gateway.Segment{
				Source: line(5, 0, "CLINIC"), Schedule: "261122040506700+", Validity: "000001000000000R", Registered: 1, DefaultID: 9, Short: []byte("hi"),
			},
		}},
		{pdu.AlertNotification, "\x01\x0115551234567\x00\x00\x0140404\x00\x04\x22\x00\x01\x00", &pdu.Alert{
			Source: line(1, 1, "15551234567"), ESME: line(0, 1, "40404"), TLVs: []gateway.TLV{{Tag: 0x0422, Value: []byte{0}}},
		}},
		{pdu.EnquireLink, "", nil},
		{pdu.Unbind, "", nil},
		{pdu.GenericNack, "", nil},
	} {
		t.Run(v.command.String(), func(t *testing.T) {
			want, raw := pdu.PDU{Command: v.command, Sequence: 7, Body: v.body}, frame(v.command, v.octets)
			if got := decode(t, raw); !reflect.DeepEqual(got, want) {
				t.Errorf("reads as %q", show(got))
			}
			if got := encode(t, want); !bytes.Equal(got, raw) {
				t.Errorf("written as\n%q, want\n%q", got, raw)
			}
		})
	}
}

// TestNames: commands and responses pair up, and every name is the one of the
// specification.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands {
		if !c.Known() || seen[c.String()] {
			t.Errorf("%x is %q", uint32(c), c.String())
		}
		seen[c.String()] = true
		answer := c.Response()
		switch {
		case c.IsResponse() || c == pdu.Outbind || c == pdu.AlertNotification:
			if answer != pdu.GenericNack {
				t.Errorf("%v is answered by %v", c, answer)
			}
		case answer.String() != c.String()+"_resp" || !answer.IsResponse():
			t.Errorf("%v is answered by %v", c, answer)
		}
	}
	for s, want := range map[pdu.Status]string{
		pdu.OK: "ESME_ROK", pdu.RTHROTTLED: "ESME_RTHROTTLED", pdu.RX_T_APPN: "ESME_RX_T_APPN", pdu.RUNKNOWNERR: "ESME_RUNKNOWNERR", 0x400: "0x400",
	} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", uint32(s), s, want)
		}
	}
	if c := pdu.Command(0x0A); c.Known() || c.String() != "unknown" || c.Response() != pdu.GenericNack {
		t.Errorf("command 0x0A is %q", c)
	}
}

// TestStatusOfTheGateway: the numbers that faults carry are those of the same
// name here.
func TestStatusOfTheGateway(t *testing.T) {
	for number, status := range map[uint32]pdu.Status{
		gateway.StatusOK: pdu.OK, gateway.StatusInvalidLength: pdu.RINVMSGLEN, gateway.StatusSystemError: pdu.RSYSERR,
		gateway.StatusInvalidSource: pdu.RINVSRCADR, gateway.StatusInvalidDest: pdu.RINVDSTADR, gateway.StatusInvalidID: pdu.RINVMSGID,
		gateway.StatusCancelFailed: pdu.RCANCELFAIL, gateway.StatusReplaceFailed: pdu.RREPLACEFAIL, gateway.StatusQueueFull: pdu.RMSGQFUL,
		gateway.StatusInvalidESMClass: pdu.RINVESMCLASS, gateway.StatusSubmitFailed: pdu.RSUBMITFAIL,
		gateway.StatusThrottled: pdu.RTHROTTLED, gateway.StatusQueryFailed: pdu.RQUERYFAIL,
	} {
		if pdu.Status(number) != status {
			t.Errorf("%v is 0x%02x in the gateway", status, number)
		}
	}
}
