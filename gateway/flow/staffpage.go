package flow

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// Limits of wrong passwords within guessTime: of one account from one network,
// of one account, and of one network, behind which may be a whole house. Beyond
// those of a network nothing is compared until guessTime after the first;
// beyond those of an account one try each guessPause, so that nobody shuts
// others out of their account from elsewhere.
const (
	guessTime    = 15 * time.Minute
	guessPause   = 5 * time.Second
	guessesHere  = 5
	guessesEach  = 50
	guessesTotal = 50
)

// guess is what a wrong password counts for; the first charge is that of the
// account from here. Loopback is a proxy of ours that speaks for everybody: it
// is no network that could be shut.
func (f *Flow) guess(account, client string) []charge {
	each := charge{key: f.MAC("staff guess", []byte(account)), limit: guessesEach, pause: guessPause}
	network := networkOf(client)
	if network == "" {
		return []charge{each}
	}
	return []charge{
		{key: f.MAC("staff guess here", []byte(account), []byte(network)), limit: guessesHere}, each,
		{key: f.MAC("staff guess from", []byte(network)), limit: guessesTotal},
	}
}

// networkOf is what one household or one stranger has of the network: an IPv4
// address, or the /56 of an IPv6 address; "" for loopback.
func networkOf(client string) string {
	ip, err := netip.ParseAddr(client)
	if err != nil {
		return "unknown " + client
	}
	if ip = ip.Unmap().WithZone(""); ip.IsLoopback() {
		return ""
	}
	if p, err := ip.Prefix(56); ip.Is6() && err == nil {
		return p.String()
	}
	return ip.String()
}

// StaffLogin makes a session for a member of staff who knows their password,
// to read in the viewer what did not go to their mailbox. gateway.ErrNotProven
// for a wrong name or password, a *gateway.TooSoonError after too many of
// them, gateway.ErrBusy when too many are at it.
func (f *Flow) StaffLogin(ctx context.Context, name, password string, v gateway.Visitor) (session string, err error) {
	account, err := f.userName(name)
	if err != nil {
		return "", gateway.ErrNotProven
	}
	begun, g := f.Now(), f.guess(account.Key(), v.Remote)
	if until := f.guesses.take(g, 1, f.Now()); !until.IsZero() {
		return "", &gateway.TooSoonError{At: until}
	}
	u, err := f.People.Login(ctx, account, password, "account")
	if errors.Is(err, people.ErrBadLogin) {
		return "", gateway.ErrNotProven
	}
	f.guesses.undo(g, 1)
	if err != nil {
		return "", err
	}
	f.guesses.forget(g[0])
	return f.Proof.NewStaffSession(ctx, u.Name, begun)
}

// StaffLeave ends a session of staff.
func (f *Flow) StaffLeave(ctx context.Context, session string) error {
	return f.Proof.EndStaffSession(ctx, session)
}

// StaffOpen gives a member of staff the right to read an answer that was for
// them, or what they wrote; file is as for Open. gateway.ErrNotProven for a
// session that is none, gateway.ErrNoTurn for what is not theirs, a
// *gateway.TurnClosedError for what cannot be read any more. The reading is
// recorded once for each session and message, durably before it returns.
func (f *Flow) StaffOpen(ctx context.Context, session string, id gateway.MessageID, file int, v gateway.Visitor) (gateway.Grant, error) {
	account, err := f.staffAccount(ctx, session)
	if err != nil {
		return gateway.Grant{}, err
	}
	m, _, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return gateway.Grant{}, gateway.ErrNoTurn
	}
	if err != nil {
		return gateway.Grant{}, err
	}
	e, err := f.forStaff(ctx, &m, account)
	if err != nil {
		return gateway.Grant{}, err
	}
	switch {
	case !m.Recalled.IsZero():
		return gateway.Grant{}, &gateway.TurnClosedError{State: gateway.TurnRecalled}
	case m.Staff.IsZero() || m.Body.Blob == "" || f.Keys.Destroyed(m.Staff.Group) || !f.Now().Before(m.Retain):
		return gateway.Grant{}, &gateway.TurnClosedError{State: gateway.TurnExpired}
	}
	if err := f.recordStaff(ctx, &m, e, account, session, file, v); err != nil {
		return gateway.Grant{}, err
	}
	name, err := f.names().of(ctx, m.From)
	return gateway.Grant{
		Envelope: e.ID, Message: m.ID, Body: m.Body, Wrap: m.Staff, Staff: true, From: m.From, FromName: name, To: account,
		Subject: m.Subject, Sent: m.Accepted, Expires: m.Retain,
	}, err
}

// staffAccount is whose session it is. An account that was disabled since, or
// got another password, has none.
func (f *Flow) staffAccount(ctx context.Context, session string) (gateway.Address, error) {
	account, since, ok, err := f.Proof.Staff(ctx, session)
	if err != nil {
		return account, err
	}
	if !ok {
		return account, gateway.ErrNotProven
	}
	u, err := f.People.FindUser(ctx, account)
	if errors.Is(err, people.ErrUnknown) || err == nil && !u.Current(since) {
		return account, gateway.ErrNotProven
	}
	return account, err
}

// forStaff finds the envelope by which a message is a member of staff's to
// read: an answer that was sent to them, in a conversation that they take part
// in; zero for what they wrote there. A mail that waits for a review is
// nobody's.
func (f *Flow) forStaff(ctx context.Context, m *gateway.Message, account gateway.Address) (gateway.Envelope, error) {
	is := func(a gateway.Address) bool { return a.Key() == account.Key() }
	th, err := f.Threads.Get(ctx, m.Thread)
	if errors.Is(err, thread.ErrUnknown) || err == nil && !slices.ContainsFunc(th.Everybody(), is) {
		return gateway.Envelope{}, gateway.ErrNoTurn
	}
	if err != nil {
		return gateway.Envelope{}, err
	}
	if m.Direction == gateway.Outbound && is(m.From) {
		return gateway.Envelope{}, nil
	}
	copies, _, err := f.copies(ctx, m.ID)
	if err != nil {
		return gateway.Envelope{}, err
	}
	i := slices.IndexFunc(copies, func(e gateway.Envelope) bool { return e.Confidential && is(e.Recipient) })
	if i < 0 {
		return gateway.Envelope{}, gateway.ErrNoTurn
	}
	return copies[i], nil
}

// recordStaff leaves the evidence that a member of staff reads, unless this
// session has left it already.
func (f *Flow) recordStaff(ctx context.Context, m *gateway.Message, e gateway.Envelope, account gateway.Address, session string, file int, v gateway.Visitor) error {
	what := f.MAC("staff read", []byte(session), m.ID[:], []byte(strconv.Itoa(file)))
	if f.turns.has(what, f.Now()) {
		return nil
	}
	refs, err := f.People.Ensure(ctx, account)
	if err != nil {
		return err
	}
	r := gateway.Record{
		At: f.Now(), Event: gateway.EventStaffOpened, Actor: "account", Message: m.ID, Thread: m.Thread, Persons: refs,
		Detail: map[string]string{"client": f.client(v), "reader": readerOf(v)},
	}
	if file >= 0 {
		r.Detail["file"] = strconv.Itoa(file)
	}
	err = store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.recordStaffOnce(ctx, r, e.ID)
	}
	if err == nil {
		f.turns.add(what, f.Now())
	}
	return err
}

func (f *Flow) recordStaffOnce(ctx context.Context, r gateway.Record, id gateway.EnvelopeID) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	if !id.Message.IsZero() {
		r.Envelope = id.String()
		e, err := f.stageUnrecalled(ctx, &b, id)
		if err != nil {
			return err
		}
		if e.Opened.IsZero() {
			e.Opened = r.At
			if err := b.PutRecord(envelopeKey(id), e); err != nil {
				return err
			}
		}
	}
	if err := f.Audit.Stage(&b, r); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}
