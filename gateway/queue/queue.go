package queue

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/store"
)

// Errors that callers branch on.
var (
	// ErrBusy: the envelope is being delivered or settled just now.
	ErrBusy = errors.New("queue: envelope is in flight")
	// ErrNotFound: there is no such envelope, or not in a state in which this
	// can be done.
	ErrNotFound = errors.New("queue: no such envelope in that state")
	// ErrFenced: another process took over the name of this node.
	ErrFenced = errors.New("queue: another process runs under the name of this node")
)

// Courier delivers.
type Courier interface {
	// Destination names what shares one queue of attempts: two envelopes with
	// the same destination would go to the same next hop. It must be quick.
	Destination(e gateway.Envelope) string
	// Deliver makes one attempt for envelopes that share message, content,
	// sender, action and destination; those of action tls and the confidential
	// come alone. It returns one outcome for each, in order, or a single one for all. It
	// must return soon after ctx ends.
	Deliver(ctx context.Context, envelopes []gateway.Envelope) []gateway.Outcome
	// Limit is how many attempts at once a destination is known to take; 0: the
	// queue finds out, from few up to PerDestination. It must be quick.
	Limit(destination string) int
}

// Ledger stages what follows from a delivery into the batch that settles it.
// When a commit fails Settle and Delayed are called again with another batch: they
// must have no effect but through b.
type Ledger interface {
	Settle(ctx context.Context, b *store.Batch, before, after gateway.Envelope, o gateway.Outcome) error
	// Delayed is called once per envelope, when it is older than DelayNotice
	// and still queued. e is the envelope as it will be stored.
	Delayed(ctx context.Context, b *store.Batch, e gateway.Envelope) error
	// Parked is called when e, which was in memory, waits in the store for a
	// destination that is away. It must be quick.
	Parked(e gateway.Envelope)
}

// Config of a Queue. Zero values get the defaults named.
type Config struct {
	FirstRetry  time.Duration // 60 s
	MaxRetry    time.Duration // 1 h
	MaxAge      time.Duration // 120 h; then an envelope bounces
	DelayNotice time.Duration // 4 h; negative: none

	// Where the courier knows a destination's limit, these bound the wait after
	// its link failed or it asked for less: 5 s, doubled up to 15 s, where the
	// waits above are not shorter. Such a destination is one partner with whom
	// that is agreed, and what waits for it is for people who wait.
	FirstKnown time.Duration
	MaxKnown   time.Duration

	Workers        int           // attempts at once: 200
	PerDestination int           // attempts at once to one destination: 20
	GroupSize      int           // envelopes in one attempt: 100
	AttemptTimeout time.Duration // 1 h; ends even a next hop that drips

	MaxEntries  int   // envelopes in memory: 20,000
	MemoryBytes int64 // of envelopes in memory: 32 MiB

	SettleEvery   time.Duration // from one commit of settlements to the next, at least, unless it is full: 8 ms
	SettleEntries int           // settlements in one commit: 256
	RescanEvery   time.Duration // 1 min

	Node     string        // name of this process among those on one store: "single"
	LeaseFor time.Duration // 30 s
	Logger   *slog.Logger  // nil: silent
}

func or[T int | int64 | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

func (c *Config) setDefaults() {
	or(&c.FirstRetry, time.Minute)
	or(&c.MaxRetry, time.Hour)
	c.MaxRetry = max(c.MaxRetry, c.FirstRetry)
	or(&c.MaxAge, 120*time.Hour)
	or(&c.DelayNotice, 4*time.Hour)
	or(&c.FirstKnown, 5*time.Second)
	or(&c.MaxKnown, 15*time.Second)
	or(&c.Workers, 200)
	or(&c.PerDestination, 20)
	or(&c.GroupSize, 100)
	or(&c.AttemptTimeout, time.Hour)
	or(&c.MaxEntries, 20_000)
	or(&c.MemoryBytes, 32<<20)
	or(&c.SettleEvery, 8*time.Millisecond)
	or(&c.SettleEntries, 256)
	or(&c.RescanEvery, time.Minute)
	or(&c.LeaseFor, 30*time.Second)
	if c.Node == "" {
		c.Node = "single"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Queue schedules envelopes. Its methods may be called concurrently. Run must
// be running for anything to be delivered.
type Queue struct {
	store   store.Store
	courier Courier
	ledger  Ledger
	config  Config
	now     func() time.Time
	random  *jitter
	metrics *metrics
	log     *slog.Logger

	wake     chan struct{} // to Run: something changed; holds one
	attempts sync.WaitGroup
	settling *settler
	indexed  atomic.Bool // WaitingFor is complete
	lease    *lease

	// cut ends the attempts under way; set before Run starts any.
	cut context.CancelFunc

	mu sync.Mutex
	// Guarded by mu.
	known        map[gateway.EnvelopeID]*entry // all that memory holds
	bytes        int64                         // of known
	waiting      waitHeap                      // not due yet
	destinations map[string]*destination
	ready        []*destination // may start an attempt, in turn
	running      int            // attempts
	idle         []chan launch  // goroutines that wait for their next attempt, the last one first
	spare        int            // of idle, those that no attempt needed since trimmed
	trimmed      time.Time
	missing      time.Time       // when the store holds the next row that memory may lack
	scanned      time.Time       // when the last one was
	rescan       time.Time       // when the next full scan is due
	parked       map[uint64]bool // marks that the store may hold rows under; true: since the last lap began
	probes       probeHeap       // ends of pauses
	back         lap
	touched      map[gateway.EnvelopeID]time.Time
	paused       bool
	unread       bool // whether it is paused has not been read from the store yet
	draining     bool
	damaged      map[string]bool // keys of records that the log named
	owed         bool            // what a clock that was ahead has put off was not brought forward
	attemptCtx   context.Context // of attempts: outlives Run's until Drain gives up
}

// New makes a Queue over s, which the caller closes after Run has returned.
func New(s store.Store, courier Courier, ledger Ledger, config Config, now func() time.Time, random io.Reader, reg prometheus.Registerer) *Queue {
	config.setDefaults()
	q := &Queue{
		store: s, courier: courier, ledger: ledger, config: config, now: now, random: newJitter(random), log: config.Logger,
		wake:         make(chan struct{}, 1),
		known:        map[gateway.EnvelopeID]*entry{},
		destinations: map[string]*destination{},
		touched:      map[gateway.EnvelopeID]time.Time{},
		parked:       map[uint64]bool{},
		damaged:      map[string]bool{},
		back:         lap{wanted: map[uint64]*want{}},
	}
	q.attemptCtx, q.cut = context.WithCancel(context.Background())
	q.settling = newSettler(q)
	q.lease = newLease(q)
	q.metrics = newMetrics(reg, q)
	return q
}

// poke wakes Run.
func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
