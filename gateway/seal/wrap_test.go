package seal

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// wraps are all ways to one body.
type wraps struct {
	id            gateway.MessageID
	link          gateway.LinkSecret
	text, sealed  []byte
	spool         gateway.Wrap
	staff         gateway.Wrap
	correspondent gateway.Wrap
}

func wrapAll(t testing.TB, k *Keyring, retain time.Time) wraps {
	t.Helper()
	w := wraps{id: messageID(t), link: linkSecret(t), text: randomBytes(1000)}
	d, sealed := sealBody(t, k, w.id, w.text)
	w.sealed = sealed
	w.spool = must[gateway.Wrap](t)(k.Sealer().WrapSpool(d, w.id))
	w.staff = must[gateway.Wrap](t)(k.Sealer().WrapStaff(d, w.id, retain))
	w.correspondent = must[gateway.Wrap](t)(k.Sealer().WrapCorrespondent(d, w.id, w.link, retain))
	return w
}

// open opens through each wrap and returns the three errors.
func (w *wraps) open(k *Keyring) (spool, staff, correspondent error) {
	body, size := bytes.NewReader(w.sealed), int64(len(w.sealed))
	compare := func(c gateway.Content, err error) error {
		if err != nil {
			return err
		}
		got := make([]byte, c.Size())
		if _, err := c.ReadAt(got, 0); err != nil {
			return err
		}
		if !bytes.Equal(got, w.text) {
			return errors.New("other text")
		}
		return nil
	}
	d, spool := k.Spool().Open(w.spool, w.id)
	if spool == nil {
		spool = compare(d.Content(body, size, w.id))
	}
	staff = compare(k.Opener().Staff(w.staff, w.id, body, size))
	correspondent = compare(k.Opener().Correspondent(w.correspondent, w.id, w.link, body, size))
	return spool, staff, correspondent
}

func (w *wraps) wantOpen(t testing.TB, k *Keyring) {
	t.Helper()
	a, b, c := w.open(k)
	if err := errors.Join(a, b, c); err != nil {
		t.Fatal(err)
	}
}

func inDays(c *clock, n int) time.Time { return c.now().AddDate(0, 0, n) }

func TestWrapsOpenForTheirOwnOnly(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	one, two := wrapAll(t, k, inDays(c, 180)), wrapAll(t, k, inDays(c, 180))
	one.wantOpen(t, k)

	body, size := bytes.NewReader(one.sealed), int64(len(one.sealed))
	tries := map[string]error{}
	try := func(name string, _ any, err error) { tries[name] = err }
	o, sp := k.Opener(), k.Spool()
	content, err := o.Correspondent(one.correspondent, one.id, two.link, body, size)
	try("another link", content, err)
	content, err = o.Correspondent(one.correspondent, two.id, one.link, body, size)
	try("correspondent's wrap of another message", content, err)
	content, err = o.Correspondent(one.staff, one.id, one.link, body, size)
	try("staff wrap as correspondent's", content, err)
	content, err = o.Correspondent(one.spool, one.id, one.link, body, size)
	try("spool wrap as correspondent's", content, err)
	content, err = o.Staff(one.correspondent, one.id, body, size)
	try("correspondent's wrap as staff's", content, err)
	content, err = o.Staff(two.staff, one.id, body, size)
	try("staff wrap of another message", content, err)
	content, err = o.Staff(gateway.Wrap{}, one.id, body, size)
	try("no wrap", content, err)
	key, err := sp.Open(one.staff, one.id)
	try("staff wrap as spool wrap", key, err)
	key, err = sp.Open(two.spool, one.id)
	try("spool wrap of another message", key, err)
	key, err = sp.Open(gateway.Wrap{}, one.id)
	try("no spool wrap", key, err)
	for name, err := range tries {
		if !errors.Is(err, ErrOpen) && !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryFlippedBitOfAWrapIsNoticed flips a bit in each octet of each wrap.
func TestEveryFlippedBitOfAWrapIsNoticed(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	flip := func(of gateway.Wrap, at int) gateway.Wrap {
		of.Sealed = bytes.Clone(of.Sealed)
		of.Sealed[at] ^= 0x10
		return of
	}
	for at := range w.spool.Sealed {
		v := w
		v.spool = flip(w.spool, at)
		if err, _, _ := v.open(k); !errors.Is(err, ErrOpen) {
			t.Fatalf("spool wrap with octet %d changed: %v", at, err)
		}
	}
	for at := 0; at < len(w.correspondent.Sealed); at += 7 {
		v := w
		v.correspondent = flip(w.correspondent, at)
		v.staff = flip(w.staff, min(at, len(w.staff.Sealed)-1))
		_, staff, correspondent := v.open(k)
		if !errors.Is(staff, ErrOpen) || !errors.Is(correspondent, ErrOpen) {
			t.Fatalf("wrap with octet %d changed: %v, %v", at, staff, correspondent)
		}
	}
}

func TestWrapSizes(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	if len(w.spool.Sealed) != 61 || len(w.staff.Sealed) != 1181 || len(w.correspondent.Sealed) != 1209 {
		t.Errorf("wraps of %d, %d and %d octets", len(w.spool.Sealed), len(w.staff.Sealed), len(w.correspondent.Sealed))
	}
}

func TestGroupIDsAreCheckedBeforeTheyNameFiles(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	for _, id := range []string{"", ".", "../../mac", "20260311", "20260311.", "20260311.../../../../mac.key", "20260311.ABCDEFGH/ABCDEFG",
		"20261399.ABCDEFGHIJKLMNOP", "20260311.abcdefghijklmnop", "20260311.ABCDEFGHIJKLMNOPQ", "mac", "spool-1", "spool-01", "spool--1", "spool-0", "metadata-1"} {
		w.staff.Group, w.spool.Group = id, id
		spool, staff, _ := w.open(k)
		if !errors.Is(staff, ErrUnknownKey) {
			t.Errorf("group %q: %v", id, staff)
		}
		if id != "spool-1" && !errors.Is(spool, ErrOpen) {
			t.Errorf("spool key %q: %v", id, spool)
		}
		if err := k.Destroy(id); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("destroying group %q: %v", id, err)
		}
	}
}

func TestLinkIDIsStableAndApartFromTheKey(t *testing.T) {
	s := gateway.LinkSecret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	// Links outlive releases: this value may never change.
	if got, want := LinkID(s).String(), "8dvn7f0n9qn7ap8dq50v8kn97g"; got != want {
		t.Errorf("LinkID %s, want %s", got, want)
	}
	if LinkID(s) == LinkID(gateway.LinkSecret{2}) {
		t.Error("two links share an id")
	}
}

func TestRelinkNeedsAStaffWrap(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 10))
	w.link = linkSecret(t)
	w.correspondent = must[gateway.Wrap](t)(k.Opener().Relink(w.staff, w.id, w.link, inDays(c, 20)))
	w.wantOpen(t, k)
	_, err := k.Opener().Relink(gateway.Wrap{}, w.id, w.link, inDays(c, 20))
	wantError(t, err, ErrOpen)
	_, err = k.Opener().Relink(w.correspondent, w.id, w.link, inDays(c, 20))
	wantError(t, err, ErrOpen)
}

// TestRecallMovesTheSurvivors: all wraps of a group but one move to another
// group of the same day, and the group dies.
func TestRecallMovesTheSurvivors(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	recalled := wrapAll(t, k, inDays(c, 10))
	survivors := []wraps{wrapAll(t, k, inDays(c, 10)), wrapAll(t, k, inDays(c, 10))}
	group := recalled.staff.Group
	wantError(t, k.Destroy(group), ErrInUse)
	for i := range survivors {
		w := &survivors[i]
		w.staff = must[gateway.Wrap](t)(k.Opener().Rewrap(w.staff, w.id, Staff))
		w.correspondent = must[gateway.Wrap](t)(k.Opener().Rewrap(w.correspondent, w.id, Correspondent))
		if w.staff.Group == group || w.correspondent.Group == group || w.staff.Group[:8] != group[:8] {
			t.Fatalf("moved from %s to %s and %s", group, w.staff.Group, w.correspondent.Group)
		}
		_, err := k.Opener().Rewrap(w.staff, recalled.id, Staff)
		wantError(t, err, ErrOpen)
	}
	wantError(t, k.Destroy(group), ErrInUse) // its last wrap may not be in the store yet
	c.advance(k.o.Grace)
	check(t, k.Destroy(group))
	check(t, k.Destroy(group))
	for i := range survivors {
		survivors[i].wantOpen(t, k)
	}
	_, staff, correspondent := recalled.open(k)
	wantError(t, staff, ErrDestroyed)
	wantError(t, correspondent, ErrDestroyed)
}

func TestGroupsTake256WrapsOfOneDay(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	d, _ := sealBody(t, k, gateway.MessageID{}, nil)
	wrapsOf := make(map[string]int)
	for i := range 2 * maxWraps {
		for _, days := range []int{10, 11} {
			w := must[gateway.Wrap](t)(k.Sealer().WrapStaff(d, gateway.MessageID{}, inDays(c, days)))
			wrapsOf[w.Group]++
			if day := w.Group[:8]; day != inDays(c, days+1).Format(dayFormat) {
				t.Fatalf("wrap %d for %s is in a group of %s", i, inDays(c, days), day)
			}
		}
	}
	for id, n := range wrapsOf {
		if n > maxWraps {
			t.Errorf("group %s took %d wraps", id, n)
		}
	}
	if len(wrapsOf) != 4 {
		t.Errorf("%d groups, want 4", len(wrapsOf))
	}
}

func TestRetentionDayIsTheNextMidnight(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		day:                           "20260301",
		day.Add(1):                    "20260302",
		day.Add(24*time.Hour - 1):     "20260302",
		day.Add(24 * time.Hour):       "20260302",
		day.In(time.FixedZone("", 1)): "20260301",
	} {
		if got := retentionDay(at); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
	c := newClock()
	k, _ := newKeyring(t, c)
	d, _ := sealBody(t, k, gateway.MessageID{}, nil)
	for _, retain := range []time.Time{{}, c.now().Add(-24 * time.Hour), day} {
		_, err := k.Sealer().WrapStaff(d, gateway.MessageID{}, retain)
		wantError(t, err, ErrRetention)
		wantError(t, k.Prepare(retain), ErrRetention)
	}
	must[gateway.Wrap](t)(k.Sealer().WrapStaff(d, gateway.MessageID{}, c.now())) // until midnight
}

// TestPreparedGroupsAreUsed: after Prepare, the first wrap makes no key.
func TestPreparedGroupsAreUsed(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	check(t, k.Prepare(inDays(c, 30)))
	files := func() int {
		entries := must[[]os.DirEntry](t)(os.ReadDir(k.path(dirGroups) + "/" + retentionDay(inDays(c, 30))))
		return len(entries)
	}
	before := files()
	w := wrapAll(t, k, inDays(c, 30))
	w.wantOpen(t, k)
	if after := files(); before == 0 || after != before {
		t.Errorf("%d keys before the first wrap, %d after", before, after)
	}
}

// TestWrapsFromManyGoroutines wraps and opens while spool keys rotate and
// groups are retired; run it with -race.
func TestWrapsFromManyGoroutines(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for range 60 {
				w := wrapAll(t, k, inDays(c, 5))
				w.wantOpen(t, k)
				check(t, k.Retire(w.staff.Group))
			}
		})
	}
	done.Go(func() {
		for range 10 {
			must[string](t)(k.RotateSpool())
			must[string](t)(k.RotateMetadata())
			must[[]GroupInfo](t)(k.List())
			c.advance(time.Second)
		}
	})
	done.Wait()
}

func BenchmarkWrap(b *testing.B) {
	c := newClock()
	k, _ := newKeyring(b, c)
	w := wrapAll(b, k, inDays(c, 10))
	d, _ := sealBody(b, k, w.id, nil)
	retain := inDays(c, 10)
	for name, f := range map[string]func() error{
		"Spool":         func() error { _, err := k.Sealer().WrapSpool(d, w.id); return err },
		"Staff":         func() error { _, err := k.Sealer().WrapStaff(d, w.id, retain); return err },
		"Correspondent": func() error { _, err := k.Sealer().WrapCorrespondent(d, w.id, w.link, retain); return err },
		"OpenSpool":     func() error { _, err := k.Spool().Open(w.spool, w.id); return err },
		"OpenStaff":     func() error { _, err := k.Opener().staffKey(w.staff, w.id); return err },
		"LinkID":        func() error { LinkID(w.link); return nil },
		"MAC":           func() error { k.MAC("bench", w.id[:]); return nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
