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
// belongs to the organization's first one. A weak password counts from this
// machine alone.
func (f *Flow) Authenticate(ctx context.Context, p gateway.Peer, user, password string) (string, error) {
	name, err := f.userName(user)
	if err != nil {
		return "", faultLogin
	}
	c := people.Client{Loopback: p.Addr.Addr().Unmap().IsLoopback(), Mail: true}
	u, err := f.People.LoginFrom(ctx, c, name, password, "account")
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

// Sender checks MAIL FROM. On the submission listeners it belongs to the
// account. Elsewhere every sender may knock, RCPT decides.
func (f *Flow) Sender(ctx context.Context, s *gateway.Submission) error {
	if submission(s.Peer.Listener) && !s.From.IsNull() && s.From.Key() != s.Peer.Account {
		return faultSender
	}
	return f.loggedIn(ctx, s)
}

// loggedIn fails unless the account of a session is one still, and its password
// what it was: a session may be older than the end of either. It is asked for each
// mail, and again when all of it has come, which may take an hour.
func (f *Flow) loggedIn(ctx context.Context, s *gateway.Submission) error {
	if s.Peer.Account == "" && !submission(s.Peer.Listener) {
		return nil
	}
	name, err := gateway.ParseAddress(s.Peer.Account)
	if err != nil {
		return faultSender
	}
	u, err := f.People.FindUser(ctx, name)
	switch {
	case errors.Is(err, people.ErrUnknown), err == nil && u.Disabled:
		return faultEnded
	case err != nil:
		return storage(err)
	case !u.Current(s.Since):
		return faultAgain
	}
	return nil
}

func submission(listener string) bool {
	return listener == "submission" || listener == "submissions"
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
