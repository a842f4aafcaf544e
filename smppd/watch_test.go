package smppd

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

func TestSessionInit(t *testing.T) {
	inBubble(t, newFake(), nil, func(t *testing.T, b *bubble) {
		a := b.dial()
		time.Sleep(4 * time.Second)
		a.write(pdu.PDU{Command: pdu.EnquireLink}) // is no bind
		a.get(time.Millisecond, pdu.EnquireLinkResp)
		a.none(990 * time.Millisecond)
		a.ends(20 * time.Millisecond)
	})
}

func TestEnquireLink(t *testing.T) {
	inBubble(t, newFake(), nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindReceiver)
		for range 3 { // one that answers stays
			a.none(29 * time.Second)
			p := a.get(1001*time.Millisecond, pdu.EnquireLink)
			time.Sleep(9 * time.Second)
			a.answer(p, pdu.OK)
		}
		time.Sleep(29 * time.Second) // one that speaks is not asked
		a.write(pdu.PDU{Command: pdu.EnquireLink})
		a.get(time.Millisecond, pdu.EnquireLinkResp)
		a.none(29 * time.Second)
		a.get(1001*time.Millisecond, pdu.EnquireLink)
		a.none(9 * time.Second)
		a.ends(1001 * time.Millisecond) // one that does not answer is gone
	})
}

// An octet now and then is no sign of life.
func TestPDUThatNeverEnds(t *testing.T) {
	inBubble(t, newFake(), nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindTransmitter)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for _, octet := range header(500, uint32(pdu.SubmitSM), 1) {
				if _, err := a.conn.Write([]byte{octet}); err != nil {
					return
				}
				time.Sleep(3 * time.Second)
			}
		}()
		a.get(31*time.Second, pdu.EnquireLink)
		a.ends(11 * time.Second)
		<-sent
	})
}

// While the window is full the peer is not read from, and is not taken for
// dead, however long that lasts.
func TestFullWindowIsNoSilence(t *testing.T) {
	g := newFake()
	inBubble(t, g, func(c *Config) { c.Accounts[0].Window = 1 }, func(t *testing.T, b *bubble) {
		release := make(chan struct{})
		g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
			<-release
			return g.take(s), nil, nil
		}
		a := b.dial().bindAs(pdu.BindTransmitter)
		a.write(submitPDU("hello"))
		a.write(submitPDU("hello"))
		a.none(5 * time.Minute)
		close(release)
		a.get(time.Second, pdu.SubmitSMResp)
		a.get(time.Second, pdu.SubmitSMResp)
		a.get(31*time.Second, pdu.EnquireLink)
	})
}

func TestInactivity(t *testing.T) {
	inBubble(t, newFake(), func(c *Config) { c.Timers.Inactivity = 100 * time.Second }, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindTransmitter)
		time.Sleep(20 * time.Second)
		a.write(submitPDU("hello"))
		a.get(time.Second, pdu.SubmitSMResp)
		began := time.Now()
		for {
			p, ok := a.next(time.Hour)
			if !ok || p.Command != pdu.EnquireLink {
				equal(t, "at last", p.Command, pdu.Unbind)
				if d := time.Since(began); d < 99*time.Second || d > 101*time.Second {
					t.Errorf("unbound after %v", d)
				}
				a.answer(p, pdu.OK)
				a.ends(time.Second)
				return
			}
			a.answer(p, pdu.OK)
		}
	})
}

// A peer that binds and never reads.
func TestWriteDeadline(t *testing.T) {
	inBubble(t, newFake(), func(c *Config) { c.Timers.EnquireLink = time.Hour }, func(t *testing.T, b *bubble) {
		ours, theirs := net.Pipe()
		b.pipes.conns <- theirs
		c := newClient(t, ours)
		c.write(bindPDU(pdu.BindReceiver, "esme1", "secret1"))
		for _, want := range []int{1, 0} {
			synctest.Wait()
			b.mu.Lock()
			equal(t, "sessions", len(b.sessions), want)
			b.mu.Unlock()
			time.Sleep(30 * time.Second) // the deadline of a write
		}
	})
}
