package seal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// errDied is what every step answers once the process is dead.
var errDied = errors.New("the process died here")

// mortal lets the process die at the n-th step. If forgets is set, what was
// not synced is lost then: half of it is cut off, names and removals undone.
type mortal struct {
	dieAt   int
	forgets bool
	steps   []string
	dead    bool

	files map[string]int64    // written and not synced: what of it is safe
	undo  map[string][]func() // by directory, names that are not synced
}

func (m *mortal) disk() disk {
	m.files, m.undo = make(map[string]int64), make(map[string][]func())
	return disk{before: m.before, unsynced: true}
}

func (m *mortal) before(step, path, to string) error {
	if m.dead {
		return errDied
	}
	m.steps = append(m.steps, step)
	if len(m.steps) == m.dieAt {
		m.dead = true
		if m.forgets {
			m.forget()
		}
		return errDied
	}
	m.note(step, path, to)
	return nil
}

// note remembers what the step that is about to happen leaves to be lost.
func (m *mortal) note(step, path, to string) {
	dir := filepath.Dir(path)
	undo := func(f func()) { m.undo[dir] = append(m.undo[dir], f) }
	switch step {
	case "write":
		if info, err := os.Stat(path); err == nil {
			m.files[path] = info.Size()
		}
	case "sync":
		delete(m.files, path)
	case "syncdir":
		delete(m.undo, path)
	case "open":
		if _, err := os.Lstat(path); err != nil {
			undo(func() { _ = os.Remove(path) })
		}
	case "mkdir":
		if _, err := os.Lstat(path); err != nil {
			undo(func() { _ = os.RemoveAll(path) })
		}
	case "rename":
		old, err := os.ReadFile(to)
		undo(func() {
			_ = os.Rename(to, path)
			if err == nil {
				_ = os.WriteFile(to, old, fileMode)
			}
		})
	case "remove":
		old, err := os.ReadFile(path)
		undo(func() {
			if err == nil {
				_ = os.WriteFile(path, old, fileMode)
			} else {
				_ = os.Mkdir(path, dirMode)
			}
		})
	}
}

func (m *mortal) forget() {
	for path, synced := range m.files {
		if info, err := os.Stat(path); err == nil {
			_ = os.Truncate(path, synced+(info.Size()-synced)/2)
		}
	}
	for _, undo := range m.undo {
		for _, f := range slices.Backward(undo) {
			f()
		}
	}
}

// told is what the story was told by the keyring before it died.
type told struct {
	c        *clock
	mem      *storetest.Memory
	taken    map[string]bool // evidence of destructions
	dead     []string        // keys whose destruction was acknowledged
	wraps    []wraps         // that a caller got
	values   int             // committed under sealed values
	journal  []string        // acknowledged entries
	heads    []string        // acknowledged checkpoints, oldest first
	tried    []string        // every checkpoint that was handed in
	victim   wraps           // its group is destroyed
	expiring wraps           // its day ends
	old      wraps           // under spool-1
}

func (s *told) options(d disk) Options {
	o := options(s.c)
	o.disk = d
	o.SpoolAge = 1000 * time.Hour // nothing in the background
	o.Evidence = func(records ...gateway.Record) error {
		for _, r := range records {
			if r.Event == gateway.EventKeyDestroyed {
				s.taken[r.Detail["key"]] = true
			}
		}
		return nil
	}
	return o
}

// tell does with a keyring everything that writes files. It goes on after an
// error, as callers do.
func (s *told) tell(t *testing.T, k *Keyring) {
	value := func() {
		key := store.Key(store.Meta, []byte(fmt.Sprint(s.values)))
		b := new(store.Batch)
		b.Put(key, []byte("value"))
		if store.Write(t.Context(), k.SealedStore(s.mem), b) == nil {
			s.values++
		}
	}
	wrap := func(days int) {
		d, sealed, w := Key{}, []byte(nil), wraps{id: messageID(t), link: linkSecret(t), text: []byte("text")}
		d, sealed = sealBody(t, k, w.id, w.text)
		w.sealed = sealed
		var errs [3]error
		w.spool, errs[0] = k.Sealer().WrapSpool(d, w.id)
		w.staff, errs[1] = k.Sealer().WrapStaff(d, w.id, inDays(s.c, days))
		w.correspondent, errs[2] = k.Sealer().WrapCorrespondent(d, w.id, w.link, inDays(s.c, days))
		if errors.Join(errs[:]...) == nil {
			s.wraps = append(s.wraps, w)
		}
	}
	destroyed := func(id string, err error) {
		if err == nil {
			s.dead = append(s.dead, id)
		}
	}
	checkpoint := func(text string) {
		s.tried = append(s.tried, text)
		if k.SaveCheckpoint([]byte(text)) == nil {
			s.heads = append(s.heads, text)
		}
	}
	entry := func(id string) {
		if k.Journal().Append(Entry{Kind: JournalStop, ID: id}) == nil {
			s.journal = append(s.journal, id)
		}
	}
	value()
	entry("first")
	checkpoint("one")
	wrap(30)
	_, _ = k.RotateMetadata()
	value()
	_, _ = k.RotateSpool()
	wrap(30)
	checkpoint("two")
	s.c.advance(time.Hour)
	destroyed("spool-1", k.DestroySpool("spool-1"))
	destroyed(s.victim.staff.Group, errors.Join(k.Retire(s.victim.staff.Group), k.Destroy(s.victim.staff.Group)))
	entry("second")
	s.c.advance(2 * 24 * time.Hour)
	_, err := k.DestroyExpired(s.c.now())
	destroyed(s.expiring.staff.Group, err)
	wrap(30)
	entry("third")
}

// wantKept checks, after the death and a restart, what the story was told.
func (s *told) wantKept(t *testing.T, k *Keyring) {
	t.Helper()
	for i := range s.wraps {
		a, b, c := s.wraps[i].open(k)
		if a != nil && (!errors.Is(a, ErrDestroyed) || !s.taken[s.wraps[i].spool.Group]) {
			t.Errorf("spool wrap of %s: %v", s.wraps[i].spool.Group, a)
		}
		if err := errors.Join(b, c); err != nil {
			t.Errorf("wraps of message %d: %v", i, err)
		}
	}
	for n := range s.values {
		item, err := k.SealedStore(s.mem).Get(t.Context(), store.Key(store.Meta, []byte(fmt.Sprint(n))))
		if err != nil || string(item.Value) != "value" {
			t.Errorf("value %d: %v", n, err)
		}
	}
	s.wantDead(t, k)
	var seen []string
	met, err := k.Journal().Replay(func(e Entry) error { seen = append(seen, e.ID); return nil })
	if err != nil || met.Damaged != 0 || !holdsInOrder(seen, s.journal) {
		t.Errorf("journal %v, acknowledged %v, %+v, %v", seen, s.journal, met, err)
	}
	head := string(must[[]byte](t)(k.Checkpoint()))
	if want := len(s.heads); want > 0 && head != s.heads[want-1] && head != s.tried[len(s.tried)-1] || want == 0 && head != "" && !slices.Contains(s.tried, head) {
		t.Errorf("checkpoint %q of %v", head, s.tried)
	}
}

// holdsInOrder reports whether want stands in seen in its order. What nobody
// acknowledged may stand between.
func holdsInOrder(seen, want []string) bool {
	for _, id := range seen {
		if len(want) > 0 && id == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// wantDead checks that what is destroyed is gone, file and all, that nothing
// died without evidence, and that no half-written file is left.
func (s *told) wantDead(t *testing.T, k *Keyring) {
	t.Helper()
	for _, id := range s.dead {
		if _, err := os.Lstat(k.keyPath(id)); err == nil {
			t.Errorf("%s was destroyed and has a file", id)
		}
	}
	spool, _, _ := s.old.open(k)
	_, victim, _ := s.victim.open(k)
	_, expiring, _ := s.expiring.open(k)
	for id, err := range map[string]error{s.old.spool.Group: spool, s.victim.staff.Group: victim, s.expiring.staff.Group: expiring} {
		switch {
		case slices.Contains(s.dead, id) && !errors.Is(err, ErrDestroyed):
			t.Errorf("%s was destroyed and says: %v", id, err)
		case err != nil && (!errors.Is(err, ErrDestroyed) || !s.taken[id]):
			t.Errorf("%s, evidence taken %t: %v", id, s.taken[id], err)
		}
	}
	check(t, filepath.WalkDir(k.path(""), func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, partial) && filepath.Dir(path) == filepath.Clean(k.path("")) {
			t.Errorf("%s is left", filepath.Base(path))
		}
		return err
	}))
}

// TestDeathAtEveryStep lets the process die before each single step that
// changes a file, with and without loss of what was not synced, and opens the
// keyring again.
func TestDeathAtEveryStep(t *testing.T) {
	c := newClock()
	k, fixture := newKeyring(t, c)
	base := told{victim: wrapAll(t, k, inDays(c, 40)), expiring: wrapAll(t, k, inDays(c, 1)), old: wrapAll(t, k, inDays(c, 40))}
	base.victim.staff.Group = strings.Clone(base.victim.staff.Group)
	base.old.staff, base.old.correspondent = gateway.Wrap{}, gateway.Wrap{}
	check(t, k.Close())
	for _, forgets := range []bool{false, true} {
		steps := 0
		for n := 1; ; n += stride {
			m := &mortal{dieAt: n, forgets: forgets}
			s := base
			s.c, s.mem, s.taken = newClock(), storetest.NewMemory(), make(map[string]bool)
			dir := filepath.Join(t.TempDir(), "keys")
			copyTree(t, fixture, dir)
			if k, err := Open(dir, s.options(m.disk())); err == nil {
				s.tell(t, k)
				k.Close()
			}
			if !m.dead {
				steps = len(m.steps)
				break
			}
			k, err := Open(dir, s.options(disk{unsynced: true}))
			if err != nil {
				t.Fatalf("died before step %d (%s): %v", n, m.steps[n-1], err)
			}
			s.wantKept(t, k)
			if forgets {
				s.tell(t, k) // and it goes on
				s.wantKept(t, k)
			}
			check(t, k.Close())
			if t.Failed() {
				t.Fatalf("died before step %d: %s, forgets %t", n, m.steps[n-1], forgets)
			}
		}
		t.Logf("forgets %t: %d steps", forgets, steps)
	}
}

// TestDeathWhileCreating: no keyring, or a whole one.
func TestDeathWhileCreating(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		for n := 1; ; n += stride {
			m := &mortal{dieAt: n, forgets: forgets}
			dir := filepath.Join(t.TempDir(), "keys")
			o := options(newClock())
			o.disk = m.disk()
			k, err := Create(dir, o)
			if !m.dead {
				check(t, errors.Join(err, k.Close()))
				break
			}
			if err == nil {
				t.Fatal("a dead process made a keyring")
			}
			k, err = Open(dir, options(newClock()))
			if errors.Is(err, ErrNoKeyring) {
				k, err = Create(dir, options(newClock()))
			}
			if err != nil {
				t.Fatalf("died before step %d (%s): %v", n, m.steps[n-1], err)
			}
			w := wrapAll(t, k, inDays(newClock(), 3))
			w.wantOpen(t, k)
			check(t, k.Close())
		}
	}
}

// TestTornTombstoneHidesNoOther: an add that fails half way (disk full) leaves
// half a line; the next one must not be glued to it.
func TestTornTombstoneHidesNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), fileDestroyed)
	var g tombstones
	check(t, g.load(disk{}, path, true))
	check(t, g.add(newClock().now(), "spool-1"))
	whole := must[[]byte](t)(os.ReadFile(path))
	check(t, os.WriteFile(path, append(bytes.Clone(whole), whole[:20]...), fileMode))
	check(t, g.add(newClock().now(), "spool-2"))
	var again tombstones
	check(t, again.load(disk{}, path, false))
	if !again.has("spool-1") || !again.has("spool-2") {
		t.Error("a tombstone got lost behind a torn line")
	}
}
