package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"gatepost/store"
)

// modelClause makes random commits and compares every answer with what a
// plain map of the same history says.
func modelClause(t *testing.T, s store.Store) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := model{values: make(map[string]string), versions: make(map[string]store.Version)}
	for step := range 400 {
		b, holds := m.randomBatch(rng, step)
		err := s.Commit(t.Context(), b)
		if holds != (err == nil) || (err != nil && !errors.Is(err, store.ErrConflict)) {
			t.Fatalf("step %d: Commit = %v, preconditions hold: %v", step, err, holds)
		}
		if err == nil {
			m.apply(b)
		}
		m.compare(t, s, step)
	}
}

type model struct {
	values   map[string]string
	versions map[string]store.Version // as the store told them last
}

const modelKeys = 12

// randomBatch makes a batch of a few writes and preconditions, and says
// whether the latter hold.
func (m *model) randomBatch(rng *rand.Rand, step int) (b *store.Batch, holds bool) {
	b, holds = new(store.Batch), true
	for range rng.IntN(4) {
		k := key("m", rng.IntN(modelKeys))
		if rng.IntN(3) == 0 {
			b.Delete(k)
		} else {
			b.Put(k, fmt.Appendf(nil, "%d/%d", step, rng.IntN(100)))
		}
	}
	for range rng.IntN(3) {
		k := key("m", rng.IntN(modelKeys))
		now, there := m.versions[string(k)]
		switch rng.IntN(4) {
		case 0:
			b.RequireAbsent(k)
			holds = holds && !there
		case 1:
			b.RequireVersion(k, now+1)
			holds = false
		default:
			b.RequireVersion(k, now)
		}
	}
	return b, holds
}

func (m *model) apply(b *store.Batch) {
	for _, op := range b.Ops {
		if op.Delete {
			delete(m.values, string(op.Key))
		} else {
			m.values[string(op.Key)] = string(op.Value)
		}
	}
}

// compare scans everything, checks it against the model and learns the
// versions.
func (m *model) compare(t *testing.T, s store.Store, step int) {
	t.Helper()
	var last []byte
	m.versions = make(map[string]store.Version)
	err := s.Scan(t.Context(), store.Prefix(store.Meta), func(item store.Item) bool {
		k := string(item.Key)
		want, there := m.values[k]
		if !there || want != string(item.Value) || bytes.Compare(last, item.Key) >= 0 {
			t.Fatalf("step %d: scan shows %q = %q, model %q (%v)", step, k, item.Value, want, there)
		}
		last = bytes.Clone(item.Key)
		m.versions[k] = item.Version
		return true
	})
	if err != nil || len(m.versions) != len(m.values) {
		t.Fatalf("step %d: scan shows %d records, model %d: %v", step, len(m.versions), len(m.values), err)
	}
	k := key("m", step%modelKeys)
	item, err := s.Get(t.Context(), k)
	if want, there := m.values[string(k)]; there && (err != nil || string(item.Value) != want || item.Version != m.versions[string(k)]) {
		t.Fatalf("step %d: Get(%q) = %q, %v, model %q", step, k, item.Value, err, want)
	} else if !there && !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("step %d: Get(%q): %v, want ErrNotFound", step, k, err)
	}
}
