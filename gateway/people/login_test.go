package people

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store/storetest"
)

// Where log-ins come from.
var (
	page      = Client{}
	elsewhere = Client{Mail: true}
	here      = Client{Mail: true, Loopback: true}
)

// TestAWeakPasswordCountsFromThisMachineOnly, and evidence says so.
func TestAWeakPasswordCountsFromThisMachineOnly(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	name := address("jo@clinic.example")
	login := func(c Client, password string) error {
		return second(d.LoginFrom(t.Context(), c, name, password, "account"))
	}
	check(t, d.AddUser(t.Context(), name, "eleven.char", Staff, "uid:0"))
	check(t, login(here, "eleven.char"))
	for _, c := range []Client{page, elsewhere} {
		if err := login(c, "eleven.char"); !errors.Is(err, ErrBadLogin) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := login(here, "another.one"); !errors.Is(err, ErrBadLogin) {
		t.Errorf("a wrong one: %v", err)
	}
	check(t, d.SetPassword(t.Context(), name, "twelve.chars", "uid:0"))
	for _, c := range []Client{page, elsewhere, here} {
		check(t, login(c, "twelve.chars"))
	}
	check(t, d.SetPassword(t.Context(), name, strings.Repeat("\u00e9", 11), "uid:0"))
	if err := login(elsewhere, strings.Repeat("\u00e9", 11)); !errors.Is(err, ErrBadLogin) {
		t.Errorf("weak again: %v", err)
	}
	weak := make(map[gateway.Event]int)
	for _, r := range records(t, mem) {
		if r.Detail["password"] == "weak" {
			weak[r.Event]++
		}
	}
	if weak[gateway.EventUserChanged] != 2 || weak[gateway.EventLoginPassed] != 1 || weak[gateway.EventLoginFailed] != 3 {
		t.Errorf("weak in evidence: %v", weak)
	}
}

func TestAppPasswords(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	ctx, jo, al := t.Context(), address("jo@clinic.example"), address("al@clinic.example")
	check(t, d.AddUser(ctx, jo, "the first password", Staff, "uid:0"))
	check(t, d.AddUser(ctx, al, "the first password", Staff, "uid:0"))
	login := func(c Client, name gateway.Address, password string) error {
		return second(d.LoginFrom(ctx, c, name, password, "account"))
	}
	id, made, err := d.AddApp(ctx, jo, "phone", "uid:0")
	check(t, err)
	_, other, err := d.AddApp(ctx, jo, "laptop", "uid:0")
	check(t, err)
	password := made.Reveal()
	if len(password) != 24 || strings.Count(password, "-") != 4 || made == other {
		t.Fatalf("made %q and %q", password, other.Reveal())
	}
	for _, typed := range []string{password, strings.ReplaceAll(password, "-", ""), strings.ToUpper(strings.ReplaceAll(password, "-", " "))} {
		check(t, login(elsewhere, jo, typed))
	}
	for name, err := range map[string]error{
		"on the page":      login(page, jo, password),
		"of somebody else": login(elsewhere, al, password),
		"cut":              login(elsewhere, jo, password[:23]),
		"changed":          login(elsewhere, jo, strings.Replace(password, password[:1], map[bool]string{true: "b", false: "a"}[password[0] == 'a'], 1)),
	} {
		if !errors.Is(err, ErrBadLogin) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, login(elsewhere, jo, "the first password"))
	u, err := d.FindUser(ctx, jo)
	if err != nil || len(u.Apps) != 2 || u.Apps[0].Label != "phone" || u.Apps[0].Used.IsZero() || !u.Apps[1].Used.IsZero() {
		t.Errorf("%+v, %v", u.Apps, err)
	}
	before := d.now()
	check(t, d.RemoveApp(ctx, jo, id, "uid:0"))
	if err := login(elsewhere, jo, password); !errors.Is(err, ErrBadLogin) {
		t.Errorf("removed: %v", err)
	}
	check(t, login(elsewhere, jo, other.Reveal()))
	if u, _ = d.FindUser(ctx, jo); u.Current(before.Add(-time.Second)) || !u.Current(d.now()) {
		t.Error("what was logged in before an app password ended goes on")
	}
	if err := d.RemoveApp(ctx, jo, id, "uid:0"); !errors.Is(err, ErrNoApp) {
		t.Errorf("removed twice: %v", err)
	}
	check(t, second(d.DisableUser(ctx, jo, "uid:0")))
	if u, _ = d.FindUser(ctx, jo); len(u.Apps) != 0 {
		t.Error("a disabled user has app passwords")
	}
	if err := login(elsewhere, jo, other.Reveal()); !errors.Is(err, ErrBadLogin) {
		t.Errorf("disabled: %v", err)
	}
	if _, _, err := d.AddApp(ctx, jo, "x", "uid:0"); !errors.Is(err, ErrUnknown) {
		t.Errorf("one for a disabled user: %v", err)
	}
	used := 0
	for _, r := range records(t, mem) {
		if r.Event == gateway.EventLoginPassed && r.Detail["app"] == id {
			used++
		}
		if strings.Contains(r.Detail["app"], "-") || len(r.Detail["app"]) > appIDLength {
			t.Errorf("evidence shows %q", r.Detail["app"])
		}
	}
	if used != 3 {
		t.Errorf("%d uses of the phone's in evidence", used)
	}
}

func TestAppPasswordsAreBounded(t *testing.T) {
	d, _ := newDirectory(storetest.NewMemory())
	name := address("jo@clinic.example")
	check(t, d.AddUser(t.Context(), name, "the first password", Staff, "uid:0"))
	for _, label := range []string{"", strings.Repeat("x", 65), "a\nb", "\xff"} {
		if _, _, err := d.AddApp(t.Context(), name, label, "uid:0"); !errors.Is(err, ErrBadLabel) {
			t.Errorf("label %q: %v", label, err)
		}
	}
	for range maxApps {
		_, _, err := d.AddApp(t.Context(), name, "x", "uid:0")
		check(t, err)
	}
	if _, _, err := d.AddApp(t.Context(), name, "x", "uid:0"); !errors.Is(err, ErrManyApps) {
		t.Errorf("one more: %v", err)
	}
}

// TestAMailClientLogsInManyTimesAtOnce: more connections than places to hash,
// and nobody is turned away. A changed password is not remembered.
func TestAMailClientLogsInManyTimesAtOnce(t *testing.T) {
	d, _ := newDirectory(storetest.NewMemory())
	name := address("jo@clinic.example")
	check(t, d.AddUser(t.Context(), name, "the first password", Staff, "uid:0"))
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := d.LoginFrom(context.Background(), elsewhere, name, "the first password", "account"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	check(t, d.SetPassword(t.Context(), name, "the second password", "uid:0"))
	if _, err := d.LoginFrom(t.Context(), elsewhere, name, "the first password", "account"); !errors.Is(err, ErrBadLogin) {
		t.Errorf("the old password: %v", err)
	}
	check(t, second(d.LoginFrom(t.Context(), elsewhere, name, "the second password", "account")))
	check(t, second(d.DisableUser(t.Context(), name, "uid:0")))
	if _, err := d.LoginFrom(t.Context(), elsewhere, name, "the second password", "account"); !errors.Is(err, ErrBadLogin) {
		t.Errorf("disabled: %v", err)
	}
}
