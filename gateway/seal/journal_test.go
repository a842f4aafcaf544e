package seal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// replayed are the ids of all entries.
func replayed(t testing.TB, j *Journal) (ids []string, met Replayed) {
	t.Helper()
	met, err := j.Replay(func(e Entry) error { ids = append(ids, e.ID); return nil })
	check(t, err)
	return ids, met
}

func reopen(t testing.TB, k *Keyring, dir string, c *clock) *Keyring {
	t.Helper()
	check(t, k.Close())
	k = must[*Keyring](t)(Open(dir, options(c)))
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestJournalKeepsOrderAndContent(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	at := c.now().Add(-time.Hour)
	check(t, k.Journal().Append(Entry{At: at, Kind: JournalWraps, ID: "1", Data: []byte{0, 255}}, Entry{Kind: JournalStop, ID: "2"}))
	check(t, k.Journal().Later(Entry{Kind: JournalDelivered, ID: "3"}))
	k = reopen(t, k, dir, c)
	check(t, k.Journal().Append(Entry{Kind: JournalErased, ID: "4"}))
	var got []Entry
	must[Replayed](t)(k.Journal().Replay(func(e Entry) error { got = append(got, e); return nil }))
	if len(got) != 4 || !got[0].At.Equal(at) || !bytes.Equal(got[0].Data, []byte{0, 255}) || got[0].Kind != JournalWraps || !got[1].At.Equal(c.now()) || got[3].ID != "4" {
		t.Errorf("%+v", got)
	}
}

func TestLaterBecomesDurableByItself(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	check(t, k.Journal().Later(Entry{Kind: JournalDelivered, ID: "1"}))
	for range 3000 { // half a minute
		if ids, _ := replayed(t, k.Journal()); len(ids) == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("an entry left for later never came")
}

func TestAppendFromManyGoroutinesLosesNothing(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	var done sync.WaitGroup
	for g := range 8 {
		done.Go(func() {
			for i := range 25 {
				e := Entry{Kind: JournalDelivered, ID: fmt.Sprintf("%d.%02d", g, i)}
				if i%2 == 0 {
					check(t, k.Journal().Append(e))
				} else {
					check(t, k.Journal().Later(e))
				}
			}
		})
	}
	done.Wait()
	k = reopen(t, k, dir, c)
	ids, met := replayed(t, k.Journal())
	if len(ids) != 200 || met.Damaged != 0 {
		t.Fatalf("%d entries, %+v", len(ids), met)
	}
	for g := range 8 { // each one's order is kept
		mine := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id[0] != byte('0'+g) })
		if !slices.IsSorted(mine) {
			t.Errorf("order of %v", mine)
		}
	}
}

// TestDamagedLinesHideNoOthers changes each octet of a journal file in turn:
// at most the two lines that it touches are lost.
func TestDamagedLinesHideNoOthers(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	for i := range 5 {
		check(t, k.Journal().Append(Entry{Kind: JournalStop, ID: fmt.Sprint(i)}))
	}
	check(t, k.Close())
	path := k.Journal().segmentPath(1)
	whole := must[[]byte](t)(os.ReadFile(path))
	head := bytes.IndexByte(whole, '\n') + 1
	o := options(c)
	o.ReadOnly = true
	r := must[*Keyring](t)(Open(dir, o))
	for at := head; at < len(whole); at += stride {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		check(t, os.WriteFile(path, bad, fileMode))
		ids, met := replayed(t, r.Journal())
		lineFeed := whole[at] == '\n'
		if want := 4; len(ids) != want && !(lineFeed && len(ids) >= 3) {
			t.Fatalf("octet %d changed: %v, %+v", at, ids, met)
		}
		if met.Damaged == 0 && at != len(whole)-1 {
			t.Fatalf("octet %d changed: nothing counted as damaged", at)
		}
	}
	for cut := head; cut <= len(whole); cut += stride { // torn: a writer cuts it off and goes on
		check(t, os.WriteFile(path, whole[:cut], fileMode))
		k := must[*Keyring](t)(Open(dir, options(c)))
		check(t, k.Journal().Append(Entry{Kind: JournalStop, ID: "next"}))
		ids, met := replayed(t, k.Journal())
		if want := bytes.Count(whole[head:cut], []byte("\n")) + 1; len(ids) != want || met.Damaged != 0 || ids[want-1] != "next" {
			t.Fatalf("torn after %d octets: %v, %+v", cut, ids, met)
		}
		check(t, k.Close())
	}
}

func TestJournalOfAnotherKeyringIsSkipped(t *testing.T) {
	c := newClock()
	foreign, _ := newKeyring(t, c)
	check(t, foreign.Journal().Append(Entry{Kind: JournalErased, ID: "foreign"}))
	check(t, foreign.Close())
	k, dir := newKeyring(t, c)
	check(t, k.Close())
	check(t, os.RemoveAll(filepath.Join(dir, dirJournal)))
	copyTree(t, foreign.Journal().dir, filepath.Join(dir, dirJournal))
	k = must[*Keyring](t)(Open(dir, options(c)))
	defer k.Close()
	check(t, k.Journal().Append(Entry{Kind: JournalErased, ID: "mine"}))
	if ids, met := replayed(t, k.Journal()); !slices.Equal(ids, []string{"mine"}) || met.Foreign != 1 {
		t.Errorf("%v, %+v", ids, met)
	}
}

// TestCompactKeepsWhatABackupMayNeed fills three files.
func TestCompactKeepsWhatABackupMayNeed(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	k.Journal().turn = 256 << 10
	data := make([]byte, maxEntryData/64)
	for i := range 450 {
		c.advance(time.Minute)
		check(t, k.Journal().Later(Entry{Kind: JournalWraps, ID: fmt.Sprint(i), Data: data}))
		if i%20 == 0 {
			check(t, k.Journal().Append(Entry{Kind: JournalStop, ID: "sync"}))
		}
	}
	check(t, k.Journal().Append(Entry{Kind: JournalStop, ID: "last"}))
	before, _ := replayed(t, k.Journal())
	if n := len(must[[]int](t)(k.Journal().segments())); n < 3 {
		t.Fatalf("%d files", n)
	}
	limit := newClock().now().Add(300 * time.Minute)
	check(t, k.Journal().Compact(limit))
	met, err := k.Journal().Replay(func(Entry) error { return nil })
	check(t, err)
	after, _ := replayed(t, k.Journal())
	if met.Entries >= len(before) || !slices.Equal(after, before[len(before)-len(after):]) || !slices.Contains(after, "300") {
		t.Errorf("%d entries of %d are left", met.Entries, len(before))
	}
	check(t, k.Journal().Compact(c.now().Add(time.Hour))) // never the file that is written
	k = reopen(t, k, dir, c)
	if ids, _ := replayed(t, k.Journal()); !slices.Contains(ids, "last") {
		t.Error("the file in use was removed")
	}
}

func TestJournalRefusesWhatItCouldNotReplay(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	for _, e := range []Entry{{ID: "no kind"}, {Kind: journalSegment}, {Kind: JournalWraps, Data: make([]byte, maxEntryData+1)}, {Kind: JournalStop, ID: string(make([]byte, maxLine))}} {
		if k.Journal().Append(e) == nil {
			t.Errorf("%.10s… was taken", e.ID)
		}
	}
}

// FuzzJournalLines replays arbitrary octets as a journal file and as the file
// of tombstones: no panic, and a writer can append behind whatever is there.
func FuzzJournalLines(f *testing.F) {
	line, _ := appendLine(nil, Entry{Kind: JournalStop, ID: "x"})
	f.Add(line)
	f.Add(append(bytes.Clone(line), line[:9]...))
	f.Add([]byte("\n\n00000000 \n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(dir, fileDestroyed)
		check(t, os.WriteFile(path, raw, fileMode))
		var g tombstones
		check(t, g.load(disk{}, path, true))
		check(t, g.add(newClock().now(), "spool-7"))
		var again tombstones
		check(t, again.load(disk{}, path, false))
		if !again.has("spool-7") {
			t.Fatal("what was appended is not there")
		}
	})
}

// FuzzKeyFile parses arbitrary octets as a key file.
func FuzzKeyFile(f *testing.F) {
	good, err := keyFile{Kind: kindSpool, ID: "spool-1", Created: newClock().now(), Secret: make([]byte, keySize)}.encode()
	check(f, err)
	f.Add(good)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := parseKeyFile(raw, kindSpool, "spool-1")
		if err == nil && (k.Kind != kindSpool || k.ID != "spool-1") {
			t.Fatalf("another key was accepted: %s", k.ID)
		}
	})
}
