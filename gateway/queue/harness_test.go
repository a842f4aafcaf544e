package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCourier delivers as its script says and remembers everything.
type fakeCourier struct {
	script func(ctx context.Context, e gateway.Envelope, try int) gateway.Outcome
	whole  func(ctx context.Context, es []gateway.Envelope) []gateway.Outcome // instead of script
	took   time.Duration                                                      // of each attempt
	limits map[string]int                                                     // of destinations whose limit is known

	mu      sync.Mutex
	calls   [][]gateway.EnvelopeID
	tries   map[gateway.EnvelopeID]int
	sent    map[gateway.EnvelopeID]int
	flying  map[string]int
	highest map[string]int
}

func (c *fakeCourier) Destination(e gateway.Envelope) string { return e.Recipient.Domain() }

func (c *fakeCourier) Limit(destination string) int { return c.limits[destination] }

func (c *fakeCourier) Deliver(ctx context.Context, es []gateway.Envelope) (out []gateway.Outcome) {
	d := es[0].Recipient.Domain()
	c.mu.Lock()
	var ids []gateway.EnvelopeID
	for _, e := range es {
		ids = append(ids, e.ID)
		c.tries[e.ID]++
	}
	c.calls = append(c.calls, ids)
	c.flying[d]++
	c.highest[d] = max(c.highest[d], c.flying[d])
	c.mu.Unlock()
	defer func() { c.mu.Lock(); c.flying[d]--; c.mu.Unlock() }()
	if c.took > 0 {
		select {
		case <-time.After(c.took):
		case <-ctx.Done():
		}
	}
	if c.whole != nil {
		return c.whole(ctx, es)
	}
	for _, e := range es {
		c.mu.Lock()
		try := c.tries[e.ID]
		c.mu.Unlock()
		o := sent()
		if c.script != nil {
			o = c.script(ctx, e, try)
		}
		if o.Result == gateway.Sent {
			c.mu.Lock()
			c.sent[e.ID]++
			c.mu.Unlock()
		}
		out = append(out, o)
	}
	return out
}

// tried is how many attempts were begun for an envelope.
func (c *fakeCourier) tried(id gateway.EnvelopeID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tries[id]
}

// copies is how often an envelope was delivered.
func (c *fakeCourier) copies(id gateway.EnvelopeID) int { return c.served()[id] }

func (c *fakeCourier) served() map[gateway.EnvelopeID]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.sent)
}

func (c *fakeCourier) attempts() int { return len(c.allCalls()) }

func (c *fakeCourier) allCalls() [][]gateway.EnvelopeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// peaks is how many attempts ran at once, by destination.
func (c *fakeCourier) peaks() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.highest)
}

func sent() gateway.Outcome {
	return gateway.Outcome{Result: gateway.Sent, Code: 250, Status: "2.0.0", Phase: "dot"}
}

func later() gateway.Outcome {
	return gateway.Outcome{Result: gateway.Deferred, Code: 451, Status: "4.3.0", Phase: "rcpt"}
}

func refused() gateway.Outcome {
	return gateway.Outcome{Result: gateway.Failed, Code: 550, Status: "5.1.1", Phase: "rcpt"}
}

func dead() gateway.Outcome {
	return gateway.Outcome{Result: gateway.Deferred, Status: "4.4.1", Phase: "connect"}
}

// fakeLedger stages one record per call, so that what it staged can be counted
// in the store.
type fakeLedger struct {
	fail  func(id gateway.EnvelopeID) error
	extra func(b *store.Batch, after gateway.Envelope)

	mu sync.Mutex
	n  uint64
}

func (l *fakeLedger) record(b *store.Batch, word string, e gateway.Envelope) error {
	l.mu.Lock()
	l.n++
	n := l.n
	l.mu.Unlock()
	if l.fail != nil {
		if err := l.fail(e.ID); err != nil {
			return err
		}
	}
	b.Put(store.Key(store.Staged, store.Uint64(n), store.Uint64(0)), []byte(word+" "+e.ID.String()))
	return nil
}

func (l *fakeLedger) Settle(_ context.Context, b *store.Batch, _, after gateway.Envelope, o gateway.Outcome) error {
	if l.extra != nil {
		l.extra(b, after)
	}
	word := string(after.State)
	if o.Result == gateway.Unroutable {
		word = "unroutable"
	}
	return l.record(b, word, after)
}

func (l *fakeLedger) Delayed(_ context.Context, b *store.Batch, e gateway.Envelope) error {
	return l.record(b, "delayed", e)
}

func (l *fakeLedger) Parked(gateway.Envelope) {}

// bench is a queue with everything around it.
type bench struct {
	t       *testing.T
	store   store.Store
	inner   store.Store // without faults
	courier *fakeCourier
	ledger  *fakeLedger
	q       *Queue
	config  Config
	n       int
	clock   func() time.Time // nil: time.Now
	stop    func() error
	logs    logbook
}

func newBench(t *testing.T) *bench {
	m := storetest.NewMemory()
	return &bench{
		t: t, store: m, inner: m, ledger: &fakeLedger{},
		courier: &fakeCourier{
			tries: map[gateway.EnvelopeID]int{}, sent: map[gateway.EnvelopeID]int{},
			flying: map[string]int{}, highest: map[string]int{},
		},
	}
}

// start runs a queue over the store; a second start is a restart.
func (b *bench) start() {
	b.config.Logger = slog.New(slog.NewTextHandler(&b.logs, nil))
	if b.clock == nil {
		b.clock = time.Now
	}
	b.q = New(b.store, b.courier, b.ledger, b.config, b.clock, rand.Reader, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	q := b.q
	go func() { done <- q.Run(ctx) }()
	b.stop = sync.OnceValue(func() error { cancel(); return <-done })
}

// envelope makes a queued envelope; those of one message differ in n only.
func (b *bench) envelope(m gateway.MessageID, n uint32, to string) *gateway.Envelope {
	return &gateway.Envelope{
		ID: gateway.EnvelopeID{Message: m, N: n}, State: gateway.Queued, Action: gateway.Pass,
		Sender: gateway.MustAddress("ann@clinic.example"), Recipient: gateway.MustAddress(to), Person: personOf(to),
	}
}

func (b *bench) message() gateway.MessageID {
	id, err := gateway.NewMessageID(time.Now(), rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// accept stages envelopes in one batch on the store without faults.
func (b *bench) accept(es ...*gateway.Envelope) {
	b.t.Helper()
	batch := new(store.Batch)
	for _, e := range es {
		if err := b.q.Stage(batch, e); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := store.Write(context.Background(), b.inner, batch); err != nil {
		b.t.Fatal(err)
	}
}

// one accepts one message to one recipient.
func (b *bench) one(to string) gateway.EnvelopeID {
	e := b.envelope(b.message(), 0, to)
	b.accept(e)
	return e.ID
}

func (b *bench) get(id gateway.EnvelopeID) gateway.Envelope {
	b.t.Helper()
	e, _, err := store.GetRecord[gateway.Envelope](context.Background(), b.inner, envelopeKey(id))
	if err != nil {
		b.t.Fatalf("reading envelope: %v", err)
	}
	return e
}

// staged counts the ledger's records of one kind.
func (b *bench) staged(word string) map[string]int {
	found := map[string]int{}
	_ = b.inner.Scan(context.Background(), store.Prefix(store.Staged), func(it store.Item) bool {
		if kind, id, ok := bytes.Cut(it.Value, []byte(" ")); ok && string(kind) == word {
			found[string(id)]++
		}
		return true
	})
	return found
}

// rows lists the envelopes that have a row in the schedule, "held " before
// those in HeldBy.
func (b *bench) rows() (rows []string) {
	for prefix, table := range map[string]store.Table{"": store.Schedule, "held ": store.HeldBy} {
		_ = b.inner.Scan(context.Background(), store.Prefix(table), func(it store.Item) bool {
			id, _ := idOf(it.Key)
			rows = append(rows, prefix+id.String())
			return true
		})
	}
	slices.Sort(rows)
	return rows
}

// personOf is who has an address.
func personOf(address string) (ref gateway.PersonRef) {
	sum := sha256.Sum256([]byte(address))
	copy(ref[:], sum[:])
	return ref
}

// telephone is the address of the n-th telephone.
func telephone(n int) string { return fmt.Sprintf("+1555200%04d@%s", n, gateway.PhoneDomain) }

// byPersons lists the rows of WaitingFor, and those that there should be.
func (b *bench) byPersons() (got, want []string) {
	_ = b.inner.Scan(context.Background(), store.Prefix(store.WaitingFor), func(it store.Item) bool {
		got = append(got, string(it.Key))
		return true
	})
	_ = b.inner.Scan(context.Background(), store.Prefix(store.Envelopes), func(it store.Item) bool {
		var e gateway.Envelope
		if err := store.Decode(it.Value, &e); err != nil {
			b.t.Fatal(err)
		}
		if e.Recipient.IsPhone() && !e.State.Final() {
			want = append(want, string(store.Key(store.WaitingFor, e.Person[:], e.ID.Message[:], store.Uint32(e.ID.N))))
		}
		return true
	})
	slices.Sort(want)
	return got, want
}

// consistent checks the first invariant of the package.
func (b *bench) consistent() {
	b.t.Helper()
	var want []string
	_ = b.inner.Scan(context.Background(), store.Prefix(store.Envelopes), func(it store.Item) bool {
		var e gateway.Envelope
		if err := store.Decode(it.Value, &e); err != nil {
			b.t.Fatal(err)
		}
		switch e.State {
		case gateway.Queued:
			want = append(want, e.ID.String())
			if _, err := b.inner.Get(context.Background(), dueKey(e.Next, e.ID)); err != nil {
				b.t.Errorf("no row at the time of a queued envelope: %v", err)
			}
		case gateway.Held:
			want = append(want, "held "+e.ID.String())
		}
		return true
	})
	slices.Sort(want)
	if got := b.rows(); !slices.Equal(got, want) {
		b.t.Errorf("rows %v, want %v", got, want)
	}
	if got, want := b.byPersons(); !slices.Equal(got, want) {
		b.t.Errorf("%d rows of persons, want %d: %x, want %x", len(got), len(want), got, want)
	}
}

// inBubble runs f with a fake clock.
func inBubble(t *testing.T, f func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		f(t, b)
		if b.stop != nil {
			if err := b.stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		b.consistent()
	})
}

func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var errScripted = errors.New("scripted")

func noEvidence(*store.Batch, gateway.Envelope) error   { return nil }
func noEvidence2(*store.Batch, *gateway.Envelope) error { return nil }
func noWords(*store.Batch) error                        { return nil }

func word(w string) func(*store.Batch, gateway.Envelope) error {
	return func(b *store.Batch, e gateway.Envelope) error {
		b.Put(store.Key(store.Staged, []byte(fmt.Sprintf("op-%s-%v", w, e.ID))), []byte(w+" "+e.ID.String()))
		return nil
	}
}

// outage is a store that can be away for a while.
type outage struct {
	store.Store
	mu   sync.Mutex
	gone bool
}

func (o *outage) set(gone bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone = gone
}

func (o *outage) away() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return errScripted
	}
	return nil
}

func (o *outage) Get(ctx context.Context, key []byte) (store.Item, error) {
	if err := o.away(); err != nil {
		return store.Item{}, err
	}
	return o.Store.Get(ctx, key)
}

func (o *outage) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	if err := o.away(); err != nil {
		return err
	}
	return o.Store.Scan(ctx, r, visit)
}

func (o *outage) Commit(ctx context.Context, b *store.Batch) error {
	if err := o.away(); err != nil {
		return err
	}
	return o.Store.Commit(ctx, b)
}

// logbook takes what several queues log.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
