package smppd

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// refusal is why a request was refused, as the log tells it: no value comes
// from a peer.
type refusal struct {
	command pdu.Command
	status  string // of a metric's label
	reason  string // fixed words of the Gateway; "" where the status says it all
}

// tallyTime is how long refusals of one kind are counted before they make a
// line, and maxKinds how many kinds are told apart meanwhile.
const (
	tallyTime = time.Second
	maxKinds  = 32
)

// tally writes the refusals of an account to the log: the first of a kind at
// once, those that follow within tallyTime as one line. So a flood makes a few
// lines a second. It is safe for concurrent use.
type tally struct {
	log  *slog.Logger
	name string // of the account

	mu    sync.Mutex
	kinds map[refusal]int // how many were not told; nil between floods
	timer *time.Timer     // that tells them
}

// add notes that n requests were refused. log is the session's, why what the
// Gateway said, if it was asked.
func (t *tally) add(log *slog.Logger, r refusal, n int, why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = map[refusal]int{}
		t.timer = time.AfterFunc(tallyTime, t.flush)
	}
	if _, ok := t.kinds[r]; !ok && len(t.kinds) >= maxKinds {
		r = refusal{status: "other"}
	}
	if _, ok := t.kinds[r]; ok {
		t.kinds[r] += n
		return
	}
	t.kinds[r] = 0
	if f := gateway.FaultOf(why); why != nil && f.Temporary() { // ours: the words for the peer do not say what it is
		log.Warn("submission not taken", "name", t.name, "phase", r.command.String(), "status", r.status, "count", n, "error", why)
		return
	}
	log.Info("submission refused", "name", t.name, "phase", r.command.String(), "status", r.status, "reason", r.reason, "count", n)
}

// flush tells what was only counted.
func (t *tally) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		return
	}
	t.timer.Stop() // at a shutdown it has not run
	for _, r := range slices.SortedFunc(maps.Keys(t.kinds), compareRefusals) {
		if n := t.kinds[r]; n > 0 {
			t.log.Info("submissions refused", "name", t.name, "phase", r.command.String(), "status", r.status, "reason", r.reason, "count", n)
		}
	}
	t.kinds, t.timer = nil, nil
}

func compareRefusals(a, b refusal) int {
	return cmp.Or(cmp.Compare(a.command, b.command), cmp.Compare(a.status, b.status), cmp.Compare(a.reason, b.reason))
}

// refused tells the log that n submissions were refused with a status. What is
// no submission, or comes before the bind, only metrics count.
func (c *session) refused(answer pdu.Command, status pdu.Status, why error, n int) {
	a := c.account.Load()
	command := answer &^ pdu.GenericNack
	if a == nil || command != pdu.SubmitSM && command != pdu.SubmitMulti && command != pdu.DataSM {
		return
	}
	r := refusal{command: command, status: statusLabel(status)}
	var f *gateway.Fault
	if errors.As(why, &f) {
		r.reason = f.Text
	}
	a.refusals.add(c.log, r, n, why)
}
