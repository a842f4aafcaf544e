package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/store"
)

// Role of a member of staff.
type Role string

// The roles, each with the rights of those before it where that makes sense.
const (
	Staff      Role = "staff"
	Compliance Role = "compliance"
	Admin      Role = "admin"
)

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains([]Role{Staff, Compliance, Admin}, r) {
		return r, nil
	}
	return "", fmt.Errorf("unknown role %q (staff, compliance or admin)", s)
}

// User is a member of staff who may log in. The name is a mail address.
type User struct {
	Name     gateway.Address
	Role     Role
	Password *Password
	Disabled bool `json:",omitempty"`
	Created  time.Time
	Changed  time.Time `json:",omitzero"` // the password, the role, or one of an app removed, last
	// Weak says that the password is shorter than it should be: it counts from
	// this machine alone.
	Weak bool          `json:",omitempty"`
	Apps []AppPassword `json:",omitempty"`
}

// Current reports whether a log-in at since still counts.
func (u *User) Current(since time.Time) bool { return !u.Disabled && !since.Before(u.Changed) }

// Errors of user management.
var (
	ErrUserExists  = errors.New("people: that user exists")
	ErrBadLogin    = errors.New("people: wrong user name or password")
	ErrEnabled     = errors.New("people: that user is not disabled")
	ErrOldPassword = errors.New("people: that is the password that the user had")
	ErrBadPassword = errors.New("people: a password is not empty and has at most 512 octets")
)

// The shortest password that is not weak, in characters, and the longest that
// is taken, in octets.
const (
	minPassword = 12
	maxPassword = 512
)

func (d *Directory) userKey(name gateway.Address) []byte {
	h := d.mac("user", []byte(name.Key()))
	return store.Key(store.Users, h[:16])
}

// WeakPassword reports whether a password is too short to be guessed at from
// elsewhere: it counts from this machine alone.
func WeakPassword(password string) bool { return utf8.RuneCountInString(password) < minPassword }

// AddUser makes a user. ErrUserExists when there is one, ErrBadPassword for a
// password that is empty or too long.
func (d *Directory) AddUser(ctx context.Context, name gateway.Address, password string, role Role, actor string) error {
	hash, err := d.newPassword(ctx, password)
	if err != nil {
		return err
	}
	key, weak := d.userKey(name), WeakPassword(password)
	var b store.Batch
	b.RequireAbsent(key)
	if err := b.PutRecord(key, User{Name: name, Role: role, Password: hash, Weak: weak, Created: d.now()}); err != nil {
		return err
	}
	err = d.commitUser(ctx, &b, name, actor, strength(map[string]string{"act": "add", "role": string(role)}, weak))
	if errors.Is(err, store.ErrConflict) {
		return ErrUserExists
	}
	return err
}

// strength tells of a weak password in evidence.
func strength(detail map[string]string, weak bool) map[string]string {
	if weak {
		detail["password"] = "weak"
	}
	return detail
}

func (d *Directory) newPassword(ctx context.Context, password string) (*Password, error) {
	if password == "" || len(password) > maxPassword {
		return nil, ErrBadPassword
	}
	return d.hash(ctx, password)
}

// SetPassword replaces a user's password; ErrBadPassword as in AddUser. Those
// of apps stay. ErrUnknown for a user that is disabled, too.
func (d *Directory) SetPassword(ctx context.Context, name gateway.Address, password, actor string) error {
	hash, err := d.newPassword(ctx, password)
	if err != nil {
		return err
	}
	return d.changeUser(ctx, name, actor, func(u *User) (map[string]string, error) {
		if u.Disabled {
			return nil, ErrUnknown
		}
		u.Password, u.Weak, u.Changed = hash, WeakPassword(password), d.now()
		return strength(map[string]string{"act": "password"}, u.Weak), nil
	})
}

// DisableUser ends a user's logins, those of apps for good; the record stays,
// as evidence names it. changed is false when they had ended before. ErrUnknown.
func (d *Directory) DisableUser(ctx context.Context, name gateway.Address, actor string) (changed bool, err error) {
	return d.changeOnce(ctx, name, actor, func(u *User) (map[string]string, error) {
		if u.Disabled {
			return nil, errSame
		}
		u.Disabled, u.Apps = true, nil
		return map[string]string{"act": "disable"}, nil
	})
}

// EnableUser gives a disabled user their logins back, with another password: the
// one before may be why they lost them. It returns since when. ErrEnabled,
// ErrOldPassword, ErrUnknown, ErrBadPassword as in AddUser.
func (d *Directory) EnableUser(ctx context.Context, name gateway.Address, password, actor string) (time.Time, error) {
	hash, err := d.newPassword(ctx, password)
	if err != nil {
		return time.Time{}, err
	}
	var since time.Time
	err = d.changeUser(ctx, name, actor, func(u *User) (map[string]string, error) {
		if !u.Disabled {
			return nil, ErrEnabled
		}
		if had, err := d.has(ctx, u, password); err != nil || had {
			return nil, cmp.Or(err, ErrOldPassword)
		}
		since = d.now()
		u.Disabled, u.Password, u.Weak, u.Changed = false, hash, WeakPassword(password), since
		return strength(map[string]string{"act": "enable"}, u.Weak), nil
	})
	return since, err
}

// SetRole gives a user another role. Whoever is logged in under that name has to
// log in again: no session keeps rights that its user lost. The role that they
// have already changes nothing: changed is false. ErrUnknown.
func (d *Directory) SetRole(ctx context.Context, name gateway.Address, role Role, actor string) (changed bool, err error) {
	return d.changeOnce(ctx, name, actor, func(u *User) (map[string]string, error) {
		switch {
		case u.Disabled:
			return nil, ErrUnknown
		case u.Role == role:
			return nil, errSame
		}
		detail := map[string]string{"act": "role", "was": string(u.Role), "role": string(role)}
		u.Role, u.Changed = role, d.now()
		return detail, nil
	})
}

// errSame: the user is as they should be.
var errSame = errors.New("people: that changes nothing")

// changeOnce is changeUser with whether it changed anything: not when change
// answers errSame.
func (d *Directory) changeOnce(ctx context.Context, name gateway.Address, actor string, change func(*User) (detail map[string]string, err error)) (changed bool, err error) {
	err = d.changeUser(ctx, name, actor, change)
	if errors.Is(err, errSame) {
		return false, nil
	}
	return err == nil, err
}

// changeUser changes a user with evidence of what change returns. change may
// run more than once, each time with the newest record; its error ends it all.
func (d *Directory) changeUser(ctx context.Context, name gateway.Address, actor string, change func(*User) (detail map[string]string, err error)) error {
	return d.changeAt(ctx, d.userKey(name), actor, change)
}

func (d *Directory) changeAt(ctx context.Context, key []byte, actor string, change func(*User) (detail map[string]string, err error)) error {
	for {
		u, v, err := store.GetRecord[User](ctx, d.store, key)
		if errors.Is(err, store.ErrNotFound) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		detail, err := change(&u)
		if err != nil {
			return err
		}
		var b store.Batch
		b.RequireVersion(key, v)
		if err := b.PutRecord(key, u); err != nil {
			return err
		}
		if err := d.commitUser(ctx, &b, u.Name, actor, detail); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (d *Directory) commitUser(ctx context.Context, b *store.Batch, name gateway.Address, actor string, detail map[string]string) error {
	ref, err := d.ensure(ctx, name)
	if err != nil {
		return err
	}
	r := gateway.Record{At: d.now(), Event: gateway.EventUserChanged, Actor: actor, Persons: []gateway.PersonRef{ref}, Detail: detail}
	if err := d.evidence.Stage(b, r); err != nil {
		return err
	}
	return store.Write(ctx, d.store, b)
}

// FindUser returns the user of that name; ErrUnknown when there is none.
func (d *Directory) FindUser(ctx context.Context, name gateway.Address) (User, error) {
	u, _, err := store.GetRecord[User](ctx, d.store, d.userKey(name))
	if errors.Is(err, store.ErrNotFound) {
		return User{}, ErrUnknown
	}
	return u, err
}

// RequireUser is FindUser, and stages that the user's record is the same when b is
// committed, or that there is none then either: what they may do is then what it
// says.
func (d *Directory) RequireUser(ctx context.Context, b *store.Batch, name gateway.Address) (User, error) {
	key := d.userKey(name)
	u, version, err := store.GetRecord[User](ctx, d.store, key)
	if errors.Is(err, store.ErrNotFound) {
		b.RequireAbsent(key)
		return User{}, ErrUnknown
	}
	b.RequireVersion(key, version)
	return u, err
}

// ListUsers returns all users in no particular order.
func (d *Directory) ListUsers(ctx context.Context) ([]User, error) {
	var users []User
	var bad error
	err := d.store.Scan(ctx, store.Prefix(store.Users), func(it store.Item) bool {
		var u User
		if bad = store.Decode(it.Value, &u); bad == nil {
			users = append(users, u)
		}
		return bad == nil
	})
	return users, errors.Join(err, bad)
}
