package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/gateway"
)

// destinationSMS is the queue of attempts for telephones: one carrier takes
// them all.
const destinationSMS = "sms"

// ResumeSMS lets what waits for the carrier leave at once: it is there again. It
// changes nothing that is stored.
func (f *Flow) ResumeSMS() { f.queue.Reopen(destinationSMS) }

// deliverSMS makes one attempt with each of the envelopes, which are to
// telephones.
func (f *Flow) deliverSMS(ctx context.Context, m *gateway.Message, envelopes []gateway.Envelope) []gateway.Outcome {
	if f.SMS == nil || f.set().SMS == nil {
		return all(len(envelopes), gateway.Outcome{Result: gateway.Unroutable, At: f.Now(), Status: "4.4.4", Text: "no carrier of short messages is configured", Phase: "route"})
	}
	outcomes := make([]gateway.Outcome, len(envelopes))
	if len(envelopes) == 1 {
		outcomes[0] = f.sendSMS(ctx, m, &envelopes[0])
		return outcomes
	}
	var each errgroup.Group
	each.SetLimit(max(1, f.SMS.Limit()))
	for i := range envelopes {
		each.Go(func() error {
			outcomes[i] = f.sendSMS(ctx, m, &envelopes[i])
			return nil
		})
	}
	_ = each.Wait()
	return outcomes
}

// sendSMS sends what of an envelope the carrier has not taken yet, unless it is
// stopped before anything of it left.
func (f *Flow) sendSMS(ctx context.Context, m *gateway.Message, e *gateway.Envelope) gateway.Outcome {
	ctx, begin, closed := f.departures.open(ctx, e.ID)
	f.courtesy.wait(ctx, time.Now(), f.SMS.Limit()/2) // as many may gather meanwhile
	o := f.sendNow(ctx, begin, m, e)
	if closed() {
		segments := o.Segments
		o = notBegun(f.Now())
		o.Segments = segments
	}
	return o
}

// sendNow sends it; begin is asked before anything leaves.
func (f *Flow) sendNow(ctx context.Context, begin func() bool, m *gateway.Message, e *gateway.Envelope) gateway.Outcome {
	done := e.Last.Segments
	if !e.Until.IsZero() && !f.Now().Before(e.Until) {
		return gateway.Outcome{Result: gateway.Failed, At: f.Now(), Status: "5.4.7", Text: "its validity is over", Phase: "prepare", Segments: done}
	}
	wanted, err := f.wanted(ctx, m, e)
	if err == nil && !wanted {
		return gateway.Outcome{Result: gateway.Failed, At: f.Now(), Status: "5.7.1", Text: "its recipient stopped messages", Phase: "prepare", Segments: done}
	}
	var segments []gateway.Segment
	if err == nil {
		segments, err = f.segments(ctx, m, e)
	}
	if err != nil {
		o := f.internal(err)
		o.Segments = done
		return o
	}
	if len(done) != len(segments) {
		done = nil // of another text, that this one replaces
	}
	results, o := f.SMS.Send(ctx, segments, done, begin)
	o.Segments = results
	return o
}

// wanted asks, before each attempt, whether the telephone still wants messages
// from the line: STOP may have come since this one was accepted.
func (f *Flow) wanted(ctx context.Context, m *gateway.Message, e *gateway.Envelope) (bool, error) {
	if m.Ends != nil && m.Ends.Asked {
		return true, nil
	}
	state, err := f.consents.Check(ctx, f.lineFrom(m, e), e.Recipient)
	return state.Allows(), err
}

// segments is what leaves for an envelope: those of its notice, or the
// original's.
func (f *Flow) segments(ctx context.Context, m *gateway.Message, e *gateway.Envelope) ([]gateway.Segment, error) {
	if n := e.Notice; n != nil {
		key, err := f.Spool.Open(n.Spool, m.ID)
		if err != nil {
			return nil, fmt.Errorf("opening notice of %v: %w", e.ID, err)
		}
		raw, err := f.readBody(ctx, key, m.ID, n.Body)
		if err != nil {
			return nil, err
		}
		return smsSegments(raw)
	}
	if e.Action != gateway.Pass {
		return nil, errors.New("an envelope that does not pass has no notice")
	}
	if m.Channel != gateway.SMS {
		raw, err := f.leaving(ctx, m)
		if err != nil {
			return nil, err
		}
		return f.bridged(raw, m, e)
	}
	segments, err := f.submittedAs(ctx, m)
	for i := range segments {
		if _, ok := gateway.ParseSMPPTime(segments[i].Schedule, m.Accepted); ok {
			segments[i].Schedule = "" // it was waited for here
		}
	}
	return segments, err
}

// submittedAs are the segments of a short message, for the caller to change.
func (f *Flow) submittedAs(ctx context.Context, m *gateway.Message) ([]gateway.Segment, error) {
	if segments, ok := f.fresh.parts(m.ID); ok {
		return segments, nil
	}
	raw, err := f.leaving(ctx, m)
	if err != nil {
		return nil, err
	}
	return smsSegments(raw)
}

// leaving is the original of a message that passes.
func (f *Flow) leaving(ctx context.Context, m *gateway.Message) ([]byte, error) {
	if raw, ok := f.fresh.octets(m.ID); ok {
		return raw, nil
	}
	if m.Spool.IsZero() {
		return nil, fmt.Errorf("message %v has no spool wrap: its original does not leave", m.ID)
	}
	key, err := f.Spool.Open(m.Spool, m.ID)
	if err != nil {
		return nil, fmt.Errorf("opening message %v: %w", m.ID, err)
	}
	return f.readBody(ctx, key, m.ID, m.Body)
}
