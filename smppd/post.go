package smppd

import (
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

const (
	// maxDeliveries is the number of unanswered deliver_sm of a session, if its
	// window is not smaller. Applications answer slowly, and what is not answered
	// in time comes again.
	maxDeliveries = 10
	// maxWaiting is the number of deliveries of an account of which it is
	// remembered that they were refused. Above it only these are tried.
	maxWaiting = 10000
)

// stage is where a delivery stands.
type stage int

const (
	waiting stage = iota // until its time comes
	sending              // by a session
	sent                 // answered with 0 as a whole, and being settled
	settled              // durably
)

// flight is what is known of a delivery that has been begun. Its octets are
// with the session that sends it; else the Gateway has them. Its account's mu
// guards it.
type flight struct {
	key     string
	stage   stage
	due     time.Time // of stage waiting
	instead bool      // which form of the delivery the following is about
	done    []bool    // the segments that were answered with 0
	left    int       // segments that the session has not sent, or that it owes an answer to
	scan    int       // when the pump last saw it
}

// item is a segment of a delivery, on its way through a session.
type item struct {
	flight  *flight
	segment int
	of      int // segments in this form of the delivery
	instead bool
	body    gateway.Segment // before it was sent
	at      time.Time       // when it was
}

// deliverer is the part of a session that delivers. Its account's mu guards it.
type deliverer struct {
	window  int             // constant after the bind
	open    map[uint32]item // sent and not answered, by sequence number
	late    map[uint32]item // sent and not answered in time
	backlog []item          // segments of one delivery that wait for the window
}

// free reports whether another delivery can be begun.
func (d *deliverer) free() bool { return len(d.backlog) == 0 && len(d.open) < d.window }

// post is what is on its way to one application. Its account's mu guards it.
type post struct {
	receivers []*session
	next      int // the one to ask first
	flights   map[string]*flight
	retry     time.Time // when the earliest waiting flight is due; zero: none waits
	scan      int       // number of the pump's pass over what waits
	wake      chan struct{}
	pumping   bool
	settle    []*flight // sent, and not given to the Gateway
	settling  bool
	finished  []*flight // settled since the pump last asked the Gateway
}

func newPost() post {
	return post{flights: make(map[string]*flight), wake: make(chan struct{}, 1)}
}

// wake tells the pump to look again.
func (a *account) wake() {
	select {
	case a.post.wake <- struct{}{}:
	default:
	}
}

// receive begins to deliver through c.
func (a *account) receive(c *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.state()&unbound != 0 {
		return
	}
	c.mail.open, c.mail.late = make(map[uint32]item), make(map[uint32]item)
	a.post.receivers = append(a.post.receivers, c)
	a.wake()
	if !a.post.pumping {
		a.post.pumping = true
		a.srv.live.Add(1)
		go a.pump()
	}
}

// retire begins no more deliveries through c.
func (a *account) retire(c *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.removeLocked(c)
	a.wake()
}

func (a *account) removeLocked(c *session) {
	p := &a.post
	if i := slices.Index(p.receivers, c); i >= 0 {
		p.receivers = slices.Delete(p.receivers, i, i+1)
	}
}

// beginLocked gives a delivery to a session that is free. It needs the lock.
func (a *account) beginLocked(c *session, f *flight, instead bool, segments []gateway.Segment) {
	if f.instead != instead || len(f.done) != len(segments) {
		f.instead, f.done = instead, make([]bool, len(segments))
	}
	f.stage, f.left = sending, 0
	for i, s := range segments {
		if !f.done[i] {
			c.mail.backlog = append(c.mail.backlog, item{flight: f, segment: i, of: len(segments), instead: instead, body: s})
			f.left++
		}
	}
	if f.left == 0 { // nothing to say, or all was answered late
		a.sentLocked(f)
		return
	}
	c.flow.owe(f.left)
	a.pushLocked(c)
}

// pushLocked sends as much of the backlog as the window has room for. What
// cannot be written counts as refused. It needs the lock.
func (a *account) pushLocked(c *session) {
	d := &c.mail
	for len(d.backlog) > 0 && len(d.open) < d.window {
		it := d.backlog[0]
		d.backlog[0] = item{}
		d.backlog = d.backlog[1:]
		seq := c.request()
		flush, err := c.out.add(pdu.PDU{Command: pdu.DeliverSM, Sequence: seq, Body: &pdu.Message{Segment: it.body}})
		it.body, it.at = gateway.Segment{}, time.Now()
		d.open[seq] = it
		if err != nil {
			c.log.Error("a delivery could not be written", "error", err)
			a.answeredLocked(c, seq, pdu.RSYSERR)
		}
		if flush {
			go c.out.flush()
		}
	}
}

// answered takes the answer to a deliver_sm.
func (a *account) answered(c *session, seq uint32, status pdu.Status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answeredLocked(c, seq, status)
	a.pushLocked(c)
	a.wake()
}

func (a *account) answeredLocked(c *session, seq uint32, status pdu.Status) {
	d := &c.mail
	if it, ok := d.late[seq]; ok {
		delete(d.late, seq)
		a.lateLocked(it, status)
		return
	}
	it, ok := d.open[seq]
	if !ok {
		return
	}
	delete(d.open, seq)
	c.flow.owe(-1)
	it.flight.left--
	if status == pdu.OK {
		a.count(delivered)
		it.flight.done[it.segment] = true
	} else {
		a.count(refused)
		a.dropLocked(c, it.flight)
	}
	a.endLocked(it.flight, a.srv.cfg.Timers.Redeliver)
}

// lateLocked takes an answer that came after its time. Status 0 counts, as
// long as the delivery has not gone out in another form. It needs the lock.
func (a *account) lateLocked(it item, status pdu.Status) {
	f := it.flight
	if status != pdu.OK || f.instead != it.instead || len(f.done) != it.of || f.stage == sent || f.stage == settled {
		return
	}
	f.done[it.segment] = true
	if f.stage == waiting {
		a.endLocked(f, 0)
	}
}

// dropLocked takes what has not been sent of a flight out of a backlog. It
// needs the lock.
func (a *account) dropLocked(c *session, f *flight) {
	for _, it := range c.mail.backlog {
		if it.flight == f {
			f.left--
			c.flow.owe(-1)
		}
	}
	c.mail.backlog = slices.DeleteFunc(c.mail.backlog, func(it item) bool { return it.flight == f })
}

// endLocked ends a try all of whose segments have been answered: the delivery
// is sent, or waits to be tried again. It needs the lock.
func (a *account) endLocked(f *flight, pause time.Duration) {
	switch {
	case f.left > 0:
	case !slices.Contains(f.done, false):
		a.sentLocked(f)
	case f.stage == sending:
		a.waitLocked(f, time.Now().Add(pause))
	}
}

func (a *account) waitLocked(f *flight, due time.Time) {
	f.stage, f.due = waiting, due
	if a.post.retry.IsZero() || due.Before(a.post.retry) {
		a.post.retry = due
	}
}

// expireLocked gives up on answers that have not come in time, and returns when
// the next one will be too late; zero for never. It needs the lock.
func (a *account) expireLocked(now time.Time) (next time.Time) {
	patience := a.srv.cfg.Timers.Response
	for _, c := range a.post.receivers {
		d := &c.mail
		for seq, it := range d.open {
			if until := it.at.Add(patience); until.After(now) {
				if next.IsZero() || until.Before(next) {
					next = until
				}
				continue
			}
			a.count(timedOut)
			delete(d.open, seq)
			c.flow.owe(-1)
			if len(d.late) >= d.window {
				clear(d.late)
			}
			d.late[seq] = it
			it.flight.left--
			a.dropLocked(c, it.flight)
			a.endLocked(it.flight, a.srv.cfg.Timers.Redeliver)
		}
		a.pushLocked(c)
	}
	return next
}

// loseLocked makes what a session has not had answered go another way, at
// once. It needs the lock.
func (a *account) loseLocked(c *session) {
	d := &c.mail
	n := len(d.open) + len(d.backlog)
	for _, it := range d.open {
		a.count(lost)
		it.flight.left--
		a.endLocked(it.flight, 0)
	}
	for _, it := range d.backlog {
		it.flight.left--
		a.endLocked(it.flight, 0)
	}
	d.open, d.late, d.backlog = nil, nil, nil
	c.flow.owe(-n)
}

func (a *account) count(o outcome) { a.srv.cfg.Metrics.deliveries.WithLabelValues(string(o)).Inc() }
