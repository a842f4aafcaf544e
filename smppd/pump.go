package smppd

import (
	"hash/fnv"
	"slices"
	"time"

	"gatepost/gateway"
)

const (
	pageSize  = 32               // deliveries asked for at once
	pumpRetry = time.Second      // after the Gateway could not be asked
	pumpLong  = 10 * time.Second // the longest such pause
)

// pump brings deliveries to the sessions of one account that receive. It runs
// as long as there is one.
type pump struct {
	account *account
	page    []gateway.Delivery // told by the Gateway, not begun
	after   string             // the key after which to go on
	atEnd   bool               // nothing was there behind after
	news    <-chan struct{}    // something new waits
	rescan  time.Time          // when to begin again, whatever happens
	pause   time.Duration      // after the last failure
	again   time.Time          // when to ask again after it
}

// pump is the goroutine that receive begins.
func (a *account) pump() {
	defer a.srv.live.Done()
	p := &pump{account: a}
	p.restart(time.Now())
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		next, goOn := p.step(time.Now())
		if !goOn {
			return
		}
		if next.IsZero() {
			continue
		}
		t.Reset(max(time.Until(next), time.Millisecond))
		select {
		case <-t.C:
		case <-a.post.wake:
		case <-p.news:
			p.news, p.atEnd = nil, false
		case <-a.srv.ctx.Done():
			a.stopPump()
			return
		}
	}
}

// stopPump notes that no pump runs.
func (a *account) stopPump() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.post.pumping = false
	a.forgetLocked()
}

// step does what can be done now. It returns when there will be more to do
// unless something happens before, zero for at once, and false when there is
// nobody left to deliver to.
func (p *pump) step(now time.Time) (next time.Time, goOn bool) {
	next, room, goOn := p.place(now)
	if !goOn || !room {
		return next, goOn
	}
	if p.account.due(now) || !now.Before(p.rescan) {
		p.restart(now)
	}
	if len(p.page) > 0 {
		return next, true
	}
	if p.atEnd {
		return earliest(next, p.rescan), true
	}
	if now.Before(p.again) {
		return earliest(next, p.again), true
	}
	if !p.fetch() {
		p.pause = min(max(2*p.pause, pumpRetry), pumpLong)
		p.again = time.Now().Add(p.pause)
		return earliest(next, p.again), true
	}
	p.pause = 0
	return time.Time{}, true
}

// restart begins a new pass over all that waits: what was refused is tried
// again, and nothing is overlooked for good that came out of order.
func (p *pump) restart(now time.Time) {
	p.after, p.atEnd, p.page = "", false, nil
	p.rescan = now.Add(p.account.srv.cfg.Timers.Redeliver)
	p.account.beginScan(now)
}

// fetch asks the Gateway what waits.
func (p *pump) fetch() bool {
	a, s := p.account, p.account.srv
	a.mu.Lock()
	a.forgetLocked() // what is settled is not told again from here on
	a.mu.Unlock()
	err := s.guard(func() (err error) {
		if p.news == nil {
			p.news = s.gateway.DeliveriesWait(a.id) // before asking: what comes between is not missed
		}
		p.page, err = s.gateway.Deliveries(s.ctx, a.id, p.after, pageSize)
		return err
	})
	if err != nil {
		s.cfg.Logger.Warn("asking for deliveries failed", "name", a.id, "error", err)
		p.page = nil
		return false
	}
	if len(p.page) == 0 {
		p.atEnd = true
		a.endScan()
		return true
	}
	p.after = p.page[len(p.page)-1].Key
	return true
}

// place gives what is on the page to sessions as far as they have room. It
// returns when the next answer is overdue or delivery due, whether a session
// is free, and false when none is left.
func (p *pump) place(now time.Time) (next time.Time, room, goOn bool) {
	a := p.account
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.post.receivers) == 0 {
		a.post.pumping = false
		a.forgetLocked()
		return next, false, false
	}
	overdue := a.expireLocked(now)
	for len(p.page) > 0 && a.offerLocked(&p.page[0], now) {
		p.page[0] = gateway.Delivery{}
		p.page = p.page[1:]
	}
	for _, c := range a.post.receivers {
		room = room || c.mail.free()
	}
	return earliest(earliest(overdue, a.post.retry), now.Add(a.srv.cfg.Timers.Redeliver)), room, true
}

// earliest is the earlier of two times, zero being none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due reports whether a delivery that waits is to be tried again.
func (a *account) due(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.post.retry.IsZero() && !a.post.retry.After(now)
}

// beginScan begins a new pass.
func (a *account) beginScan(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.post.scan++
	a.post.retry = time.Time{}
	for _, f := range a.post.flights {
		if f.stage == waiting && f.due.After(now) {
			a.waitLocked(f, f.due)
		}
	}
}

// endScan forgets what waits no more at the Gateway.
func (a *account) endScan() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, f := range a.post.flights {
		if f.stage == waiting && f.scan < a.post.scan {
			delete(a.post.flights, key)
		}
	}
}

// offerLocked begins a delivery, or passes over one that is under way or has
// to wait. It reports false when no session has room. It needs the lock.
func (a *account) offerLocked(d *gateway.Delivery, now time.Time) bool {
	f := a.post.flights[d.Key]
	if f != nil {
		f.scan = a.post.scan
		if f.stage != waiting || f.due.After(now) {
			return true
		}
	}
	c, instead, wait := a.chooseLocked(d)
	if c == nil {
		return !wait
	}
	segments, err := c.segments(d, instead)
	if f == nil {
		if len(a.post.flights) >= maxWaiting {
			return false
		}
		f = &flight{key: d.Key, scan: a.post.scan}
		a.post.flights[d.Key] = f
	}
	if err != nil { // another session may take it, or it is over one day, with evidence
		c.log.Warn("a delivery cannot be written for an older peer and waits", "error", err)
		a.waitLocked(f, now.Add(a.srv.cfg.Timers.Redeliver))
		return true
	}
	a.beginLocked(c, f, instead, segments)
	return true
}

// chooseLocked picks the session for a delivery, in turn among those that are
// free, and says in which form it goes: the plain one where any session may
// take that. One with optional parameters goes to a peer that knows them where
// there is one. Nil: wait tells whether a session that is not free could take
// it. It needs the lock.
func (a *account) chooseLocked(d *gateway.Delivery) (c *session, instead, wait bool) {
	p := &a.post
	var older, other *session    // may take it without parameters, or only what goes instead
	better, busy := false, false // a session that may take it is not free, or an older one
	tagged := slices.ContainsFunc(d.Segments, func(s gateway.Segment) bool { return len(s.TLVs) > 0 })
	for i := range p.receivers {
		n := (p.next + i) % len(p.receivers)
		c := p.receivers[n]
		fits, knows := !d.Plain || c.secure, !tagged || c.version >= version34
		switch free := c.mail.free(); {
		case fits && knows && free:
			p.next = n + 1
			return c, false, false
		case fits && knows:
			better = true
		case fits && free && older == nil:
			older = c
		case fits:
			busy = true
		case len(d.Instead) > 0 && free && other == nil:
			other = c
		case len(d.Instead) > 0:
			wait = true
		}
	}
	switch {
	case better:
		return nil, false, true
	case older != nil:
		p.next = slices.Index(p.receivers, older) + 1
		return older, false, false
	case busy || other == nil:
		return nil, false, busy || wait
	}
	return other, true, false
}

// segments are what c is sent for a delivery: the same ones whenever it is
// tried, as long as the peer knows as much.
func (c *session) segments(d *gateway.Delivery, instead bool) ([]gateway.Segment, error) {
	if d.Receipt != nil {
		s := c.srv.cfg.Receipt(*d.Receipt)
		if c.version < version34 { // knows no optional parameters, section 3.3; the text says it all
			s.TLVs = nil
		}
		return []gateway.Segment{s}, nil
	}
	list := d.Segments
	if instead {
		list = d.Instead
	}
	out := make([]gateway.Segment, len(list))
	for i, s := range list {
		// Sections 4.6.1 and 5.2.18: these say nothing in a deliver_sm.
		s.Data, s.Schedule, s.Validity, s.Replace, s.DefaultID = false, "", "", 0, 0
		out[i] = s
	}
	if c.version >= version34 {
		return out, nil
	}
	ref := fnv.New32a()
	_, _ = ref.Write([]byte(d.Key))
	return c.srv.cfg.Older(out, uint16(ref.Sum32()))
}
