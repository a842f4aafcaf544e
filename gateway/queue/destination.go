package queue

import (
	"slices"
	"time"

	"gatepost/gateway"
)

// firstWindow is how many attempts a destination gets at once before it has
// shown that it takes mail.
const firstWindow = 5

// destination is one queue of attempts. All fields are guarded by Queue.mu.
//
// It starts slowly and learns: each answered attempt widens its window by one
// up to its limit, each failure to get as far as MAIL narrows it. One whose
// limit is known begins there. A whole
// window of such failures without a success between means that it is away: it
// is paused, what waits for it is parked in the store, and after the pause a
// single attempt finds out whether it lives again.
type destination struct {
	name   string
	mark   uint64   // of the rows that are parked for it
	groups []*group // in order of arrival
	byKey  map[groupKey]*group
	size   int // entries in groups

	running int
	risky   int  // results that are not stored
	limit   int  // of window
	known   bool // the courier knows the limit
	window  int
	fails   int  // to get as far as MAIL, since the last success
	pauses  int  // in a row
	away    bool // since it was paused nothing was heard of it
	until   time.Time
	last    gateway.Outcome // why it is paused
	listed  bool            // in Queue.ready
}

// group is envelopes for one attempt.
type group struct {
	key     groupKey
	entries []*entry
}

// newDestination makes a destination; known is its limit, 0 when it has to be
// found out.
func newDestination(name string, known int, c *Config) *destination {
	d := &destination{name: name, mark: markOf(name), byKey: map[groupKey]*group{}, limit: known, known: known > 0, window: known}
	if known <= 0 {
		d.limit, d.window = c.PerDestination, min(firstWindow, c.PerDestination)
	}
	return d
}

func (d *destination) add(e *entry) {
	key := keyOf(e.envelope)
	g := d.byKey[key]
	if g == nil {
		g = &group{key: key}
		d.byKey[key] = g
		d.groups = append(d.groups, g)
	}
	g.entries = append(g.entries, e)
	d.size++
}

// remove takes out one entry.
func (d *destination) remove(e *entry) {
	g := d.byKey[keyOf(e.envelope)]
	if g == nil {
		return
	}
	i := slices.Index(g.entries, e)
	if i < 0 {
		return
	}
	g.entries = slices.Delete(g.entries, i, i+1)
	d.size--
	if len(g.entries) == 0 {
		delete(d.byKey, g.key)
		d.groups = slices.DeleteFunc(d.groups, func(other *group) bool { return other == g })
	}
}

// next takes out the entries of one attempt, nil when there are none.
func (d *destination) next(limit int) []*entry {
	if len(d.groups) == 0 {
		return nil
	}
	g := d.groups[0]
	n := min(limit, len(g.entries))
	taken := slices.Clone(g.entries[:n])
	d.size -= n
	if n < len(g.entries) {
		g.entries = g.entries[n:]
		return taken
	}
	delete(d.byKey, g.key)
	d.groups[0] = nil
	d.groups = d.groups[1:]
	return taken
}

// all takes out everything.
func (d *destination) all() []*entry {
	var all []*entry
	for _, g := range d.groups {
		all = append(all, g.entries...)
	}
	d.groups, d.size = nil, 0
	clear(d.byKey)
	return all
}

func (d *destination) pausedAt(now time.Time) bool { return now.Before(d.until) }

// shut reports whether what comes for the destination is parked: it is paused,
// or an attempt finds out whether it lives again.
func (d *destination) shut(now time.Time) bool {
	return d.pausedAt(now) || d.away && (d.running > 0 || len(d.groups) > 0)
}

func (d *destination) startable(now time.Time) bool {
	return len(d.groups) > 0 && d.running < d.window && !d.pausedAt(now) && !d.waitsForStore()
}

// fewAtRisk is how many answers of a destination may wait for their commit
// whatever its limit: one with a small limit would wait for a commit of its own
// after each handful, and nothing else would be done meanwhile.
const fewAtRisk = 40

// waitsForStore reports whether a destination whose limit is known has given as
// many answers that are not stored yet, and no fewer than fewAtRisk: what a
// crash repeats there is no more than that, and what is under way. Others are
// bounded all together (stalled).
func (d *destination) waitsForStore() bool { return d.known && d.risky >= max(d.limit, fewAtRisk) }

// learn takes note of what an attempt came to, and reports whether the
// destination is dead for now.
func (d *destination) learn(o gateway.Outcome, c *Config, now time.Time) (dead bool) {
	if o.Result == gateway.Unroutable || o.Phase == preparing {
		return false
	}
	if !unreachable(o) {
		d.fails, d.pauses, d.away = 0, 0, false
		d.window = min(d.window+1, d.limit)
		return false
	}
	if d.pausedAt(now) {
		return false // one of the attempts that were under way when it died
	}
	d.fails++
	d.window = max(1, min(d.window, d.limit)-1)
	if d.fails < d.window {
		return false
	}
	d.pauses++
	d.window, d.away = 1, true
	d.last = o
	d.last.Segments = nil // how far one message came says nothing of the others
	d.until = now.Add(c.pause(d.pauses, d.known))
	return true
}

// reopen ends a pause.
func (d *destination) reopen() {
	d.until = time.Time{}
	if d.known {
		d.fails, d.window, d.away = 0, d.limit, false
	}
}

// preparing is the phase of an outcome that was found before anything was tried:
// it says nothing of the destination.
const preparing = "prepare"

// ofTheLink reports whether an outcome speaks of the way there rather than of
// the message: the destination was not reached, or lost before it answered.
func ofTheLink(o gateway.Outcome) bool {
	return o.Result == gateway.Deferred && (o.Unknown || unreachable(o))
}

// unreachable reports whether an outcome speaks of the host rather than of the
// message: nothing was heard of MAIL, or the host said goodbye.
func unreachable(o gateway.Outcome) bool {
	if o.Result != gateway.Deferred || o.Unknown {
		return false
	}
	switch o.Phase {
	case "connect", "banner", "ehlo", "starttls", "auth":
		return true
	}
	return o.Code == 421
}

// idle reports whether the destination can be forgotten: nothing waits, and
// what was learnt of it is good or old.
func (d *destination) idle(c *Config, now time.Time) bool {
	return len(d.groups) == 0 && d.running == 0 && d.risky == 0 && (d.fails == 0 || now.After(d.until.Add(c.MaxRetry)))
}
