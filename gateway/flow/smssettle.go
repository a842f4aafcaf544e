package flow

import (
	"context"
	"fmt"
	"slices"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// takenOf counts the segments that the carrier took.
func takenOf(segments []gateway.SegmentResult) (n int) {
	for _, s := range segments {
		if s.Sent {
			n++
		}
	}
	return n
}

// reportShort stages that an application hears that its message failed: one
// receipt where it asked for receipts, else a report to its mailbox, so that
// somebody does. Of a delay nobody is told: the carrier being away for a while
// would fill the mailbox.
func (f *Flow) reportShort(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope, action string) error {
	if action != mailmsg.ActionFailed {
		return nil
	}
	state := failedState(e)
	if m.Ends != nil && slices.ContainsFunc(m.Ends.Parts, func(p gateway.AcceptedPart) bool { return asks(p.Registered, state) }) {
		return f.stageSMSReceipt(ctx, b, m, e, state, errorCode(e.Last.Segments))
	}
	if m.Sender.IsNull() {
		return nil
	}
	return f.stageReport(ctx, b, m, []gateway.Envelope{*e}, action)
}

// failedState is what a receipt calls the end of an envelope that failed here.
func failedState(e *gateway.Envelope) gateway.ReceiptState {
	switch {
	case e.State == gateway.Refused || e.State == gateway.Held:
		return gateway.StateRejected
	case e.Last.Status == "4.4.7" || e.Last.Status == "5.4.7": // RFC 3463 section 3.5: delivery time expired
		return gateway.StateExpired
	}
	return gateway.Undeliverable
}

// errorCode is err: of a receipt: the command_status by which the carrier
// refused a segment, as far as three digits can say it.
func errorCode(segments []gateway.SegmentResult) string {
	for _, s := range segments {
		if !s.Sent && s.Status != 0 {
			return fmt.Sprintf("%03d", min(s.Status, 999))
		}
	}
	return "000"
}

// stagePartsEnd stages what an application hears of parts that were answered
// and that no message came of.
func (f *Flow) stagePartsEnd(ctx context.Context, b *store.Batch, account string, ends gateway.Ends, parts []gateway.AcceptedPart, state gateway.ReceiptState) error {
	for _, p := range parts {
		ends.Parts = []gateway.AcceptedPart{p}
		if err := f.stagePartReceipt(ctx, b, account, ends, state, "000"); err != nil {
			return err
		}
	}
	return nil
}
