package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gatepost/store"
)

// ErrInjected is what a planned failure returns when the plan names no error.
var ErrInjected = errors.New("storetest: injected failure")

// Plan says which operation fails, and how. The zero Plan only counts.
type Plan struct {
	// At is the operation that fails, counted from 1 over Get, Scan and Commit.
	At int
	// Lost lets the operation happen and loses its answer: a Commit is
	// committed, a Scan has visited everything.
	Lost bool
	// Err is what the caller gets. nil: ErrUnknown for a Commit whose answer is
	// lost, ErrInjected otherwise.
	Err error
	// Rest lets every later operation fail too, undone: the store is gone.
	Rest bool
}

// FaultyStore is a store.Store that fails as planned and remembers what was
// asked of it.
type FaultyStore struct {
	inner store.Store
	plan  Plan

	mu    sync.Mutex
	ops   []string
	fired bool
}

// Faulty wraps inner. Closing it closes inner and is never failed.
func Faulty(inner store.Store, plan Plan) *FaultyStore {
	return &FaultyStore{inner: inner, plan: plan}
}

// Ops is what was asked so far, in order: "Get Links", "Scan Schedule",
// "Commit +Messages +Envelopes -Schedule ?Seen" (written, deleted, required).
func (f *FaultyStore) Ops() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ops)
}

// Fired reports whether the planned operation came and was failed.
func (f *FaultyStore) Fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Get implements store.Store. A lost Get is like an undone one.
func (f *FaultyStore) Get(ctx context.Context, key []byte) (store.Item, error) {
	if fails, _ := f.count("Get " + tableOf(key)); fails {
		return store.Item{}, f.err(ErrInjected)
	}
	return f.inner.Get(ctx, key)
}

// Scan implements store.Store. An undone Scan fails after the first record,
// so that callers meet a half seen range.
func (f *FaultyStore) Scan(ctx context.Context, r store.Range, visit func(store.Item) bool) error {
	fails, lost := f.count("Scan " + tableOf(r.From))
	if !fails {
		return f.inner.Scan(ctx, r, visit)
	}
	if !lost {
		r.Limit = 1
	}
	if err := f.inner.Scan(ctx, r, visit); err != nil {
		return err
	}
	return f.err(ErrInjected)
}

// Commit implements store.Store.
func (f *FaultyStore) Commit(ctx context.Context, b *store.Batch) error {
	fails, lost := f.count(commitName(b))
	if !fails {
		return f.inner.Commit(ctx, b)
	}
	if !lost {
		return f.err(ErrInjected)
	}
	if err := f.inner.Commit(ctx, b); err != nil {
		return err
	}
	return f.err(store.ErrUnknown)
}

// Close implements store.Store.
func (f *FaultyStore) Close() error { return f.inner.Close() }

// count notes an operation and says whether it fails, and whether it is done
// all the same.
func (f *FaultyStore) count(name string) (fails, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, name)
	switch n := len(f.ops); {
	case f.plan.At == 0 || n < f.plan.At:
		return false, false
	case n == f.plan.At:
		f.fired = true
		return true, f.plan.Lost
	default:
		return f.plan.Rest, false
	}
}

func (f *FaultyStore) err(otherwise error) error {
	if f.plan.Err != nil {
		return f.plan.Err
	}
	return otherwise
}

func tableOf(key []byte) string {
	if len(key) == 0 {
		return "everything"
	}
	return store.Table(key[0]).String()
}

// commitName names each table of b once per kind of use, in order of use.
func commitName(b *store.Batch) string {
	var words []string
	add := func(sign string, key []byte) {
		if w := sign + tableOf(key); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, op := range b.Ops {
		if op.Delete {
			add("-", op.Key)
		} else {
			add("+", op.Key)
		}
	}
	for _, r := range b.Requires {
		add("?", r.Key)
	}
	return fmt.Sprintf("Commit %s", strings.Join(words, " "))
}
