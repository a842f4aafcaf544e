package storetest

import (
	"fmt"
	"testing"

	"gatepost/store"
)

// Story is one journey over a store. Sweep tells it again and again, each
// time with another operation failing.
type Story struct {
	Name string
	// Open returns a fresh store that holds what the journey expects. nil: an
	// empty Memory.
	Open func(t *testing.T) store.Store
	// Run is the journey. It must not fail the test because of a store error;
	// it returns what the outside world would be told.
	Run func(t *testing.T, s store.Store) error
	// Check holds the invariants against what the store holds now (no fault
	// any more) and against the answer of Run.
	Check func(t *testing.T, s store.Store, answer error)
}

// way is one manner in which an operation fails.
type way struct {
	name string
	plan Plan
}

func ways() []way {
	return []way{
		{"undone", Plan{}},
		{"full", Plan{Err: store.ErrFull}},
		{"lost", Plan{Lost: true}},
		{"gone", Plan{Rest: true}},
		{"lost and gone", Plan{Lost: true, Rest: true}},
	}
}

// Sweep runs the story once whole, then once per operation and way of
// failing. It logs and returns how many operations the story has and how often
// it was told. A story without operations is an error.
func Sweep(t *testing.T, s Story) (operations, runs int) {
	t.Helper()
	if s.Open == nil {
		s.Open = func(*testing.T) store.Store { return NewMemory() }
	}
	ops := tell(t, s, Plan{}).Ops()
	if len(ops) == 0 {
		t.Fatalf("%s: the story asks nothing of the store", s.Name)
	}
	runs = 1
	for _, w := range ways() {
		runs += sweepWay(t, s, w)
	}
	t.Logf("%s: %d operations, %d runs", s.Name, len(ops), runs)
	for i, op := range ops {
		t.Logf("%4d %s", i+1, op)
	}
	return len(ops), runs
}

// sweepWay fails the 1st, 2nd, 3rd... operation until the story ends before
// the planned failure comes: a failure may make a story longer or shorter.
func sweepWay(t *testing.T, s Story, w way) (runs int) {
	t.Helper()
	for at := 1; ; at++ {
		fired := true
		t.Run(fmt.Sprintf("%s/%s/%d", s.Name, w.name, at), func(t *testing.T) {
			plan := w.plan
			plan.At = at
			fired = tell(t, s, plan).Fired()
		})
		runs++
		if !fired || t.Failed() {
			return runs
		}
	}
}

// tell runs the story under plan and checks what it left.
func tell(t *testing.T, s Story, plan Plan) *FaultyStore {
	t.Helper()
	inner := s.Open(t)
	defer func() { _ = inner.Close() }()
	f := Faulty(inner, plan)
	answer := s.Run(t, f)
	s.Check(t, inner, answer)
	return f
}
