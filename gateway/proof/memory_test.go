package proof

import (
	"bytes"
	"context"
	"errors"
	"sort"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// memory is a store.Store that can fail its n-th operation, before the
// operation happened or after it with the answer lost.
type memory struct {
	mu     sync.Mutex
	items  map[string]store.Item
	next   store.Version
	ops    int
	failAt int // 1-based; 0: never
	lost   bool
	before func()   // runs once, before the next Get that reads a ledger
	asked  [][]byte // every value ever committed
}

var errInjected = errors.New("injected fault")

func newMemory() *memory { return &memory{items: map[string]store.Item{}} }

// step counts an operation and reports whether it is the one to fail.
func (m *memory) step() bool {
	m.ops++
	return m.ops == m.failAt
}

func (m *memory) Get(_ context.Context, key []byte) (store.Item, error) {
	if meanwhile := m.before; meanwhile != nil && key[0] == byte(store.Proofs) {
		m.before = nil
		meanwhile()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.step() {
		return store.Item{}, errInjected
	}
	item, ok := m.items[string(key)]
	if !ok {
		return store.Item{}, store.ErrNotFound
	}
	item.Value = bytes.Clone(item.Value)
	return item, nil
}

func (m *memory) Scan(_ context.Context, r store.Range, visit func(store.Item) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.step() {
		return errInjected
	}
	var keys []string
	for k := range m.items {
		if k >= string(r.From) && (r.To == nil || k < string(r.To)) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		if !visit(m.items[k]) {
			break
		}
	}
	return nil
}

func (m *memory) Commit(_ context.Context, b *store.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fail := m.step()
	if fail && !m.lost {
		return errInjected
	}
	for _, q := range b.Requires {
		if m.items[string(q.Key)].Version != q.Version {
			return store.ErrConflict
		}
	}
	for _, op := range b.Ops {
		if op.Delete {
			delete(m.items, string(op.Key))
			continue
		}
		m.next++
		m.items[string(op.Key)] = store.Item{Key: op.Key, Value: op.Value, Version: m.next}
		m.asked = append(m.asked, op.Value)
	}
	if fail {
		return store.ErrUnknown
	}
	return nil
}

func (m *memory) Close() error { return nil }

// staged is Evidence that keeps its records in the store, as the real one does.
type staged struct {
	mu sync.Mutex
	n  uint64
}

func (e *staged) Stage(b *store.Batch, r gateway.Record) error {
	e.mu.Lock()
	e.n++
	key := store.Key(store.Staged, store.Uint64(e.n))
	e.mu.Unlock()
	return b.PutRecord(key, r)
}

// world is a Book with a clock that stands still, over a store that can fail.
type world struct {
	*Book
	t     testing.TB
	store *memory
	clock struct {
		sync.Mutex
		now time.Time
	}
	link gateway.LinkID
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, store: newMemory(), link: gateway.LinkID{7}}
	w.clock.now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	w.Book = New(w.store, Config{}, testMAC, &staged{}, w.time, cryptoReader{})
	return w
}

func (w *world) time() time.Time {
	w.clock.Lock()
	defer w.clock.Unlock()
	return w.clock.now
}

func (w *world) advance(d time.Duration) {
	w.clock.Lock()
	defer w.clock.Unlock()
	w.clock.now = w.clock.now.Add(d)
}

// events counts the evidence in the store by event.
func (w *world) events() map[gateway.Event]int {
	found := map[gateway.Event]int{}
	for k, item := range w.store.items {
		if k[0] != byte(store.Staged) {
			continue
		}
		var r gateway.Record
		if err := store.Decode(item.Value, &r); err != nil {
			w.t.Fatal(err)
		}
		found[r.Event]++
	}
	return found
}

func (w *world) newSession() string {
	w.t.Helper()
	s, err := w.NewSession(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) ask(session string) string {
	w.t.Helper()
	c, err := w.NewCode(context.Background(), w.link, session, Asked{Assurance: gateway.OtherChannel})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Reveal()
}

// tried is what a try came to and how the link stands after it.
type tried struct {
	Result
	Status Status
}

func (w *world) try(session, pin string) tried {
	w.t.Helper()
	return w.attempt(Attempt{Link: w.link, Session: session, Typed: pin, Codes: true})
}

func (w *world) attempt(a Attempt) tried {
	w.t.Helper()
	r, err := w.Check(context.Background(), a)
	if err != nil {
		w.t.Error(err)
		return tried{}
	}
	st, err := w.Book.Status(context.Background(), a.Link, r.Session)
	if err != nil {
		w.t.Error(err)
	}
	return tried{r, st}
}

// not is a well-formed code other than c.
func not(c string) string {
	if c[5] == '9' {
		return c[:5] + "0"
	}
	return c[:5] + string(c[5]+1)
}
