package flow

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// A part that is equal to one of a text that is over was sent again because its
// answer was lost, or begins another text with the same words under the same
// reference. Nobody can tell before more comes. It gets the answer that it had,
// and is kept: a part of another text that follows finds it. Where none does,
// it is forgotten.

// againWait is how long a text that is complete only with such parts waits for
// others to take their places: a part of the text before must not meet those of
// another one whose own is on its way.
const againWait = 10 * time.Second

// atOnce is how far apart parts may come in the wrong order that were sent
// together, over several sessions.
const atOnce = time.Second

// answer is what an equal part of a text that is over was answered with.
func (e *endedText) answer(seq int, hash []byte) (id gateway.MessageID, again bool) {
	if seq > len(e.Parts) || !bytes.Equal(e.Parts[seq-1].Hash, hash) {
		return id, false
	}
	return e.Parts[seq-1].ID, true
}

// anyAgain reports whether one of the parts may be of the text before.
func (x *longText) anyAgain() bool {
	for _, p := range x.parts {
		if p.Again {
			return true
		}
	}
	return false
}

// complete reports whether all parts are there, and certainly of one text.
func (x *longText) complete(total int) bool { return x.whole(total, 0) && !x.anyAgain() }

// likely reports whether the parts are all there and came as those of one text
// do: what is left of the text before would be followed by the first parts of
// the next one.
func (x *longText) likely(total int) bool {
	if !x.whole(total, 0) || x.ended != nil {
		return false
	}
	for seq, p := range x.parts {
		for before := 1; p.Again && before < seq; before++ {
			if b := x.parts[before]; !b.Again && b.Given.At.Sub(p.Given.At) > atOnce {
				return false
			}
		}
	}
	return true
}

// with is the text with one more part, which is not of the text before or has
// nothing but such parts beside it.
func (x *longText) with(p waitingPart) *longText {
	next := &longText{key: x.key, parts: maps.Clone(x.parts)}
	next.parts[p.Place.Seq] = p
	return next
}

// due is when the time of a text of which parts wait is over.
func (x *longText) due(timeout time.Duration) time.Time {
	first := x.first()
	due := first.Given.At.Add(timeout)
	if !x.anyAgain() || !x.likely(first.Place.Total) {
		return due
	}
	last := slices.MaxFunc(slices.Collect(maps.Values(x.parts)), func(a, b waitingPart) int { return a.Given.At.Compare(b.Given.At) })
	if soon := last.Given.At.Add(againWait); soon.Before(due) {
		return soon
	}
	return due
}

// takePlace stages that a part gets its row, from one of the text before where
// that has it.
func (f *Flow) takePlace(b *store.Batch, x *longText, seq int) {
	row := partKey(x.key, seq)
	p, there := x.parts[seq]
	if !there || !p.Again {
		b.RequireAbsent(row)
		return
	}
	b.RequireVersion(row, x.versions[seq])
	f.Blobs.Delete(b, p.Sealed.Body.Blob)
	b.After(func() { f.waiting.add(&p, -1, -int(p.Sealed.Body.Size)) })
}
