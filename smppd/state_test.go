package smppd

import (
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// requests is one request of every command.
func requests() []pdu.PDU {
	line := gateway.Line{TON: 1, NPI: 1, Addr: "15557654321"}
	data := gateway.Segment{Source: gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}, Dest: line, Data: true,
		TLVs: []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte("hello")}}}
	deliver := segment("hello")
	return []pdu.PDU{
		bindPDU(pdu.BindTransmitter, "esme1", "secret1"),
		bindPDU(pdu.BindReceiver, "esme1", "secret1"),
		bindPDU(pdu.BindTransceiver, "esme1", "secret1"),
		submitPDU("hello"),
		{Command: pdu.DataSM, Body: &pdu.Message{Segment: data}},
		{Command: pdu.SubmitMulti, Body: &pdu.Multi{Segment: submitPDU("x").Body.(*pdu.Message).Segment, Dests: []pdu.Dest{{Line: line}}}},
		{Command: pdu.QuerySM, Body: &pdu.Query{MessageID: "m1"}},
		{Command: pdu.CancelSM, Body: &pdu.Cancel{MessageID: "m1"}},
		{Command: pdu.ReplaceSM, Body: &pdu.Replace{MessageID: "m1", Segment: gateway.Segment{Source: gateway.Line{Addr: "CLINIC"}, Short: []byte("x")}}},
		{Command: pdu.EnquireLink},
		{Command: pdu.Unbind},
		{Command: pdu.DeliverSM, Body: &pdu.Message{Segment: deliver}},
		{Command: pdu.Outbind, Body: &pdu.OutbindBody{SystemID: "smsc"}},
		{Command: pdu.AlertNotification, Body: &pdu.Alert{Source: line, ESME: line}},
	}
}

// statusIn is what SMPP v3.4 section 2.3 says of a request.
func statusIn(s state, c pdu.Command) pdu.Status {
	switch c {
	case pdu.BindTransmitter, pdu.BindReceiver, pdu.BindTransceiver:
		if s == open {
			return pdu.OK
		}
		return pdu.RALYBND
	case pdu.SubmitSM, pdu.DataSM, pdu.SubmitMulti:
		if s == transmitter || s == transceiver {
			return pdu.OK
		}
	case pdu.QuerySM, pdu.CancelSM, pdu.ReplaceSM:
		if s == transmitter || s == transceiver {
			return pdu.RINVMSGID // the fake knows none
		}
	case pdu.EnquireLink:
		return pdu.OK
	case pdu.Unbind:
		if s != open {
			return pdu.OK
		}
	case pdu.Outbind, pdu.AlertNotification:
		return pdu.RINVCMDID
	}
	return pdu.RINVBNDSTS
}

func TestEveryStateAndCommand(t *testing.T) {
	s := start(t, newFake(), func(c *Config) { c.Accounts[0].Sessions = 100 })
	binds := map[state]pdu.Command{transmitter: pdu.BindTransmitter, receiver: pdu.BindReceiver, transceiver: pdu.BindTransceiver}
	for _, in := range []state{open, transmitter, receiver, transceiver} {
		for _, request := range requests() {
			t.Run(in.String()+"/"+request.Command.String(), func(t *testing.T) {
				c := dial(t, s.addr)
				if in != open {
					c.bind(binds[in])
				}
				c.want(request, statusIn(in, request.Command))
				if request.Command == pdu.Unbind && in != open {
					c.closed()
					return
				}
				c.want(pdu.PDU{Command: pdu.EnquireLink}, pdu.OK) // the session lives on
			})
		}
	}
}

// A response that answers nothing is ignored in every state.
func TestResponsesThatAnswerNothing(t *testing.T) {
	s := start(t, newFake(), nil)
	for _, bound := range []bool{false, true} {
		c := dial(t, s.addr)
		if bound {
			c.bind(pdu.BindTransceiver)
		}
		for _, command := range []pdu.Command{
			pdu.SubmitSMResp, pdu.DeliverSMResp, pdu.DataSMResp, pdu.EnquireLinkResp, pdu.GenericNack, pdu.UnbindResp,
			pdu.BindTransceiverResp, pdu.CancelSMResp, pdu.ReplaceSMResp, pdu.QuerySMResp, pdu.SubmitMultiResp,
		} {
			c.write(pdu.PDU{Command: command, Status: pdu.RSYSERR, Sequence: 77})
		}
		c.want(pdu.PDU{Command: pdu.EnquireLink}, pdu.OK)
	}
}

func TestUnbindThatIsBound(t *testing.T) {
	for _, c := range []struct {
		from, next state
		ok         bool
	}{
		{open, transmitter, true}, {open, unbound, false}, {transmitter, receiver, false},
		{transceiver, unbound, true}, {receiver | unbound, unbound, false},
	} {
		s := &session{srv: &Server{cfg: Config{Metrics: NewMetrics(nil)}}}
		s.bindAs.Store(int32(c.from))
		if got := s.become(c.next); got != c.ok {
			t.Errorf("%v, then %v: %v", c.from, c.next, got)
		}
	}
}
