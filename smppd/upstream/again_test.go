package upstream

import (
	"testing"
	"time"
)

// TestWhatMayComeAgain: what comes over a link after another one may be what the
// carrier had no answer to. The Gateway is told when that would have been: not
// after this link began, and not long before the one before it ended.
func TestWhatMayComeAgain(t *testing.T) {
	t.Parallel()
	g := new(inboundStub)
	began := time.Now()
	c, m, a := bound(t, g)
	m.last().say(deliver(7, from("15552000001", "ok")))
	a.wait(t, 7)
	lost := time.Now()
	m.drop()
	eventually(t, "the next bind", func() bool { return m.links() == 2 && c.Healthy() == nil })
	again := time.Now()
	m.last().say(deliver(8, from("15552000001", "ok")))
	a.wait(t, 8)

	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.spells) != 2 {
		t.Fatalf("%d of 2 messages came soon after a bind", len(g.spells))
	}
	between := func(what string, at, from, to time.Time) {
		t.Helper()
		if at.Before(from) || at.After(to) {
			t.Errorf("%s: %v is not between %v and %v", what, at, from, to)
		}
	}
	between("the first link, from", g.spells[0][0].Add(answerLost), began, lost)
	between("the first link, to", g.spells[0][1], began, lost)
	between("the second link, from", g.spells[1][0].Add(answerLost), lost, again)
	between("the second link, to", g.spells[1][1], g.spells[1][0].Add(answerLost), again)
}

// TestWhatComesLater: long after the bind a message is a new one.
func TestWhatComesLater(t *testing.T) {
	t.Parallel()
	g := new(inboundStub)
	later := make(chan time.Duration, 1)
	later <- 0
	_, m, a := bound(t, g, func(c *Config) {
		c.Now = func() time.Time {
			d := <-later
			defer func() { later <- d }()
			return time.Now().Add(d)
		}
	})
	<-later
	later <- againTime
	m.last().say(deliver(7, from("15552000001", "ok")))
	a.wait(t, 7)
	if texts, _ := g.taken(); len(texts) != 1 || len(g.spells) != 0 {
		t.Errorf("%q, %d of them soon after a bind", texts, len(g.spells))
	}
}
