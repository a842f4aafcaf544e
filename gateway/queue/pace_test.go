package queue

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// slowDevice takes its time for each commit of settlements, and notes when
// those began and how many results were in each.
type slowDevice struct {
	store.Store
	took time.Duration

	mu    sync.Mutex
	began []time.Time
	held  []int
}

func (d *slowDevice) Commit(ctx context.Context, b *store.Batch) error {
	n := 0
	for _, op := range b.Ops {
		if strings.HasPrefix(string(op.Value), "delivered ") {
			n++
		}
	}
	if n > 0 {
		d.mu.Lock()
		d.began, d.held = append(d.began, time.Now()), append(d.held, n)
		d.mu.Unlock()
		time.Sleep(d.took)
	}
	return d.Store.Commit(ctx, b)
}

// paced delivers n mails, one each period, on a device whose commits take as
// long as it is told. It returns when each was delivered, and when the commits
// of their results began, since the first, and how many each held.
func paced(t *testing.T, n int, period, took time.Duration) (sent, began []time.Duration, held []int) {
	t.Helper()
	inBubble(t, func(t *testing.T, b *bench) {
		d := &slowDevice{Store: b.inner, took: took}
		b.store = d
		var at []time.Time
		b.courier.script = func(_ context.Context, e gateway.Envelope, _ int) gateway.Outcome {
			at = append(at, time.Now())
			return gateway.Outcome{Result: gateway.Sent}
		}
		b.start()
		sleep(time.Second)
		for range n {
			b.one("pat@good.example")
			sleep(period)
		}
		sleep(time.Minute)
		for _, x := range at {
			sent = append(sent, x.Sub(at[0]))
		}
		for _, x := range d.began {
			began = append(began, x.Sub(at[0]))
		}
		held = d.held
	})
	if len(sent) != n {
		t.Fatalf("%d of %d delivered", len(sent), n)
	}
	return sent, began, held
}

// TestAResultIsStoredAtOnce: it waited for others where none came, and a power
// cut in that time made its mail go out again.
func TestAResultIsStoredAtOnce(t *testing.T) {
	sent, began, _ := paced(t, 5, time.Second, 0)
	for i := range sent {
		if len(began) != len(sent) || began[i] != sent[i] {
			t.Fatalf("delivered after %v, commits began after %v", sent, began)
		}
	}
}

// TestResultsThatComeTogetherShareACommit: at a thousand a second one of eight
// has a commit, and none waits longer than for that.
func TestResultsThatComeTogetherShareACommit(t *testing.T) {
	const n, every = 400, 8 * time.Millisecond
	sent, began, held := paced(t, n, time.Millisecond, 0)
	if most := int(sent[n-1]/every) + 2; len(began) > most {
		t.Errorf("%d commits for %d results in %v, want at most %d", len(began), n, sent[n-1], most)
	}
	i := 0
	for c, at := range began {
		for range held[c] {
			if waited := at - sent[i]; waited < 0 || waited > every {
				t.Errorf("result %d waited %v", i, waited)
			}
			i++
		}
	}
}

// TestASlowCommitHoldsUpNoOther: while the device flushed, all results waited
// for it, and were at risk for as long again. A few commits are under way at
// once, no more.
func TestASlowCommitHoldsUpNoOther(t *testing.T) {
	sent, began, held := paced(t, 7, 100*time.Millisecond, time.Second)
	if len(began) != 5 || held[4] != 3 {
		t.Fatalf("commits of %v results", held)
	}
	for i := range commitsAtOnce {
		if began[i] != sent[i] {
			t.Errorf("result %d of after %v waited until %v", i, sent[i], began[i])
		}
	}
	if end := sent[0] + time.Second; began[4] != end {
		t.Errorf("the commit beyond those that may be under way began after %v, want %v", began[4], end)
	}
}
