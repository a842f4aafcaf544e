package flow

import (
	"context"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// stopped refuses an envelope to a telephone that wants no messages from the
// line that this one would come from. No policy and no mode changes that.
func (a *arrival) stopped(ctx context.Context, e *gateway.Envelope) (bool, error) {
	if !e.Recipient.IsPhone() {
		return false, nil
	}
	allowed, err := a.flow.smsAllowed(ctx, &a.once, a.line(), e.Recipient)
	if err != nil || allowed {
		return false, err
	}
	e.State, e.Action, e.Decided, e.Rules = gateway.Refused, gateway.Reject, gateway.Reject, []string{"stop"}
	return true, nil
}

// line is where what the arrival sends to a telephone comes from.
func (a *arrival) line() gateway.Line {
	if a.sms != nil {
		return a.sms.ends.Source
	}
	if !a.turnLine.IsZero() {
		return a.turnLine
	}
	return a.set.SMS.sender()
}

// sender is the line of Gatepost's own messages.
func (s *SMSSettings) sender() gateway.Line {
	if s == nil {
		return gateway.Line{}
	}
	return s.Sender
}

// smsAllowed reports whether messages from a line may go to a telephone. The
// commit of b fails when it says something else meanwhile.
func (f *Flow) smsAllowed(ctx context.Context, b *store.Batch, from gateway.Line, phone gateway.Address) (bool, error) {
	s, err := f.consents.Guard(ctx, b, from, phone)
	return s.Allows(), err
}

// journalStop keeps what a telephone said where no restore rolls it back.
func (f *Flow) journalStop(id string, data []byte) error {
	return f.Journal.Append(seal.Entry{Kind: seal.JournalStop, ID: id, Data: data})
}
