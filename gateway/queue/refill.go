package queue

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// refillSize is how many rows are read in one go, so that a long queue does
// not keep Run from starting what it has.
const refillSize = 1000

// roomLocked is how many entries may be read from the store now: none until a
// quarter of memory is free, or each entry that leaves would cost a scan.
func (q *Queue) roomLocked() int {
	free := q.config.MaxEntries - len(q.known)
	if len(q.known) > 0 && (free < q.config.MaxEntries/4 || q.bytes > q.config.MemoryBytes/4*3) {
		return 0
	}
	return min(free, refillSize)
}

// row is one row of the schedule.
type row struct {
	entry *entry
	due   time.Time
	mark  uint64 // that it is parked under, where it was read before its time
}

// refill reads what is due and not in memory.
func (q *Queue) refill(ctx context.Context) error {
	if err := q.refillDue(ctx); err != nil {
		return err
	}
	return q.refillParked(ctx)
}

func (q *Queue) refillDue(ctx context.Context) error {
	now := q.now()
	q.mu.Lock()
	room := q.roomLocked()
	due := !q.missing.IsZero() && !q.missing.After(now)
	if !due || room == 0 {
		q.mu.Unlock()
		return nil
	}
	q.missing = time.Time{} // what is staged from here on sets it again
	q.mu.Unlock()

	rows, err := q.reserve(ctx, now, room)
	for _, r := range rows {
		q.load(ctx, r)
	}
	if err != nil {
		q.lookAgain()
	}
	return err
}

// reserve picks up to room rows that are due, ours and unknown, and marks them
// as being loaded, so that nobody else works on them. Where it stops is
// remembered as missing.
func (q *Queue) reserve(ctx context.Context, now time.Time, room int) (rows []row, err error) {
	_, err = q.scan(ctx, store.Prefix(store.Schedule), func(it store.Item) bool {
		id, ok := idOf(it.Key)
		if !ok || nodeOf(it.Value) != q.config.Node {
			return true
		}
		r, more := q.reserveRow(id, dueOf(it.Key), now, len(rows) < room)
		if r != nil {
			rows = append(rows, *r)
		}
		return more
	})
	return rows, err
}

func (q *Queue) reserveRow(id gateway.EnvelopeID, due, now time.Time, room bool) (r *row, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.known[id] != nil:
		return nil, true
	case due.After(now) || !room:
		q.missLocked(due)
		return nil, false
	}
	e := &entry{id: id, due: due, where: loading, loaded: true}
	q.known[id] = e
	return &row{entry: e, due: due}, true
}

// load reads one reserved envelope and lets the queue work on it. One that
// cannot be read must not keep the others from leaving: it is looked at again
// soon, or with the next full scan where its record is damaged.
func (q *Queue) load(ctx context.Context, r row) {
	item, err := q.store.Get(ctx, envelopeKey(r.entry.id))
	var e gateway.Envelope
	if err == nil {
		err = store.Decode(item.Value, &e)
	}
	if unreadable(err) {
		q.nameDamage(envelopeKey(r.entry.id))
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		q.log.Error("envelope not read", "envelope", r.entry.id, "error", err)
	}
	name := ""
	usable := err == nil && e.State == gateway.Queued && e.Next.Equal(r.due)
	if usable {
		name = q.destinationOf(&e)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case usable:
		if r.mark != 0 && r.mark != markOf(name) { // the routes have changed
			q.wantLocked(r.mark, everything)
		}
		r.entry.mark = r.mark
		r.entry.envelope, r.entry.record, r.entry.size = &e, item.Value, sizeOf(item.Value)
		q.admitLocked(r.entry, name)
		return
	case unreadable(err):
		if r.mark != 0 && q.damagedLocked(r.entry.id) { // another one finds out instead
			q.wantLocked(r.mark, 1)
		}
	case err != nil && !errors.Is(err, store.ErrNotFound):
		q.missLocked(q.now().Add(storeRetry))
	}
	q.forgetLocked(r.entry) // settled since the scan, or not readable now
}

// census is what a full scan of the schedule finds.
type census struct {
	queued, held int
	damaged      map[store.Table]int // rows that cannot be read
	oldest       time.Time           // when the oldest of the queued was ready
	nodes        map[string]bool     // other nodes that have rows
	marks        map[uint64]bool     // that rows are parked under and not in memory
}

// scanAll walks the whole schedule now and then: to count, to find what memory
// should have and lacks, to take over from nodes that are gone, and to hear of
// a pause from another node. It returns when it is due again.
func (q *Queue) scanAll(ctx context.Context) (next time.Time, err error) {
	now := q.now()
	q.mu.Lock()
	next = q.rescan
	back := q.clockBackLocked(now)
	owed := q.owed
	q.mu.Unlock()
	if next.After(now) && !back {
		return next, nil
	}
	began := time.Now()
	var failed error
	if back || owed {
		failed = q.catchUp(ctx, now)
	}
	c, err := q.count(ctx)
	if err == nil {
		err = q.loadPaused(ctx)
	}
	if err != nil {
		return now, err
	}
	if failed != nil { // what is due leaves all the same, and the next full scan tries again
		q.log.Error("what a wrong clock put off was not all brought forward", "error", failed)
	}
	q.metrics.counted(c)
	for node := range c.nodes {
		if err := q.lease.adopt(ctx, node); err != nil {
			q.log.Warn("entries of another node not taken over", "name", node, "error", err)
		}
	}
	next = now.Add(max(q.config.RescanEvery, 100*time.Since(began))) // at most a hundredth of the time
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rescan, q.scanned, q.owed = next, now, failed != nil
	q.missLocked(now)
	q.probeLeftLocked(c.marks)
	q.tidyLocked(now)
	return next, nil
}

func (q *Queue) count(ctx context.Context) (census, error) {
	c, now := census{nodes: map[string]bool{}, marks: map[uint64]bool{}, damaged: map[store.Table]int{}}, q.now()
	n, err := q.scan(ctx, store.Prefix(store.Schedule), func(it store.Item) bool {
		c.queued++
		node := nodeOf(it.Value)
		if node == "" { // damaged
			return true
		}
		if ready, ok := q.readyAt(it, now); ok && (c.oldest.IsZero() || ready.Before(c.oldest)) {
			c.oldest = ready
		}
		if node != q.config.Node {
			c.nodes[node] = true
		} else if mark := markIn(it.Value); mark != 0 && !c.marks[mark] && len(c.marks) < maxMarks && !q.holds(it.Key) {
			c.marks[mark] = true
		}
		return true
	})
	if err != nil {
		return c, err
	}
	c.damaged[store.Schedule] = n
	c.damaged[store.HeldBy], err = q.scan(ctx, store.Prefix(store.HeldBy), func(store.Item) bool { c.held++; return true })
	return c, err
}

// readyAt is when the envelope of a row of the schedule could first leave. Rows of
// older versions do not tell; in one that is due later than any retry the
// envelope is for later.
func (q *Queue) readyAt(row store.Item, now time.Time) (ready time.Time, ok bool) {
	id, ok := idOf(row.Key)
	if !ok {
		return ready, false
	}
	ready, known := readyOf(row.Value, id)
	if due := dueOf(row.Key); !known && due.After(now.Add(2*q.config.MaxRetry)) {
		return due, true
	}
	return ready, true
}

// tidyLocked forgets what is no longer needed.
func (q *Queue) tidyLocked(now time.Time) {
	for name, d := range q.destinations {
		if d.idle(&q.config, now) {
			delete(q.destinations, name)
		}
	}
	for id, at := range q.touched {
		if now.Sub(at) > time.Minute {
			delete(q.touched, id)
		}
	}
}
