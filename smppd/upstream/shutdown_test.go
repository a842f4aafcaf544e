package upstream

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestShutdown: what left is answered, what came is committed and answered, the
// carrier hears unbind last, and nothing more leaves.
func TestShutdown(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var heard []string
	release, begun := make(chan struct{}), make(chan struct{})
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		mu.Lock()
		heard = append(heard, p.Command.String())
		mu.Unlock()
		switch p.Command {
		case pdu.SubmitSM:
			s.say(deliver(7, from("15550000001", "mo")))
			s.all.Go(func() { <-release; s.yesTo(p) })
			return true
		case pdu.DeliverSMResp:
			return true
		}
		return false
	})
	g := &inboundStub{message: func(gateway.Segment) error { close(begun); <-release; return nil }}
	c := New(Config{Addr: m.addr(), SystemID: "gw", Timers: quick()})
	ended := make(chan error)
	go func() { ended <- c.Run(t.Context(), g) }()
	sent := make(chan gateway.Outcome)
	go func() {
		_, o := c.Send(t.Context(), message("x"), nil, nil)
		sent <- o
	}()
	<-begun
	down := make(chan error)
	go func() { down <- c.Shutdown(t.Context()) }()
	eventually(t, "the end", c.isClosing)
	if _, o := c.Send(t.Context(), message("y"), nil, nil); o.Phase != "connect" || o.Status != "4.3.2" || o.Result != gateway.Deferred {
		t.Errorf("during the shutdown: %s", result(o))
	}
	select {
	case err := <-down:
		t.Fatalf("shut down (%v) before the answers", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if o := <-sent; o.Result != gateway.Sent {
		t.Errorf("%s", result(o))
	}
	if err := errors.Join(<-down, <-ended); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if n := len(heard); n < 3 || heard[n-1] != "unbind" || heard[n-2] != "deliver_sm_resp" {
		t.Errorf("heard %v", heard)
	}
	if m.times("y") > 0 {
		t.Error("sent after the shutdown")
	}
	if err := c.Run(t.Context(), g); !errors.Is(err, ErrShutdown) {
		t.Errorf("Run again: %v", err)
	}
}

// TestShutdownOfAHangingCarrier ends with its context, and what is unanswered
// is Unknown.
func TestShutdownOfAHangingCarrier(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(_ *session, p pdu.PDU) bool { return p.Command == pdu.SubmitSM || p.Command == pdu.Unbind })
	c := start(t, m, &inboundStub{})
	sent := make(chan gateway.Outcome)
	go func() {
		_, o := c.Send(t.Context(), message("x"), nil, nil)
		sent <- o
	}()
	eventually(t, "the segment", func() bool { return m.times("x") == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := c.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(began); took > 10*quick().Response {
		t.Errorf("took %v", took)
	}
	if o := <-sent; !o.Unknown || o.Result != gateway.Deferred {
		t.Errorf("%s", result(o))
	}
}

// TestShutdownWithoutALink: neither before Run, nor while the carrier is away.
func TestShutdownWithoutALink(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, nil)
	m.close()
	c := New(Config{Addr: m.addr(), Timers: quick()})
	if err := c.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	c = start(t, m, &inboundStub{}, func(c *Config) { c.Timers.Reconnect = time.Hour })
	eventually(t, "an attempt", func() bool { return c.State()[0].Reason != "not connected yet" })
	if err := c.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
