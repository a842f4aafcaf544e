package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Summary counts the envelopes of messages, finished ones included.
type Summary struct {
	Envelopes int
	Decided   map[gateway.Action]int // by what policy decided
	Acted     map[gateway.Action]int // by what acts: under observe, or after a fall-back, another
	Rules     map[string]int         // by id: an envelope counts for each rule that demanded what was decided
}

// Summarize counts the envelopes of all messages accepted at since or later
// whose records are still kept. It reads each of them.
func (q *Queue) Summarize(ctx context.Context, since time.Time) (Summary, error) {
	s := Summary{Decided: map[gateway.Action]int{}, Acted: map[gateway.Action]int{}, Rules: map[string]int{}}
	r := store.Prefix(store.Envelopes)
	r.From = envelopeKey(firstOf(since))
	var bad error
	err := q.store.Scan(ctx, r, func(it store.Item) bool {
		var e gateway.Envelope
		if bad = store.Decode(it.Value, &e); bad != nil {
			return false
		}
		s.Envelopes++
		s.Decided[e.Decided]++
		s.Acted[e.Action]++
		for _, id := range e.Rules {
			s.Rules[id]++
		}
		return true
	})
	return s, errors.Join(err, bad)
}

// firstOf is the smallest id that an envelope accepted at since can have: a
// message's id begins with the time, in milliseconds.
func firstOf(since time.Time) (id gateway.EnvelopeID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, since.UnixMilli())))
	copy(id.Message[:6], ms[2:])
	return id
}
