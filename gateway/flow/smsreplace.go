package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/store"
)

const esmHeader = 0x40 // of esm_class: a user data header leads, SMPP v3.4 section 5.2.12

var (
	faultNotReplaced = shortFault(550, "5.5.0", gateway.StatusReplaceFailed, "That message cannot be replaced any more")
	faultRefusedAnew = shortFault(550, "5.7.1", gateway.StatusReplaceFailed, "The new text is refused by the organization's policy; the old one stays")
	errRefusedAnew   = errors.New("flow: policy refuses the text that would replace another")
)

// ReplaceSMS puts the text of s in the place of that of a message which waits
// and of which the carrier can have nothing (SMPP v3.4 section 4.10), also while
// an attempt waits for a bind: another message takes its place, under the same id, and is judged as any other. One commit ends the old
// one and accepts the new one, so that one of them leaves and never both. What
// policy refuses changes nothing. A message of several parts, or with a user
// data header, is not replaced.
func (f *Flow) ReplaceSMS(ctx context.Context, account, id string, s gateway.Segment) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	found, err := f.findShort(ctx, account, id, s.Source)
	if err != nil {
		return err
	}
	old := &found[0]
	if len(found) != 1 || !old.replaceable(&old.envelope) {
		return faultNotReplaced
	}
	x, err := f.replacing(ctx, old, s)
	if err != nil {
		return shortError(err)
	}
	err = f.withdrawShort(ctx, old.envelope.ID, func(b *store.Batch, e *gateway.Envelope) error {
		if !old.replaceable(e) {
			return faultNotReplaced
		}
		return x.stageInstead(ctx, b, old, e)
	})
	if errors.Is(err, errRefusedAnew) {
		err = errors.Join(faultRefusedAnew, x.commit(ctx, nil)) // the evidence of it
		x.done(nil)
		return shortError(err)
	}
	x.done(err)
	if errors.Is(err, queue.ErrBusy) || errors.Is(err, queue.ErrNotFound) {
		return faultNotReplaced
	}
	return shortError(err)
}

// replaceable reports whether nothing of a message can have left, in however
// many attempts, and its parts are those of the application. e may be younger
// than what was found.
func (s *foundShort) replaceable(e *gateway.Envelope) bool {
	return s.message != nil && len(s.ends.Parts) == 1 && s.ends.ESMClass&esmHeader == 0 &&
		(s.envelope.State == gateway.Queued || s.envelope.State == gateway.Held) &&
		e.Recalled.IsZero() && !e.Last.Unknown &&
		!slices.ContainsFunc(e.Last.Segments, func(r gateway.SegmentResult) bool { return r.Sent || r.Unknown })
}

// replacing is the text that replaces another, sealed. What replace_sm does not
// say stays as it was submitted.
func (f *Flow) replacing(ctx context.Context, old *foundShort, s gateway.Segment) (*shortText, error) {
	m, ends := old.message, old.ends
	s.ServiceType, s.Source, s.Dest = ends.ServiceType, ends.Source, ends.Dest
	s.ESMClass, s.ProtocolID, s.Priority, s.DataCoding = ends.ESMClass, ends.ProtocolID, ends.Priority, ends.DataCoding
	in, refused, err := f.admitShort(m.Peer, s, gateway.SegmentPlace{}, []gateway.Line{ends.Dest})
	if err != nil {
		return nil, err
	}
	if len(in.to) == 0 {
		return nil, refused[0].Fault
	}
	unsaid := s.Validity == ""
	if s.Validity, err = f.validity(ctx, m, s.Validity); err != nil {
		return nil, err
	}
	part := ends.Parts[0]
	part.ID, part.Registered = old.id, s.Registered
	x, err := in.text(ctx, []gateway.Segment{s}, []gateway.AcceptedPart{part})
	if err != nil {
		return nil, err
	}
	if unsaid {
		x.arrivals[0].sms.until = old.envelope.Until
	}
	if at := old.envelope.NotBefore; s.Schedule == "" && at.After(in.now) {
		x.arrivals[0].sms.from = at
	}
	return x, nil
}

// validity is the validity_period with which a text leaves for the carrier
// that replaces m: what replace_sm says, the original's when that is NULL.
func (f *Flow) validity(ctx context.Context, m *gateway.Message, said string) (string, error) {
	if said != "" || m.Spool.IsZero() {
		return said, nil // a notice has none
	}
	raw, err := f.leaving(ctx, m)
	if err != nil {
		return "", err
	}
	segments, err := smsSegments(raw)
	if err != nil || len(segments) == 0 {
		return "", err
	}
	return segments[0].Validity, nil
}

// stageInstead judges the text and stages it in the place of an envelope.
func (x *shortText) stageInstead(ctx context.Context, b *store.Batch, old *foundShort, e *gateway.Envelope) error {
	f := x.in.flow
	if err := x.judge(ctx); err != nil {
		return err
	}
	if len(x.refused()) > 0 {
		return errRefusedAnew
	}
	m, err := x.arrivals[0].stageShort(ctx, b)
	if err != nil {
		return err
	}
	if err := f.stageShortIDs(b, m); err != nil {
		return err
	}
	replaced := shortID{Account: old.Account, Message: old.message.ID, Replaced: true}
	if err := b.PutRecord(shortKey(old.id, old.message.ID), replaced); err != nil {
		return err
	}
	return f.stageTakenBack(ctx, b, old.message, e, gateway.EventReplaced, map[string]string{"by": m.ID.String()})
}
