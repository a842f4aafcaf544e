package queue

import (
	"container/heap"
	"context"
	"hash/fnv"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// What waits for a destination that is away is parked: it stays in the store,
// its row bears the destination's mark, and nothing touches it until the
// destination is heard of again, or its own time comes. After each pause one
// parked envelope is attempted; when it hears an answer all are read back, lap
// by lap over the schedule, as fast as they leave.

const (
	everything = -1     // wanted: all that is parked under a mark
	lapRows    = 20_000 // looked at in one go
	maxMarks   = 10_000 // kept of one full scan; others wait for their own time
)

// lap is the reading back: a walk through the schedule, begun anew until every
// wanted mark was looked for in all of it. Guarded by Queue.mu.
type lap struct {
	wanted map[uint64]*want
	from   []byte // nil: at the beginning
}

// want is what is to be read back of one mark.
type want struct {
	left int // how many, or everything
	laps int // that end before all was seen
}

// probe is the end of a pause.
type probe struct {
	at   time.Time
	mark uint64
}

// probeHeap orders probes by time. It implements heap.Interface.
type probeHeap []probe

func (h probeHeap) Len() int           { return len(h) }
func (h probeHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h probeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *probeHeap) Push(x any)        { *h = append(*h, x.(probe)) }

func (h *probeHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// markOf is the mark of a destination, the same in every process and never 0.
func markOf(destination string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(destination))
	return max(h.Sum64(), 1)
}

// parking is the settlement that parks an entry.
func parking(d *destination, e *entry) *settlement {
	e.where = landing
	return &settlement{entry: e, mark: d.mark, outcome: d.last}
}

// parkNew lets a new envelope to a destination that is away wait in the store
// from the start: it costs no more than its acceptance. It returns the mark, 0
// where the envelope is not parked.
func (q *Queue) parkNew(e *gateway.Envelope, name string, now time.Time) (mark uint64) {
	q.mu.Lock()
	d := q.destinations[name]
	if d == nil || e.Next.After(now) || !d.shut(now) {
		q.mu.Unlock()
		return 0
	}
	mark, why := d.mark, d.last
	q.mu.Unlock()
	after := q.config.park(*e, why, now, q.random.draw())
	if after.State != gateway.Queued || after.Delayed != e.Delayed { // what follows is for a settlement
		return 0
	}
	*e = after
	return mark
}

// parkedLocked leaves an entry whose row is parked to the store, or reports that
// memory takes it: its destination is back.
func (q *Queue) parkedLocked(e *entry, name string, now time.Time) bool {
	d := q.destinations[name]
	shut := d != nil && d.shut(now)
	if !shut && !q.fullLocked(e, false) {
		e.due = now
		return false
	}
	q.forgetLocked(e)
	q.missLocked(e.envelope.Next)
	q.parked[e.mark] = true
	if !shut {
		q.wantLocked(e.mark, everything)
	}
	return true
}

// learnLocked lets a destination learn from an attempt, and returns the parking
// of what waits in memory for one that is away.
func (q *Queue) learnLocked(d *destination, o gateway.Outcome, now time.Time) (work []*settlement) {
	died := d.learn(o, &q.config, now)
	switch {
	case died:
		delete(q.back.wanted, d.mark)
		heap.Push(&q.probes, probe{d.until, d.mark})
		for _, e := range d.all() {
			work = append(work, parking(d, e))
		}
	case d.pausedAt(now):
	case !d.away:
		q.wantLocked(d.mark, everything)
	case d.running == 0 && len(d.groups) == 0: // the attempt has found out nothing
		q.wantLocked(d.mark, 1)
	}
	return work
}

// wantLocked lets n of what is parked under a mark be read back.
func (q *Queue) wantLocked(mark uint64, n int) {
	if _, ok := q.parked[mark]; !ok {
		return
	}
	w := q.back.wanted[mark]
	if w != nil && (w.left == everything || n == w.left) {
		return
	}
	q.back.wanted[mark] = &want{left: n, laps: 2}
	if q.back.from == nil {
		q.back.wanted[mark].laps = 1
	}
	q.parked[mark] = false
}

// probe lets one envelope find out about each destination whose pause is over,
// and returns when the next pause is; zero: none.
func (q *Queue) probe() (next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for len(q.probes) > 0 && !q.probes[0].at.After(now) {
		q.wantLocked(heap.Pop(&q.probes).(probe).mark, 1)
	}
	if len(q.probes) == 0 {
		return time.Time{}
	}
	return q.probes[0].at
}

// probeLeftLocked lets one envelope of each mark be attempted that a full scan
// found and no pause takes care of: those of an earlier process.
func (q *Queue) probeLeftLocked(marks map[uint64]bool) {
	now := q.now()
	for _, d := range q.destinations {
		if d.shut(now) {
			if marks[d.mark] {
				q.parked[d.mark] = true
			}
			delete(marks, d.mark)
		}
	}
	for mark := range marks {
		q.parked[mark] = true
		q.wantLocked(mark, 1)
	}
}

// holds reports whether the envelope of a row is in memory.
func (q *Queue) holds(key []byte) bool {
	id, _ := idOf(key)
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.known[id] != nil
}

// parkedRoomLocked is how many parked entries may be read back now. They fill
// half of memory, and none is read until half of that is free: the rest is for
// what is due.
func (q *Queue) parkedRoomLocked() int {
	if len(q.known) > q.config.MaxEntries/4 || q.bytes > q.config.MemoryBytes/4 {
		return 0
	}
	return max(1, min(q.config.MaxEntries/2-len(q.known), refillSize))
}

// refillParked reads back some of what is wanted.
func (q *Queue) refillParked(ctx context.Context) error {
	q.mu.Lock()
	room := q.parkedRoomLocked()
	if len(q.back.wanted) == 0 || room == 0 {
		q.mu.Unlock()
		return nil
	}
	r := store.Prefix(store.Schedule)
	if q.back.from != nil {
		r.From = q.back.from
	}
	q.back.from = r.From // what is wanted from here on has missed a part of this lap
	q.mu.Unlock()
	rows, last, err := q.reserveParked(ctx, r, room)
	for _, one := range rows {
		q.load(ctx, one)
	}
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back.from = last
	if last == nil {
		q.endLapLocked()
	}
	return nil
}

// reserveParked picks up to room rows of what is wanted, and marks them as being
// loaded. It returns where the lap goes on, nil at its end.
func (q *Queue) reserveParked(ctx context.Context, r store.Range, room int) (rows []row, from []byte, err error) {
	looked := 0
	_, err = q.scan(ctx, r, func(it store.Item) bool {
		id, ok := idOf(it.Key)
		if mark := markIn(it.Value); ok && mark != 0 && nodeOf(it.Value) == q.config.Node {
			if e := q.reserveWanted(id, mark); e != nil {
				rows = append(rows, row{e, dueOf(it.Key), mark})
			}
		}
		if looked++; len(rows) < room && looked < lapRows {
			return true
		}
		from = behind(it.Key)
		return false
	})
	return rows, from, err
}

func (q *Queue) reserveWanted(id gateway.EnvelopeID, mark uint64) *entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.back.wanted[mark]
	if w == nil || q.known[id] != nil || q.damagedLocked(id) { // a damaged one finds nothing out
		return nil
	}
	if w.left > 0 {
		if w.left--; w.left == 0 {
			delete(q.back.wanted, mark)
		}
	}
	e := &entry{id: id, due: q.now(), where: loading, loaded: true}
	q.known[id] = e
	return e
}

// endLapLocked lets go of the marks that were looked for in the whole schedule.
func (q *Queue) endLapLocked() {
	for mark, w := range q.back.wanted {
		if w.laps--; w.laps > 0 {
			continue
		}
		delete(q.back.wanted, mark)
		if !q.parked[mark] {
			delete(q.parked, mark)
		}
	}
}
