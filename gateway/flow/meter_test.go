package flow

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Many at once are not more than one after the other; the span over, it begins
// anew.
func TestMeter(t *testing.T) {
	m := meter{span: time.Minute}
	g := []charge{{key: [32]byte{1}, limit: 7}, {key: [32]byte{2}, limit: 100}}
	now := time.Unix(1000, 0)
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if until := m.take(g, 1, now); until.IsZero() {
				passed.Add(1)
			} else if !until.Equal(now.Add(time.Minute)) {
				t.Errorf("until %v", until)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 7 {
		t.Errorf("%d passed", passed.Load())
	}
	if until := m.take(g[1:], 93, now); !until.IsZero() {
		t.Error("what was refused was counted")
	}
	if m.take(g[1:], 0, now).IsZero() {
		t.Error("a look does not see the limit")
	}
	m.undo(g[1:], 1)
	m.undo([]charge{{key: [32]byte{9}, limit: 1}}, 1)
	if !m.take(g[1:], 0, now).IsZero() || m.take(g, 1, now).IsZero() {
		t.Error("undone for the wrong charge")
	}
	m.forget(g[0])
	if !m.take(g, 1, now).IsZero() || !m.take(g[:1], 7, now.Add(time.Minute)).IsZero() || m.take(g[:1], 0, now.Add(time.Minute)).IsZero() {
		t.Error("it does not begin anew")
	}
	slow := []charge{{key: [32]byte{3}, limit: 2, pause: time.Second}}
	m.take(slow, 2, now)
	for i := range 3 {
		at := now.Add(time.Duration(i+1) * time.Second)
		if !m.take(slow, 1, at).IsZero() || !m.take(slow, 1, at).Equal(at.Add(time.Second)) {
			t.Errorf("beyond the limit it is not one each second, in second %d", i)
		}
	}
}
