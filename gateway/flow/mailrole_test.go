package flow

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestARoleEndsAtOnce: a session of somebody who reviews no more reads no held
// mail and decides about none, whatever it had selected; another one begins
// without.
func TestARoleEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		eve := w.client(ctx, t, f, "eve@clinic.example", "compliance")
		sentTo(ctx, t, f, "h@hold.example")
		eve.is(ctx, "Quarantine: 1 "+secretSubject+";")
		open, err := f.MailOpen(ctx, eve.account, gateway.FolderQuarantine)
		if err != nil {
			return err
		}
		defer open.Close()
		listed := eve.entries(ctx, gateway.FolderQuarantine)
		if _, err := operation(ctx, f, "user.role", url.Values{"name": {"eve@clinic.example"}, "role": {"clerk"}}, ""); err == nil {
			t.Error("there is a role clerk")
		}
		time.Sleep(time.Second)
		if _, err := operation(ctx, f, "user.role", url.Values{"name": {"eve@clinic.example"}, "role": {"staff"}}, ""); err != nil {
			return err
		}
		proven := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("%s: %v", what, err)
			}
		}
		proven("current", f.MailCurrent(ctx, eve.account))
		_, err = f.MailRead(ctx, eve.account, gateway.FolderQuarantine, listed)
		proven("read", err)
		_, err = f.MailMove(ctx, eve.account, gateway.FolderQuarantine, firstUID, gateway.FolderRelease)
		proven("release", err)
		_, err = f.MailOpen(ctx, eve.account, gateway.FolderQuarantine)
		proven("open", err)
		again := w.again(ctx, t, f, "eve")
		again.is(ctx, "")
		if again.account.Review {
			t.Error("a new session reviews")
		}
		time.Sleep(time.Second)
		if _, err := operation(ctx, f, "user.role", url.Values{"name": {"eve@clinic.example"}, "role": {"admin"}}, ""); err != nil {
			return err
		}
		proven("with another role than it began with", f.MailCurrent(ctx, again.account))
		changed := eventsOf(ctx, t, f, gateway.EventUserChanged)
		if d := changed[len(changed)-2].Detail; d["act"] != "role" || d["was"] != "compliance" || d["role"] != "staff" {
			t.Errorf("evidence %v", d)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
