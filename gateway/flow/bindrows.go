package flow

import (
	"context"
	"strconv"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Limits of the rows of evidence that wrong binds write within bindTime: of one
// account from one network, and altogether. Anybody who reaches the listener
// can fail, and each row is a wait for the disk; what is beyond is counted and
// gets one row for its account.
const (
	bindTime   = time.Minute
	bindsEach  = 10
	bindsTotal = 60
)

// bindName is what wrong binds are counted under: a name of the configuration,
// or none, so that what strangers make up takes no memory.
type bindName struct {
	listener string
	account  string // "": none that is known
}

// bindRows counts the wrong binds that have no row yet. A crash loses them.
type bindRows struct {
	pace  meter // span is bindTime
	mu    sync.Mutex
	count map[bindName]int // guarded by mu
	since time.Time        // of the first of them; guarded by mu
}

func (r *bindRows) add(counts map[bindName]int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count, r.since = make(map[bindName]int), now
	}
	for name, n := range counts {
		r.count[name] += n
	}
}

// take takes what was counted from before on; nil when there is nothing.
func (r *bindRows) take(before time.Time) map[bindName]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil || r.since.After(before) {
		return nil
	}
	counts := r.count
	r.count = nil
	return counts
}

// mayRecord reports whether a wrong bind gets a row of its own; it is counted
// if not.
func (f *Flow) mayRecord(p gateway.Peer, account string) bool {
	network := networkOf(p.Addr.Addr().String())
	g := []charge{
		{key: f.MAC("wrong binds", []byte(account), []byte(network)), limit: bindsEach},
		{key: f.MAC("wrong binds at all"), limit: bindsTotal},
	}
	now := f.Now()
	if f.binds.pace.take(g, 1, now).IsZero() {
		return true
	}
	f.binds.add(map[bindName]int{{p.Listener, account}: 1}, now)
	return false
}

// recordBinds gives the wrong binds that were counted before that time their
// rows, in one commit. What cannot be written is counted on.
func (f *Flow) recordBinds(ctx context.Context, before time.Time) error {
	counts := f.binds.take(before)
	if len(counts) == 0 {
		return nil
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	for name, n := range counts {
		r := f.bindRecord(name, false)
		r.Detail["count"] = strconv.Itoa(n)
		if err := f.Audit.Stage(&b, r); err != nil {
			f.binds.add(counts, f.Now())
			return err
		}
	}
	err := store.Write(ctx, f.Store, &b)
	if err != nil {
		f.binds.add(counts, f.Now())
	}
	return err
}

func (f *Flow) bindRecord(name bindName, ok bool) gateway.Record {
	r := gateway.Record{At: f.Now(), Event: gateway.EventLoginPassed, Actor: "application", Detail: map[string]string{"listener": name.listener}}
	if !ok {
		r.Event = gateway.EventLoginFailed
	}
	if name.account != "" {
		r.Detail["account"] = name.account
	}
	return r
}
