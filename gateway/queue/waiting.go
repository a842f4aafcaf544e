package queue

import (
	"context"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/store"
)

// What waits for a telephone is found by its person: a STOP, or a cancellation
// of all that goes there, must not cost a walk through the whole queue.

// byPerson reports whether an envelope that waits has a row in WaitingFor.
func byPerson(e *gateway.Envelope) bool { return e.Recipient.IsPhone() && !e.Person.IsZero() }

func waitingKey(e *gateway.Envelope) []byte {
	return store.Key(store.WaitingFor, e.Person[:], e.ID.Message[:], store.Uint32(e.ID.N))
}

// indexedKey is there when WaitingFor holds all of a store that is older than
// that table.
func indexedKey() []byte { return store.Key(store.Meta, []byte("queue.waiting")) }

// indexPage is how many envelopes are read, or indexed in one commit, at a time.
const indexPage = 500

// EachWaiting visits what is queued or held for the telephone of a person, the
// messages in the order in which they were accepted. What changes meanwhile may
// be visited or not.
func (q *Queue) EachWaiting(ctx context.Context, person gateway.PersonRef, visit func(*gateway.Envelope) error) error {
	known, err := q.isIndexed(ctx)
	if err != nil {
		return err
	}
	if known {
		return q.eachIn(ctx, store.Prefix(store.WaitingFor, person[:]), visit)
	}
	for _, t := range []store.Table{store.Schedule, store.HeldBy} {
		err := q.eachIn(ctx, store.Prefix(t), func(e *gateway.Envelope) error {
			if e.Person != person || !byPerson(e) {
				return nil
			}
			return visit(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachIn visits the unfinished envelopes that the rows of a range name, a page
// at a time.
func (q *Queue) eachIn(ctx context.Context, r store.Range, visit func(*gateway.Envelope) error) error {
	for {
		ids, err := q.page(ctx, &r)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			e, err := q.Show(ctx, id)
			if errors.Is(err, ErrNotFound) || unreadable(err) || err == nil && e.State.Final() {
				continue
			}
			if err == nil {
				err = visit(&e)
			}
			if err != nil {
				return err
			}
		}
	}
}

// page reads the ids of the next rows of r, and moves r behind them.
func (q *Queue) page(ctx context.Context, r *store.Range) (ids []gateway.EnvelopeID, err error) {
	r.Limit = indexPage
	_, err = q.scan(ctx, *r, func(it store.Item) bool {
		if id, ok := idOf(it.Key); ok {
			ids = append(ids, id)
		}
		r.From = behind(it.Key)
		return true
	})
	return ids, err
}

// isIndexed reports whether WaitingFor is complete. Until it is, all is walked.
func (q *Queue) isIndexed(ctx context.Context) (bool, error) {
	if q.indexed.Load() {
		return true, nil
	}
	_, err := q.store.Get(ctx, indexedKey())
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	q.indexed.Store(err == nil)
	return err == nil, err
}

// index completes WaitingFor in a store that was written without it, once.
func (q *Queue) index(ctx context.Context) error {
	if done, err := q.isIndexed(ctx); done || err != nil {
		return err
	}
	for _, t := range []store.Table{store.Schedule, store.HeldBy} {
		r := store.Prefix(t)
		for {
			ids, err := q.page(ctx, &r)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				break
			}
			if err := q.indexAll(ctx, ids); err != nil {
				return err
			}
		}
	}
	b := new(store.Batch)
	b.Put(indexedKey(), nil)
	if err := store.Write(ctx, q.store, b); err != nil {
		return fmt.Errorf("noting that what waits is indexed: %w", err)
	}
	q.indexed.Store(true)
	return nil
}

// indexAll writes the rows of some envelopes. One that somebody changes
// meanwhile is read again.
func (q *Queue) indexAll(ctx context.Context, ids []gateway.EnvelopeID) error {
	err := store.ErrConflict
	for try := 0; try < 5 && errors.Is(err, store.ErrConflict); try++ {
		b := new(store.Batch)
		for _, id := range ids {
			e, version, err := store.GetRecord[gateway.Envelope](ctx, q.store, envelopeKey(id))
			if errors.Is(err, store.ErrNotFound) || unreadable(err) || err == nil && (e.State.Final() || !byPerson(&e)) {
				continue
			}
			if err != nil {
				return err
			}
			b.RequireVersion(envelopeKey(id), version)
			b.Put(waitingKey(&e), nil)
		}
		err = nil
		if b.Len() > 0 {
			err = store.Write(ctx, q.store, b)
		}
	}
	if err != nil {
		return fmt.Errorf("indexing what waits: %w", err)
	}
	return nil
}
