package smppd

import (
	"sync"
	"time"

	"gatepost/smppd/pdu"
)

// watch is the timers of a session, SMPP v3.4 section 7.2. It is safe for
// concurrent use.
type watch struct {
	session *session
	timer   *time.Timer

	mu     sync.Mutex // guards what follows
	ended  bool
	bound  bool
	busy   bool      // the session does not read: the peer's silence says nothing
	heard  time.Time // when the peer was last heard of
	worked time.Time // when it last sent or answered something but enquire_link
	asked  time.Time // when we asked whether it is there; zero: no question is open
}

func (w *watch) start(c *session) {
	w.session, w.heard, w.worked, w.busy = c, c.started, c.started, true
	w.timer = time.AfterFunc(c.srv.cfg.Timers.SessionInit, w.look)
}

// reading says that the session begins to read, or that it has read a PDU.
// What is read in pieces counts when it is whole, so that a peer that sends
// an octet now and then is not taken for a living one.
func (w *watch) reading(begins bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = !begins
	w.heard = time.Now()
	if !begins {
		w.asked = time.Time{}
	}
}

// active says that the peer uses the session.
func (w *watch) active() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worked = time.Now()
}

// isBound starts the timers of a bound session in place of session_init.
func (w *watch) isBound() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bound, w.worked = true, time.Now()
	if !w.ended {
		w.timer.Reset(w.session.srv.cfg.Timers.EnquireLink)
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

// look does what is due and sets the timer to the next time.
func (w *watch) look() {
	do := w.due(time.Now())
	if do != nil {
		do()
	}
}

// due returns what is to be done now; nil for nothing.
func (w *watch) due(now time.Time) func() {
	t := &w.session.srv.cfg.Timers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil
	}
	if !w.bound {
		return func() { w.session.abort(reasonInit) }
	}
	if t.Inactivity > 0 && now.Sub(w.worked) >= t.Inactivity && !w.busy {
		w.ended = true
		return w.inactive
	}
	if w.busy {
		w.heard, w.asked = now, time.Time{}
	}
	var do func()
	switch {
	case !w.asked.IsZero() && now.Sub(w.asked) >= t.Response:
		w.ended = true
		return func() { w.session.abort(reasonSilent) }
	case w.asked.IsZero() && now.Sub(w.heard) >= t.EnquireLink:
		w.asked = now
		do = w.enquire
	}
	next := w.heard.Add(t.EnquireLink)
	if !w.asked.IsZero() {
		next = w.asked.Add(t.Response)
	}
	if t.Inactivity > 0 && w.worked.Add(t.Inactivity).After(now) && w.worked.Add(t.Inactivity).Before(next) {
		next = w.worked.Add(t.Inactivity)
	}
	w.timer.Reset(max(next.Sub(now), time.Millisecond))
	return do
}

func (w *watch) enquire() {
	w.session.send(pdu.PDU{Command: pdu.EnquireLink, Sequence: w.session.request()})
}

func (w *watch) inactive() {
	w.session.srv.cut(reasonInactive)
	w.session.unbind()
}
