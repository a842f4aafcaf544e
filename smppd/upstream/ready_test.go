package upstream

import (
	"sync/atomic"
	"testing"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestReady: who wants to know hears of every bind that sends, and of the end
// of pauses, once.
func TestReady(t *testing.T) {
	t.Parallel()
	var crowd atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return p.Command == pdu.SubmitSM && crowd.Add(-1) >= 0 && s.say(p.Response(pdu.RTHROTTLED, nil))
	})
	var ready atomic.Int32
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Bind, c.Ready = Separate, func() { ready.Add(1) } })
	heard := func(what string, want int32) {
		t.Helper()
		for range 3 {
			if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result != gateway.Sent {
				t.Fatalf("%s: %s", what, result(o))
			}
		}
		if n := ready.Load(); n != want {
			t.Errorf("%s: heard %d times, want %d", what, n, want)
		}
	}
	heard("bound", 1)
	crowd.Store(2)
	heard("throttled", 2)
	m.drop()
	eventually(t, "both binds again", func() bool { return ready.Load() == 3 && c.Healthy() == nil })
	heard("bound again", 3)
}
