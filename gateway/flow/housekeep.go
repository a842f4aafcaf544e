package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// housekeepEvery is how often what time ends is looked for.
const housekeepEvery = 10 * time.Minute

// collectAge is how long a body may lie unreferenced before it is removed: an
// acceptance under way references it within this time.
const collectAge = time.Hour

// Housekeep removes what is over until ctx ends: sessions, bodies that
// nothing references, and what a crash left between two commits.
func (f *Flow) Housekeep(ctx context.Context) {
	tick := time.NewTicker(housekeepEvery)
	defer tick.Stop()
	for {
		f.housekeepOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *Flow) housekeepOnce(ctx context.Context) {
	for _, job := range []struct {
		name string
		run  func(context.Context) (int, error)
	}{
		{"sessions", f.Proof.Sweep},
		{"devices", f.Proof.SweepDevices},
		{"replay memory", f.forgetSeen},
		{"bodies", func(ctx context.Context) (int, error) { return f.Blobs.Collect(ctx, f.Now().Add(-collectAge)) }},
		{"spool", f.tidyAll},
		{"short messages", f.forgetSMS},
		{"rates", func(ctx context.Context) (int, error) { return f.consents.DropSent(ctx, f.Now().Add(-sentFor)) }},
		{"keys", f.endKeys},
	} {
		n, err := job.run(ctx)
		if err != nil && ctx.Err() == nil {
			f.Log.Warn("housekeeping", "area", job.name, "error", err)
		}
		if n > 0 {
			f.Log.Info("housekeeping", "area", job.name, "count", n)
		}
	}
}

// tidyAll finishes what finished could not: messages whose last envelope was
// settled just before a crash.
func (f *Flow) tidyAll(ctx context.Context) (int, error) {
	var ids []gateway.MessageID
	err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		if !m.Spool.IsZero() {
			ids = append(ids, m.ID)
		}
	})
	for _, id := range ids { // one that cannot be tidied keeps no other
		if e := f.tidy(ctx, id); e != nil && !errors.Is(e, store.ErrConflict) {
			err = errors.Join(err, fmt.Errorf("message %v: %w", id, e))
		}
	}
	return 0, err
}

// endKeys destroys the groups whose retention has ended and the spool keys
// that nothing refers to any more: what they wrapped is then gone from every
// backup too.
func (f *Flow) endKeys(ctx context.Context) (int, error) {
	n, err := f.Keys.DestroyExpired(f.Now())
	if err != nil {
		return n, err
	}
	keys, err := f.Keys.List()
	if err != nil {
		return n, err
	}
	used, err := f.spoolKeysInUse(ctx)
	if err != nil {
		return n, err
	}
	for _, k := range keys {
		if k.Kind != "spool" || k.Current || !k.Destroyed.IsZero() || used[k.ID] {
			continue
		}
		if f.Now().Sub(k.Created) < collectAge {
			continue // what is being accepted may refer to it and not be stored yet
		}
		if err := f.Keys.DestroySpool(k.ID); err != nil && !errors.Is(err, seal.ErrInUse) {
			return n, err
		}
		n++
	}
	return n, nil
}

// spoolKeysInUse reads messages before envelopes: an envelope that gets a
// notice meanwhile gets it under the current key.
func (f *Flow) spoolKeysInUse(ctx context.Context) (map[string]bool, error) {
	used := make(map[string]bool)
	err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) { used[m.Spool.Group] = true })
	if err != nil {
		return nil, err
	}
	return used, each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
		if e.Notice != nil && !e.State.Final() {
			used[e.Notice.Spool.Group] = true
		}
	})
}

// each visits all records of a table; one that cannot be read ends it.
func each[T any](ctx context.Context, s store.Store, r store.Range, visit func(*T)) error {
	var bad error
	err := s.Scan(ctx, r, func(it store.Item) bool {
		var v T
		if bad = store.Decode(it.Value, &v); bad == nil {
			visit(&v)
		}
		return bad == nil
	})
	return errors.Join(err, bad)
}

func (f *Flow) logAccepted(a *arrival, m *gateway.Message) {
	f.Log.Info("accepted", "id", m.ID, "listener", m.Peer.Listener, "size", m.Body.Size, "count", len(a.envelopes), "tls", m.Peer.TLS)
}
