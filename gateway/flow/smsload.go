package flow

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Limits of what waits for other parts: for each account, and for all
// telephones together.
const (
	maxPartsWaiting = 5000
	maxPartOctets   = 8 << 20
	recountEvery    = time.Second

	// For one telephone, so that none takes the room of the others: more than
	// the longest text that any of them writes.
	maxPartsOfPhone  = 100
	maxOctetsOfPhone = 256 << 10
)

// faultPhoneParts is for one telephone: the carrier comes back with what it
// wrote, and need not stop bringing what others write.
var faultPhoneParts = shortFault(452, "4.3.1", gateway.StatusTemporaryApp, "Too many parts of this telephone wait for others")

// quota is a count that a part is put on, and how much there may be of it.
type quota struct {
	name          string
	parts, octets int
	full          *gateway.Fault
}

// fromPhones is what all that comes from telephones is counted on; no system_id
// has a NUL.
const fromPhones = "\x00in"

// quotas are those of a part. Its telephone is a keyed hash here.
func (p *waitingPart) quotas() []quota {
	if !p.Inbound {
		return []quota{{p.Account, maxPartsWaiting, maxPartOctets, faultShortFull}}
	}
	return []quota{
		{fromPhones + hex.EncodeToString(p.From), maxPartsOfPhone, maxOctetsOfPhone, faultPhoneParts},
		{fromPhones, maxPartsWaiting, maxPartOctets, faultShortFull},
	}
}

// partLoads counts the parts that wait, so that nobody fills the store with
// them. It is a guess of what the store holds, made exact when it says full.
type partLoads struct {
	mu      sync.Mutex
	loads   map[string]load // by name of a quota; guarded by mu
	counted time.Time       // guarded by mu
}

type load struct{ parts, octets int }

// add counts parts of the kind of p, or counts them out.
func (w *partLoads) add(p *waitingPart, parts, octets int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loads == nil {
		w.loads = make(map[string]load)
	}
	countPart(w.loads, p, parts, octets)
}

func countPart(loads map[string]load, p *waitingPart, parts, octets int) {
	for _, q := range p.quotas() {
		l := loads[q.name]
		if l = (load{max(0, l.parts+parts), max(0, l.octets+octets)}); l == (load{}) {
			delete(loads, q.name) // there are as many telephones as there are
			continue
		}
		loads[q.name] = l
	}
}

// full is the refusal of a part that one of its quotas has no room for.
func (w *partLoads) full(p *waitingPart, octets int) *gateway.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range p.quotas() {
		if l := w.loads[q.name]; l.parts >= q.parts || l.octets+octets > q.octets {
			return q.full
		}
	}
	return nil
}

// admit refuses a part when too many of its kind wait.
func (w *partLoads) admit(ctx context.Context, f *Flow, p *waitingPart, octets int) error {
	if w.full(p, octets) == nil {
		return nil
	}
	if err := w.recount(ctx, f); err != nil {
		return err
	}
	if fault := w.full(p, octets); fault != nil {
		return fault
	}
	return nil
}

// recount asks the store, not too often.
func (w *partLoads) recount(ctx context.Context, f *Flow) error {
	w.mu.Lock()
	soon := f.Now().Sub(w.counted) < recountEvery
	w.mu.Unlock()
	if soon {
		return nil
	}
	loads := make(map[string]load)
	err := f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(it store.Item) bool {
		var p waitingPart
		if it.Key[len(it.Key)-1] != 0 && store.Decode(it.Value, &p) == nil && p.Sealed != nil {
			countPart(loads, &p, 1, int(p.Sealed.Body.Size))
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("counting parts: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads, w.counted = loads, f.Now()
	return nil
}
