package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
)

// Summarize counts what was accepted since, whatever became of it.
func TestSummaryCountsWhatWasDecidedSince(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.start()
		decide := func(decided, action gateway.Action, rules ...string) {
			e := b.envelope(b.message(), 0, "pat@out.example")
			e.Decided, e.Action, e.Rules = decided, action, rules
			b.accept(e)
		}
		decide(gateway.Reject, gateway.Pass, "old")
		sleep(time.Hour)
		since := time.Now()
		decide(gateway.Secure, gateway.Pass, "a", "b")
		decide(gateway.Secure, gateway.Secure, "a")
		sleep(time.Hour)
		decide(gateway.Pass, gateway.Pass)
		sleep(time.Second)
		s, err := b.q.Summarize(t.Context(), since)
		if err != nil || s.Envelopes != 3 || s.Decided[gateway.Secure] != 2 || s.Decided[gateway.Pass] != 1 || s.Decided[gateway.Reject] != 0 ||
			s.Acted[gateway.Pass] != 2 || s.Rules["a"] != 2 || s.Rules["b"] != 1 || s.Rules["old"] != 0 {
			t.Errorf("%+v %v", s, err)
		}
		if s, err = b.q.Summarize(t.Context(), time.Time{}); err != nil || s.Envelopes != 4 {
			t.Errorf("of all time: %+v %v", s, err)
		}
	})
}

// TestPauseIsSeen: a gauge and a line in the log, also at the next start.
func TestPauseIsSeen(t *testing.T) {
	gauge := func(q *Queue) float64 {
		reg := prometheus.NewRegistry()
		newMetrics(reg, q)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "gatepost_queue_paused" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatal("no gauge")
		return 0
	}
	inBubble(t, func(t *testing.T, b *bench) {
		said := func() int { return strings.Count(b.logs.String(), "the queue is paused") }
		b.start()
		sleep(time.Second)
		if gauge(b.q) != 0 || said() != 0 {
			t.Errorf("paused from the beginning:\n%s", &b.logs)
		}
		if _, err := b.q.Pause(t.Context(), noWords); err != nil {
			t.Fatal(err)
		}
		if gauge(b.q) != 1 || said() != 1 {
			t.Errorf("gauge %v, said %d times", gauge(b.q), said())
		}
		_ = b.stop()
		b.start()
		sleep(time.Second)
		if gauge(b.q) != 1 || said() != 2 {
			t.Errorf("after a restart: gauge %v, said %d times", gauge(b.q), said())
		}
	})
}
