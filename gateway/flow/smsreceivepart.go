package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/store"
)

// ReceiveSMS takes over what the carrier delivers from a telephone; nil means
// that it is durable. A long text is put together here; when a part never
// comes, what is there goes to people after all, marked: unlike what leaves,
// nothing that comes is lost because some of it is missing.
func (f *Flow) ReceiveSMS(ctx context.Context, s gateway.Segment) error {
	return f.receiveSegment(ctx, s, spell{})
}

func (f *Flow) receiveSegment(ctx context.Context, s gateway.Segment, before spell) error {
	if s.Size() > maxSegment {
		return faultShortSize
	}
	place, err := f.Texts.Place(&s)
	if err != nil || place.Whole() { // what contradicts itself is read as it is
		sum, err := f.sumOf(&s)
		if err != nil {
			return err
		}
		return f.receive(ctx, &received{segments: []gateway.Segment{s}, sum: sum, before: before}, nil)
	}
	key := f.receivedKey(&s, place)
	packed, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("packing a segment: %w", err)
	}
	sum, from := f.MAC("part", packed), f.MAC("parts of a telephone", []byte(s.Source.Key()))
	err = store.ErrConflict
	for try := 0; try < partTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.receivePart(ctx, key, waitingPart{Inbound: true, From: from[:16], Place: place, Hash: sum[:]}, s, packed)
	}
	return storage(err)
}

// receivedKey names the text that a part from a telephone belongs to.
func (f *Flow) receivedKey(s *gateway.Segment, place gateway.SegmentPlace) []byte {
	h := f.MAC("long text in", []byte(s.Source.Key()), []byte(s.Dest.Key()), []byte(place.Kind),
		store.Uint32(uint32(place.Ref)), store.Uint32(uint32(place.Total)))
	return h[:16]
}

// receivePart takes one part up. store.ErrConflict: another one of its text was
// faster.
func (f *Flow) receivePart(ctx context.Context, key []byte, p waitingPart, s gateway.Segment, packed []byte) error {
	x, err := f.longText(ctx, key)
	if err != nil {
		return err
	}
	if e := x.ended; e != nil && p.Place.Seq <= len(e.Parts) && bytes.Equal(e.Parts[p.Place.Seq-1].Hash, p.Hash) {
		return nil // the carrier brings it again: its answer was lost
	}
	switch before, twice := x.parts[p.Place.Seq]; {
	case twice && bytes.Equal(before.Hash, p.Hash):
		if x.whole(p.Place.Total, 0) {
			return f.receiveWaiting(ctx, x)
		}
		return nil
	case twice: // another text under the same reference
		if err := f.receiveWaiting(ctx, x); err != nil {
			return err
		}
		return store.ErrConflict
	}
	if len(x.parts) == 0 { // what nobody could get is refused while the carrier still hears of it
		if err := f.deliverable(ctx, s); err != nil {
			return err
		}
	}
	if err := f.keepReceived(ctx, x, p, packed); err != nil || len(x.parts)+1 < p.Place.Total {
		return err
	}
	if x, err = f.longText(ctx, key); err != nil || !x.whole(p.Place.Total, 0) {
		return err
	}
	return f.receiveWaiting(ctx, x)
}

// deliverable refuses a part of a text that has no usable source, or that no
// account would get.
func (f *Flow) deliverable(ctx context.Context, s gateway.Segment) error {
	set, judge := f.inForce()
	r := &received{flow: f, set: set, policy: judge, segments: []gateway.Segment{s}, missing: 1}
	return r.place(ctx)
}

// keepReceived makes a part durable that waits for others.
func (f *Flow) keepReceived(ctx context.Context, x *longText, p waitingPart, packed []byte) (err error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	if err := f.waiting.admit(ctx, f, &p, len(packed)); err != nil {
		return err
	}
	now := f.Now()
	p.Given.At = now
	if p.Given.ID, err = gateway.NewMessageID(now, f.Random); err != nil {
		return err
	}
	var b store.Batch
	if p.Sealed, err = f.keep(ctx, &b, p.Given.ID, packed, f.Sealer.WrapSpool); err != nil {
		return err
	}
	b.RequireAbsent(partKey(x.key, p.Place.Seq))
	if err := b.PutRecord(partKey(x.key, p.Place.Seq), p); err != nil {
		return err
	}
	if x.ended == nil {
		b.RequireAbsent(partKey(x.key, 0))
	} else { // another text under the same reference
		b.RequireVersion(partKey(x.key, 0), x.version)
		b.Delete(partKey(x.key, 0))
	}
	if len(x.parts) == 0 {
		if err := f.stageTask(&b, task{Kind: taskParts, Text: x.key, At: now, Due: now.Add(f.set().SMS.partTimeout())}); err != nil {
			return err
		}
	}
	f.waiting.add(&p, 1, len(packed)) // before others see it, who may count it out
	err = store.Write(ctx, f.Store, &b)
	if err != nil && !errors.Is(err, store.ErrUnknown) {
		f.waiting.add(&p, -1, -len(packed))
	}
	return err
}

// receiveWaiting takes over the parts of a text that are there, in order. Part 0
// remembers those of a whole text for a while: what the carrier brings again is
// no message of its own.
func (f *Flow) receiveWaiting(ctx context.Context, x *longText) error {
	var segments []gateway.Segment
	for seq := 1; seq <= maxTextParts; seq++ {
		p, ok := x.parts[seq]
		if !ok {
			continue
		}
		s, err := f.openPart(ctx, &p)
		if err != nil {
			return err
		}
		segments = append(segments, s)
	}
	return f.receive(ctx, &received{segments: segments}, func(b *store.Batch) error {
		f.dropParts(b, x)
		total := x.first().Place.Total
		if !x.whole(total, 0) {
			return nil
		}
		ended := endedText{At: f.Now(), Parts: make([]endedPart, total)}
		for seq, p := range x.parts {
			ended.Parts[seq-1] = endedPart{ID: p.Given.ID, Hash: p.Hash}
		}
		return f.stageEnded(b, x, ended, f.set())
	})
}
