package queue

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/store"
)

// broken is a store some of whose values lie damaged on the disk: reading one fails,
// and ends a scan, until it is written again.
type broken struct {
	store.Store
	mu      sync.Mutex
	damaged map[string]bool
}

type brokenError []byte

func (brokenError) Error() string        { return "the value does not open" }
func (e brokenError) DamagedKey() []byte { return e }

func (s *broken) damage(keys ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged = map[string]bool{}
	for _, key := range keys {
		s.damaged[string(key)] = true
	}
}

func (s *broken) read(key []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damaged[string(key)] {
		return brokenError(key)
	}
	return nil
}

func (s *broken) Get(ctx context.Context, key []byte) (store.Item, error) {
	if err := s.read(key); err != nil {
		return store.Item{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s *broken) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	var failed error
	err := s.Store.Scan(ctx, r, func(it store.Item) bool {
		if failed = s.read(it.Key); failed != nil {
			failed = brokenError(append([]byte(nil), it.Key...))
			return false
		}
		return visit(it)
	})
	return errors.Join(failed, err)
}

func (s *broken) Commit(ctx context.Context, b *store.Batch) error {
	err := s.Store.Commit(ctx, b)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, op := range b.Ops {
			delete(s.damaged, string(op.Key))
		}
	}
	return err
}

// TestADamagedRecordStopsNothing: neither the envelope nor the row of one that is for
// later, or for now, keeps other mail from leaving after a start; each is named once,
// and leaves when it can be read again.
func TestADamagedRecordStopsNothing(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Minute, 30 * time.Hour} {
		for _, row := range []bool{false, true} {
			inBubble(t, func(t *testing.T, b *bench) {
				disk := &broken{Store: b.inner}
				b.store = disk
				b.start()
				e := b.envelope(b.message(), 0, "pat@out.example")
				_ = b.stop()
				e.NotBefore = time.Now().Add(wait)
				b.accept(e)
				before := b.accepts(3, "joe@out.example")
				if disk.damage(envelopeKey(e.ID)); row {
					disk.damage(dueKey(b.get(e.ID).Next, e.ID))
				}
				b.start()
				sleep(10 * time.Minute)
				before = append(before, b.accepts(3, "kim@out.example")...)
				sleep(10 * time.Minute)
				b.allDelivered(before, "beside a damaged record")
				if n := strings.Count(b.logs.String(), "a record is damaged"); n != 1 {
					t.Errorf("named %d times", n)
				}
				if n := b.damagedRows(); (n == 1) != row {
					t.Errorf("%v rows are damaged", n)
				}
				if b.courier.tried(e.ID) != 0 {
					t.Error("tried what cannot be read")
				}
				if disk.damage(); row {
					disk.damage(dueKey(b.get(e.ID).Next, e.ID))
					if err := b.q.Retry(context.Background(), e.ID, noEvidence); err != nil { // writes the row anew
						t.Error(err)
					}
				}
				sleep(31 * time.Hour)
				b.allDelivered([]gateway.EnvelopeID{e.ID}, "the damaged one")
			})
		}
	}
}

// damagedRows is what the metric says.
func (b *bench) damagedRows() (n float64) {
	b.t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(b.q.metrics.damaged)
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		b.t.Fatalf("%d metrics, %v", len(families), err)
	}
	for _, m := range families[0].GetMetric() {
		n += m.GetGauge().GetValue()
	}
	return n
}

// TestADamagedRowHidesNoOther: whoever reads pages sees all that there is, and no row
// twice, whichever are damaged; what needs the key only gets it.
func TestADamagedRowHidesNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		disk := &broken{Store: b.inner}
		b.store = disk
		b.start()
		_ = b.stop()
		ids := b.accepts(7, "pat@out.example")
		key := func(i int) []byte { return dueKey(b.get(ids[i]).Next, ids[i]) }
		for limit := range 4 {
			for _, bad := range [][]int{{0}, {6}, {2, 3}, {0, 1, 2, 3, 4, 5, 6}} {
				disk.damage()
				var keys [][]byte
				for _, i := range bad {
					keys = append(keys, key(i))
				}
				disk.damage(keys...)
				r := store.Prefix(store.Schedule)
				r.Limit = limit
				seen, damaged := 0, 0
				for {
					page := 0
					n, err := b.q.scan(context.Background(), r, func(it store.Item) bool {
						page++
						r.From = behind(it.Key)
						return true
					})
					if err != nil || limit > 0 && page > limit {
						t.Fatalf("%d of %d, %v", page, limit, err)
					}
					if seen, damaged = seen+page, damaged+n; page == 0 {
						break
					}
				}
				if seen != len(ids) || damaged != len(bad) {
					t.Errorf("pages of %d: %d seen, %d damaged of %d", limit, seen, damaged, len(bad))
				}
			}
		}
		disk.damage()
	})
}

// TestADamagedRecordFindsNothingOut: where the envelope that is to find out whether a
// destination is back cannot be read, another one does.
func TestADamagedRecordFindsNothingOut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		disk := &broken{Store: b.inner}
		b.store = disk
		var mu sync.Mutex
		back := false
		b.courier.script = func(context.Context, gateway.Envelope, int) gateway.Outcome {
			mu.Lock()
			defer mu.Unlock()
			if back {
				return sent()
			}
			return dead()
		}
		b.start()
		ids := b.accepts(30, "pat@away.example")
		sleep(12 * time.Minute)
		var first gateway.EnvelopeID
		_ = b.inner.Scan(context.Background(), store.Prefix(store.Schedule), func(it store.Item) bool {
			first, _ = idOf(it.Key)
			return false
		})
		disk.damage(envelopeKey(first))
		mu.Lock()
		back = true
		mu.Unlock()
		sleep(2 * maxPause)
		for _, id := range ids {
			if n := b.courier.copies(id); (n == 1) != (id != first) {
				t.Errorf("%v was delivered %d times", id, n)
			}
		}
		disk.damage()
		sleep(3 * time.Hour)
		b.allDelivered(ids, "when it can be read")
	})
}

// TestAFailingCatchUpStopsNothing: what cannot be brought forward for the time being
// keeps no mail waiting, and is brought forward when it can be.
func TestAFailingCatchUpStopsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		clock := &wrongClock{}
		b.clock = clock.now
		clock.set(24 * time.Hour)
		b.start()
		_ = b.stop()
		old := b.accepts(3, "pat@out.example") // due tomorrow
		away := &unread{Store: b.inner, key: envelopeKey(old[1])}
		b.store = away
		clock.set(0)
		b.start()
		sleep(3 * time.Minute)
		b.allDelivered([]gateway.EnvelopeID{old[0], old[2], b.wait("kim@out.example")}, "beside one that is not read")
		away.set(nil)
		sleep(3 * time.Minute)
		b.allDelivered(old, "when all is read")
	})
}

// wait accepts one message and gives it time.
func (b *bench) wait(to string) gateway.EnvelopeID {
	id := b.one(to)
	sleep(time.Minute)
	return id
}

// unread is a store that does not answer for one key.
type unread struct {
	store.Store
	mu  sync.Mutex
	key []byte
}

func (s *unread) set(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

func (s *unread) Get(ctx context.Context, key []byte) (store.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(key) == string(s.key) {
		return store.Item{}, errScripted
	}
	return s.Store.Get(ctx, key)
}
