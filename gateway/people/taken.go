package people

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// UserID names a user where no address may stand: a keyed hash.
func (d *Directory) UserID(name gateway.Address) string {
	return hex.EncodeToString(d.userKey(name)[1:])
}

// Taken is what was taken away from a user.
type Taken struct {
	Disabled bool
	Back     time.Time // when they got their logins back; zero: they did not
	Apps     []string  // ids of passwords of apps
	Role     Role      // their newest one; "": it was not changed
}

// rank orders roles by their rights; 0 is none that is known.
func (r Role) rank() int { return 1 + slices.Index([]Role{Staff, Compliance, Admin}, r) }

// errKept: nothing is to be taken away.
var errKept = errors.New("people: they have none of it")

// TakeAgain takes away from a user what a restored backup gave back. It gives
// nothing: a role that became a stronger one stays. It reports whether there was
// anything; a user whom nobody knows has nothing.
func (d *Directory) TakeAgain(ctx context.Context, id string, t Taken) (bool, error) {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return false, errors.New("people: a user's id cannot be read")
	}
	err = d.changeAt(ctx, store.Key(store.Users, raw), "system", func(u *User) (map[string]string, error) {
		had := len(u.Apps)
		u.Apps = slices.DeleteFunc(u.Apps, func(a AppPassword) bool { return slices.Contains(t.Apps, a.ID) })
		some := len(u.Apps) != had
		if t.Role.rank() > 0 && t.Role.rank() < u.Role.rank() {
			u.Role, some = t.Role, true
		}
		if t.Disabled && !u.Disabled && (t.Back.IsZero() || u.Changed.Before(t.Back)) { // as they were then, their password counts no more
			u.Disabled, u.Apps, some = true, nil, true
		}
		if !some {
			return nil, errKept
		}
		u.Changed = d.now()
		return map[string]string{"act": "take_again", "by": "restore"}, nil
	})
	if errors.Is(err, errKept) || errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}
