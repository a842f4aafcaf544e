package seal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
)

// GroupInfo describes a key to an operator.
type GroupInfo struct {
	ID        string
	Kind      string    // metadata, spool or group
	Created   time.Time `json:",omitzero"`  // metadata and spool keys
	Retain    time.Time `json:",omitzero"`  // groups: the day on which the key is destroyed
	Current   bool      `json:",omitempty"` // seals what comes next
	Destroyed time.Time `json:",omitzero"`
}

// List returns all keys, sorted by kind and id, and those destroyed of which
// the keyring still knows.
func (k *Keyring) List() ([]GroupInfo, error) {
	list := k.listEpochs()
	err := k.eachDay(func(day string, ids []string) error {
		for _, id := range ids {
			list = append(list, GroupInfo{ID: id, Kind: kindGroup, Retain: dayOf(id), Current: k.groups.filling(id)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range k.gone.list() {
		kind, _, ok := parseEpochID(s.ID)
		if !ok {
			kind = kindGroup
		}
		list = append(list, GroupInfo{ID: s.ID, Kind: kind, Retain: dayOf(s.ID), Destroyed: s.At})
	}
	slices.SortFunc(list, func(a, b GroupInfo) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

func (k *Keyring) listEpochs() []GroupInfo {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var list []GroupInfo
	for _, e := range []*epochs{&k.metadata, &k.spool} {
		for n, one := range e.all {
			list = append(list, GroupInfo{ID: epochID(e.kind, n), Kind: e.kind, Created: one.created, Current: one == e.current})
		}
	}
	return list
}

func (g *groups) filling(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	day, _, _ := splitGroup(id)
	d := g.days[day]
	return d != nil && d.current != nil && d.current.id == id
}

// dayOf is the retention day of a group, zero for other keys.
func dayOf(id string) time.Time {
	day, _, ok := splitGroup(id)
	if !ok {
		return time.Time{}
	}
	t, _ := time.Parse(dayFormat, day)
	return t
}

// eachDay calls visit with the groups of each retention day.
func (k *Keyring) eachDay(visit func(day string, ids []string) error) error {
	days, err := os.ReadDir(k.path(dirGroups))
	if err != nil {
		return fmt.Errorf("listing key groups: %w", err)
	}
	for _, d := range days {
		entries, err := os.ReadDir(filepath.Join(k.path(dirGroups), d.Name()))
		if errors.Is(err, fs.ErrNotExist) { // destroyed since
			continue
		}
		if err != nil {
			return fmt.Errorf("listing key groups: %w", err)
		}
		var ids []string
		for _, e := range entries {
			name, isKey := strings.CutSuffix(e.Name(), fileExt)
			id := d.Name() + "." + name
			if _, _, ok := splitGroup(id); isKey && ok {
				ids = append(ids, id)
			}
		}
		if err := visit(d.Name(), ids); err != nil {
			return err
		}
	}
	return nil
}

// Destroy destroys the private key of a group: no wrap of it opens any more,
// not even out of a backup of the store. A group destroyed before is fine.
// ErrInUse when it still takes wraps, or took one within the grace: Retire it,
// move the survivors, come back.
func (k *Keyring) Destroy(group string) error {
	if _, _, ok := splitGroup(group); !ok {
		return fmt.Errorf("destroying a key group: %w", ErrUnknownKey)
	}
	if err := k.writable(); err != nil {
		return err
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	if k.gone.has(group) {
		return nil
	}
	if k.groups.filling(group) || k.groups.busy(group, k.o.Now(), k.o.Grace) {
		return fmt.Errorf("destroying a key group: %w", ErrInUse)
	}
	if _, err := os.Stat(k.groupFile(group)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("destroying a key group: %w", ErrUnknownKey)
	}
	k.groups.retire(group)
	return k.destroy(group)
}

// DestroyExpired destroys every group whose retention day has come, and
// returns how many they were. To be called at start and then daily.
func (k *Keyring) DestroyExpired(now time.Time) (n int, err error) {
	if err := k.writable(); err != nil {
		return 0, err
	}
	k.rotating.Lock()
	defer k.rotating.Unlock()
	err = k.eachDay(func(day string, ids []string) error {
		if !expired(day, now) {
			return nil
		}
		k.groups.end(day)
		for some := range slices.Chunk(ids, maxWraps) {
			if err := k.destroy(some...); err != nil {
				return err
			}
			n += len(some)
		}
		return k.removeDay(day)
	})
	if err != nil {
		return n, err
	}
	// The day inside a group's id says by itself that it ended.
	return n, k.gone.forget(func(s tombstone) bool {
		end := dayOf(s.ID)
		return !end.IsZero() && now.Sub(end) > 30*24*time.Hour
	})
}

// removeDay removes the directory of a day whose groups are gone.
func (k *Keyring) removeDay(day string) error {
	dir := filepath.Join(k.path(dirGroups), day)
	if err := k.o.disk.removePartial(dir); err != nil {
		return err
	}
	if err := k.o.disk.remove(dir); err != nil {
		return fmt.Errorf("removing a day of key groups: %w", err)
	}
	return k.o.disk.syncDir(k.path(dirGroups))
}

// end forgets the groups of a day that this process was filling.
func (g *groups) end(day string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.days, day)
}

// Destroyed reports whether a key group or a spool key was destroyed: what it
// wrapped is gone for good.
func (k *Keyring) Destroyed(id string) bool { return k.gone.has(id) }

// destroy destroys keys: first the evidence, then the tombstones, then the
// files. A crash after the tombstones is finished by the next Open.
func (k *Keyring) destroy(ids ...string) error {
	if err := k.record(gateway.EventKeyDestroyed, ids...); err != nil {
		return err
	}
	if err := k.gone.add(k.o.Now(), ids...); err != nil {
		return err
	}
	return k.shredKeys(ids...)
}

// shredKeys removes the files of keys that have a tombstone.
func (k *Keyring) shredKeys(ids ...string) error {
	dirs := make(map[string]bool)
	for _, id := range ids {
		path := k.keyPath(id)
		if path == "" {
			continue
		}
		if err := k.o.disk.shred(path); err != nil {
			return err
		}
		k.groups.drop(id)
		dirs[filepath.Dir(path)] = true
	}
	for dir := range dirs {
		if err := k.o.disk.syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// keyPath is the file of a key that can be destroyed, "" for no such id.
func (k *Keyring) keyPath(id string) string {
	if _, _, ok := splitGroup(id); ok {
		return k.groupFile(id)
	}
	if _, _, ok := parseEpochID(id); ok {
		return k.path(id + fileExt)
	}
	return ""
}

// destroyAgain removes key files that have a tombstone: an interrupted
// destruction, or an old copy of keyring/ put in place of the newer one.
func (k *Keyring) destroyAgain() error {
	var again []string
	for _, s := range k.gone.list() {
		path := k.keyPath(s.ID)
		if path == "" {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			again = append(again, s.ID)
		}
	}
	return k.shredKeys(again...)
}
