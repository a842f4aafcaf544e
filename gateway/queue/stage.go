package queue

import (
	"container/heap"
	"fmt"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Stage adds a new envelope, Queued or Held or already final, to the batch
// that accepts it. Accepted and Next are set where they are zero: what goes to
// a destination that is away waits from the start for its return. Once the
// batch is durable the queue takes a Queued envelope over in memory, as it was
// at this call.
func (q *Queue) Stage(b *store.Batch, e *gateway.Envelope) error {
	now := q.now()
	if e.Accepted.IsZero() {
		e.Accepted = now
	}
	name, mark := "", uint64(0)
	if e.State == gateway.Queued {
		name = q.destinationOf(e)
		if e.Next.IsZero() {
			e.Next = earliest(e, now)
			mark = q.parkNew(e, name, now)
		}
	}
	record, err := q.putState(b, e, mark)
	if err != nil {
		return fmt.Errorf("staging envelope %v: %w", e.ID, err)
	}
	taken := *e
	in := &entry{id: e.ID, envelope: &taken, record: record, due: e.Next, mark: mark, size: sizeOf(record)}
	b.After(func() { q.take(in, name, now) })
	return nil
}

// earliest is when an envelope may leave that is ready at now.
func earliest(e *gateway.Envelope, now time.Time) time.Time {
	if e.NotBefore.After(now) {
		return e.NotBefore
	}
	return now
}

// fresh is how long the copy of a staged envelope is believed. A commit whose
// answer was lost may be found out so late that the envelope was read from the
// store and settled long since: what is settled within this time is remembered
// in touched, and what comes later is read from the store.
const fresh = 30 * time.Second

// take begins to work on an envelope that was staged at the time given and
// whose commit is durable.
func (q *Queue) take(e *entry, name string, staged time.Time) {
	q.metrics.moved("", e.envelope.State)
	if e.envelope.State != gateway.Queued {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known[e.id] != nil { // a scan was faster
		return
	}
	if _, ok := q.touched[e.id]; ok || q.now().Sub(staged) > fresh { // the record may differ by now
		q.missLocked(e.due)
		q.poke()
		return
	}
	q.admitLocked(e, name)
	if e.mark == 0 || q.known[e.id] != nil || len(q.back.wanted) > 0 {
		q.poke()
	}
}

// admitLocked places an entry by its time, or leaves it to the store when
// there is no room or no haste. The entry may be in known already.
func (q *Queue) admitLocked(e *entry, name string) {
	now := q.now()
	if e.mark != 0 && q.parkedLocked(e, name, now) {
		return
	}
	soon := !e.due.After(now.Add(2 * q.config.RescanEvery))
	later := e.due.After(now)
	if !soon || q.fullLocked(e, later) {
		q.forgetLocked(e)
		q.missLocked(e.due)
		return
	}
	q.holdLocked(e)
	if later {
		e.where = resting
		e.destination = name
		heap.Push(&q.waiting, e)
		return
	}
	q.enqueueLocked(e, name)
}

// fullLocked reports whether there is no room for e. What rests may fill half
// of memory: the other half is for what can be done now.
func (q *Queue) fullLocked(e *entry, resting bool) bool {
	if q.known[e.id] == e && !resting { // it has its place already, and not its octets
		return q.bytes > q.config.MemoryBytes/4*3 && q.bytes+e.size > q.config.MemoryBytes
	}
	if resting && len(q.waiting) >= q.config.MaxEntries/2 {
		return true
	}
	return len(q.known) >= q.config.MaxEntries || q.bytes+e.size > q.config.MemoryBytes
}

// holdLocked puts e into known and counts its size, once.
func (q *Queue) holdLocked(e *entry) {
	if q.known[e.id] != e {
		q.known[e.id] = e
	}
	if !e.counted {
		q.bytes += e.size
		e.counted = true
	}
}

func (q *Queue) forgetLocked(e *entry) {
	if q.known[e.id] == e {
		delete(q.known, e.id)
	}
	if e.counted {
		q.bytes -= e.size
		e.counted = false
	}
}

// missLocked remembers that the store holds a row due at t that memory lacks.
func (q *Queue) missLocked(t time.Time) {
	if q.missing.IsZero() || t.Before(q.missing) {
		q.missing = t
	}
}

// enqueueLocked hands a due entry to its destination.
func (q *Queue) enqueueLocked(e *entry, name string) {
	d := q.destinations[name]
	if d == nil {
		d = newDestination(name, q.courier.Limit(name), &q.config)
		q.destinations[name] = d
	}
	e.destination = name
	if d.shut(q.now()) {
		q.settling.add([]*settlement{parking(d, e)})
		return
	}
	e.where = queued
	d.add(e)
	q.listLocked(d)
}

// destinationOf asks the courier; a courier that panics is asked again when it
// has to deliver, where that is caught.
func (q *Queue) destinationOf(e *gateway.Envelope) (name string) {
	defer func() {
		if v := recover(); v != nil {
			q.log.Error("courier panicked", "envelope", e.ID, "error", gateway.PanicText(v))
		}
	}()
	return q.courier.Destination(*e)
}
