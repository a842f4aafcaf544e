package smppd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// What is under way is answered, in both directions, before the unbind of the
// peer is; what comes after it is not begun.
func TestUnbindFinishesWhatIsUnderWay(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		release := make(chan struct{})
		g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
			<-release
			return g.take(s), nil, nil
		}
		a := b.dial().bindAs(pdu.BindTransceiver)
		g.put("esme1", mo("k1", "hello"))
		d := a.get(time.Second, pdu.DeliverSM)
		submit := a.write(submitPDU("hello"))
		unbind := a.write(pdu.PDU{Command: pdu.Unbind})
		late := a.write(submitPDU("too late"))
		p := a.get(time.Second, pdu.SubmitSMResp)
		equal(t, "after the unbind", []any{p.Sequence, p.Status}, []any{late, pdu.RINVBNDSTS})
		g.put("esme1", mo("k2", "too late"))
		a.none(5 * time.Second)
		close(release)
		equal(t, "answered", a.get(time.Second, pdu.SubmitSMResp).Sequence, submit)
		a.none(time.Second)
		a.answer(d, pdu.OK)
		equal(t, "unbound", a.get(time.Second, pdu.UnbindResp).Sequence, unbind)
		a.ends(time.Second)
		synctest.Wait()
		equal(t, "settled", g.settled(), []string{"k1"})
	})
}

// A delivery that is never answered holds the unbind up for a while only.
func TestUnbindDoesNotWaitForEver(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindTransceiver)
		g.put("esme1", mo("k1", "hello"))
		a.get(time.Second, pdu.DeliverSM)
		a.write(pdu.PDU{Command: pdu.Unbind})
		a.none(9900 * time.Millisecond)
		a.get(200*time.Millisecond, pdu.UnbindResp)
		a.ends(time.Second)
		next := b.dial().bindAs(pdu.BindReceiver)
		equal(t, "again", wordsOf(next.get(time.Second, pdu.DeliverSM)), "hello")
	})
}

func TestShutdownDrains(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		release := make(chan struct{})
		g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
			<-release
			return g.take(s), nil, nil
		}
		idle, busy, open := b.dial().bindAs(pdu.BindReceiver), b.dial().bindAs(pdu.BindTransmitter), b.dial()
		submit := busy.write(submitPDU("hello"))
		synctest.Wait()
		down := make(chan error)
		go func() { down <- b.Shutdown(t.Context()) }()
		open.ends(time.Second)
		idle.answer(idle.get(time.Second, pdu.Unbind), pdu.OK)
		idle.ends(time.Second)
		late := busy.write(submitPDU("too late"))
		p := busy.get(time.Second, pdu.SubmitSMResp)
		equal(t, "while draining", []any{p.Sequence, p.Status}, []any{late, pdu.RMSGQFUL})
		close(release)
		equal(t, "answered", busy.get(time.Second, pdu.SubmitSMResp).Sequence, submit)
		unbind := busy.get(time.Second, pdu.Unbind)
		theirs := busy.write(pdu.PDU{Command: pdu.Unbind}) // both at once
		equal(t, "their unbind", busy.get(time.Second, pdu.UnbindResp).Sequence, theirs)
		_ = unbind
		busy.ends(time.Second)
		if err := <-down; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// A peer that ignores the unbind is waited for no longer than for any answer,
// and a Gateway that hangs no longer than the caller says.
func TestShutdownThatIsIgnored(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		b.dial().bindAs(pdu.BindTransceiver)
		began := time.Now()
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		equal(t, "waited", time.Since(began), 10*time.Second)
	})
	g = newFake()
	g.submit = func(ctx context.Context, _ submitted) (string, []gateway.LineFault, error) {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindTransceiver)
	c.write(submitPDU("hello"))
	c.want(pdu.PDU{Command: pdu.EnquireLink}, pdu.OK)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	eventually(t, "the session is gone", func() bool { return s.open() == 0 })
}
