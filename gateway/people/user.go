package people

import (
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
	Changed  time.Time `json:",omitzero"` // the password, last
}

// Errors of user management.
var (
	ErrUserExists   = errors.New("people: that user exists")
	ErrBadLogin     = errors.New("people: wrong user name or password")
	ErrWeakPassword = errors.New("people: a password has at least 12 characters and at most 512 octets")
)

// The shortest password that is taken, in characters, and the longest, in octets.
const (
	minPassword = 12
	maxPassword = 512
)

func (d *Directory) userKey(name gateway.Address) []byte {
	h := d.mac("user", []byte(name.Key()))
	return store.Key(store.Users, h[:16])
}

// AddUser makes a user. ErrUserExists when there is one, ErrWeakPassword for a
// password that is too short or too long.
func (d *Directory) AddUser(ctx context.Context, name gateway.Address, password string, role Role, actor string) error {
	hash, err := d.newPassword(ctx, password)
	if err != nil {
		return err
	}
	key := d.userKey(name)
	var b store.Batch
	b.RequireAbsent(key)
	if err := b.PutRecord(key, User{Name: name, Role: role, Password: hash, Created: d.now()}); err != nil {
		return err
	}
	err = d.commitUser(ctx, &b, name, actor, map[string]string{"act": "add", "role": string(role)})
	if errors.Is(err, store.ErrConflict) {
		return ErrUserExists
	}
	return err
}

func (d *Directory) newPassword(ctx context.Context, password string) (*Password, error) {
	if utf8.RuneCountInString(password) < minPassword || len(password) > maxPassword {
		return nil, ErrWeakPassword
	}
	return d.hash(ctx, password)
}

// SetPassword replaces a user's password; ErrWeakPassword as in AddUser.
func (d *Directory) SetPassword(ctx context.Context, name gateway.Address, password, actor string) error {
	hash, err := d.newPassword(ctx, password)
	if err != nil {
		return err
	}
	return d.changeUser(ctx, name, actor, "password", func(u *User) { u.Password, u.Changed = hash, d.now() })
}

// DisableUser ends a user's logins; the record stays, as evidence names it.
func (d *Directory) DisableUser(ctx context.Context, name gateway.Address, actor string) error {
	return d.changeUser(ctx, name, actor, "disable", func(u *User) { u.Disabled = true })
}

func (d *Directory) changeUser(ctx context.Context, name gateway.Address, actor, act string, change func(*User)) error {
	key := d.userKey(name)
	for {
		u, v, err := store.GetRecord[User](ctx, d.store, key)
		if errors.Is(err, store.ErrNotFound) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		change(&u)
		var b store.Batch
		b.RequireVersion(key, v)
		if err := b.PutRecord(key, u); err != nil {
			return err
		}
		if err := d.commitUser(ctx, &b, name, actor, map[string]string{"act": act}); !errors.Is(err, store.ErrConflict) {
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

// Login checks a name and password and leaves evidence of the outcome.
// ErrBadLogin says nothing about which of the two was wrong, also in time.
// ErrBusy when too many others are at it.
func (d *Directory) Login(ctx context.Context, name gateway.Address, password, actor string) (User, error) {
	u, _, err := store.GetRecord[User](ctx, d.store, d.userKey(name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return User{}, err
	}
	ok, err := d.matches(ctx, name.Key(), u.Password, password[:min(len(password), maxPassword+1)])
	if err != nil {
		return User{}, err
	}
	ok = ok && !u.Disabled
	event := gateway.EventLoginPassed
	if !ok {
		event = gateway.EventLoginFailed
	}
	r := gateway.Record{At: d.now(), Event: event, Actor: actor}
	if u.Password != nil { // strangers' guesses make no person
		ref, err := d.ensure(ctx, name)
		if err != nil {
			return User{}, err
		}
		r.Persons = []gateway.PersonRef{ref}
	}
	var b store.Batch
	if err := d.evidence.Stage(&b, r); err != nil {
		return User{}, err
	}
	if err := store.Write(ctx, d.store, &b); err != nil {
		return User{}, err
	}
	if !ok {
		return User{}, ErrBadLogin
	}
	return u, nil
}
