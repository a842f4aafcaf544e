package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// foundShort is a part that an application asks for.
type foundShort struct {
	shortID
	id       gateway.MessageID
	message  *gateway.Message // nil for a part without a message
	envelope gateway.Envelope
	ends     *gateway.Ends
}

// findShort returns what a message_id leads to, for the account that it was
// given to and the source that it was submitted with; a null source is any.
// gateway.ErrNoShortMessage when there is nothing.
func (f *Flow) findShort(ctx context.Context, account, id string, source gateway.Line) ([]foundShort, error) {
	mid, err := gateway.ParseMessageID(id)
	if err != nil {
		return nil, gateway.ErrNoShortMessage
	}
	rows, err := f.shortRows(ctx, mid)
	if err != nil {
		return nil, err
	}
	var found []foundShort
	for _, row := range rows {
		one, err := f.openShort(ctx, mid, row)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if one.Account == account && !one.Replaced && (source.IsZero() || source.Same(one.ends.Source)) {
			found = append(found, one)
		}
	}
	if len(found) == 0 {
		return nil, gateway.ErrNoShortMessage
	}
	return found, nil
}

// shortRows returns the rows of an id, and the one that a message which came
// whole does without.
func (f *Flow) shortRows(ctx context.Context, id gateway.MessageID) (rows []shortID, err error) {
	var bad error
	whole := true
	err = f.Store.Scan(ctx, store.Prefix(store.ShortIDs, id[:]), func(it store.Item) bool {
		if len(it.Key) != len(shortKey(id, id)) {
			return true // what was told
		}
		var s shortID
		bad = store.Decode(it.Value, &s)
		rows, whole = append(rows, s), whole && s.Message != id
		return bad == nil
	})
	if whole {
		rows = append(rows, shortID{Message: id})
	}
	return rows, errors.Join(err, bad)
}

func (f *Flow) openShort(ctx context.Context, id gateway.MessageID, row shortID) (s foundShort, err error) {
	s = foundShort{shortID: row, id: id, ends: row.Ends}
	if row.Message.IsZero() {
		return s, nil
	}
	if s.message, err = f.message(ctx, row.Message); err != nil {
		return s, err
	}
	if s.ends = s.message.Ends; s.ends == nil || s.Part >= len(s.ends.Parts) || s.ends.Parts[s.Part].ID != id {
		return s, store.ErrNotFound // a mail, or a message whose parts have other ids
	}
	s.Account = s.message.Peer.Account
	s.envelope, err = f.envelopeOf(ctx, gateway.EnvelopeID{Message: row.Message})
	return s, err
}

func (f *Flow) envelopeOf(ctx context.Context, id gateway.EnvelopeID) (gateway.Envelope, error) {
	e, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id))
	return e, err
}

// state is what became of a part, and when that was known.
func (s *foundShort) state() (gateway.ReceiptState, time.Time) {
	switch {
	case s.State != "":
		return s.State, s.Done
	case s.message == nil:
		return gateway.Enroute, time.Time{}
	}
	segments := s.envelope.Last.Segments
	if direct(s.message, &s.envelope) && segments[s.Part].Sent {
		segments = segments[s.Part : s.Part+1]
	}
	sent := len(segments) > 0 && !slices.ContainsFunc(segments, func(r gateway.SegmentResult) bool { return !r.Sent })
	switch e := &s.envelope; {
	case sent:
		return stateOf(segments)
	case e.State == gateway.Bounced, e.State == gateway.Refused:
		return failedState(e), e.Last.At
	case e.State == gateway.Dropped, e.State == gateway.Withdrawn:
		return gateway.StateDeleted, e.Last.At
	}
	return gateway.Enroute, time.Time{}
}

// stateOf is the worst state of segments that the carrier has, or the last one
// known while it is not final.
func stateOf(segments []gateway.SegmentResult) (gateway.ReceiptState, time.Time) {
	last := segments[len(segments)-1]
	if r, known := combined(segments, &gateway.Receipt{State: last.State, Done: last.Done}); known {
		return r.State, doneAt(r, last.At)
	}
	if len(segments) == 1 && last.State != "" {
		return last.State, time.Time{}
	}
	return gateway.Enroute, time.Time{}
}

// QuerySMS tells what became of a message that the account submitted from a
// source (SMPP v3.4 section 4.8); of one to several destinations, the worst of
// what is final, once all is. gateway.ErrNoShortMessage for one that it does not
// have.
func (f *Flow) QuerySMS(ctx context.Context, account, id string, source gateway.Line) (gateway.ShortMessageState, error) {
	found, err := f.findShort(ctx, account, id, source)
	if err != nil {
		return gateway.ShortMessageState{}, err
	}
	var worst gateway.ShortMessageState
	for i := range found {
		state, at := found[i].state()
		if !state.Final() {
			return gateway.ShortMessageState{State: state}, nil
		}
		if worst.State == "" || badness(state) > badness(worst.State) {
			worst = gateway.ShortMessageState{State: state, Final: at, Error: found[i].errorCode()}
		}
	}
	return worst, nil
}

// errorCode is the command_status by which the carrier refused it, as far as
// one octet says it.
func (s *foundShort) errorCode() byte {
	for _, r := range s.envelope.Last.Segments {
		if !r.Sent && r.Status != 0 {
			return byte(min(r.Status, 255))
		}
	}
	return 0
}
