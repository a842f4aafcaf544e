package storetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"gatepost/store"
	"gatepost/store/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Contract(t, func(*testing.T) store.Store { return storetest.NewMemory() })
}

func TestMemorySurvivesCrashes(t *testing.T) {
	m := storetest.NewMemory()
	storetest.Crash(t, storetest.Crashable{
		Store: m,
		Crash: func(*testing.T, uint64) store.Store { return m.Copy() },
	}, 20)
}

func TestFaultyWithoutAPlanKeepsTheContract(t *testing.T) {
	storetest.Contract(t, func(*testing.T) store.Store {
		return storetest.Faulty(storetest.NewMemory(), storetest.Plan{})
	})
}

func batch(value string) *store.Batch {
	b := new(store.Batch)
	b.RequireAbsent(store.Key(store.Seen, []byte("k")))
	b.Put(store.Key(store.Links, []byte("k")), []byte(value))
	b.Delete(store.Key(store.Schedule, []byte("k")))
	return b
}

func TestFaultyFailsTheNthOperation(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		plan  storetest.Plan
		want  [3]error // of a Commit, a Get and a Commit
		value string   // what the last Commit leaves
	}{
		{"none", storetest.Plan{}, [3]error{}, "second"},
		{"undone", storetest.Plan{At: 3}, [3]error{2: storetest.ErrInjected}, "first"},
		{"lost", storetest.Plan{At: 3, Lost: true}, [3]error{2: store.ErrUnknown}, "second"},
		{"lost with a plain error", storetest.Plan{At: 3, Lost: true, Err: boom}, [3]error{2: boom}, "second"},
		{"get", storetest.Plan{At: 2}, [3]error{1: storetest.ErrInjected}, "second"},
		{"rest", storetest.Plan{At: 2, Rest: true, Err: boom}, [3]error{1: boom, 2: boom}, "first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := storetest.NewMemory()
			f := storetest.Faulty(inner, c.plan)
			var got [3]error
			got[0] = f.Commit(t.Context(), batch("first"))
			_, got[1] = f.Get(t.Context(), store.Key(store.Links, []byte("k")))
			got[2] = f.Commit(t.Context(), batch("second"))
			for i := range got {
				if !errors.Is(got[i], c.want[i]) {
					t.Errorf("operation %d: %v, want %v", i+1, got[i], c.want[i])
				}
			}
			item, err := inner.Get(t.Context(), store.Key(store.Links, []byte("k")))
			if err != nil || string(item.Value) != c.value {
				t.Errorf("left %q, %v, want %q", item.Value, err, c.value)
			}
			if f.Fired() != (c.plan.At > 0) {
				t.Errorf("Fired() = %v", f.Fired())
			}
			want := []string{"Commit +Links -Schedule ?Seen", "Get Links", "Commit +Links -Schedule ?Seen"}
			if !slices.Equal(f.Ops(), want) {
				t.Errorf("Ops() = %q", f.Ops())
			}
		})
	}
}

func TestFaultyScan(t *testing.T) {
	inner := storetest.NewMemory()
	var b store.Batch
	for _, k := range []string{"a", "b", "c"} {
		b.Put(store.Key(store.Links, []byte(k)), nil)
	}
	if err := inner.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		plan   storetest.Plan
		visits int
	}{{storetest.Plan{At: 1}, 1}, {storetest.Plan{At: 1, Lost: true}, 3}} {
		visits := 0
		err := storetest.Faulty(inner, c.plan).Scan(t.Context(), store.Prefix(store.Links), func(store.Item) bool {
			visits++
			return true
		})
		if !errors.Is(err, storetest.ErrInjected) || visits != c.visits {
			t.Errorf("%+v: %d visits, %v", c.plan, visits, err)
		}
	}
}

// TestSweepFindsEveryOperation tells a story of three operations that copies a
// record, and checks that the sweep met each way of failing each of them.
func TestSweepFindsEveryOperation(t *testing.T) {
	from, to := store.Key(store.Links, []byte("from")), store.Key(store.Links, []byte("to"))
	answers := make(map[string]int)
	storetest.Sweep(t, storetest.Story{
		Name: "copy",
		Open: func(t *testing.T) store.Store {
			s := storetest.NewMemory()
			var b store.Batch
			b.Put(from, []byte("text"))
			if err := s.Commit(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			return s
		},
		Run: func(t *testing.T, s store.Store) error { return copyRecord(t.Context(), s, from, to) },
		Check: func(t *testing.T, s store.Store, answer error) {
			_, err := s.Get(t.Context(), to)
			if answer == nil && err != nil {
				t.Errorf("success was answered, but there is no copy: %v", err)
			}
			if answer != nil {
				answers[answer.Error()]++
			}
		},
	})
	for _, err := range []error{storetest.ErrInjected, store.ErrFull, store.ErrUnknown} {
		if answers[err.Error()] < 2 {
			t.Errorf("%v was met %d times in three operations", err, answers[err.Error()])
		}
	}
}

func copyRecord(ctx context.Context, s store.Store, from, to []byte) error {
	item, err := s.Get(ctx, from)
	if err != nil {
		return err
	}
	var b store.Batch
	b.RequireAbsent(to)
	b.Put(to, item.Value)
	if err := s.Commit(ctx, &b); err != nil {
		return err
	}
	_, err = s.Get(ctx, to)
	return err
}
