package people

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// evidence stages records as the log does, and can be told to fail.
type evidence struct {
	mu   sync.Mutex
	fail error
	n    uint64
}

func (e *evidence) Stage(b *store.Batch, r gateway.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return e.fail
	}
	e.n++
	return b.PutRecord(store.Key(store.Staged, store.Uint64(e.n), store.Uint64(0)), r)
}

// records returns what was staged, in order.
func records(t testing.TB, s store.Store) (all []gateway.Record) {
	t.Helper()
	check(t, s.Scan(t.Context(), store.Prefix(store.Staged), func(item store.Item) bool {
		var r gateway.Record
		check(t, store.Decode(item.Value, &r))
		all = append(all, r)
		return true
	}))
	return all
}

func mac(purpose string, parts ...[]byte) (sum [32]byte) {
	h := hmac.New(sha256.New, []byte("test key"))
	h.Write([]byte(purpose))
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	h.Sum(sum[:0])
	return sum
}

func now() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

func newDirectory(s store.Store) (*Directory, *evidence) {
	e := new(evidence)
	return New(s, mac, e, now, rand.Reader), e
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func address(s string) gateway.Address { return gateway.MustAddress(s) }

func TestPersonHasOneRefForLife(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	var done sync.WaitGroup
	refs := make([]gateway.PersonRef, 16)
	for i := range refs {
		done.Go(func() {
			other, _ := newDirectory(mem) // as another process would
			got, err := other.Ensure(t.Context(), address("pat@out.example"), gateway.Address{})
			check(t, err)
			refs[i] = got[0]
			if !got[1].IsZero() {
				t.Error("the null sender is a person")
			}
		})
	}
	done.Wait()
	if len(slices.Compact(refs)) != 1 || refs[0].IsZero() {
		t.Errorf("refs %v", refs)
	}
	p, err := d.Resolve(t.Context(), refs[0])
	if err != nil || p.Address != address("pat@out.example") || p.Known() {
		t.Errorf("%v, %v", p.Known(), err)
	}
	if _, err := d.Resolve(t.Context(), gateway.PersonRef{9}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := d.Find(t.Context(), address("no@out.example")); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// TestKeysNameNobody: keys are not sealed, so they hold hashes and refs.
func TestKeysNameNobody(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	_, err := d.Import(t.Context(), strings.NewReader("email,phone\npat@out.example,+15551234567\n"), "uid:0")
	check(t, err)
	check(t, d.AddUser(t.Context(), address("pat@clinic.example"), "password", Staff, "uid:0"))
	check(t, mem.Scan(t.Context(), store.Range{}, func(item store.Item) bool {
		if bytes.Contains(item.Key, []byte("pat")) || bytes.Contains(item.Key, []byte("example")) || bytes.Contains(item.Key, []byte("1234567")) {
			t.Errorf("key %q", item.Key)
		}
		return true
	}))
	for _, r := range records(t, mem) {
		if raw, _ := json.Marshal(r); bytes.Contains(raw, []byte("example")) {
			t.Errorf("evidence holds %s", raw)
		}
	}
}

// TestUpdateSweep fails each operation: the change and its evidence come
// together or not at all.
func TestUpdateSweep(t *testing.T) {
	storetest.Sweep(t, storetest.Story{
		Name: "update",
		Run: func(t *testing.T, s store.Store) error {
			d, _ := newDirectory(s)
			return d.Update(t.Context(), address("pat@out.example"), "uid:0", func(p *Person) { p.Language = "es" })
		},
		Check: func(t *testing.T, s store.Store, answer error) {
			d, _ := newDirectory(s)
			p, err := d.Find(t.Context(), address("pat@out.example"))
			changed := err == nil && p.Language == "es"
			if n := len(records(t, s)); changed != (n == 1) || n > 1 || answer == nil && !changed {
				t.Errorf("changed %t, %d records, answer %v", changed, n, answer)
			}
		},
	})
}

func TestNoEvidenceNoChange(t *testing.T) {
	mem := storetest.NewMemory()
	d, e := newDirectory(mem)
	check(t, d.AddUser(t.Context(), address("a@clinic.example"), "password", Staff, "uid:0"))
	e.fail = errors.New("full")
	for _, err := range []error{
		d.Update(t.Context(), address("pat@out.example"), "uid:0", func(p *Person) { p.Language = "es" }),
		d.AddUser(t.Context(), address("b@clinic.example"), "password", Staff, "uid:0"),
		d.SetPassword(t.Context(), address("a@clinic.example"), "other", "uid:0"),
		d.DisableUser(t.Context(), address("a@clinic.example"), "uid:0"),
		second(d.Login(t.Context(), address("a@clinic.example"), "password", "account")),
	} {
		if !errors.Is(err, e.fail) {
			t.Error(err)
		}
	}
	e.fail = nil
	_, err := d.Login(t.Context(), address("a@clinic.example"), "password", "account")
	check(t, err)
	if users, err := d.ListUsers(t.Context()); err != nil || len(users) != 1 {
		t.Errorf("%d users, %v", len(users), err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestUsers(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	ctx, name := t.Context(), address("Jo@Clinic.example")
	login := func(as gateway.Address, password string) error { return second(d.Login(ctx, as, password, "account")) }
	want := func(got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	want(d.AddUser(ctx, name, "", Staff, "uid:0"), ErrWeakPassword)
	want(d.AddUser(ctx, name, strings.Repeat("x", 513), Staff, "uid:0"), ErrWeakPassword)
	want(login(name, "first"), ErrBadLogin)
	check(t, d.AddUser(ctx, name, "first", Compliance, "uid:0"))
	want(d.AddUser(ctx, name, "other", Admin, "uid:0"), ErrUserExists)
	u, err := d.Login(ctx, address("Jo@clinic.EXAMPLE"), "first", "account")
	if err != nil || u.Role != Compliance {
		t.Errorf("%s, %v", u.Role, err)
	}
	want(login(name, "First"), ErrBadLogin)
	want(login(name, ""), ErrBadLogin)
	want(login(name, strings.Repeat("y", 1<<20)), ErrBadLogin)
	check(t, d.SetPassword(ctx, name, strings.Repeat("x", 512), "uid:0"))
	want(login(name, "first"), ErrBadLogin)
	want(login(name, strings.Repeat("x", 513)), ErrBadLogin)
	check(t, login(name, strings.Repeat("x", 512)))
	check(t, d.DisableUser(ctx, name, "uid:0"))
	want(login(name, strings.Repeat("x", 512)), ErrBadLogin)
	want(d.SetPassword(ctx, address("no@clinic.example"), "x", "uid:0"), ErrUnknown)
	want(d.DisableUser(ctx, address("no@clinic.example"), "uid:0"), ErrUnknown)
	passed, failed := 0, 0
	for _, r := range records(t, mem) {
		switch r.Event {
		case gateway.EventLoginPassed:
			passed++
		case gateway.EventLoginFailed:
			failed++
		}
	}
	if passed != 2 || failed != 7 {
		t.Errorf("%d logins passed and %d failed in evidence", passed, failed)
	}
}

func TestPasswordsAreNotStored(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	check(t, d.AddUser(t.Context(), address("jo@clinic.example"), "zebraquartz", Staff, "uid:0"))
	_, err := d.Import(t.Context(), strings.NewReader("email,pin\npat@out.example,739154\n"), "uid:0")
	check(t, err)
	check(t, mem.Scan(t.Context(), store.Range{}, func(item store.Item) bool {
		if bytes.Contains(item.Value, []byte("zebraquartz")) || bytes.Contains(item.Value, []byte("739154")) {
			t.Errorf("a secret lies in table %s", store.Table(item.Key[0]))
		}
		return true
	}))
}

func TestPasswordRedactsItself(t *testing.T) {
	p := &Password{Salt: []byte("zebraquartz"), Hash: []byte("zebraquartz")}
	shown := fmt.Sprintf("%v %+v %#v %s %x", p, *p, User{Password: p}, []any{p}, *p)
	if strings.Contains(shown, "zebra") || strings.Contains(shown, fmt.Sprintf("%x", "zebra")) || strings.Contains(shown, "122, 101") {
		t.Error(shown)
	}
}

// TestGuessingCannotExhaustMemory: 2,000 logins at once take the memory of two
// hashes; who finds 64 waiting is turned away.
func TestGuessingCannotExhaustMemory(t *testing.T) {
	d, _ := newDirectory(storetest.NewMemory())
	release := make(chan struct{})
	d.mac = func(purpose string, parts ...[]byte) [32]byte {
		if purpose == "password" {
			<-release
		}
		return mac(purpose, parts...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	var mu sync.Mutex
	busy, other := 0, 0
	for range 2000 {
		done.Go(func() {
			_, err := d.Login(ctx, address("jo@clinic.example"), "guess", "account")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, ErrBusy) {
				busy++
			} else {
				other++
			}
		})
	}
	for {
		mu.Lock()
		n := busy
		mu.Unlock()
		if n == 2000-maxWaiting {
			break
		}
		runtime.Gosched()
	}
	if len(d.hashing) > maxHashing {
		t.Errorf("%d hash at once", len(d.hashing))
	}
	cancel() // who waits leaves; the two that hash finish
	close(release)
	done.Wait()
	if busy != 2000-maxWaiting || other != maxWaiting || d.waiting.Load() != 0 {
		t.Errorf("%d turned away, %d served, %d counted as waiting", busy, other, d.waiting.Load())
	}
}
