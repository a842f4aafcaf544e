package text

import (
	"fmt"
	"time"

	"gatepost/gateway"
)

// Bits of esm_class that say what a message is about (SMPP v3.4 section
// 5.2.12).
const (
	esmKind         = 0x3C
	esmReceipt      = 0x04
	esmIntermediate = 0x20
)

// states by message_state (SMPP v3.4 section 5.2.28).
var states = [...]gateway.ReceiptState{
	1: gateway.Enroute, 2: gateway.StateSent, 3: gateway.StateExpired, 4: gateway.StateDeleted,
	5: gateway.Undeliverable, 6: gateway.StateAccepted, 7: gateway.StateUnknown, 8: gateway.StateRejected,
}

// ComposeReceipt writes a receipt as the deliver_sm that carries it: the text
// of SMPP v3.4 Appendix B, in ASCII and without a word of the message, and the
// same as optional parameters. Source and destination are those of the message
// exchanged: a receipt comes from the telephone. A zero time is ten zeros.
func (Texts) ComposeReceipt(r gateway.Receipt) gateway.Segment {
	state, delivered := messageState(r.State), 0
	if r.State == gateway.StateSent {
		delivered = 1
	}
	id := r.ID.Reveal()
	s := gateway.Segment{
		Source:   r.Dest,
		Dest:     r.Source,
		ESMClass: esmReceipt,
		Short: fmt.Appendf(nil, "id:%s sub:001 dlvrd:%03d submit date:%s done date:%s stat:%s err:%s text:",
			id, delivered, receiptTime(r.Submitted), receiptTime(r.Done), states[state], receiptError(r.Error)),
		TLVs: []gateway.TLV{
			{Tag: gateway.TagReceiptedMessageID, Value: append([]byte(id), 0)},
			{Tag: gateway.TagMessageState, Value: []byte{state}},
		},
	}
	if r.Intermediate {
		s.ESMClass = esmIntermediate
	}
	if len(r.Network) > 0 {
		s.TLVs = append(s.TLVs, gateway.TLV{Tag: gateway.TagNetworkErrorCode, Value: r.Network})
	}
	if len(r.Reference) > 0 { // section 4.6.1
		s.TLVs = append(s.TLVs, gateway.TLV{Tag: gateway.TagUserReference, Value: r.Reference})
	}
	return s
}

// messageState is the number of a state, of UNKNOWN for any other word.
func messageState(s gateway.ReceiptState) byte {
	for i, state := range states {
		if i > 0 && state == s {
			return byte(i)
		}
	}
	return 7
}

func receiptTime(t time.Time) string {
	if t.IsZero() {
		return "0000000000"
	}
	return t.UTC().Format("0601021504")
}

// receiptError is three characters.
func receiptError(text string) string {
	if len(text) >= 3 {
		return text[len(text)-3:]
	}
	return "000"[len(text):] + text
}
