package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func TestOpenWithoutAKeyringAndCreateBesideOne(t *testing.T) {
	_, err := Open(t.TempDir(), options(newClock()))
	wantError(t, err, ErrNoKeyring)
	k, dir := newKeyring(t, newClock())
	_, err = Open(dir, options(newClock()))
	wantError(t, err, ErrLocked)
	_, err = Create(dir, options(newClock()))
	wantError(t, err, ErrLocked)
	check(t, k.Close())
	check(t, k.Close())
	_, err = Create(dir, options(newClock()))
	wantError(t, err, ErrExists)
	again := must[*Keyring](t)(Open(dir, options(newClock())))
	if again.ID() != k.ID() || again.Signer().Public() != k.Signer().Public() || again.MAC("p") != k.MAC("p") {
		t.Error("a reopened keyring is another one")
	}
	check(t, again.Close())
}

// TestWaitsForTheDevice runs once with every sync done.
func TestWaitsForTheDevice(t *testing.T) {
	c := newClock()
	o := options(c)
	o.disk = disk{}
	k := must[*Keyring](t)(Create(filepath.Join(t.TempDir(), "keys"), o))
	w := wrapAll(t, k, inDays(c, 5))
	w.wantOpen(t, k)
	check(t, k.Journal().Append(Entry{Kind: JournalStop, ID: "x"}))
	check(t, k.Retire(w.staff.Group))
	c.advance(time.Hour)
	check(t, k.Destroy(w.staff.Group))
	check(t, k.Close())
}

func TestKeyFilesAreForTheOwnerOnly(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	wrapAll(t, k, inDays(c, 5))
	check(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		info, err2 := d.Info()
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %v", filepath.Base(path), mode)
		}
		return errors.Join(err, err2)
	}))
}

// TestEveryDamagedKeyFileIsRefused flips a bit in each octet of each key file
// that Open reads. Whitespace that JSON ignores does not occur in them.
func TestEveryDamagedKeyFileIsRefused(t *testing.T) {
	k, dir := newKeyring(t, newClock())
	check(t, k.Close())
	files := must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(dir, dirKeyring)))
	n := 0
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		path := filepath.Join(dir, dirKeyring, f.Name())
		whole := must[[]byte](t)(os.ReadFile(path))
		for at := 0; at < len(whole)-1; at += 3 {
			bad := bytes.Clone(whole)
			bad[at] ^= 4
			check(t, os.WriteFile(path, bad, fileMode))
			if k, err := Open(dir, options(newClock())); err == nil {
				t.Errorf("%s opens with octet %d changed", f.Name(), at)
				_ = k.Close()
			} else if strings.Contains(err.Error(), string(whole[len(whole)/2:len(whole)/2+10])) {
				t.Errorf("the error quotes the file")
			}
			n++
		}
		check(t, os.WriteFile(path, whole, fileMode))
	}
	if n < 300 {
		t.Errorf("only %d changes tried", n)
	}
	check(t, must[*Keyring](t)(Open(dir, options(newClock()))).Close())
}

// TestReadOnlyBesideAWriter: a reader writes nothing, and follows the writer.
func TestReadOnlyBesideAWriter(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	o := options(c)
	o.ReadOnly = true
	r := must[*Keyring](t)(Open(dir, o))
	mem := storetest.NewMemory()
	before := wrapAll(t, k, inDays(c, 5))
	before.wantOpen(t, r)
	must[string](t)(k.RotateSpool())
	must[string](t)(k.RotateMetadata())
	after := wrapAll(t, k, inDays(c, 5))
	after.wantOpen(t, r)
	put(t, k.SealedStore(mem), "key", "value")
	wantValue(t, r.SealedStore(mem), "key", "value")

	for name, err := range map[string]error{
		"NewKey":         second(r.Sealer().NewKey()),
		"WrapSpool":      second(r.Sealer().WrapSpool(Key{}, before.id)),
		"RotateSpool":    second(r.RotateSpool()),
		"RotateMetadata": second(r.RotateMetadata()),
		"Destroy":        r.Destroy(before.staff.Group),
		"DestroySpool":   r.DestroySpool("spool-1"),
		"DestroyExpired": second(r.DestroyExpired(c.now())),
		"Prepare":        r.Prepare(inDays(c, 9)),
		"Retire":         r.Retire(before.staff.Group),
		"SaveCheckpoint": r.SaveCheckpoint([]byte("x")),
		"Append":         r.Journal().Append(Entry{Kind: JournalStop, ID: "x"}),
		"Compact":        r.Journal().Compact(c.now()),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, k.Retire(before.staff.Group))
	c.advance(time.Hour)
	check(t, k.Destroy(before.staff.Group))
	_, staff, _ := before.open(r)
	wantError(t, staff, ErrDestroyed)
	check(t, r.Close())
}

func second[T any](_ T, err error) error { return err }

func put(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	b := new(store.Batch)
	b.Put(store.Key(store.Meta, []byte(key)), []byte(value))
	check(t, store.Write(context.Background(), s, b))
}

func wantValue(t testing.TB, s store.Store, key, want string) {
	t.Helper()
	item := must[store.Item](t)(s.Get(context.Background(), store.Key(store.Meta, []byte(key))))
	if string(item.Value) != want {
		t.Fatalf("%s holds %q, want %q", key, item.Value, want)
	}
}

func TestClosedKeyringDoesNothing(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	w := wrapAll(t, k, inDays(c, 5))
	mem := storetest.NewMemory()
	put(t, k.SealedStore(mem), "key", "value")
	check(t, k.Close())
	a, b, d := w.open(k)
	for _, err := range []error{a, b, d, second(k.Sealer().NewKey()), second(k.RotateSpool()), k.Destroy(w.staff.Group),
		second(k.SealedStore(mem).Get(t.Context(), store.Key(store.Meta, []byte("key"))))} {
		wantError(t, err, ErrClosed)
	}
}

func TestRotationKeepsOldSpoolWrapsUntilDestroyed(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	one := wrapAll(t, k, inDays(c, 5))
	wantError(t, k.DestroySpool("spool-1"), ErrInUse)
	if id := must[string](t)(k.RotateSpool()); id != "spool-2" {
		t.Fatalf("rotated to %s", id)
	}
	two := wrapAll(t, k, inDays(c, 5))
	one.wantOpen(t, k)
	wantError(t, k.DestroySpool("spool-1"), ErrInUse) // a batch with its wrap may be on its way
	c.advance(k.o.Grace)
	check(t, k.DestroySpool("spool-1"))
	check(t, k.DestroySpool("spool-1"))
	wantError(t, k.DestroySpool("spool-2"), ErrInUse)
	wantError(t, k.DestroySpool("spool-3"), ErrUnknownKey)
	wantError(t, k.DestroySpool("metadata-1"), ErrUnknownKey)
	for range 2 {
		spool, _, _ := one.open(k)
		wantError(t, spool, ErrDestroyed)
		two.wantOpen(t, k)
		check(t, k.Close())
		k = must[*Keyring](t)(Open(dir, options(c)))
	}
	check(t, k.Close())
}

// TestSpoolKeyAges: the first wrap after SpoolAge rotates, in the background.
func TestSpoolKeyAges(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	wrapAll(t, k, inDays(c, 5))
	c.advance(defaultSpoolAge)
	w := wrapAll(t, k, inDays(c, 5))
	if w.spool.Group != "spool-1" {
		t.Errorf("the wrap that found the key too old went to %s: it waited for the disk", w.spool.Group)
	}
	k.work.done.Wait() // Close would make the background give up
	check(t, k.Close())
	k = must[*Keyring](t)(Open(dir, options(c)))
	defer k.Close()
	w.wantOpen(t, k)
	if got := wrapAll(t, k, inDays(c, 5)).spool.Group; got != "spool-2" {
		t.Errorf("wraps go to %s", got)
	}
}

func TestMetadataRotationKeepsOldValues(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	mem := storetest.NewMemory()
	s := k.SealedStore(mem)
	put(t, s, "old", "1")
	must[string](t)(k.RotateMetadata())
	put(t, s, "new", "2")
	check(t, k.Close())
	k = must[*Keyring](t)(Open(dir, options(c)))
	defer k.Close()
	s = k.SealedStore(mem)
	wantValue(t, s, "old", "1")
	wantValue(t, s, "new", "2")
}

// TestOlderKeyringNeverReusesADestroyedName: after a restored backup the
// counter of epochs has gone back. A key under a destroyed name would be
// destroyed by the next Open, with everything sealed to it.
func TestOlderKeyringNeverReusesADestroyedName(t *testing.T) {
	c := newClock()
	k, dir := newKeyring(t, c)
	backup := filepath.Join(t.TempDir(), "backup")
	copyTree(t, filepath.Join(dir, dirKeyring), backup)
	for _, id := range []string{"spool-1", "spool-2", "spool-3"} {
		must[string](t)(k.RotateSpool())
		c.advance(time.Hour)
		check(t, k.DestroySpool(id))
	}
	check(t, k.Close())
	check(t, os.RemoveAll(filepath.Join(dir, dirKeyring)))
	copyTree(t, backup, filepath.Join(dir, dirKeyring))

	k = must[*Keyring](t)(Open(dir, options(c)))
	w := wrapAll(t, k, inDays(c, 5))
	if w.spool.Group != "spool-4" {
		t.Errorf("wraps go to %s", w.spool.Group)
	}
	check(t, k.Close())
	k = must[*Keyring](t)(Open(dir, options(c)))
	defer k.Close()
	w.wantOpen(t, k)
}

// TestNoEvidenceNoAct: when evidence cannot be taken, keys stay as they are.
func TestNoEvidenceNoAct(t *testing.T) {
	c := newClock()
	refuse := errors.New("store is full")
	var fail error
	o := options(c)
	o.Evidence = func(...gateway.Record) error { return fail }
	k := must[*Keyring](t)(Create(filepath.Join(t.TempDir(), "keys"), o))
	defer k.Close()
	w := wrapAll(t, k, inDays(c, 1))
	check(t, k.Retire(w.staff.Group))
	must[string](t)(k.RotateSpool())
	c.advance(time.Hour)
	fail = refuse
	wantError(t, second(k.RotateSpool()), refuse)
	wantError(t, second(k.RotateMetadata()), refuse)
	wantError(t, k.DestroySpool("spool-1"), refuse)
	wantError(t, k.Destroy(w.staff.Group), refuse)
	wantError(t, k.Prepare(inDays(c, 77)), refuse)
	c.advance(48 * time.Hour)
	wantError(t, second(k.DestroyExpired(c.now())), refuse)
	w.wantOpen(t, k)
}

func TestDestroyExpiredTakesTheDaysThatCame(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	var all []wraps
	for days := range 5 {
		all = append(all, wrapAll(t, k, inDays(c, days)))
	}
	c.advance(2 * 24 * time.Hour) // to the 3rd, 10:00: days 2 and 3 have come
	if n := must[int](t)(k.DestroyExpired(c.now())); n != 2 {
		t.Errorf("%d groups destroyed, want 2", n)
	}
	for days := range all {
		_, staff, correspondent := all[days].open(k)
		if gone := days < 2; gone != errors.Is(staff, ErrDestroyed) || gone != errors.Is(correspondent, ErrDestroyed) {
			t.Errorf("retained %d days: %v", days, staff)
		}
	}
	destroyed := 0
	for _, g := range must[[]GroupInfo](t)(k.List()) {
		if !g.Destroyed.IsZero() {
			destroyed++
		}
	}
	if destroyed != 2 {
		t.Errorf("the list shows %d destroyed keys", destroyed)
	}
}

// TestSealedValuesStayInTheirRecords: nobody who can write the store can move
// a value, cut it, or change a bit of it.
func TestSealedValuesStayInTheirRecords(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	mem := storetest.NewMemory()
	s := k.SealedStore(mem)
	put(t, s, "a", "alpha")
	put(t, s, "b", "")
	raw := must[store.Item](t)(mem.Get(t.Context(), store.Key(store.Meta, []byte("a")))).Value
	if bytes.Contains(raw, []byte("alpha")) {
		t.Fatal("the value lies in the clear")
	}
	wantValue(t, s, "b", "")
	bad := [][]byte{{}, raw[:1], raw[:valueOverhead-1], raw[:len(raw)-1], append(bytes.Clone(raw), 0)}
	for at := range raw {
		c := bytes.Clone(raw)
		c[at] ^= 1
		bad = append(bad, c)
	}
	for i, value := range bad {
		put(t, mem, "a", string(value))
		if _, err := s.Get(t.Context(), store.Key(store.Meta, []byte("a"))); !errors.Is(err, ErrOpen) && !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrDestroyed) {
			t.Errorf("change %d: %v", i, err)
		}
		if err := s.Scan(t.Context(), store.Prefix(store.Meta), func(store.Item) bool { return true }); err == nil {
			t.Errorf("change %d: the scan saw nothing of it", i)
		}
	}
	put(t, mem, "b", string(raw)) // another record's value
	wantError(t, second(s.Get(t.Context(), store.Key(store.Meta, []byte("b")))), ErrOpen)
}

func TestSealedStoreKeepsTheContract(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	storetest.Contract(t, func(*testing.T) store.Store { return k.SealedStore(storetest.NewMemory()) })
}

func TestMACSeparatesPurposesAndParts(t *testing.T) {
	k, _ := newKeyring(t, newClock())
	seen := make(map[[32]byte]int)
	for i, m := range [][32]byte{
		k.MAC(""), k.MAC("a"), k.MAC("a", nil), k.MAC("a", nil, nil), k.MAC("a", []byte("b")), k.MAC("ab"),
		k.MAC("a", []byte("bc")), k.MAC("a", []byte("b"), []byte("c")), k.MAC("b", []byte("bc")),
	} {
		if other, ok := seen[m]; ok {
			t.Errorf("cases %d and %d hash alike", other, i)
		}
		seen[m] = i
	}
}

// TestNothingHereShowsAKey prints everything that holds a key under every verb.
func TestNothingHereShowsAKey(t *testing.T) {
	c := newClock()
	k, _ := newKeyring(t, c)
	d := must[Key](t)(k.Sealer().NewKey())
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	content := must[gateway.Content](t)(func() (gateway.Content, error) {
		e, sealed := sealBody(t, k, gateway.MessageID{}, []byte("zebraquartz"))
		return e.Content(bytes.NewReader(sealed), int64(len(sealed)), gateway.MessageID{})
	}())
	body := k.Sealer().Encrypt(&bytes.Buffer{}, must[Key](t)(k.Sealer().NewKey()), gateway.MessageID{})
	must[int](t)(body.Write([]byte("zebraquartz")))
	for _, v := range []any{k, d, &d, k.Sealer(), k.Spool(), k.Opener(), k.Signer(), content, body, k.macKey, []any{d, content}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		log.Info("shown", "key", v)
	}
	for name, secret := range map[string][]byte{"data key": d.k.secret[:], "MAC key": k.macKey[:], "metadata key": k.metadata.current.secret[:], "spool key": k.spool.current.secret[:], "text": []byte("zebraquartz")} {
		for _, form := range []string{string(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprint(secret), fmt.Sprintf("%#v", secret)} {
			if strings.Contains(out.String(), form[:min(len(form), 20)]) {
				t.Errorf("the %s is shown", name)
			}
		}
	}
}

// TestRandomnessThatFailsMakesNothing fails every read of the random source
// in turn.
func TestRandomnessThatFailsMakesNothing(t *testing.T) {
	c := newClock()
	for n := range 30 {
		o := options(c)
		o.Rand = &drying{left: n}
		k, err := Create(filepath.Join(t.TempDir(), "keys"), o)
		if err != nil {
			continue
		}
		d, err := k.Sealer().NewKey()
		if err == nil {
			_, err = k.Sealer().WrapSpool(d, gateway.MessageID{})
		}
		if err == nil {
			_, err = k.Sealer().WrapStaff(d, gateway.MessageID{}, inDays(c, 3))
		}
		if err == nil && n < 8 {
			t.Errorf("keys were made of %d reads of randomness", n)
		}
		check(t, k.Close())
	}
}

// drying is a random source that ends.
type drying struct{ left int }

func (d *drying) Read(p []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, errors.New("no randomness")
	}
	return rand.Read(p)
}
