package seal

import (
	"crypto/cipher"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
)

// epoch is one of the keys that follow each other in one office.
type epoch struct {
	n       uint32
	created time.Time
	since   time.Time // from when on it was the current one in this process
	alone   bool      // spool: of one wrap, never the current one
	secret  *secret
	aead    cipher.AEAD // spool: of secret itself
	values  *values     // metadata: keys derived for store values
}

// epochs are all keys of one office. Keyring.mu guards them.
type epochs struct {
	kind    string
	all     map[uint32]*epoch
	current *epoch
}

// epochID is the id of a key: "spool-3".
func epochID(kind string, n uint32) string {
	return kind + "-" + strconv.FormatUint(uint64(n), 10)
}

// parseEpochID reads what epochID wrote, in its one spelling.
func parseEpochID(id string) (kind string, n uint32, ok bool) {
	kind, digits, found := strings.Cut(id, "-")
	v, err := strconv.ParseUint(digits, 10, 32)
	if !found || err != nil || v == 0 || (kind != kindMetadata && kind != kindSpool) || epochID(kind, uint32(v)) != id {
		return "", 0, false
	}
	return kind, uint32(v), true
}

// add takes over the secret of a key file.
func (e *epochs) add(k keyFile) error {
	next, err := e.read(k)
	if err != nil {
		return err
	}
	e.all[next.n] = next
	if next.alone {
		return nil
	}
	if e.current == nil || e.current.n < next.n {
		e.current = next
	}
	return nil
}

// read makes an epoch of a key file.
func (e *epochs) read(k keyFile) (*epoch, error) {
	_, n, ok := parseEpochID(k.ID)
	if !ok {
		return nil, fmt.Errorf("%w: name of an epoch", ErrDamaged)
	}
	s, err := secretOf(k)
	if err != nil {
		return nil, err
	}
	next := &epoch{n: n, created: k.Created, since: k.Created, secret: s, alone: k.Alone}
	if e.kind == kindSpool {
		next.aead, err = s.aead()
	} else {
		next.values = newValues(s)
	}
	return next, err
}

func (e *epochs) wipe() {
	for _, old := range e.all {
		clear(old.secret[:])
	}
	e.all, e.current = nil, nil
}

// find returns epoch n, or why it is not there.
func (e *epochs) find(n uint32) (*epoch, error) {
	if found := e.all[n]; found != nil {
		return found, nil
	}
	if e.current != nil && n < e.current.n {
		return nil, fmt.Errorf("%s: %w", epochID(e.kind, n), ErrDestroyed)
	}
	return nil, fmt.Errorf("%s: %w", epochID(e.kind, n), ErrUnknownKey)
}

// superseded is from when on n was no longer used; ok is false when n is the
// current one.
func (e *epochs) superseded(n uint32) (at time.Time, ok bool) {
	for m := n + 1; e.current != nil && m <= e.current.n; m++ {
		if next := e.all[m]; next != nil && !next.alone {
			return next.since, true
		}
	}
	return time.Time{}, false
}

// loadEpochs reads the metadata and spool keys that are there.
func (k *Keyring) loadEpochs() error {
	metadata := epochs{kind: kindMetadata, all: make(map[uint32]*epoch)}
	spool := epochs{kind: kindSpool, all: make(map[uint32]*epoch)}
	entries, err := os.ReadDir(k.path(""))
	if err != nil {
		return fmt.Errorf("listing the keyring: %w", err)
	}
	for _, entry := range entries {
		id, isKey := strings.CutSuffix(entry.Name(), fileExt)
		kind, _, ok := parseEpochID(id)
		if !isKey || !ok || k.gone.has(id) {
			continue
		}
		file, err := readKeyFile(k.path(entry.Name()), kind, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		to := &metadata
		if kind == kindSpool {
			to = &spool
		}
		if err := to.add(file); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	// An older copy of the keyring may hold only spool keys that have been
	// destroyed since: repair makes a new one. Nothing replaces a metadata key.
	if metadata.current == nil || spool.current == nil && k.gone.newest(kindSpool) == 0 {
		return fmt.Errorf("%w: no metadata or spool key", ErrDamaged)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.metadata, k.spool = metadata, spool
	return nil
}

// RotateSpool makes a new spool key, which wraps from now on, and returns its
// id. The old ones open until DestroySpool.
func (k *Keyring) RotateSpool() (id string, err error) { return k.rotate(&k.spool) }

// RotateMetadata makes a new metadata key, which seals values from now on, and
// returns its id. Values under the old ones stay readable.
func (k *Keyring) RotateMetadata() (id string, err error) { return k.rotate(&k.metadata) }

func (k *Keyring) rotate(e *epochs) (string, error) {
	if err := k.writable(); err != nil {
		return "", err
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	return k.rotateHeld(e)
}

func (k *Keyring) rotateHeld(e *epochs) (string, error) {
	id, err := k.nextEpoch(e)
	if err != nil {
		return "", err
	}
	if err := k.record(gateway.EventKeyRotated, id); err != nil {
		return "", err
	}
	return id, k.makeEpoch(e, id)
}

// makeEpoch makes the key id the current one of e.
func (k *Keyring) makeEpoch(e *epochs, id string) error {
	file, err := k.epochFile(keyFile{Kind: e.kind, ID: id})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return ErrClosed
	}
	if err := e.add(file); err != nil {
		return err
	}
	e.current.since = k.o.Now()
	return nil
}

// epochFile writes the file of a new key, durably.
func (k *Keyring) epochFile(file keyFile) (keyFile, error) {
	s, err := newSecret(k.o.Rand)
	if err != nil {
		return keyFile{}, err
	}
	file.Created, file.Secret = k.o.Now().UTC(), s[:]
	if err := writeKeyFile(k.o.disk, k.path(""), file.ID+fileExt, file); err != nil {
		return keyFile{}, fmt.Errorf("making %s: %w", file.ID, err)
	}
	return file, nil
}

// nextEpoch is the id of the key after the newest one. It passes over every
// id that was destroyed: beside an older copy of the keyring such ids may lie
// ahead, and a key under one of them would be destroyed by the next Open.
func (k *Keyring) nextEpoch(e *epochs) (string, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return "", ErrClosed
	}
	n := k.gone.newest(e.kind)
	for m := range e.all {
		n = max(n, m)
	}
	return epochID(e.kind, n+1), nil
}

// DestroySpool destroys a spool key that nothing in the store refers to any
// more. Whatever it wrapped (mail that has left, notices with their links) is
// then gone from every backup too. The current key, and one that was current
// within the grace, answer ErrInUse: a message being accepted may hold a wrap.
func (k *Keyring) DestroySpool(id string) error {
	kind, n, ok := parseEpochID(id)
	if !ok || kind != kindSpool {
		return fmt.Errorf("destroying a spool key: %w", ErrUnknownKey)
	}
	if err := k.writable(); err != nil {
		return err
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	if k.gone.has(id) {
		return nil
	}
	if err := k.spoolIdle(n); err != nil {
		return fmt.Errorf("destroying %s: %w", id, err)
	}
	if err := k.destroy(id); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.spool.all[n]; old != nil {
		clear(old.secret[:])
		delete(k.spool.all, n)
	}
	return nil
}

// spoolIdle returns nil when epoch n is there and out of use.
func (k *Keyring) spoolIdle(n uint32) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	e, err := k.spool.find(n)
	if err != nil {
		return err
	}
	if e.alone {
		return nil // its one wrap was handed out with it
	}
	at, ok := k.spool.superseded(n)
	if !ok || k.o.Now().Sub(at) < k.o.Grace {
		return ErrInUse
	}
	return nil
}

// record takes the evidence of something done to keys.
func (k *Keyring) record(event gateway.Event, ids ...string) error {
	records := make([]gateway.Record, len(ids))
	for i, id := range ids {
		records[i] = gateway.Record{At: k.o.Now(), Event: event, Actor: "system", Detail: map[string]string{"key": id}}
	}
	if err := k.o.Evidence(records...); err != nil {
		return fmt.Errorf("recording what happens to a key: %w", err)
	}
	return nil
}
