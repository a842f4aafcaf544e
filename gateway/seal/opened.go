package seal

import (
	"crypto/sha256"
	"sync"
	"time"

	"gatepost/gateway"
)

// Limits of what was opened lately: a mail client reads a message piece by
// piece, and the same one again.
const (
	keptOpened   = 16 << 10        // of a generation; there are two. Together some 6 MiB
	openedLasts  = 5 * time.Minute // longest after its last use
	openedTurn   = openedLasts / 2 // a generation
	openedSecret = 64              // octets of what is kept: a data key
)

// openedKey names a wrap by all of it, for what it was opened: nothing that
// was changed is found.
type openedKey struct {
	group  string
	digest [sha256.Size]byte
}

// openedWraps keeps the data keys of wraps that were opened lately, so that
// the outer layer, which costs as much as accepting a message, is opened once.
// Whoever asks has made certain that the group's private key is still there:
// what is kept opens nothing that the keyring could not. A clock ends it:
// whoever reads the memory of an idle process finds none of it. It is safe for
// concurrent use.
type openedWraps struct {
	mu          sync.Mutex // guards what follows
	now, before map[openedKey][]byte
	began       time.Time
	turn        uint64 // counts generations
}

func keyOfWrap(kind Kind, w gateway.Wrap, id gateway.MessageID) openedKey {
	h := sha256.New()
	h.Write(bound(kind.label(), id))
	h.Write(w.Sealed)
	k := openedKey{group: w.Group}
	h.Sum(k.digest[:0])
	return k
}

// get returns a copy of what a wrap held, which is the caller's to clear; nil
// when it was not opened lately.
func (o *openedWraps) get(key openedKey, at time.Time) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turnLocked(at)
	text, ok := o.now[key]
	if !ok {
		if text, ok = o.before[key]; ok {
			delete(o.before, key)
			o.now[key] = text
		}
	}
	return append([]byte(nil), text...)
}

// put keeps a copy of what a wrap held.
func (o *openedWraps) put(key openedKey, text []byte, at time.Time) {
	if len(text) > openedSecret {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turnLocked(at)
	if _, twice := o.now[key]; !twice {
		o.now[key] = append([]byte(nil), text...)
	}
}

// turnLocked begins a new generation when this one is old or full, and
// forgets the one before.
func (o *openedWraps) turnLocked(at time.Time) {
	age := at.Sub(o.began)
	if o.now != nil && age >= 0 && age < openedTurn && len(o.now) < keptOpened {
		return
	}
	idle := age >= 2*openedTurn
	o.beginLocked(at)
	if idle {
		forget(o.before)
		o.before = nil
	}
}

// beginLocked begins a generation, which ends by the clock even if nothing is
// opened any more. An end that comes after its generation does nothing, so none
// has to be stopped.
func (o *openedWraps) beginLocked(at time.Time) {
	forget(o.before)
	o.before, o.now, o.began = o.now, make(map[openedKey][]byte), at
	o.turn++
	turn := o.turn
	time.AfterFunc(openedTurn, func() { o.end(turn) })
}

// end ends a generation that nothing else has ended.
func (o *openedWraps) end(turn uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case turn != o.turn:
	case len(o.now) > 0:
		o.beginLocked(o.began.Add(openedTurn))
	default:
		forget(o.before)
		o.now, o.before = nil, nil // the next opening begins one
	}
}

// drop forgets what wraps of a group held.
func (o *openedWraps) drop(group string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, kept := range []map[openedKey][]byte{o.now, o.before} {
		for key, text := range kept {
			if key.group == group {
				clear(text)
				delete(kept, key)
			}
		}
	}
}

// wipe forgets everything.
func (o *openedWraps) wipe() {
	o.mu.Lock()
	defer o.mu.Unlock()
	forget(o.now)
	forget(o.before)
	o.now, o.before = nil, nil
}

func forget(kept map[openedKey][]byte) {
	for _, text := range kept {
		clear(text)
	}
}
