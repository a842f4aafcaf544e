package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/smppd/pdu"
)

// ErrShutdown is returned by Run when it is called after Shutdown, or twice.
var ErrShutdown = errors.New("upstream: the client runs or has ended")

// Client is bound to the carrier while Run runs. Its methods may be called
// concurrently.
type Client struct {
	config  Config
	log     *slog.Logger
	metrics *metrics
	roles   []*role
	slots   chan struct{} // the window: a place is taken by each segment without an answer
	pace    *pace
	pause   *pause
	noData  atomic.Bool // the carrier does not know data_sm

	mu sync.Mutex
	// Guarded by mu.
	sender  *link         // that takes segments; nil: none
	changed chan struct{} // closed, and replaced, when sender or closing change
	closing bool
	running bool
	halt    context.CancelFunc // of Run
	ended   chan struct{}      // closed when Run has returned
}

// role is one of our binds.
type role struct {
	command         pdu.Command
	sends, receives bool
	lost            time.Time // when its last link ended, or the client began; of the goroutine of keep

	// Guarded by Client.mu.
	link   *link
	reason string // why it is down
	since  time.Time
}

// name is the bind as the configuration spells it.
func (r *role) name() string {
	switch r.command {
	case pdu.BindTransmitter:
		return string(Transmitter)
	case pdu.BindReceiver:
		return string(Receiver)
	}
	return string(Transceiver)
}

func rolesOf(b Bind) []*role {
	transmitter := &role{command: pdu.BindTransmitter, sends: true}
	receiver := &role{command: pdu.BindReceiver, receives: true}
	switch b {
	case Transmitter:
		return []*role{transmitter}
	case Receiver:
		return []*role{receiver}
	case Separate:
		return []*role{transmitter, receiver}
	}
	return []*role{{command: pdu.BindTransceiver, sends: true, receives: true}}
}

// New makes a Client. Nothing connects before Run.
func New(config Config) *Client {
	config.setDefaults()
	t := config.Timers
	c := &Client{
		config: config, log: config.Logger, metrics: newMetrics(config.Metrics), roles: rolesOf(config.Bind),
		slots: make(chan struct{}, config.Window), pace: newPace(config.Rate),
		pause:   &pause{first: t.Pause, most: t.MaxPause, chance: config.Chance},
		changed: make(chan struct{}), ended: make(chan struct{}),
	}
	for _, r := range c.roles {
		r.reason, r.since, r.lost = "not connected yet", config.Now(), config.Now()
		c.metrics.up.WithLabelValues(r.name()).Set(0)
	}
	return c
}

// Limit is how many calls of Send make sense at once: the window and some more,
// so that a place in it does not stay empty between two calls, but no more than
// two seconds' worth of the rate.
func (c *Client) Limit() int {
	limit := c.config.Window + min(c.config.Window, 50)
	if c.config.Rate > 0 {
		limit = min(limit, 2*c.config.Rate)
	}
	return limit
}

// Run keeps the client bound until Shutdown, or until ctx ends, which cuts all
// links. What the carrier delivers goes to g. It may be called once.
func (c *Client) Run(ctx context.Context, g Gateway) error {
	c.mu.Lock()
	if c.running || c.closing {
		c.mu.Unlock()
		return ErrShutdown
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.running, c.halt = true, cancel
	c.mu.Unlock()
	defer close(c.ended)

	in := newInbox(ctx, c, g)
	var all sync.WaitGroup
	for _, r := range c.roles {
		all.Go(func() { c.keep(ctx, r, in) })
	}
	all.Wait()
	in.working.Wait()
	return nil
}

// Shutdown lets nothing more leave, waits until what left is answered and what
// came is committed, and unbinds. When ctx ends first the links are cut.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	c.changedLocked()
	running, halt := c.running, c.halt
	var links []*link
	for _, r := range c.roles {
		if r.link != nil {
			links = append(links, r.link)
		}
	}
	c.mu.Unlock()
	if !running {
		return nil
	}
	var all sync.WaitGroup
	for _, l := range links {
		all.Go(func() { l.goodbye(ctx) })
	}
	all.Wait()
	err := ctx.Err()
	halt()
	<-c.ended
	return err
}

// goodbye unbinds and waits for the end of the link.
func (l *link) goodbye(ctx context.Context) {
	l.leave(ctx, "shutdown", pdu.PDU{Command: pdu.Unbind, Sequence: l.reserve()})
	select {
	case <-l.over:
	case <-ctx.Done():
	}
}

func (l *link) reserve() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nextLocked()
}

// BindState is how one of our binds is doing.
type BindState struct {
	Bind  string // transceiver, transmitter or receiver
	Up    bool
	Since time.Time
	// Reason is why it is down, in words of ours with the carrier's status.
	Reason string
}

// State tells of every bind.
func (c *Client) State() []BindState {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []BindState
	for _, r := range c.roles {
		s := BindState{Bind: r.name(), Up: r.link != nil, Since: r.since}
		if !s.Up {
			s.Reason = r.reason
		}
		all = append(all, s)
	}
	return all
}

// Healthy is nil while every bind is up, else it says which is not, and why.
func (c *Client) Healthy() error {
	var down []error
	for _, s := range c.State() {
		if !s.Up {
			down = append(down, fmt.Errorf("%s: %s", s.Bind, s.Reason))
		}
	}
	return errors.Join(down...)
}

func (c *Client) changedLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// set makes a link that of its role. False when the client ends.
func (c *Client) set(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	l.role.link, l.role.since = l, c.config.Now()
	if l.role.sends {
		c.sender = l
		c.changedLocked()
	}
	c.metrics.up.WithLabelValues(l.role.name()).Set(1)
	return true
}

// unset keeps segments from a link that takes none any more.
func (c *Client) unset(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sender == l {
		c.sender = nil
		c.changedLocked()
	}
}

// down takes note of why a role has no link.
func (c *Client) down(r *role, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.link != nil {
		r.link, r.since = nil, c.config.Now()
	}
	r.reason = reason
	c.metrics.up.WithLabelValues(r.name()).Set(0)
}
