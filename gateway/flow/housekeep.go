package flow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
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
		{"answers", f.finishAnswers},
		{"sessions", f.Proof.Sweep},
		{"devices", f.Proof.SweepDevices},
		{"replay memory", f.forgetSeen},
		{"bodies", func(ctx context.Context) (int, error) { return f.Blobs.Collect(ctx, f.Now().Add(-collectAge)) }},
		{"spool", f.tidyAll},
		{"short messages", f.forgetSMS},
		{"rates", func(ctx context.Context) (int, error) { return f.consents.DropSent(ctx, f.Now().Add(-sentFor)) }},
		{"keys", f.endKeys},
		{"outlines", f.endLayouts},
		{"questions", f.endQuestions},
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

// Reading all messages costs seconds where a million are kept, so it is done
// when there is a reason only.
const (
	tidyAgain = 24 * time.Hour // after a start at once, then again
	keysAgain = time.Hour      // while keys are older than they should be and may be in use
)

// scans remembers what reading all messages is for.
type scans struct {
	tidied time.Time   // when all were looked at last; of the goroutine of Housekeep
	keys   time.Time   // when it was last asked which keys are in use; of the same
	untidy atomic.Bool // a finished message kept what it no longer needs

	damaged map[string]bool // keys of records that the log named; of the goroutine of Housekeep
}

// tidyAll finishes what finished could not: messages whose last envelope was
// settled just before a crash, or while the store failed.
func (f *Flow) tidyAll(ctx context.Context) (int, error) {
	now := f.Now()
	age := now.Sub(f.scans.tidied) // below zero: the clock was set back
	if again := f.scans.untidy.Swap(false); !again && age >= 0 && age < tidyAgain {
		return 0, nil
	}
	err := f.tidyEach(ctx)
	if err != nil {
		f.scans.untidy.Store(true)
		return 0, err
	}
	f.scans.tidied = now
	return 0, nil
}

func (f *Flow) tidyEach(ctx context.Context) error {
	var ids []gateway.MessageID
	_, err := walk(ctx, f, store.Messages, func(m *gateway.Message) {
		if !m.Spool.IsZero() {
			ids = append(ids, m.ID)
		}
	})
	for _, id := range ids { // one that cannot be tidied keeps no other
		if e := f.tidy(ctx, id); e != nil && !errors.Is(e, store.ErrConflict) {
			err = errors.Join(err, fmt.Errorf("message %v: %w", id, e))
		}
	}
	return err
}

// endKeys destroys the groups whose retention has ended and the spool keys
// that nothing refers to any more: what they wrapped is then gone from every
// backup too.
func (f *Flow) endKeys(ctx context.Context) (int, error) {
	n, err := f.Keys.DestroyExpired(f.Now())
	if err != nil {
		return n, err
	}
	over, err := f.spoolKeysOver()
	age := f.Now().Sub(f.scans.keys) // below zero: the clock was set back
	if err != nil || len(over) == 0 || age >= 0 && age < keysAgain {
		return n, err
	}
	used, err := f.spoolKeysInUse(ctx)
	if err != nil {
		return n, err
	}
	f.scans.keys = f.Now()
	for _, id := range over {
		if used[id] {
			continue
		}
		if err := f.Keys.DestroySpool(id); err != nil && !errors.Is(err, seal.ErrInUse) {
			return n, err
		}
		n++
	}
	return n, nil
}

// spoolKeysOver are those that nothing new is wrapped with.
func (f *Flow) spoolKeysOver() ([]string, error) {
	keys, err := f.Keys.List()
	if err != nil {
		return nil, err
	}
	var over []string
	for _, k := range keys {
		if k.Kind != "spool" || k.Current || !k.Destroyed.IsZero() {
			continue
		}
		if f.Now().Sub(k.Created) >= collectAge { // what is being accepted may refer to a younger one and not be stored yet
			over = append(over, k.ID)
		}
	}
	return over, nil
}

// spoolKeysInUse reads messages before envelopes: an envelope that gets a
// notice meanwhile gets it under the current key. Of a damaged record nobody
// knows what it needs: with one, nothing is destroyed.
func (f *Flow) spoolKeysInUse(ctx context.Context) (map[string]bool, error) {
	used := make(map[string]bool)
	messages, err := walk(ctx, f, store.Messages, func(m *gateway.Message) { used[m.Spool.Group] = true })
	if err != nil {
		return nil, err
	}
	envelopes, err := walk(ctx, f, store.Envelopes, func(e *gateway.Envelope) {
		if e.Notice != nil && !e.State.Final() {
			used[e.Notice.Spool.Group] = true
		}
	})
	if err == nil && messages+envelopes > 0 {
		err = fmt.Errorf("spool keys stay: %d damaged records may need them", messages+envelopes)
	}
	return used, err
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
