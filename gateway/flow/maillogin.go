package flow

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/store"
)

// MailLogin proves a member of staff in their mail client. gateway.ErrNotProven
// for a wrong name or password, a *gateway.TooSoonError after too many of them,
// gateway.ErrBusy when too many are at it. What was for them before they had an
// account is filed when they come first.
func (f *Flow) MailLogin(ctx context.Context, name, password string, v gateway.Visitor) (gateway.MailAccount, error) {
	account, err := f.userName(name)
	if err != nil {
		return gateway.MailAccount{}, gateway.ErrNotProven
	}
	begun, g := f.Now(), f.guess(account.Key(), v.Remote)
	if until := f.guesses.take(g, 1, f.Now()); !until.IsZero() {
		return gateway.MailAccount{}, &gateway.TooSoonError{At: until}
	}
	from := people.Client{Loopback: networkOf(v.Remote) == "", Mail: true}
	u, err := f.People.LoginFrom(ctx, from, account, password, "account")
	if errors.Is(err, people.ErrBadLogin) {
		return gateway.MailAccount{}, gateway.ErrNotProven
	}
	f.guesses.undo(g, 1)
	if err != nil {
		return gateway.MailAccount{}, err
	}
	f.guesses.forget(g[0])
	if err := f.makeMailbox(ctx, u.Name); err != nil {
		return gateway.MailAccount{}, storage(err)
	}
	var raw [10]byte
	if _, err := io.ReadFull(f.Random, raw[:]); err != nil {
		return gateway.MailAccount{}, fmt.Errorf("making a session: %w", err)
	}
	return gateway.MailAccount{
		Name: u.Name, Review: reviews(u.Role), Session: base32.StdEncoding.EncodeToString(raw[:]), Since: begun, Visitor: v,
	}, nil
}

// reviews reports whether a role sees held mail.
func reviews(r people.Role) bool { return r == people.Compliance || r == people.Admin }

// reviewing fails with gateway.ErrNotProven unless a session may decide about held
// mail, and stages that this is so when b is committed.
func (f *Flow) reviewing(ctx context.Context, b *store.Batch, a gateway.MailAccount) error {
	u, err := f.People.RequireUser(ctx, b, a.Name)
	if errors.Is(err, people.ErrUnknown) || err == nil && (!u.Current(a.Since) || !reviews(u.Role)) {
		return gateway.ErrNotProven
	}
	return err
}

// stillReviews is reviewing for what a reviewer wrote, by mail.
func (f *Flow) stillReviews(ctx context.Context, b *store.Batch, by gateway.Address) error {
	u, err := f.People.RequireUser(ctx, b, by)
	if errors.Is(err, people.ErrUnknown) || err == nil && (u.Disabled || !reviews(u.Role)) {
		return faultNotAsked
	}
	return err
}

// MailCurrent fails with gateway.ErrNotProven when a session has to end: the
// account was disabled, got another password, or lost the role it came with.
func (f *Flow) MailCurrent(ctx context.Context, a gateway.MailAccount) error {
	u, err := f.People.FindUser(ctx, a.Name)
	if errors.Is(err, people.ErrUnknown) || err == nil && (!u.Current(a.Since) || a.Review && !reviews(u.Role)) {
		return gateway.ErrNotProven
	}
	return err
}
