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
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

// TestFindSeesWhatAnotherProcessWrote although it keeps what it decoded, of which
// nothing is left when the person is erased, and nothing is kept with a PIN.
func TestFindSeesWhatAnotherProcessWrote(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	other, _ := newDirectory(mem)
	pat := address("pat@out.example")
	_, err := d.Ensure(t.Context(), pat)
	check(t, err)
	find := func(language string, kept int) {
		t.Helper()
		for range 2 {
			if p, err := d.Find(t.Context(), pat); err != nil || p.Language != language || p.Address != pat || len(d.decoded) != kept {
				t.Fatalf("%q, %v, %d kept", p.Language, err, len(d.decoded))
			}
		}
	}
	find("", 1)
	_, err = other.Import(t.Context(), strings.NewReader("email,language\npat@out.example,fr\n"), "uid:0")
	check(t, err)
	find("fr", 1)
	p, v, err := d.Get(t.Context(), pat)
	check(t, err)
	var b store.Batch
	d.StageErase(&b, p, v)
	check(t, store.Write(t.Context(), mem, &b))
	if _, err := d.Find(t.Context(), pat); !errors.Is(err, ErrUnknown) || len(d.decoded) != 0 {
		t.Fatalf("%v, %d kept", err, len(d.decoded))
	}
	_, err = d.Import(t.Context(), strings.NewReader("email,language,pin\npat@out.example,de,493817\n"), "uid:0")
	check(t, err)
	find("de", 0)
}

// TestKeysNameNobody: keys are not sealed, so they hold hashes and refs.
// TestImportOfWhoWasErasedElsewhere: a process that remembers a person whom another
// one erased makes them anew.
func TestImportOfWhoWasErasedElsewhere(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	other, _ := newDirectory(mem)
	before, err := d.Ensure(t.Context(), address("pat@out.example"))
	check(t, err)
	p, v, err := other.Get(t.Context(), address("pat@out.example"))
	check(t, err)
	var b store.Batch
	other.StageErase(&b, p, v)
	check(t, store.Write(t.Context(), mem, &b))
	if n, err := d.importText(t, "email,language\npat@out.example,de\n"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	p, err = other.Find(t.Context(), address("pat@out.example"))
	if err != nil || p.Language != "de" || p.Ref == before[0] {
		t.Errorf("%q, the same person: %v, %v", p.Language, p.Ref == before[0], err)
	}
	after, err := d.Ensure(t.Context(), address("pat@out.example"))
	if err != nil || after[0] != p.Ref {
		t.Errorf("what is remembered is not who is there: %v", err)
	}
}

func TestKeysNameNobody(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	_, err := d.Import(t.Context(), strings.NewReader("email,phone\npat@out.example,+15551234567\n"), "uid:0")
	check(t, err)
	check(t, d.AddUser(t.Context(), address("pat@clinic.example"), "the first password", Staff, "uid:0"))
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
	check(t, d.AddUser(t.Context(), address("a@clinic.example"), "the first password", Staff, "uid:0"))
	e.fail = errors.New("full")
	for _, err := range []error{
		d.Update(t.Context(), address("pat@out.example"), "uid:0", func(p *Person) { p.Language = "es" }),
		d.AddUser(t.Context(), address("b@clinic.example"), "the first password", Staff, "uid:0"),
		d.SetPassword(t.Context(), address("a@clinic.example"), "another password", "uid:0"),
		second(d.DisableUser(t.Context(), address("a@clinic.example"), "uid:0")),
		second(d.Login(t.Context(), address("a@clinic.example"), "the first password", "account")),
	} {
		if !errors.Is(err, e.fail) {
			t.Error(err)
		}
	}
	e.fail = nil
	_, err := d.Login(t.Context(), address("a@clinic.example"), "the first password", "account")
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
	for _, bad := range []string{"", strings.Repeat("x", 513)} {
		want(d.AddUser(ctx, name, bad, Staff, "uid:0"), ErrBadPassword)
	}
	want(login(name, "first of many"), ErrBadLogin)
	check(t, d.AddUser(ctx, name, "first of many", Compliance, "uid:0"))
	want(d.AddUser(ctx, name, "other of many", Admin, "uid:0"), ErrUserExists)
	u, err := d.Login(ctx, address("Jo@clinic.EXAMPLE"), "first of many", "account")
	if err != nil || u.Role != Compliance {
		t.Errorf("%s, %v", u.Role, err)
	}
	want(login(name, "First of many"), ErrBadLogin)
	want(login(name, ""), ErrBadLogin)
	want(login(name, strings.Repeat("y", 1<<20)), ErrBadLogin)
	want(d.SetPassword(ctx, name, "", "uid:0"), ErrBadPassword)
	check(t, d.SetPassword(ctx, name, strings.Repeat("\u00e9", 12), "uid:0"))
	check(t, d.SetPassword(ctx, name, strings.Repeat("x", 512), "uid:0"))
	want(login(name, "first of many"), ErrBadLogin)
	want(login(name, strings.Repeat("x", 513)), ErrBadLogin)
	check(t, login(name, strings.Repeat("x", 512)))
	before := d.now().Add(-time.Second)
	check(t, second(d.SetRole(ctx, name, Compliance, "uid:0")))
	if u, err := d.FindUser(ctx, name); err != nil || u.Role != Compliance {
		t.Errorf("the role that they had: %+v, %v", u, err)
	}
	check(t, second(d.SetRole(ctx, name, Staff, "uid:0")))
	if u, err := d.FindUser(ctx, name); err != nil || u.Role != Staff || u.Current(before) {
		t.Errorf("another role: %+v, %v", u, err)
	}
	want(second(d.SetRole(ctx, address("no@clinic.example"), Staff, "uid:0")), ErrUnknown)
	check(t, second(d.DisableUser(ctx, name, "uid:0")))
	want(second(d.SetRole(ctx, name, Admin, "uid:0")), ErrUnknown)
	want(login(name, strings.Repeat("x", 512)), ErrBadLogin)
	want(d.SetPassword(ctx, name, "a good password", "uid:0"), ErrUnknown)
	_, err = d.EnableUser(ctx, name, "", "uid:0")
	want(err, ErrBadPassword)
	_, err = d.EnableUser(ctx, address("no@clinic.example"), "a good password", "uid:0")
	want(err, ErrUnknown)
	_, err = d.EnableUser(ctx, name, strings.Repeat("x", 512), "uid:0") // the one that they had
	want(err, ErrOldPassword)
	if u, err := d.FindUser(ctx, name); err != nil || !u.Disabled {
		t.Errorf("enabled with the old password: %v", err)
	}
	since, err := d.EnableUser(ctx, name, "a good password", "uid:0")
	check(t, err)
	_, err = d.EnableUser(ctx, name, "a good password", "uid:0")
	want(err, ErrEnabled)
	want(login(name, strings.Repeat("x", 512)), ErrBadLogin)
	check(t, login(name, "a good password"))
	if u, err := d.FindUser(ctx, name); err != nil || u.Current(since.Add(-1)) || !u.Current(since) {
		t.Errorf("enabled at %v: %+v, %v", since, u, err)
	}
	want(d.SetPassword(ctx, address("no@clinic.example"), "a good password", "uid:0"), ErrUnknown)
	want(second(d.DisableUser(ctx, address("no@clinic.example"), "uid:0")), ErrUnknown)
	passed, failed := 0, 0
	for _, r := range records(t, mem) {
		switch r.Event {
		case gateway.EventLoginPassed:
			passed++
		case gateway.EventLoginFailed:
			failed++
		}
	}
	if passed != 3 || failed != 8 {
		t.Errorf("%d logins passed and %d failed in evidence", passed, failed)
	}
}

// TestWhatIsSoAlreadyChangesNothing: who asks for it is told, and no evidence says
// that it was done.
func TestWhatIsSoAlreadyChangesNothing(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	name := address("jo@clinic.example")
	check(t, d.AddUser(t.Context(), name, "first of many", Staff, "uid:0"))
	for _, act := range []func() (bool, error){
		func() (bool, error) { return d.SetRole(t.Context(), name, Admin, "uid:0") },
		func() (bool, error) { return d.DisableUser(t.Context(), name, "uid:0") },
	} {
		for _, want := range []bool{true, false} {
			before := len(records(t, mem))
			changed, err := act()
			if got := len(records(t, mem)) - before; err != nil || changed != want || (got == 1) != want {
				t.Errorf("changed %v, want %v; %d records of evidence; %v", changed, want, got, err)
			}
		}
	}
}

func TestPasswordsAreNotStored(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	check(t, d.AddUser(t.Context(), address("jo@clinic.example"), "zebraquartz.x", Staff, "uid:0"))
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
// hashes; who finds 32 waiting is turned away, and 4 when all are about one.
func TestGuessingCannotExhaustMemory(t *testing.T) {
	flood(t, maxWaiting, func(n int) gateway.Address { return address(fmt.Sprintf("%d@clinic.example", n)) })
	flood(t, maxAbout, func(int) gateway.Address { return address("jo@clinic.example") })
}

func flood(t *testing.T, served int, name func(int) gateway.Address) {
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
	for n := range 2000 {
		done.Go(func() {
			_, err := d.Login(ctx, name(n), "guess", "account")
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
		if n >= 2000-served {
			break
		}
		runtime.Gosched()
	}
	d.turns.mu.Lock()
	if d.turns.hashing > maxHashing {
		t.Errorf("%d hash at once", d.turns.hashing)
	}
	d.turns.mu.Unlock()
	cancel() // who waits leaves; the two that hash finish
	close(release)
	done.Wait()
	if busy < 2000-served || len(d.turns.about) != 0 || d.turns.kinds[forLogin] != 0 || d.turns.hashing != 0 {
		t.Errorf("%d turned away, %d served, %d counted", busy, other, len(d.turns.about))
	}
}

// TestFloodedPINLeavesOthers: whoever is guessed at, and however many log in,
// another person's PIN gets its turn.
func TestFloodedPINLeavesOthers(t *testing.T) {
	d, _ := newDirectory(storetest.NewMemory())
	p, err := d.HashPIN(t.Context(), "739154")
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for n := range 50 {
		flood.Go(func() {
			for ctx.Err() == nil {
				if n%2 == 0 {
					_, _ = d.matches(ctx, fmt.Sprint(n), nil, "guess")
				} else if right, leave, err := d.EnterPIN(ctx, "flooded", p); err == nil {
					right("123456")
					leave()
				}
				runtime.Gosched()
			}
		})
	}
	for range 5 {
		right, leave, err := d.EnterPIN(t.Context(), "another", p)
		if errors.Is(err, ErrBusy) {
			continue // on a slow machine: without a try
		}
		check(t, err)
		if !right("739154") || right("739155") {
			t.Error("compares wrongly")
		}
		leave()
	}
	cancel()
	flood.Wait()
}

func TestJudgePIN(t *testing.T) {
	p := Person{Phone: "+15551234567", Address: address("pat730915@out.example")}
	for digits, want := range map[string]gateway.PINProblem{
		"739154": gateway.PINTaken, "4071": gateway.PINTooShort, "40718": gateway.PINTooShort, "407183": gateway.PINTaken,
		"407183926175": gateway.PINTaken, "4071839261754": gateway.PINTooLong, "40718x": gateway.PINMalformed, "": gateway.PINMalformed,
		"123456": gateway.PINGuessable, "654321": gateway.PINGuessable, "890123": gateway.PINGuessable, "135791": gateway.PINGuessable,
		"000000": gateway.PINGuessable, "121212": gateway.PINGuessable, "123123": gateway.PINGuessable, "112233": gateway.PINGuessable,
		"111222": gateway.PINGuessable, "123321": gateway.PINGuessable, "310785": gateway.PINGuessable, "073185": gateway.PINGuessable,
		"850731": gateway.PINGuessable, "31071985": gateway.PINGuessable, "19850731": gateway.PINGuessable, "07311985": gateway.PINGuessable,
		"159753": gateway.PINGuessable, "147258369": gateway.PINGuessable, "1234567890": gateway.PINGuessable, "234567": gateway.PINGuessable,
		"551234": gateway.PINGuessable, "730915": gateway.PINGuessable, "83927146": gateway.PINTaken,
	} {
		if got := JudgePIN(digits, p); got != want {
			t.Errorf("%s is %q, want %q", digits, got, want)
		}
	}
}

// TestMostPINsAreFree: a rule that refused half of them would be guessed by.
func TestMostPINsAreFree(t *testing.T) {
	refused := 0
	for n := range 1_000_000 {
		if JudgePIN(fmt.Sprintf("%06d", n), Person{}) != gateway.PINTaken {
			refused++
		}
	}
	if refused < 50_000 || refused > 150_000 {
		t.Errorf("%d of a million are refused", refused)
	}
}

func TestChosenGoesBeforeContact(t *testing.T) {
	a, b := &Password{Time: 1}, &Password{Time: 2}
	for _, c := range []struct {
		p    Person
		hash *gateway.Hashed
		kind gateway.PINKind
	}{
		{Person{}, nil, gateway.PINNone}, {Person{PIN: a}, a, gateway.PINContact},
		{Person{PIN: a, Chosen: b}, b, gateway.PINStanding}, {Person{Chosen: b}, b, gateway.PINStanding},
	} {
		if hash, kind := c.p.Standing(); hash != c.hash || kind != c.kind {
			t.Errorf("%+v: %s", c.p, kind)
		}
	}
}

// TestQueueIsFair: four about one, 32 of a kind, and each kind for itself.
func TestQueueIsFair(t *testing.T) {
	turns := newTurns()
	for n := range maxAbout + 1 {
		if got := turns.queue(about{forPIN, "one"}); got != (n < maxAbout) {
			t.Errorf("number %d about one: %v", n, got)
		}
	}
	for n := maxAbout; n <= maxWaiting; n++ {
		if got := turns.queue(about{forPIN, fmt.Sprint(n)}); got != (n < maxWaiting) {
			t.Errorf("number %d of a kind: %v", n, got)
		}
	}
	if !turns.queue(about{forLogin, "one"}) {
		t.Error("PINs keep logins out")
	}
	turns.unqueue(about{forPIN, "one"})
	if !turns.queue(about{forPIN, "one"}) {
		t.Error("a place is not given back")
	}
}

// TestFloodsWaitForEachOther: who waits in an empty queue has the next place,
// however many wait in another; who gives up leaves none behind.
func TestFloodsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var mu sync.Mutex
		var order []int
		var done sync.WaitGroup
		hash := func(kind int) {
			done.Go(func() {
				leave, err := turns.take(t.Context(), kind, fmt.Sprint(mathrand.Int64()))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, kind)
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
				leave()
			})
			synctest.Wait()
		}
		for range 12 {
			hash(forLogin)
		}
		hash(forPIN)
		gone, cancel := context.WithCancel(t.Context())
		done.Go(func() {
			if _, err := turns.take(gone, forPIN, "gone"); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		hash(forPIN)
		hash(forNew)
		done.Wait()
		// The places of the first to leave are free at the same time, and who takes one writes it down when it gets to run.
		const next = 2 * maxHashing
		if len(order) != 15 || slices.Index(order, forPIN) >= next || slices.Index(order, forNew) >= next {
			t.Errorf("the order of %d: %v", len(order), order)
		}
		if turns.hashing != 0 || len(turns.about) != 0 {
			t.Errorf("%d hash, %d are counted", turns.hashing, len(turns.about))
		}
		leave, err := turns.take(t.Context(), forPIN, "one")
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		other, err := turns.take(t.Context(), forPIN, "two")
		if err != nil {
			t.Fatal(err)
		}
		defer other()
		begun := time.Now()
		if _, err := turns.take(t.Context(), forPIN, "three"); !errors.Is(err, ErrBusy) || time.Since(begun) != maxWait {
			t.Errorf("without a place: %v after %v", err, time.Since(begun))
		}
	})
}

// TestNoUserHolds: what was decided because nobody has that name fails when
// somebody got it meanwhile.
func TestNoUserHolds(t *testing.T) {
	s := storetest.NewMemory()
	d := New(s, mac, &evidence{}, time.Now, rand.Reader)
	d.Cost = Cost{Time: 1, Memory: 8, Threads: 1}
	var b store.Batch
	name := gateway.MustAddress("ann@clinic.example")
	if _, err := d.RequireUser(t.Context(), &b, name); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	check(t, d.AddUser(t.Context(), name, "a password of some length", Staff, "test"))
	if err := store.Write(t.Context(), s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("committed all the same: %v", err)
	}
}
