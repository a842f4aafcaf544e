package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/store"
)

// Answers to a log-in (RFC 4954 section 6). They say nothing of whether the
// name exists.
var (
	faultLogin     = gateway.NewFault(535, "5.7.8", "Authentication credentials invalid")
	faultLoginBusy = gateway.NewFault(454, "4.7.0", "Temporary authentication failure")
)

// Authenticate checks the user name and password of an SMTP client and
// returns the account: the key of the user's address. A name without a domain
// belongs to the organization's first one.
func (f *Flow) Authenticate(ctx context.Context, _ gateway.Peer, user, password string) (string, error) {
	name, err := f.userName(user)
	if err != nil {
		return "", faultLogin
	}
	u, err := f.People.Login(ctx, name, password, "account")
	switch {
	case err == nil:
		return u.Name.Key(), nil
	case errors.Is(err, people.ErrBadLogin):
		return "", faultLogin
	case errors.Is(err, people.ErrBusy):
		return "", faultLoginBusy
	}
	return "", storage(err)
}

func (f *Flow) userName(user string) (gateway.Address, error) {
	if a, err := gateway.ParseAddress(user); err == nil && !a.IsNull() {
		return a, nil
	}
	return gateway.ParseAddress(user + "@" + f.set().Domains[0])
}

// LoginSMS leaves the evidence of an application's bind; ok is false for a wrong
// name or password. A name that no account has may be anybody's word and is not
// kept. Many wrong ones share a row, which tells their count and comes within
// two minutes.
func (f *Flow) LoginSMS(ctx context.Context, p gateway.Peer, ok bool) error {
	name := bindName{listener: p.Listener}
	if a, known := f.set().SMS.account(p.Account); known {
		name.account = a.SystemID
	}
	if !ok && !f.mayRecord(p, name.account) {
		return nil
	}
	var b store.Batch
	if err := f.Audit.Stage(&b, f.bindRecord(name, ok)); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}
