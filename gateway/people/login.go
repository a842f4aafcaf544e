package people

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/store"
)

// Client is what a log-in comes through. The zero value is a page, behind which
// anybody may be.
type Client struct {
	// Loopback says that the client runs on this machine: a weak password counts.
	Loopback bool
	// Mail says that it is a mail client: the passwords of apps count too.
	Mail bool
}

// Login checks a name and password and leaves evidence of the outcome.
// ErrBadLogin says nothing about which of the two was wrong, also in time.
// ErrBusy when too many others are at it.
func (d *Directory) Login(ctx context.Context, name gateway.Address, password, actor string) (User, error) {
	return d.LoginFrom(ctx, Client{}, name, password, actor)
}

// LoginFrom is Login through a client. A mail client logs in for each of its
// connections: a password that was right a moment ago is not hashed again.
func (d *Directory) LoginFrom(ctx context.Context, c Client, name gateway.Address, password, actor string) (User, error) {
	for {
		u, err := d.login(ctx, c, name, password, actor)
		if !errors.Is(err, store.ErrConflict) {
			return u, err
		}
	}
}

// tried is how a log-in went.
type tried struct {
	ok     bool
	detail map[string]string // of evidence
	app    *AppPassword      // whose last use is to be noted
}

func (d *Directory) login(ctx context.Context, c Client, name gateway.Address, password, actor string) (User, error) {
	key := d.userKey(name)
	u, version, err := store.GetRecord[User](ctx, d.store, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return User{}, err
	}
	t, err := d.try(ctx, c, name, &u, password[:min(len(password), maxPassword+1)])
	if err != nil {
		return User{}, err
	}
	var b store.Batch
	if t.app != nil {
		t.app.Used = d.now()
		b.RequireVersion(key, version)
		if err := b.PutRecord(key, u); err != nil {
			return User{}, err
		}
	}
	if err := d.recordLogin(ctx, &b, name, &u, t, actor); err != nil {
		return User{}, err
	}
	if !t.ok {
		return User{}, ErrBadLogin
	}
	return u, nil
}

// try compares. An app's password cannot be guessed, so it is not hashed; a
// wrong one takes as long as any wrong password.
func (d *Directory) try(ctx context.Context, c Client, name gateway.Address, u *User, password string) (tried, error) {
	if c.Mail && !u.Disabled {
		if a := d.findApp(name, u, password); a != nil {
			t := tried{ok: true, detail: map[string]string{"app": a.ID}}
			if d.now().Sub(a.Used) >= usedEvery {
				t.app = a
			}
			return t, nil
		}
	}
	compare := d.matches
	if c.Mail {
		compare = d.matchesAgain
	}
	right, err := compare(ctx, name.Key(), u.Password, password)
	if err != nil {
		return tried{}, err
	}
	t := tried{ok: right && !u.Disabled && (!u.Weak || c.Loopback)}
	if right && u.Weak {
		t.detail = map[string]string{"password": "weak"}
	}
	return t, nil
}

func (d *Directory) recordLogin(ctx context.Context, b *store.Batch, name gateway.Address, u *User, t tried, actor string) error {
	r := gateway.Record{At: d.now(), Event: gateway.EventLoginFailed, Actor: actor, Detail: t.detail}
	if t.ok {
		r.Event = gateway.EventLoginPassed
	}
	if u.Password != nil { // strangers' guesses make no person
		ref, err := d.ensure(ctx, name)
		if err != nil {
			return err
		}
		r.Persons = []gateway.PersonRef{ref}
	}
	if err := d.evidence.Stage(b, r); err != nil {
		return err
	}
	return store.Write(ctx, d.store, b)
}
