package pebblestore

import (
	"bytes"
	"sync"

	"github.com/cockroachdb/pebble/v2/batchrepr"
)

// Bounds of what is known: keys, some 100 octets each, and octets of records,
// of which longer ones are not kept.
const (
	maxKnown       = 16384
	maxKnownOctets = 4 << 20
	maxKnownRecord = 2 << 10
)

// known knows what a Get found under a key, so that who asks again need not ask
// the engine. To know that there is no record every table is asked, and for one
// that was written long ago most of them: most messages ask three times whether
// their recipient is new, three times whether they said STOP, and who they are.
// A record is kept from the first time on that it is asked for until it is written.
//
// Only the sequencer writes records, and no other process can. It calls wrote
// once the engine shows them and before anybody is told of the commit.
type known struct {
	mu     sync.Mutex
	last   uint64 // token given out
	keys   map[string]look
	octets int // of records
}

// look is what is known of a key.
type look struct {
	token uint64 // of a look that goes on; 0: it ended
	raw   []byte // the record with its version, nil for none; nobody changes these octets
}

func newKnown() *known { return &known{keys: make(map[string]look)} }

// has returns the record under key, nil for none, if that is known. If it is
// not, the caller looks and hands token to looked. Token 0: somebody else is
// looking already.
func (k *known) has(key []byte) (raw []byte, known bool, token uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, there := k.keys[string(key)]
	if there {
		return l.raw, l.token == 0, 0
	}
	if len(k.keys) >= maxKnown {
		k.clearLocked()
	}
	k.last++
	k.keys[string(key)] = look{token: k.last}
	return nil, false, k.last
}

// looked ends a look that found raw, in memory of the engine's, or nothing: that
// holds on unless key was written since.
func (k *known) looked(key []byte, token uint64, raw []byte) {
	if token == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.keys[string(key)].token != token:
		return
	case len(raw) > maxKnownRecord:
		delete(k.keys, string(key))
		return
	case k.octets+len(raw) > maxKnownOctets:
		k.clearLocked()
	}
	k.octets += len(raw)
	k.keys[string(key)] = look{raw: bytes.Clone(raw)}
}

// failed ends a look that found out nothing.
func (k *known) failed(key []byte, token uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if token != 0 && k.keys[string(key)].token == token {
		delete(k.keys, string(key))
	}
}

// knows is has for who does not look.
func (k *known) knows(key []byte) (raw []byte, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, there := k.keys[string(key)]
	return l.raw, there && l.token == 0
}

// wrote forgets the keys under which there is something else now. writes is of
// before the engine took the batch: it empties a large one.
func (k *known) wrote(writes batchrepr.Reader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for r := writes; ; {
		_, key, _, ok, err := r.Next()
		if err != nil { // the engine took it, so it cannot be
			k.clearLocked()
			return
		}
		if !ok {
			return
		}
		if l, there := k.keys[string(key)]; there {
			k.octets -= len(l.raw)
			delete(k.keys, string(key))
		}
	}
}

func (k *known) clearLocked() {
	clear(k.keys)
	k.octets = 0
}
