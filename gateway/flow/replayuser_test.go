package flow

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
)

// TestRestoredBackupGivesUsersNothingBack: who was disabled, who lost a role or the
// password of an app after the backup has none of it again, and who gained a role
// gets it from nobody. Who was disabled and got another password is disabled again
// where the backup is older, with the password that they had then, and nowhere else.
func TestRestoredBackupGivesUsersNothingBack(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	operate := func(ctx context.Context, f *Flow, what, name string, args url.Values) string {
		t.Helper()
		args.Set("name", name+"@clinic.example")
		out, err := operation(ctx, f, what, args, args.Get("password"))
		if err != nil {
			t.Errorf("%s %s: %v", what, name, err)
		}
		return out
	}
	var made []string
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		for _, name := range []string{"ann", "bob", "eve", "joe"} {
			w.client(ctx, t, f, name+"@clinic.example", "compliance")
			var app struct{ ID string }
			if err := json.Unmarshal([]byte(operate(ctx, f, "user.app_add", name, url.Values{"label": {"telephone"}})), &app); err != nil {
				return err
			}
			made = append(made, app.ID)
		}
		return nil
	})
	backup := kv.Copy()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		operate(ctx, f, "user.disable", "ann", url.Values{})
		operate(ctx, f, "user.enable", "ann", url.Values{"password": {"another pass phrase"}})
		operate(ctx, f, "user.app_remove", "bob", url.Values{"id": {made[1]}})
		operate(ctx, f, "user.role", "eve", url.Values{"role": {"admin"}})
		operate(ctx, f, "user.role", "eve", url.Values{"role": {"staff"}})
		operate(ctx, f, "user.role", "joe", url.Values{"role": {"staff"}})
		operate(ctx, f, "user.role", "joe", url.Values{"role": {"admin"}})
		operate(ctx, f, "user.app_add", "joe", url.Values{"label": {"tablet"}})
		w.client(ctx, t, f, "new@clinic.example", "staff")
		operate(ctx, f, "user.disable", "new", url.Values{})
		return nil
	})
	for i, users := range []int{3, 0} { // again, there is nothing left to take
		w.must(t, backup, func(ctx context.Context, f *Flow) error {
			time.Sleep(time.Minute)
			done, err := w.replayed(ctx, f)
			if done.Users != users || len(eventsOf(ctx, t, f, gateway.EventUserChanged)) != 8+3 {
				t.Errorf("round %d: %+v", i, done)
			}
			for name, want := range map[string]people.User{
				"ann": {Disabled: true, Role: people.Compliance}, "bob": {Role: people.Compliance}, "eve": {Role: people.Staff}, "joe": {Role: people.Compliance},
			} {
				u, err := f.People.FindUser(ctx, gateway.MustAddress(name+"@clinic.example"))
				apps := 1
				if name == "ann" || name == "bob" {
					apps = 0
				}
				if err != nil || u.Disabled != want.Disabled || u.Role != want.Role || len(u.Apps) != apps {
					t.Errorf("%s: disabled %v, %s, %d app passwords, %v", name, u.Disabled, u.Role, len(u.Apps), err)
				}
			}
			return err
		})
	}
	w.sound(t, backup)
	w.must(t, kv, func(ctx context.Context, f *Flow) error { // a backup of now
		done, err := w.replayed(ctx, f)
		u, unknown := f.People.FindUser(ctx, gateway.MustAddress("ann@clinic.example"))
		if done.Users != 0 || unknown != nil || u.Disabled {
			t.Errorf("of a backup that is as new as the journal: %+v, %+v, %v", done, u, unknown)
		}
		return err
	})
}

// watchedJournal calls a function before each entry.
type watchedJournal struct {
	Journal
	before func(seal.Entry) error
}

func (j watchedJournal) Append(entries ...seal.Entry) error {
	for _, e := range entries {
		if err := j.before(e); err != nil {
			return err
		}
	}
	return j.Journal.Append(entries...)
}

// TestTakingAwayAgainIsJournalled: where the journal failed when an app password had
// been taken away, whoever tries again finds it gone, and a backup gives it back to
// nobody.
func TestTakingAwayAgainIsJournalled(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	args := url.Values{"name": {"ann@clinic.example"}, "label": {"telephone"}}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		w.client(ctx, t, f, "ann@clinic.example", "staff")
		out, err := operation(ctx, f, "user.app_add", args, "")
		if err != nil {
			return err
		}
		var made struct{ ID string }
		err = json.Unmarshal([]byte(out), &made)
		args.Set("id", made.ID)
		return err
	})
	backup := kv.Copy()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		sound, full := f.Journal, errors.New("no room")
		lines := 0
		f.Journal = watchedJournal{sound, func(seal.Entry) error { lines++; return full }}
		if _, err := operation(ctx, f, "user.app_remove", args, ""); !errors.Is(err, full) {
			t.Errorf("answered %v", err)
		}
		if _, err := operation(ctx, f, "user.app_remove", args, ""); !errors.Is(err, full) {
			t.Errorf("tried again, answered %v", err)
		}
		f.Journal = sound
		var refused *OperationError
		if _, err := operation(ctx, f, "user.app_remove", args, ""); !errors.As(err, &refused) {
			t.Errorf("in the end, answered %v", err)
		}
		f.Journal = watchedJournal{sound, func(seal.Entry) error { lines++; return nil }}
		for _, id := range []string{"", "what is no id", strings.Repeat("a", 1000)} {
			_, _ = operation(ctx, f, "user.app_remove", url.Values{"name": args["name"], "id": {id}}, "")
		}
		if lines != 2 {
			t.Errorf("%d lines", lines)
		}
		return nil
	})
	w.must(t, backup, func(ctx context.Context, f *Flow) error {
		if _, err := w.replayed(ctx, f); err != nil {
			return err
		}
		u, err := f.People.FindUser(ctx, gateway.MustAddress("ann@clinic.example"))
		if len(u.Apps) != 0 {
			t.Error("the backup gives it back")
		}
		return err
	})
}

// TestRolesAreJournalledInOrder: the newest line on a role is the role they have,
// whoever changes it at the same time.
func TestRolesAreJournalledInOrder(t *testing.T) {
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.client(ctx, t, f, "eve@clinic.example", "staff")
		change := func(role string) {
			if _, err := operation(ctx, f, "user.role", url.Values{"name": {"eve@clinic.example"}, "role": {role}}, ""); err != nil {
				t.Error(err)
			}
		}
		var other sync.WaitGroup
		var lines []string
		f.Journal = watchedJournal{f.Journal, func(e seal.Entry) error {
			if lines = append(lines, string(e.Data)); len(lines) > 1 {
				return nil
			}
			other.Go(func() { change("compliance") })
			for range 2000 { // the other one has its time
				runtime.Gosched()
				if u, err := f.People.FindUser(ctx, gateway.MustAddress("eve@clinic.example")); err != nil || u.Role != people.Admin {
					t.Errorf("the journal is about to say %q, and now it is %q, %v", e.Data, u.Role, err)
					break
				}
			}
			return nil
		}}
		change("admin")
		other.Wait()
		if got := strings.Join(lines, ", "); got != "role admin, role compliance" {
			t.Errorf("the journal says %s", got)
		}
		return nil
	})
}

// TestDisablingIsJournalledInOrder: who is enabled and disabled at the same time, and
// is disabled in the end, is disabled in the journal too.
func TestDisablingIsJournalledInOrder(t *testing.T) {
	w := newWorld(t)
	w.must(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		w.client(ctx, t, f, "eve@clinic.example", "staff")
		change := func(what string) {
			if _, err := operation(ctx, f, what, url.Values{"name": {"eve@clinic.example"}}, "another pass phrase"); err != nil {
				t.Error(err)
			}
		}
		change("user.disable")
		var other sync.WaitGroup
		var lines []string
		f.Journal = watchedJournal{f.Journal, func(e seal.Entry) error {
			word, _, _ := strings.Cut(string(e.Data), " ")
			if lines = append(lines, word); len(lines) > 1 {
				return nil
			}
			other.Go(func() { change("user.disable") })
			for range 2000 { // the other one has its time
				runtime.Gosched()
				if u, err := f.People.FindUser(ctx, gateway.MustAddress("eve@clinic.example")); err != nil || u.Disabled {
					t.Errorf("the journal is about to say %q, and now they are disabled: %v, %v", word, u.Disabled, err)
					break
				}
			}
			return nil
		}}
		change("user.enable")
		other.Wait()
		if got := strings.Join(lines, ", "); got != "enabled, disabled" {
			t.Errorf("the journal says %s", got)
		}
		return nil
	})
}
