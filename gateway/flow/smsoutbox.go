package flow

import (
	"slices"
	"sync"
	"time"
)

// What waits for an application is a row of Outbox, under a number that grows
// with the time of staging. A row may become durable after one with a larger
// number: a reader that has passed it by then gets it next.

// outbox is what memory knows of the boxes of accounts.
type outbox struct {
	mu    sync.Mutex
	boxes map[string]*box // by system_id; guarded by mu
}

// box is one account's. Its fields are guarded by outbox.mu.
type box struct {
	last   uint64            // number given out
	staged map[uint64]bool   // numbers given out of which nobody knows whether they are durable
	at     uint64            // where the reader is
	news   chan struct{}     // closed when something becomes durable
	scans  int               // readings under way
	landed []uint64          // became durable while there were
	late   []uint64          // became durable after the reader had passed them
	behind map[uint64]uint64 // where the reader was who got these, which were late
}

func newOutbox() *outbox { return &outbox{boxes: make(map[string]*box)} }

func (o *outbox) ofLocked(account string) *box {
	x := o.boxes[account]
	if x == nil {
		x = &box{news: make(chan struct{}), staged: make(map[uint64]bool)}
		o.boxes[account] = x
	}
	return x
}

func (x *box) pokeLocked() {
	close(x.news)
	x.news = make(chan struct{})
}

// next gives out a number, larger than every one before.
func (o *outbox) next(account string, now time.Time) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.ofLocked(account)
	x.last = max(uint64(max(now.UnixNano(), 1)), x.last+1)
	x.staged[x.last] = true
	return x.last
}

// unsure returns what was staged before a time and is not known to be durable,
// by account: batches that failed, and those whose answer was lost.
func (o *outbox) unsure(before time.Time) map[string][]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string][]uint64)
	for account, x := range o.boxes {
		for n := range x.staged {
			if n < uint64(max(before.UnixNano(), 0)) {
				all[account] = append(all[account], n)
			}
		}
	}
	return all
}

// never takes note that what was staged did not become durable.
func (o *outbox) never(account string, n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.ofLocked(account).staged, n)
}

// durable takes note that a row is in the store.
func (o *outbox) durable(account string, n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.ofLocked(account)
	delete(x.staged, n)
	switch {
	case n <= x.at:
		x.late = append(x.late, n)
	case x.scans > 0:
		x.landed = append(x.landed, n)
	}
	x.pokeLocked()
}

// enter begins a reading after a number. It returns where in the table that is,
// and at most limit rows behind it that the reader has not got.
func (o *outbox) enter(account string, after uint64, limit int) (from uint64, late []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.ofLocked(account)
	from = after
	if at, ok := x.behind[after]; ok {
		from = at
	}
	x.behind = map[uint64]uint64{after: from} // it may ask the same again
	x.scans++
	x.late = filter(x.late, func(n uint64) bool { return n <= from }) // the others are ahead again
	slices.Sort(x.late)
	n := min(limit, len(x.late))
	late, x.late = x.late[:n:n], x.late[n:]
	x.at = from
	for _, n := range late {
		x.behind[n] = from
	}
	return from, late
}

// leave ends a reading that came to the numbers seen, in order.
func (o *outbox) leave(account string, seen []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.ofLocked(account)
	x.scans--
	if len(seen) > 0 {
		x.at = max(x.at, seen[len(seen)-1])
	}
	for _, n := range x.landed {
		if _, found := slices.BinarySearch(seen, n); n <= x.at && !found {
			x.late = append(x.late, n)
		}
	}
	if x.scans == 0 {
		x.landed = nil
	}
	if len(x.late) > 0 {
		x.pokeLocked()
	}
}

// failed ends a reading that came to nothing.
func (o *outbox) failed(account string, late []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.ofLocked(account)
	x.late = append(x.late, late...)
	if x.scans--; x.scans == 0 {
		x.landed = nil
	}
}

// wait returns a channel that is closed when something new is durable.
func (o *outbox) wait(account string) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ofLocked(account).news
}
