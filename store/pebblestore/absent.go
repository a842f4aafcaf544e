package pebblestore

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// maxAbsent is how many keys are known to be absent at most: some 100 octets
// each.
const maxAbsent = 16384

// absent knows keys that a Get found nothing under, so that who asks again need
// not ask the engine: a record is found where it was written last, but to know
// that there is none every table is asked. Most messages ask three times
// whether their recipient is new, and three times whether they said STOP.
//
// Only the sequencer writes records, and no other process can. It calls wrote
// once the engine shows them and before anybody is told of the commit.
type absent struct {
	mu   sync.Mutex
	last uint64            // token given out
	keys map[string]uint64 // 0: absent; else the token of a look that goes on
}

func newAbsent() *absent { return &absent{keys: make(map[string]uint64)} }

// has reports whether key is known to be absent. If it is not, the caller looks
// and, when it finds nothing, hands token to found. Token 0: somebody else is
// looking already.
func (a *absent) has(key []byte) (known bool, token uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state, there := a.keys[string(key)]
	if there {
		return state == 0, 0
	}
	if len(a.keys) >= maxAbsent {
		clear(a.keys)
	}
	a.last++
	a.keys[string(key)] = a.last
	return false, a.last
}

// looked ends a look. nothing says that no record was there: that holds on
// unless one was written since.
func (a *absent) looked(key []byte, token uint64, nothing bool) {
	if token == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys[string(key)] != token {
		return
	}
	if nothing {
		a.keys[string(key)] = 0
		return
	}
	delete(a.keys, string(key))
}

// knows is has for who does not look.
func (a *absent) knows(key []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	state, there := a.keys[string(key)]
	return there && state == 0
}

// wrote forgets the keys that hold a record now.
func (a *absent) wrote(writes *pebble.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for r := writes.Reader(); ; {
		kind, key, _, ok, err := r.Next()
		if err != nil { // the engine took it, so it cannot be
			clear(a.keys)
			return
		}
		if !ok {
			return
		}
		if kind != pebble.InternalKeyKindDelete {
			delete(a.keys, string(key))
		}
	}
}
