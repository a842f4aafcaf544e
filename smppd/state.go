package smppd

import "gatepost/smppd/pdu"

// state is that of a session, SMPP v3.4 section 2.2.
type state int32

// The states. A transceiver is a transmitter and a receiver.
const (
	open        state = 0
	transmitter state = 1
	receiver    state = 2
	transceiver state = transmitter | receiver
	unbound     state = 4 // unbind was sent or answered: nothing new is begun
)

// String is the value of the metric's label.
func (s state) String() string {
	switch s {
	case open:
		return "open"
	case transmitter:
		return "transmitter"
	case receiver:
		return "receiver"
	case transceiver:
		return "transceiver"
	}
	return "unbound"
}

func (s state) transmits() bool { return s&transmitter != 0 && s&unbound == 0 }

// bindOf is the state that a bind leads to.
func bindOf(c pdu.Command) state {
	switch c {
	case pdu.BindTransmitter:
		return transmitter
	case pdu.BindReceiver:
		return receiver
	default:
		return transceiver
	}
}

// permit is the status of a request in a state, by SMPP v3.4 section 2.3: OK
// where it may be done.
func permit(s state, c pdu.Command) pdu.Status {
	switch c {
	case pdu.BindTransmitter, pdu.BindReceiver, pdu.BindTransceiver:
		if s != open {
			return pdu.RALYBND
		}
		return pdu.OK
	case pdu.EnquireLink: // harmless, and answered at any time
		return pdu.OK
	case pdu.Unbind:
		if s == open {
			return pdu.RINVBNDSTS
		}
		return pdu.OK
	case pdu.SubmitSM, pdu.DataSM, pdu.SubmitMulti, pdu.QuerySM, pdu.CancelSM, pdu.ReplaceSM:
		if s.transmits() {
			return pdu.OK
		}
		return pdu.RINVBNDSTS
	case pdu.DeliverSM:
		return pdu.RINVBNDSTS // only we send it
	}
	return pdu.RINVCMDID // outbind, alert_notification: only we send them, and nothing answers them
}
