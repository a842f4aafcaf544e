package seal

import (
	"crypto/hpke"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/gateway"
)

// maxWraps is how many wraps one key group takes. Destroying a group early
// (recall) means wrapping the others of the group anew: 256 take 60 ms.
const maxWraps = 256

// keptPrivate is how many parsed private keys are kept for the next opening.
const keptPrivate = 64

const dayFormat = "20060102"

// groupNameSize is the length of the random part of a group's id.
const groupNameSize = 16

// keyLooked is how long it is good that the file of a kept key was there, for the
// process that holds the keyring: nobody else destroys keys, and what it destroys
// itself is asked first. Whoever removes a file by hand is heeded that late.
const keyLooked = time.Second

// keptPrivateKey is a key and when its file was last seen.
type keptPrivateKey struct {
	key  hpke.PrivateKey
	seen time.Time
}

// group is where wraps go: the public key only.
type group struct {
	id     string
	public hpke.PublicKey
	wraps  int
	shared senderContext
}

// dayGroups are the groups of one retention day that this process fills. After
// a restart new groups are begun, because nobody counted the old ones' wraps.
type dayGroups struct {
	current *group
	spare   []*group
}

// groups hands out places for wraps.
type groups struct {
	mu      sync.Mutex
	days    map[string]*dayGroups
	used    map[string]time.Time       // group id -> last wrap, while that is within the grace
	private map[string]*keptPrivateKey // a few, for opening
	shared  map[sharedKey]*hpke.Recipient

	opened openedWraps
}

func kem() hpke.KEM { return hpke.MLKEM768X25519() }

// retentionDay is the day on which keys end that must last until retain: the
// next midnight in UTC, or retain itself when it is one.
func retentionDay(retain time.Time) string {
	day := retain.UTC().Truncate(24 * time.Hour)
	if day.Before(retain) {
		day = day.Add(24 * time.Hour)
	}
	return day.Format(dayFormat)
}

// splitGroup takes a group id apart. Ids come out of the store, and become
// file names: only the one right spelling is accepted.
func splitGroup(id string) (day, name string, ok bool) {
	day, name, ok = strings.Cut(id, ".")
	if !ok || len(name) != groupNameSize || strings.Trim(name, "0123456789ABCDEFGHIJKLMNOPQRSTUV") != "" {
		return "", "", false
	}
	t, err := time.Parse(dayFormat, day)
	return day, name, err == nil && t.Format(dayFormat) == day
}

func (k *Keyring) groupFile(id string) string {
	day, name, _ := splitGroup(id)
	return filepath.Join(k.path(dirGroups), day, name+fileExt)
}

// expired reports whether the retention of day has ended at now.
func expired(day string, now time.Time) bool {
	t, err := time.Parse(dayFormat, day)
	return err == nil && !now.Before(t)
}

// take returns the group for one more wrap that must last until retain.
func (k *Keyring) take(retain time.Time) (*group, error) {
	if err := k.writable(); err != nil {
		return nil, err
	}
	now, day := k.o.Now(), retentionDay(retain)
	if retain.IsZero() || expired(day, now) {
		return nil, ErrRetention
	}
	g := &k.groups
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.day(day)
	if d.current == nil || d.current.wraps >= maxWraps {
		if len(d.spare) == 0 {
			made, err := k.makeGroup(day)
			if err != nil {
				return nil, err
			}
			d.spare = append(d.spare, made)
		}
		d.current, d.spare = d.spare[0], d.spare[1:]
	}
	d.current.wraps++
	g.use(d.current.id, now, k.o.Grace)
	if len(d.spare) == 0 && d.current.wraps >= maxWraps/4 {
		k.refill(day)
	}
	return d.current, nil
}

func (g *groups) day(day string) *dayGroups {
	if g.days == nil {
		g.days = make(map[string]*dayGroups)
		g.used = make(map[string]time.Time)
	}
	if g.days[day] == nil {
		g.days[day] = new(dayGroups)
	}
	return g.days[day]
}

// use notes a wrap and forgets uses that are older than the grace.
func (g *groups) use(id string, now time.Time, grace time.Duration) {
	if _, known := g.used[id]; !known {
		for old, at := range g.used {
			if now.Sub(at) >= grace {
				delete(g.used, old)
			}
		}
	}
	g.used[id] = now
}

// refill makes groups of day ahead of need.
func (k *Keyring) refill(day string) {
	k.work.start("refill "+day, func() {
		if err := k.prepare(day); err != nil {
			k.o.Logger.Error("making key groups ahead failed", "error", err)
		}
	})
}

// Prepare makes key groups for retain ahead, so that the first wrap of that
// day does not wait for the disk. Optional: without it, it waits once.
func (k *Keyring) Prepare(retain time.Time) error {
	day := retentionDay(retain)
	if retain.IsZero() || expired(day, k.o.Now()) {
		return ErrRetention
	}
	return k.prepare(day)
}

func (k *Keyring) prepare(day string) error {
	const ahead = 2
	for range ahead {
		if err := k.writable(); err != nil {
			return err
		}
		made, err := k.makeGroup(day)
		if err != nil {
			return err
		}
		k.groups.mu.Lock()
		d := k.groups.day(day)
		d.spare = append(d.spare, made)
		k.groups.mu.Unlock()
	}
	return nil
}

// makeGroup makes the key pair of a group and its private key's file.
func (k *Keyring) makeGroup(day string) (*group, error) {
	s, err := newSecret(k.o.Rand)
	if err != nil {
		return nil, err
	}
	defer clear(s[:])
	name, err := newSecret(k.o.Rand)
	if err != nil {
		return nil, err
	}
	private, err := kem().NewPrivateKey(s[:])
	if err != nil {
		return nil, fmt.Errorf("making a key group: %w", err)
	}
	id := day + "." + nameEncoding.EncodeToString(name[:])[:groupNameSize]
	if err := k.record(gateway.EventKeyCreated, id); err != nil {
		return nil, err
	}
	path := k.groupFile(id)
	if err := k.o.disk.makeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	file := keyFile{Kind: kindGroup, ID: id, Created: k.o.Now(), Secret: s[:]}
	if err := writeKeyFile(k.o.disk, filepath.Dir(path), filepath.Base(path), file); err != nil {
		return nil, fmt.Errorf("making a key group: %w", err)
	}
	return &group{id: id, public: private.PublicKey()}, nil
}

// openPrivate returns the private key of a group. The file must still be
// there: another process may have destroyed the group, unless this one holds the
// keyring.
func (k *Keyring) openPrivate(id string) (hpke.PrivateKey, error) {
	day, _, ok := splitGroup(id)
	if !ok {
		return nil, fmt.Errorf("key group: %w", ErrUnknownKey)
	}
	if k.gone.has(id) {
		return nil, fmt.Errorf("key group: %w", ErrDestroyed)
	}
	now := k.o.Now()
	if kept, since := k.groups.keptKey(id, now); kept != nil && k.lock != nil && since >= 0 && since < keyLooked {
		return kept, nil
	}
	path := k.groupFile(id)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, k.missingGroup(id, day)
	}
	if kept := k.groups.sawKey(id, now); kept != nil {
		return kept, nil
	}
	file, err := readKeyFile(path, kindGroup, id)
	if err != nil {
		return nil, fmt.Errorf("key group: %w", err)
	}
	s, err := secretOf(file)
	if err != nil {
		return nil, fmt.Errorf("key group: %w", err)
	}
	defer clear(s[:])
	private, err := kem().NewPrivateKey(s[:])
	if err != nil {
		return nil, fmt.Errorf("key group: %w", err)
	}
	k.groups.keep(id, private, now)
	return private, nil
}

// missingGroup says why a group's key is not there.
func (k *Keyring) missingGroup(id, day string) error {
	k.groups.drop(id)
	if k.lock == nil {
		if err := k.gone.reload(); err != nil {
			return err
		}
	}
	if k.gone.has(id) || expired(day, k.o.Now()) {
		return fmt.Errorf("key group: %w", ErrDestroyed)
	}
	return fmt.Errorf("key group: %w", ErrUnknownKey)
}

// keptKey is a key that is kept, nil for none, and how long ago its file was seen.
func (g *groups) keptKey(id string, now time.Time) (hpke.PrivateKey, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := g.private[id]
	if kept == nil {
		return nil, 0
	}
	return kept.key, now.Sub(kept.seen)
}

// sawKey is keptKey when the file is there.
func (g *groups) sawKey(id string, now time.Time) hpke.PrivateKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := g.private[id]
	if kept == nil {
		return nil
	}
	kept.seen = now
	return kept.key
}

// keep keeps a private key for the next opening, in place of any other.
func (g *groups) keep(id string, p hpke.PrivateKey, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.private == nil {
		g.private = make(map[string]*keptPrivateKey)
	}
	for other := range g.private {
		if len(g.private) < keptPrivate {
			break
		}
		delete(g.private, other)
	}
	g.private[id] = &keptPrivateKey{key: p, seen: now}
}

// drop forgets a group whose key is gone.
func (g *groups) drop(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.private, id)
	for key := range g.shared {
		if key.group == id {
			delete(g.shared, key)
		}
	}
	g.opened.drop(id)
}

func (g *groups) wipe() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.days, g.private, g.shared = nil, nil, nil
	g.opened.wipe()
}

// Retire lets no further wrap go to a group, so that it can be destroyed once
// its survivors have moved.
func (k *Keyring) Retire(id string) error {
	if err := k.writable(); err != nil {
		return err
	}
	k.groups.retire(id)
	return nil
}

func (g *groups) retire(id string) {
	day, _, ok := splitGroup(id)
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.day(day)
	if d.current != nil && d.current.id == id {
		d.current = nil
	}
	d.spare = slices.DeleteFunc(d.spare, func(s *group) bool { return s.id == id })
}

// busy reports whether a wrap of the group may not be in the store yet.
func (g *groups) busy(id string, now time.Time, grace time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.used[id]
	return ok && now.Sub(at) < grace
}
