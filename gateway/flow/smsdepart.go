package flow

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/queue"
	"gatepost/store"
)

// An attempt with a short message may wait long before the carrier gets any of
// it: for a bind, for its turn. Until then it can be stopped, so that whoever
// cancels a message, holds or drops it, or wants no messages, need not hear that it
// has left.

// departures are the attempts under way with short messages. An envelope is in
// one at most.
type departures struct {
	mu  sync.Mutex
	all map[gateway.EnvelopeID]*departure // guarded by mu
}

type departure struct {
	end            context.CancelFunc
	begun, stopped bool // guarded by departures.mu; at most one of them
}

// open notes an attempt. Its context ends when it is stopped; closed must be
// called, and tells whether it was.
func (d *departures) open(ctx context.Context, id gateway.EnvelopeID) (attempt context.Context, begin, closed func() bool) {
	attempt, end := context.WithCancel(ctx)
	one := &departure{end: end}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = make(map[gateway.EnvelopeID]*departure)
	}
	d.all[id] = one
	begin = func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		one.begun = !one.stopped
		return one.begun
	}
	return attempt, begin, func() bool {
		end()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.all, id)
		return one.stopped
	}
}

// stop ends an attempt, unless something of it was handed over: then left is
// true.
func (d *departures) stop(id gateway.EnvelopeID) (left bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.all[id]
	if one == nil {
		return false
	}
	if !one.begun {
		one.stopped = true
		one.end()
	}
	return one.begun
}

// Stopping an attempt takes as long as storing what became of it.
const (
	stopTime = 2 * time.Second
	stopStep = 10 * time.Millisecond
)

// intercept does with an envelope what the queue does with one that is in no
// attempt, after stopping its own where it has left nothing with the carrier.
// queue.ErrBusy: it has.
func (f *Flow) intercept(ctx context.Context, id gateway.EnvelopeID, act func() error) error {
	for end := f.Now().Add(stopTime); ; {
		err := act()
		if !errors.Is(err, queue.ErrBusy) || f.departures.stop(id) || f.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(stopStep):
		}
	}
}

// withdrawShort is queue.Withdraw, also of what only waits for the carrier.
func (f *Flow) withdrawShort(ctx context.Context, id gateway.EnvelopeID, stage func(*store.Batch, *gateway.Envelope) error) error {
	return f.intercept(ctx, id, func() error { return f.queue.Withdraw(ctx, id, stage) })
}
