package flow

import (
	"context"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// oldRow is a row about questions that is older than messages are kept.
type oldRow[T any] struct {
	key     []byte
	version store.Version
	is      T
}

func oldRows[T any](ctx context.Context, f *Flow, kind string, at func(*T) time.Time) (rows []oldRow[T], err error) {
	before := f.Now().Add(-f.set().Retain)
	err = f.Store.Scan(ctx, store.Prefix(store.Meta, []byte(kind)), func(it store.Item) bool {
		r := oldRow[T]{key: slices.Clone(it.Key), version: it.Version}
		if store.Decode(it.Value, &r.is) == nil && at(&r.is).Before(before) {
			rows = append(rows, r)
		}
		return true
	})
	return rows, err
}

// endQuestions forgets what was asked about messages of which nothing is left, or
// nothing waits, and has them filed once more. retention.secured may have been made
// shorter: what waits still is waited for.
func (f *Flow) endQuestions(ctx context.Context) (int, error) {
	asked, err := oldRows(ctx, f, askedRow, func(a *openQuestion) time.Time { return a.At })
	if err != nil {
		return 0, err
	}
	e := ending{flow: f, gone: make(map[gateway.MessageID]bool)}
	for _, r := range asked {
		if err := e.row(ctx, r.key, r.version); err != nil {
			return 0, err
		}
	}
	questions, err := oldRows(ctx, f, questionRow, func(q *question) time.Time { return q.At })
	if err != nil {
		return 0, err
	}
	for _, r := range questions {
		if err := e.question(ctx, r.key, r.version, &r.is); err != nil {
			return 0, err
		}
	}
	if e.n == 0 {
		return 0, nil
	}
	return e.n, ignore(store.Write(ctx, f.Store, &e.batch), store.ErrConflict)
}

// ending is one round of forgetting questions.
type ending struct {
	flow  *Flow
	batch store.Batch
	gone  map[gateway.MessageID]bool // messages that nothing is asked about any more
	n     int                        // rows that go
}

func (e *ending) drop(key []byte, version store.Version) {
	e.batch.RequireVersion(key, version)
	e.batch.Delete(key)
	e.n++
}

// row forgets that somebody was asked about a message, unless it waits for that.
func (e *ending) row(ctx context.Context, key []byte, version store.Version) error {
	var id gateway.MessageID
	copy(id[:], key[len(key)-len(id):])
	s, err := e.flow.subject(ctx, id)
	if err != nil || e.n >= filingChunk || s.waits() && !s.gone {
		return err
	}
	e.drop(key, version)
	e.gone[id] = true
	e.flow.file(&e.batch, id)
	return nil
}

// question forgets a question that no message waits for.
func (e *ending) question(ctx context.Context, key []byte, version store.Version, q *question) error {
	for _, id := range q.Messages {
		asks, _, err := e.flow.asksAbout(ctx, id, key)
		if err != nil || asks && !e.gone[id] {
			return err
		}
	}
	e.drop(key, version)
	return nil
}
