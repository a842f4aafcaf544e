package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// assemble turns a text of which all parts are there into a message, or into
// the evidence that it is refused: one commit with the end of the rows. own is
// the number of the part at hand when it has no row, 0 otherwise. mine is the
// answer to whoever asks and hears of a refusal.
func (in *submitted) assemble(ctx context.Context, x *longText, own int, hash []byte, mine gateway.AcceptedPart) error {
	segments := make([]gateway.Segment, in.place.Total)
	given := make([]gateway.AcceptedPart, in.place.Total)
	ended := endedText{At: in.now, Parts: make([]endedPart, in.place.Total)}
	for i := range segments {
		p, waits := x.parts[i+1]
		if !waits {
			segments[i], given[i], ended.Parts[i] = in.segment, mine, endedPart{mine.ID, hash}
			continue
		}
		var err error
		if segments[i], err = in.flow.openPart(ctx, &p); errors.Is(err, store.ErrNotFound) {
			return store.ErrConflict // somebody else was faster
		}
		if err != nil {
			return err
		}
		given[i], ended.Parts[i] = p.Given, endedPart{p.Given.ID, p.Hash}
	}
	text, err := in.text(ctx, segments, given)
	if err != nil {
		return err
	}
	if err = text.judge(ctx); err == nil {
		err = text.commit(ctx, func(b *store.Batch) error {
			if own > 0 {
				b.RequireAbsent(partKey(x.key, own))
			}
			return text.endParts(ctx, b, x, ended, mine)
		})
	}
	text.done(err)
	if err == nil && len(text.refused()) == len(text.arrivals) {
		return faultShortPolicy
	}
	return err
}

// endParts stages that the rows of a text go, what is remembered instead, and
// what those hear who were answered before it was refused.
func (t *shortText) endParts(ctx context.Context, b *store.Batch, x *longText, ended endedText, mine gateway.AcceptedPart) error {
	f := t.in.flow
	f.dropParts(b, x)
	if err := f.stageEnded(b, x, ended, t.in.set); err != nil {
		return err
	}
	all := len(t.refused()) == len(t.arrivals)
	for _, a := range t.arrivals {
		if !a.allRefused() {
			continue
		}
		told := slices.Clone(a.sms.ends.Parts)
		if all {
			told = slices.DeleteFunc(told, func(p gateway.AcceptedPart) bool { return p.ID == mine.ID })
		}
		if err := f.stagePartsEnd(ctx, b, t.in.account.SystemID, a.sms.ends, told, gateway.StateRejected); err != nil {
			return err
		}
	}
	return nil
}

// dropParts stages that the rows of a text go, unless one changes meanwhile.
func (f *Flow) dropParts(b *store.Batch, x *longText) {
	for seq, p := range x.parts {
		b.RequireVersion(partKey(x.key, seq), x.versions[seq])
		b.Delete(partKey(x.key, seq))
		f.Blobs.Delete(b, p.Sealed.Body.Blob)
		b.After(func() { f.waiting.add(&p, -1, -int(p.Sealed.Body.Size)) })
	}
}

// stageEnded stages what is remembered of a text that is over, and when that
// is forgotten.
func (f *Flow) stageEnded(b *store.Batch, x *longText, ended endedText, set *Settings) error {
	key := partKey(x.key, 0)
	if x.ended == nil {
		b.RequireAbsent(key)
	} else {
		b.RequireVersion(key, x.version)
	}
	if err := b.PutRecord(key, ended); err != nil {
		return err
	}
	return f.stageTask(b, task{Kind: taskParts, Text: x.key, At: ended.At, Due: ended.At.Add(set.SMS.partTimeout())})
}

// contradicted ends a text of which a part came twice and says something else
// now: what a telephone would make of it nobody knows.
func (in *submitted) contradicted(ctx context.Context, x *longText) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	if err := in.flow.endText(ctx, &b, x, gateway.StateRejected, "contradiction"); err != nil {
		return err
	}
	if err := in.flow.stageEnded(&b, x, endedText{At: in.now, Failed: true}, in.set); err != nil {
		return err
	}
	if err := store.Write(ctx, in.flow.Store, &b); err != nil {
		return err
	}
	return faultShortParts
}
