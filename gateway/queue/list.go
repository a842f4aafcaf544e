package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Filter says which envelopes List returns.
type Filter struct {
	// State: Queued lists in order of the next attempt, Held and every other
	// state in order of acceptance; "" is everything not final. Final states
	// are found by reading all envelopes.
	State gateway.State
	Rule  string    // only those that this rule decided; "": all
	Since time.Time // only those of messages accepted then or later; zero: all
	Limit int       // 0: 100
	// After is the last envelope of the page before; nil: the first page.
	After *gateway.Envelope
}

// has reports whether the filter's rule decided an envelope, in its time.
func (f *Filter) has(e *gateway.Envelope) bool {
	return (f.Rule == "" || slices.Contains(e.Rules, f.Rule)) && !e.ID.Message.Time().Before(f.Since.Truncate(time.Millisecond))
}

// List returns a page of envelopes; fewer than Limit means that there are no
// more.
func (q *Queue) List(ctx context.Context, f Filter) ([]gateway.Envelope, error) {
	or(&f.Limit, 100)
	switch f.State {
	case gateway.Queued:
		return q.listRows(ctx, f, store.Prefix(store.Schedule), func(e *gateway.Envelope) []byte { return dueKey(e.Next, e.ID) })
	case gateway.Held:
		return q.listRows(ctx, f, store.Prefix(store.HeldBy), func(e *gateway.Envelope) []byte { return heldKey(e.ID) })
	}
	return q.listEnvelopes(ctx, f)
}

// listRows lists what an index table names.
func (q *Queue) listRows(ctx context.Context, f Filter, r store.Range, key func(*gateway.Envelope) []byte) ([]gateway.Envelope, error) {
	page := []gateway.Envelope{}
	if f.After != nil {
		r.From = behind(key(f.After))
	}
	for len(page) < f.Limit {
		r.Limit = f.Limit - len(page)
		var ids []gateway.EnvelopeID
		_, err := q.scan(ctx, r, func(it store.Item) bool {
			if id, ok := idOf(it.Key); ok {
				ids = append(ids, id)
			}
			r.From = behind(it.Key)
			return true
		})
		if err != nil || len(ids) == 0 {
			return page, err
		}
		for _, id := range ids {
			e, err := q.Show(ctx, id)
			if errors.Is(err, ErrNotFound) || (err == nil && e.State != f.State) {
				continue // it has moved on since the scan
			}
			if unreadable(err) {
				q.nameDamage(envelopeKey(id))
				continue
			}
			if err != nil {
				return nil, err
			}
			if f.has(&e) {
				page = append(page, e)
			}
		}
	}
	return page, nil
}

func (q *Queue) listEnvelopes(ctx context.Context, f Filter) ([]gateway.Envelope, error) {
	page := []gateway.Envelope{}
	r := store.Prefix(store.Envelopes)
	if f.After != nil {
		r.From = behind(envelopeKey(f.After.ID))
	}
	var bad error
	err := q.store.Scan(ctx, r, func(it store.Item) bool {
		var e gateway.Envelope
		if bad = store.Decode(it.Value, &e); bad != nil {
			return false
		}
		if f.has(&e) && (e.State == f.State || f.State == "" && !e.State.Final()) {
			page = append(page, e)
		}
		return len(page) < f.Limit
	})
	return page, errors.Join(err, bad)
}

// Show returns one envelope.
func (q *Queue) Show(ctx context.Context, id gateway.EnvelopeID) (gateway.Envelope, error) {
	e, _, err := store.GetRecord[gateway.Envelope](ctx, q.store, envelopeKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return e, ErrNotFound
	}
	return e, err
}

// behind is the smallest key after key.
func behind(key []byte) []byte {
	return append(append(make([]byte, 0, len(key)+1), key...), 0)
}
