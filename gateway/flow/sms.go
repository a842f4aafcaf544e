package flow

import (
	"context"
	"time"

	"gatepost/gateway"
)

// SMSC carries short messages to the carrier's message centre.
type SMSC interface {
	// Send sends the segments in order, those that done says are Sent left out,
	// and waits for the answers. It returns a result for each segment, with what
	// done held, and what came of all of them together: Sent only when every
	// segment is. begin is asked once, right before the first one is handed over;
	// when it says no, or ctx ends before, nothing is.
	Send(ctx context.Context, segments []gateway.Segment, done []gateway.SegmentResult, begin func() bool) ([]gateway.SegmentResult, gateway.Outcome)
	// Limit is how many messages it makes sense to send at once.
	Limit() int
}

// Texts reads and writes the alphabets of short messages.
type Texts interface {
	// Place says which part of a long text a segment is; gateway.ErrSegment.
	Place(s *gateway.Segment) (gateway.SegmentPlace, error)
	// Read reads the segments of one text, in order.
	Read(segments []gateway.Segment) *gateway.Reading
	// Compose makes segments of a text, with esm_class, data_coding and
	// short_message filled in. ref tells the parts of one text from others.
	Compose(text string, ref uint16) ([]gateway.Segment, error)
}

// SMSSettings is what the configuration says of short messages; nil turns them
// off.
type SMSSettings struct {
	Domain string // mail to +number@Domain becomes SMS; lower case
	// Accounts are the applications that may bind, in order of the file.
	Accounts []SMSAccount
	// Sender is where Gatepost's own messages come from: codes, and notices for
	// mail to a telephone. Zero: there are none.
	Sender gateway.Line
	// Country is the home of numbers without a country code, as ISO 3166-1
	// spells it; "": such a number is taken as it is.
	Country string
	// PartTimeout is how long the missing part of a long text is waited for.
	PartTimeout time.Duration
}

// SMSAccount is an application that binds by SMPP.
type SMSAccount struct {
	SystemID  string
	Inbox     gateway.Address // staff mailbox for what belongs to no thread, and sender of its messages
	Senders   []gateway.Line  // source addresses that are its own; the first is its standard
	AnySender bool            // it may use any source address
	Answers   bool            // it hears of answers that are written in the viewer
	// Campaigns are the service_types of declared campaigns.
	Campaigns []string
}

// account returns the account of a system_id.
func (s *SMSSettings) account(systemID string) (*SMSAccount, bool) {
	if s == nil {
		return nil, false
	}
	for i := range s.Accounts {
		if s.Accounts[i].SystemID == systemID {
			return &s.Accounts[i], true
		}
	}
	return nil, false
}

// sender is the line of Gatepost's own messages.
func (s *SMSSettings) sender() gateway.Line {
	if s == nil {
		return gateway.Line{}
	}
	return s.Sender
}

// line is where what the arrival sends to a telephone comes from.
func (a *arrival) line(e *gateway.Envelope) gateway.Line {
	switch {
	case a.sms != nil:
		return a.sms.ends.Source
	case !e.Line.IsZero():
		return e.Line
	}
	return a.set.SMS.sender()
}

// lineFrom is the line of ours that an envelope to a telephone leaves from.
func (f *Flow) lineFrom(m *gateway.Message, e *gateway.Envelope) gateway.Line {
	switch {
	case m.Ends != nil && !m.Ends.Source.IsZero():
		return m.Ends.Source
	case !e.Line.IsZero():
		return e.Line
	}
	return f.set().SMS.sender()
}
