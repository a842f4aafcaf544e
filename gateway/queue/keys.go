package queue

import (
	"encoding/binary"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

func envelopeKey(id gateway.EnvelopeID) []byte {
	return store.Key(store.Envelopes, id.Message[:], store.Uint32(id.N))
}

// dueKey is the row of an envelope in the schedule. Its value is the node that
// works on it.
func dueKey(due time.Time, id gateway.EnvelopeID) []byte {
	return store.Key(store.Schedule, store.Time(due), id.Message[:], store.Uint32(id.N))
}

// heldKey is the row of an envelope that waits for a person. Its value is why.
func heldKey(id gateway.EnvelopeID) []byte {
	return store.Key(store.HeldBy, id.Message[:], store.Uint32(id.N))
}

func pausedKey() []byte { return store.Key(store.Meta, []byte("queue.paused")) }

const idSize = 16 + 4

// idOf reads the envelope id at the end of a key of Envelopes, Schedule or
// HeldBy.
func idOf(key []byte) (id gateway.EnvelopeID, ok bool) {
	if len(key) < 1+idSize {
		return id, false
	}
	tail := key[len(key)-idSize:]
	copy(id.Message[:], tail)
	id.N = binary.BigEndian.Uint32(tail[16:])
	return id, true
}

// dueOf reads the time of a key of Schedule.
func dueOf(key []byte) time.Time {
	if len(key) != 1+8+idSize {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(key[1:9])))
}

// putState writes an envelope and the row of its state into b.
func (q *Queue) putState(b *store.Batch, e *gateway.Envelope) (size int, err error) {
	value, err := store.Encode(e)
	if err != nil {
		return 0, err
	}
	b.Put(envelopeKey(e.ID), value)
	switch e.State {
	case gateway.Queued:
		b.Put(dueKey(e.Next, e.ID), []byte(q.config.Node))
	case gateway.Held:
		b.Put(heldKey(e.ID), []byte(e.Hold))
	}
	if !e.State.Final() && byPerson(e) {
		b.Put(waitingKey(e), nil)
	}
	return len(value), nil
}

// dropState removes the row of e's state, unless after keeps the same one.
func dropState(b *store.Batch, e, after *gateway.Envelope) {
	switch {
	case e.State == gateway.Queued && (after.State != gateway.Queued || !after.Next.Equal(e.Next)):
		b.Delete(dueKey(e.Next, e.ID))
	case e.State == gateway.Held && after.State != gateway.Held:
		b.Delete(heldKey(e.ID))
	}
	if byPerson(e) && (after.State.Final() || !byPerson(after) || after.Person != e.Person) {
		b.Delete(waitingKey(e))
	}
}
