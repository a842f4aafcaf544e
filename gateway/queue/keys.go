package queue

import (
	"bytes"
	"encoding/binary"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

func envelopeKey(id gateway.EnvelopeID) []byte {
	return store.Key(store.Envelopes, id.Message[:], store.Uint32(id.N))
}

// dueKey is the row of an envelope in the schedule. Its value is a dueValue.
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

// dueValue is the node that works on an envelope. Behind it stands, after a NUL
// and in milliseconds, when the envelope was ready, where that is later than its
// id tells: a count of the schedule reads no envelopes.
func dueValue(node string, ready time.Time, id gateway.EnvelopeID) []byte {
	value := []byte(node)
	if ready.Sub(id.Message.Time()) < time.Second {
		return value
	}
	return binary.BigEndian.AppendUint64(append(value, 0), uint64(ready.UnixMilli()))
}

// parkedValue is a dueValue with the mark of the destination behind it whose
// return the envelope waits for; 0: it waits for none.
func parkedValue(node string, ready time.Time, id gateway.EnvelopeID, mark uint64) []byte {
	if mark == 0 {
		return dueValue(node, ready, id)
	}
	value := binary.BigEndian.AppendUint64(append([]byte(node), 0), uint64(ready.UnixMilli()))
	return binary.BigEndian.AppendUint64(value, mark)
}

// behindNode is what stands in a dueValue behind the node: nothing, when the
// envelope was ready, or that and a mark.
func behindNode(value []byte) []byte {
	_, tail, _ := bytes.Cut(value, []byte{0})
	return tail
}

// nodeOf is the node that works on the row of an envelope.
func nodeOf(value []byte) string {
	node, _, _ := bytes.Cut(value, []byte{0})
	return string(node)
}

// markIn is the mark that a row is parked under, 0 where it is not.
func markIn(value []byte) uint64 {
	if tail := behindNode(value); len(tail) == 16 {
		return binary.BigEndian.Uint64(tail[8:])
	}
	return 0
}

// readyOf is when the envelope of a row was ready. known is false in a row that
// does not tell: its envelope was ready at once, or is of an older version.
func readyOf(value []byte, id gateway.EnvelopeID) (ready time.Time, known bool) {
	if tail := behindNode(value); len(tail) >= 8 {
		return time.UnixMilli(int64(binary.BigEndian.Uint64(tail))), true
	}
	return id.Message.Time(), false
}

// putState writes an envelope and the row of its state into b, parked where
// mark is not 0, and returns the value of the former.
func (q *Queue) putState(b *store.Batch, e *gateway.Envelope, mark uint64) (value []byte, err error) {
	value, err = store.Encode(e)
	if err != nil {
		return nil, err
	}
	b.Put(envelopeKey(e.ID), value)
	switch e.State {
	case gateway.Queued:
		b.Put(dueKey(e.Next, e.ID), parkedValue(q.config.Node, e.Ready(), e.ID, mark))
	case gateway.Held:
		b.Put(heldKey(e.ID), []byte(e.Hold))
	}
	if !e.State.Final() && byPerson(e) {
		b.Put(waitingKey(e), nil)
	}
	return value, nil
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
