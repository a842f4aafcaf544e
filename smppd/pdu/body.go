package pdu

import (
	"fmt"
	"log/slog"

	"gatepost/gateway"
)

// Body is what follows the header of a PDU: a pointer to one of the types
// below. It is nil for a PDU that is a header only.
type Body interface {
	// of reports whether a PDU of that command has such a body.
	of(Command) bool
	// optional is where the optional parameters are.
	optional() *[]gateway.TLV
}

// opaque redacts the body that embeds it.
type opaque struct{}

// Format implements fmt.Formatter.
func (opaque) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[body]")) }

// MarshalJSON implements json.Marshaler, for handlers of logs.
func (opaque) MarshalJSON() ([]byte, error) { return []byte(`"[body]"`), nil }

// LogValue implements slog.LogValuer.
func (opaque) LogValue() slog.Value { return slog.StringValue("[body]") }

// Bind is the body of bind_receiver, bind_transmitter and bind_transceiver
// (SMPP v3.4 section 4.1).
type Bind struct {
	opaque
	SystemID string // at most 15 octets
	// Password is at most 64 octets here. Section 4.1.1 allows 8, which is too
	// few for a good one, and peers use more of them.
	Password         gateway.Sensitive
	SystemType       string // at most 12 octets
	InterfaceVersion byte   // 0x34 for v3.4, section 5.2.4
	AddrTON, AddrNPI byte
	AddressRange     string // at most 40 octets, section 5.2.7
	TLVs             []gateway.TLV
}

// BindResp is the body of the answers to a Bind.
type BindResp struct {
	opaque
	SystemID string // at most 15 octets
	TLVs     []gateway.TLV
}

// OutbindBody is the body of outbind (section 4.1.7).
type OutbindBody struct {
	opaque
	SystemID string            // at most 15 octets
	Password gateway.Sensitive // at most 64 octets, as in Bind
	TLVs     []gateway.TLV
}

// Message is the body of submit_sm, deliver_sm (sections 4.4.1 and 4.6.1) and
// data_sm (section 4.7.1).
type Message struct {
	opaque
	// Segment has Data set for data_sm, which has neither protocol_id, priority,
	// times, replace flag, sm_default_msg_id nor short_message, and whose
	// addresses have up to 64 octets instead of 20.
	Segment gateway.Segment
}

// MessageResp is the body of submit_sm_resp, deliver_sm_resp and data_sm_resp.
type MessageResp struct {
	opaque
	// MessageID has at most 64 octets. That of deliver_sm_resp is unused
	// (section 4.6.2) and may still hold something.
	MessageID string
	TLVs      []gateway.TLV
}

// Multi is the body of submit_multi (section 4.5.1).
type Multi struct {
	opaque
	Segment gateway.Segment // its Dest is not used
	Dests   []Dest          // 1 to 254
}

// Dest is a destination of submit_multi: a line, or a distribution list of at
// most 20 octets where List is not "".
type Dest struct {
	opaque
	Line gateway.Line
	List string
}

// MultiResp is the body of submit_multi_resp (section 4.5.2).
type MultiResp struct {
	opaque
	MessageID string
	Failed    []Failed // at most 255
	TLVs      []gateway.TLV
}

// Failed is a destination of submit_multi that was refused.
type Failed struct {
	opaque
	Line   gateway.Line
	Status Status
}

// Query is the body of query_sm (section 4.8.1).
type Query struct {
	opaque
	MessageID string
	Source    gateway.Line
	TLVs      []gateway.TLV
}

// QueryResp is the body of query_sm_resp (section 4.8.2).
type QueryResp struct {
	opaque
	MessageID string
	FinalDate string // of FormatTime: "" while the message is under way
	State     byte   // section 5.2.28
	ErrorCode byte   // of the network, 0 for none
	TLVs      []gateway.TLV
}

// Cancel is the body of cancel_sm (section 4.9.1).
type Cancel struct {
	opaque
	ServiceType  string
	MessageID    string // "" for all messages of Source to Dest
	Source, Dest gateway.Line
	TLVs         []gateway.TLV
}

// Replace is the body of replace_sm (section 4.10.1).
type Replace struct {
	opaque
	MessageID string
	// Segment holds Source, Schedule, Validity, Registered, DefaultID, Short
	// and TLVs; replace_sm has no other field.
	Segment gateway.Segment
}

// Alert is the body of alert_notification (section 4.12.1).
type Alert struct {
	opaque
	Source gateway.Line // the telephone that can be reached; up to 64 octets
	ESME   gateway.Line // who asked to know; up to 64 octets
	TLVs   []gateway.TLV
}

// Extra is the body of a PDU that the specification makes a header only, but
// that came with optional parameters (section 3.3 has them ignored).
type Extra struct {
	opaque
	TLVs []gateway.TLV
}

func (*Bind) of(c Command) bool {
	return c == BindReceiver || c == BindTransmitter || c == BindTransceiver
}

func (*BindResp) of(c Command) bool {
	return c == BindReceiverResp || c == BindTransmitterResp || c == BindTransceiverResp
}

func (*OutbindBody) of(c Command) bool { return c == Outbind }

func (m *Message) of(c Command) bool {
	return c == SubmitSM || c == DeliverSM || c == DataSM
}

func (*MessageResp) of(c Command) bool {
	return c == SubmitSMResp || c == DeliverSMResp || c == DataSMResp
}

func (*Multi) of(c Command) bool     { return c == SubmitMulti }
func (*MultiResp) of(c Command) bool { return c == SubmitMultiResp }
func (*Query) of(c Command) bool     { return c == QuerySM }
func (*QueryResp) of(c Command) bool { return c == QuerySMResp }
func (*Cancel) of(c Command) bool    { return c == CancelSM }
func (*Replace) of(c Command) bool   { return c == ReplaceSM }
func (*Alert) of(c Command) bool     { return c == AlertNotification }
func (*Extra) of(c Command) bool     { return headerOnly(c) }

func headerOnly(c Command) bool {
	switch c {
	case Unbind, UnbindResp, EnquireLink, EnquireLinkResp, CancelSMResp, ReplaceSMResp, GenericNack:
		return true
	}
	return false
}

// newBody is the empty body of a command, nil for one that is unknown.
func newBody(c Command) Body {
	switch c {
	case BindReceiver, BindTransmitter, BindTransceiver:
		return &Bind{}
	case BindReceiverResp, BindTransmitterResp, BindTransceiverResp:
		return &BindResp{}
	case Outbind:
		return &OutbindBody{}
	case SubmitSM, DeliverSM, DataSM:
		return &Message{}
	case SubmitSMResp, DeliverSMResp, DataSMResp:
		return &MessageResp{}
	case SubmitMulti:
		return &Multi{}
	case SubmitMultiResp:
		return &MultiResp{}
	case QuerySM:
		return &Query{}
	case QuerySMResp:
		return &QueryResp{}
	case CancelSM:
		return &Cancel{}
	case ReplaceSM:
		return &Replace{}
	case AlertNotification:
		return &Alert{}
	}
	if headerOnly(c) {
		return &Extra{}
	}
	return nil
}

func (b *Bind) optional() *[]gateway.TLV        { return &b.TLVs }
func (b *BindResp) optional() *[]gateway.TLV    { return &b.TLVs }
func (b *OutbindBody) optional() *[]gateway.TLV { return &b.TLVs }
func (b *Message) optional() *[]gateway.TLV     { return &b.Segment.TLVs }
func (b *MessageResp) optional() *[]gateway.TLV { return &b.TLVs }
func (b *Multi) optional() *[]gateway.TLV       { return &b.Segment.TLVs }
func (b *MultiResp) optional() *[]gateway.TLV   { return &b.TLVs }
func (b *Query) optional() *[]gateway.TLV       { return &b.TLVs }
func (b *QueryResp) optional() *[]gateway.TLV   { return &b.TLVs }
func (b *Cancel) optional() *[]gateway.TLV      { return &b.TLVs }
func (b *Replace) optional() *[]gateway.TLV     { return &b.Segment.TLVs }
func (b *Alert) optional() *[]gateway.TLV       { return &b.TLVs }
func (b *Extra) optional() *[]gateway.TLV       { return &b.TLVs }
