package upstream

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestThrottled: what is too much now is sent again by the same call, after a
// pause that all share and that grows until something is taken.
func TestThrottled(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var came []time.Time
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if p.Command != pdu.SubmitSM {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		came = append(came, time.Now())
		return len(came) <= 3 && s.say(p.Response(pdu.RTHROTTLED, nil))
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Chance = func() float64 { return 0 } })
	results, o := c.Send(t.Context(), message("x"), nil, nil)
	mu.Lock()
	defer mu.Unlock()
	if o.Result != gateway.Sent || !results[0].Sent || results[0].Status != 0 || len(came) != 4 {
		t.Fatalf("%s, came %d times", result(o), len(came))
	}
	for i, least := range []time.Duration{20, 40, 80} {
		if gap := came[i+1].Sub(came[i]); gap < least*time.Millisecond {
			t.Errorf("pause %d was %v", i, gap)
		}
	}
	if c.pause.in != 0 {
		t.Error("the pause does not begin anew")
	}
}

// toNumbers is a message to each of n telephones.
func toNumbers(n int) (all [][]gateway.Segment) {
	for i := range n {
		m := message("to " + strconv.Itoa(i))
		m[0].Dest.Addr = "1555123000" + strconv.Itoa(i)
		all = append(all, m)
	}
	return all
}

// TestOneTelephoneIsFull: it delays its own messages, by a code that does not
// pause the carrier, and nobody else's.
func TestOneTelephoneIsFull(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return textOf(p) == "to 0" && s.say(p.Response(pdu.RMSGQFUL, nil))
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Timers.Pause, c.Timers.MaxPause = time.Minute, time.Minute })
	to := toNumbers(2)
	for range 5 {
		for range wholeCarrier {
			if r, o := c.Send(t.Context(), to[0], nil, nil); o.Result != gateway.Deferred || o.Code != 451 || o.Status != "4.2.2" || r[0].Status != uint32(pdu.RMSGQFUL) {
				t.Fatalf("the full one: %s", result(o))
			}
		}
		if _, o := c.Send(t.Context(), to[1], nil, nil); o.Result != gateway.Sent {
			t.Fatalf("another: %s", result(o))
		}
	}
	if got := m.times("to 0"); got != 5*wholeCarrier || c.pause.in != 0 {
		t.Errorf("it was tried %d times, with %d pauses", got, c.pause.in)
	}
}

// TestCarrierIsFull: when several telephones in a row are full, all wait; a
// segment that is taken between says that it is they.
func TestCarrierIsFull(t *testing.T) {
	t.Parallel()
	var all atomic.Bool
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return p.Command == pdu.SubmitSM && (all.Load() || textOf(p) != "to 9") && s.say(p.Response(pdu.RMSGQFUL, nil))
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Timers.Pause, c.Timers.MaxPause = time.Minute, time.Minute })
	to := toNumbers(10)
	send := func(i int) int {
		_, o := c.Send(t.Context(), to[i], nil, nil)
		return o.Code
	}
	for i := range 6 {
		if got := send(i); got != 451 {
			t.Fatalf("telephone %d: %d", i, got)
		}
		if got := send(9); got != 250 {
			t.Fatalf("between: %d", got)
		}
	}
	all.Store(true)
	for i, want := range []int{451, 451, 421, 421} {
		if got := send(i); got != want {
			t.Errorf("telephone %d of a full carrier: %d, want %d", i, got, want)
		}
	}
	if got := send(9); got != 421 {
		t.Errorf("in the pause: %d", got)
	}
}

// TestThrottledForLong: a call does not wait forever, and says by its code that
// this is about the carrier.
func TestThrottledForLong(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return p.Command == pdu.SubmitSM && n.Add(1) > 0 && s.say(p.Response(pdu.RTHROTTLED, nil))
	})
	c := start(t, m, &inboundStub{})
	began := time.Now()
	results, outcomes := together(t, c, numbers(20)...)
	for i, o := range outcomes {
		if o.Result != gateway.Deferred || o.Code != 421 || o.Unknown || o.Status != "4.4.5" || results[i].Sent || results[i].Unknown {
			t.Fatalf("%s", result(o))
		}
	}
	if took := time.Since(began); took > 4*quick().Response {
		t.Errorf("took %v", took)
	}
	if n.Load() > 150 { // some seven pauses fit, ten segments after each
		t.Errorf("%d segments in spite of it", n.Load())
	}
}

// TestPauseBounds: a window that is refused together begins one pause, the
// pauses of a row double up to the bound, and old answers change nothing.
func TestPauseBounds(t *testing.T) {
	t.Parallel()
	p := &pause{first: time.Second, most: 30 * time.Second, chance: func() float64 { return 0 }}
	now := time.Now()
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		written := now
		for k := range 10 {
			if began := p.crowded(written, now); began != (k == 0) {
				t.Fatalf("pause %d, answer %d: began %v", i, k, began)
			}
		}
		if got := p.rest(now); got != want*time.Second {
			t.Fatalf("pause %d is %v", i, got)
		}
		p.taken(written) // written before the pause: tells nothing of now
		if p.rest(now) == 0 || p.in != i+1 {
			t.Fatalf("pause %d: an old answer ended it", i)
		}
		now = now.Add(31 * time.Second)
		if p.rest(now) != 0 {
			t.Fatalf("pause %d does not end", i)
		}
	}
	p.taken(now)
	p.crowded(now, now)
	if got := p.rest(now); got != time.Second {
		t.Errorf("after success %v", got)
	}
	p.chance = func() float64 { return 0.999 }
	p.until = now
	p.crowded(now, now)
	if got := p.rest(now); got < 1400*time.Millisecond || got > 1600*time.Millisecond {
		t.Errorf("with jitter %v of 2 s", got)
	}
}

// TestPace: places are spread evenly, and unused time is not saved up.
func TestPace(t *testing.T) {
	t.Parallel()
	p, now := newPace(100), time.Now()
	free := 0
	for p.reserve(now) == 0 {
		free++
	}
	if free != 2 { // one for now, one for the 10 ms before
		t.Errorf("%d at once", free)
	}
	now = now.Add(time.Hour)
	total := time.Duration(0)
	for range 101 {
		total = p.reserve(now)
	}
	if total != 990*time.Millisecond {
		t.Errorf("the 101st leaves after %v", total)
	}
	if newPace(0).reserve(now) != 0 {
		t.Error("no rate is no limit")
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ window, rate, want int }{{1, 0, 2}, {10, 0, 20}, {100, 0, 150}, {100, 5, 10}} {
		if got := New(Config{Window: tc.window, Rate: tc.rate}).Limit(); got != tc.want {
			t.Errorf("window %d, rate %d: %d", tc.window, tc.rate, got)
		}
	}
}
