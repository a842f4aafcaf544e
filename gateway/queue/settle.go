package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

const (
	storeTimeout  = 30 * time.Second       // for one commit or read of the queue
	firstTry      = 100 * time.Millisecond // back-off of a settlement that cannot be stored
	lastTry       = 5 * time.Second
	closingTime   = 5 * time.Second // how long Run tries to store what is left
	commitsAtOnce = 4
	maxBatch      = 4 << 20 // octets of one commit
	maxAtRisk     = 4       // commits full of results: what a crash may make us repeat
)

// settlement is the end of an attempt, or a parking without one, on its way into
// the store.
type settlement struct {
	entry   *entry
	outcome gateway.Outcome
	mark    uint64 // not 0: no attempt was made, the envelope is parked under it

	from *destination // that the attempt was for; nil: none was made

	plan   *gateway.Envelope // what it becomes; fixed at the first try, so that tries can be told apart
	doubt  []*store.Batch    // tries of which nobody knows whether they were committed
	alone  bool              // its batch conflicted: it gets one of its own
	tries  int
	notYet time.Time

	counted bool // in settler.atRisk
}

// settler joins settlements of many envelopes into few commits. It never drops
// one: what cannot be stored stays and is tried again.
type settler struct {
	q       *Queue
	arrived chan struct{} // something came; holds one
	full    chan struct{} // a whole batch is there; holds one

	mu      sync.Mutex
	pending []*settlement // guarded by mu
	working int           // taken out of pending and not ended; guarded by mu
	failing int           // of pending, those that were tried; guarded by mu
	atRisk  int           // results of attempts that are not stored; guarded by mu
	sick    bool          // the last commit failed for no conflict; guarded by mu
}

func newSettler(q *Queue) *settler {
	return &settler{q: q, arrived: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

func (s *settler) add(work []*settlement) {
	if len(work) == 0 {
		return
	}
	s.mu.Lock()
	for _, st := range work {
		if st.tries > 0 {
			s.failing++
		}
		if st.mark == 0 && !st.counted {
			st.counted = true
			s.atRisk++
		}
	}
	s.pending = append(s.pending, work...)
	n := len(s.pending)
	s.mu.Unlock()
	signal(s.arrived)
	if n >= s.q.config.SettleEntries {
		signal(s.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stalled reports whether results cannot be stored now: starting more attempts
// would only make more deliveries whose record is at risk.
func (s *settler) stalled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sick || s.failing >= s.q.config.Workers || s.atRisk >= maxAtRisk*s.q.config.SettleEntries
}

// backlog is how many settlements are not stored.
func (s *settler) backlog() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) + s.working
}

// round stores what was collected.
func (s *settler) round(list []*settlement) {
	var together []*settlement
	for _, st := range list {
		if st.alone {
			s.commit([]*settlement{st})
		} else {
			together = append(together, st)
		}
	}
	s.commit(together)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working -= len(list)
}

// collect takes out what may be tried now, for round.
func (s *settler) collect() (list []*settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.q.now()
	rest := s.pending[:0]
	for _, st := range s.pending {
		if len(list) < s.q.config.SettleEntries && !st.notYet.After(now) {
			list = append(list, st)
			if st.tries > 0 {
				s.failing--
			}
		} else {
			rest = append(rest, st)
		}
	}
	clear(s.pending[len(rest):])
	s.pending = rest
	s.working += len(list)
	return list
}

// again puts settlements back for a later try.
func (s *settler) again(list []*settlement, delay func(tries int) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range list {
		st.tries++
		st.notYet = s.q.now().Add(delay(st.tries))
		s.failing++
		s.pending = append(s.pending, st)
	}
}

func slowly(tries int) time.Duration {
	delay := firstTry
	for i := 1; i < tries && delay < lastTry; i++ {
		delay *= 2
	}
	return min(delay, lastTry)
}

// commit stores list in one batch. The line that calls Commit is where a
// delivery becomes a fact: before it a crash repeats the attempt, after it
// nothing does.
func (s *settler) commit(list []*settlement) {
	if len(list) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	b := new(store.Batch)
	var staged []*settlement
	for i, st := range list {
		if b.Len() > maxBatch {
			s.add(list[i:])
			break
		}
		if s.stage(ctx, b, st) {
			staged = append(staged, st)
		}
	}
	if len(staged) == 0 {
		return
	}
	err := s.q.store.Commit(ctx, b)
	s.judge(err)
	switch {
	case err == nil:
		s.done(b, staged)
	case errors.Is(err, store.ErrConflict):
		for _, st := range staged {
			st.alone = true
		}
		s.again(staged, func(tries int) time.Duration { return time.Duration(tries-1) * 10 * time.Millisecond })
	default:
		s.q.log.Error("settlements not stored", "count", len(staged), "error", err)
		if !errors.Is(err, store.ErrFull) {
			for _, st := range staged {
				st.doubt = append(st.doubt, b)
			}
		}
		s.again(staged, slowly)
	}
}

// judge keeps attempts from starting while the store refuses commits.
func (s *settler) judge(err error) {
	s.mu.Lock()
	was := s.sick
	s.sick = err != nil && !errors.Is(err, store.ErrConflict)
	s.mu.Unlock()
	if was && err == nil {
		s.q.poke()
	}
}

// stage adds one settlement to b. false means that there is nothing to commit
// for it: it is stored already, has nothing left to settle, or must wait.
func (s *settler) stage(ctx context.Context, b *store.Batch, st *settlement) bool {
	before, version, err := s.read(ctx, st.entry)
	if errors.Is(err, store.ErrNotFound) { // erased meanwhile, with its row
		s.judge(nil)
		s.q.landed(st, nil)
		s.q.poke()
		return false
	}
	if err == nil && st.storedAs(&before) { // the answer to an earlier commit was lost
		s.found(st)
		return false
	}
	part := new(store.Batch)
	if err == nil {
		part.RequireVersion(envelopeKey(before.ID), version)
		err = s.write(ctx, part, st, before)
	}
	if err != nil {
		s.q.log.Error("settlement not staged", "envelope", st.entry.id, "error", err)
		s.again([]*settlement{st}, slowly)
		return false
	}
	b.Append(part)
	return true
}

// read returns an envelope as it is stored: mostly as memory holds it, which is
// seen without decoding it again.
func (s *settler) read(ctx context.Context, e *entry) (stored gateway.Envelope, version store.Version, err error) {
	item, err := s.q.store.Get(ctx, envelopeKey(e.id))
	if err != nil {
		return gateway.Envelope{}, 0, err
	}
	if bytes.Equal(item.Value, e.record) {
		return *e.envelope, item.Version, nil
	}
	other := new(gateway.Envelope)
	err = store.Decode(item.Value, other)
	return *other, item.Version, err
}

// write stages what the envelope becomes and all that follows from it.
func (s *settler) write(ctx context.Context, b *store.Batch, st *settlement, before gateway.Envelope) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("ledger panicked: %s", gateway.PanicText(v))
		}
	}()
	after := s.q.plan(st, before)
	told := st.mark == 0 && (after.Last.Result != gateway.Unroutable || before.Last.Result != gateway.Unroutable)
	if told || after.State.Final() || after.State != before.State {
		if err := s.q.ledger.Settle(ctx, b, before, *after, after.Last); err != nil {
			return fmt.Errorf("settling envelope %v: %w", before.ID, err)
		}
	}
	if after.Delayed && !before.Delayed && after.State == gateway.Queued {
		if err := s.q.ledger.Delayed(ctx, b, *after); err != nil {
			return fmt.Errorf("noting the delay of envelope %v: %w", before.ID, err)
		}
	}
	dropState(b, &before, after)
	_, err = s.q.putState(b, after, st.mark)
	return err
}

// plan decides what the envelope becomes. At a later try the decision stands
// and only what others changed in the record is taken over. It is st.plan then,
// which nobody changes.
func (q *Queue) plan(st *settlement, before gateway.Envelope) *gateway.Envelope {
	after := before
	switch {
	case st.plan != nil:
		p := st.plan
		after.State, after.Next, after.Attempts, after.Delayed, after.Last = p.State, p.Next, p.Attempts, p.Delayed, p.Last
		if p.State == gateway.Held {
			after.Hold = p.Hold
		}
	case st.mark != 0:
		after = q.config.park(before, st.outcome, q.now(), q.random.draw())
	default:
		now, chance := q.now(), q.random.draw()
		after = q.config.decide(before, st.outcome, now, chance)
		if after.State == gateway.Queued && ofTheLink(st.outcome) && q.courier.Limit(st.entry.destination) > 0 {
			after.Next = q.config.sooner(&after, st.outcome, now, chance)
		}
	}
	if before.State != gateway.Queued && after.State != gateway.Delivered {
		after.State, after.Next, after.Hold = before.State, before.Next, before.Hold // held or ended by somebody else: that stands
	}
	after.Last.Segments = withReceipts(after.Last.Segments, before.Last.Segments)
	st.plan = &after
	return st.plan
}

// withReceipts returns segments with what receipts have said of them meanwhile,
// which an attempt that began before knows nothing of.
func withReceipts(segments, stored []gateway.SegmentResult) []gateway.SegmentResult {
	cloned := false
	for i, s := range stored[:min(len(stored), len(segments))] {
		if s.State == "" || s.ID != segments[i].ID || !segments[i].Sent {
			continue
		}
		if !cloned {
			segments, cloned = slices.Clone(segments), true
		}
		segments[i].State, segments[i].Error, segments[i].Done = s.State, s.Error, s.Done
	}
	return segments
}

// storedAs reports whether the record shows that this settlement is stored.
func (st *settlement) storedAs(e *gateway.Envelope) bool {
	p := st.plan
	return p != nil && e.State == p.State && e.Attempts == p.Attempts && e.Next.Equal(p.Next) && e.Last.At.Equal(p.Last.At)
}

// found ends a settlement that an earlier try has stored. When it is clear
// which try, what should have followed it follows now; else a scan of the
// store finds what the batch has put into the schedule.
func (s *settler) found(st *settlement) {
	s.judge(nil) // or nothing would start again: there may be no other commit to come
	if len(st.doubt) == 1 {
		s.done(st.doubt[0], []*settlement{st})
		return
	}
	s.done(new(store.Batch), []*settlement{st})
	s.q.lookAgain()
}

// done runs what follows a durable batch, then lets go of its settlements.
func (s *settler) done(b *store.Batch, list []*settlement) {
	b.Done()
	for _, st := range list {
		s.q.landed(st, st.plan)
	}
	s.q.poke()
}

// stored counts out a settlement that is no longer at risk.
func (s *settler) stored(st *settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.counted {
		st.counted = false
		s.atRisk--
	}
}

// landed ends a settlement in memory; nil: the envelope is gone.
func (q *Queue) landed(st *settlement, after *gateway.Envelope) {
	q.settling.stored(st)
	name := ""
	if after != nil {
		q.metrics.moved(gateway.Queued, after.State)
		name = q.destinationOf(after)
		if st.mark != 0 {
			q.ledger.Parked(*after)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if st.from != nil {
		st.from.risky--
		q.listLocked(st.from)
	}
	e := st.entry
	if e.loaded && q.now().Sub(e.envelope.Accepted) <= fresh {
		q.touched[e.id] = q.now() // take may still come
	}
	if after == nil || after.State != gateway.Queued {
		q.forgetLocked(e)
		return
	}
	e.envelope, e.record, e.due, e.mark = after, nil, after.Next, st.mark
	q.admitLocked(e, name)
}
