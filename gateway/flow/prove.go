package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/proof"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Prove checks a code or a PIN, whichever the link takes. What it says of
// tries is durable. A proof makes a new session, whose secret it returns; else
// session is the visitor's. A right code, or the PIN of the sender, makes an
// expired link work again; a code over another channel thaws a frozen one. gateway.ErrBusy spends no try.
func (f *Flow) Prove(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, pin string) (session string, r gateway.ProofResult, err error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil || over(page.State) && !page.Renewable {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	o := f.offer(link, person)
	if page.Renewable {
		o.renews()
	}
	a := proof.Attempt{Link: link.ID, Session: v.Session, Typed: pin, Codes: o.code.known(), PIN: f.standing(link, o)}
	if page.SelfThaw {
		a.Codes, a.PIN, a.Thaw, a.Only = true, nil, true, !o.takes(gateway.OtherChannel)
	}
	a.Passed = func(b *store.Batch, how gateway.Assurance) error { return f.stageProven(ctx, b, link, how) }
	result, err := f.Proof.Check(ctx, a)
	if err != nil {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	v.Session = result.Session
	if err := f.journalTry(link, result); err != nil {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	r = gateway.ProofResult{Passed: result.Passed, Reason: result.Reason}
	if result.Thawed && !result.Passed {
		r.Reason = gateway.ProofThawed
	}
	_, _, r.Page, err = f.active(ctx, s, v) // read again: it may be renewed
	return v.Session, r, err
}

// standing is the PIN of a link as proof compares it; nil for none.
func (f *Flow) standing(l gateway.Link, o offer) *proof.PIN {
	if o.pin == nil {
		return nil
	}
	p := &proof.PIN{Assurance: assuranceOf(o.kind), Person: l.Person}
	about := l.Person.String()
	if o.kind == gateway.PINSender {
		p.Person, about = gateway.PersonRef{}, l.ID.String()
	}
	p.Enter = func(ctx context.Context) (func(string) bool, func(), error) {
		return f.People.EnterPIN(ctx, about, o.pin)
	}
	return p
}

// journalTry keeps beside the keyring what a restored backup must not forget.
func (f *Flow) journalTry(l gateway.Link, r proof.Result) error {
	var entries []seal.Entry
	if r.Frozen {
		entries = append(entries, seal.Entry{Kind: seal.JournalFrozen, ID: l.ID.String()})
	}
	if r.Closed {
		entries = append(entries, seal.Entry{Kind: seal.JournalFrozen, ID: l.Person.String(), Data: []byte(ofPerson)})
	}
	if r.Thawed {
		entries = append(entries, seal.Entry{Kind: seal.JournalFrozen, ID: l.ID.String(), Data: []byte(thawed)})
	}
	if entries == nil {
		return nil
	}
	return f.Journal.Append(entries...)
}

// stageProven stages what a proof changes besides: an expired link works again,
// and a code over another channel takes a freeze off the person's PIN.
func (f *Flow) stageProven(ctx context.Context, b *store.Batch, l gateway.Link, how gateway.Assurance) error {
	if how == gateway.OtherChannel {
		if err := f.stageThawedPIN(ctx, b, l); err != nil {
			return err
		}
	}
	stored, version, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(l.ID))
	if err != nil || f.Now().Before(stored.Expires) {
		return err
	}
	m, err := f.message(ctx, l.Envelope.Message)
	if err != nil {
		return err
	}
	f.file(b, m.ID)
	stored.Expires = expiry(f.Now(), stored.Options.Expires, f.set().LinkExpires, m.Retain)
	b.RequireVersion(linkKey(l.ID), version)
	if err := b.PutRecord(linkKey(l.ID), stored); err != nil {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventLinkRenewed, Actor: "correspondent", Message: l.Envelope.Message, Envelope: l.Envelope.String(),
		Link: l.ID, Persons: []gateway.PersonRef{l.Person}, Detail: map[string]string{"expires": stored.Expires.UTC().Format(time.RFC3339)},
	})
}

// stageThawedPIN stages the thaw of a PIN that takes no tries.
func (f *Flow) stageThawedPIN(ctx context.Context, b *store.Batch, l gateway.Link) error {
	status, err := f.Proof.PINStatus(ctx, l.Person)
	if err != nil || status.State == gateway.LinkActive {
		return err
	}
	if err := f.Proof.StageThawPIN(ctx, b, l.Person); err != nil {
		return err
	}
	b.After(func() { f.journalThawedPIN(l.Person) })
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventPINThawed, Actor: "correspondent", Message: l.Envelope.Message, Envelope: l.Envelope.String(),
		Link: l.ID, Persons: []gateway.PersonRef{l.Person}, Detail: map[string]string{"by": "code"},
	})
}

// journalThawedPIN notes that a person's PIN takes tries again. Losing the
// note makes a restored backup stricter, not weaker.
func (f *Flow) journalThawedPIN(person gateway.PersonRef) {
	if err := f.Journal.Later(seal.Entry{Kind: seal.JournalFrozen, ID: person.String(), Data: []byte(ofPersonThawed)}); err != nil {
		f.Log.Warn("writing the journal", "error", err)
	}
}

// renewable reports whether the message of an expired link can still be
// opened.
func (f *Flow) renewable(ctx context.Context, l gateway.Link) (bool, error) {
	m, err := f.message(ctx, l.Envelope.Message)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && f.Now().Before(m.Retain) && m.Body.Blob != "", err
}

// proven returns what the visitor's session has proven of a link.
// gateway.ErrNotProven when nothing, and when the link is locked: what was
// reported as somebody else's is closed for everybody.
func (f *Flow) proven(ctx context.Context, l gateway.Link, v gateway.Visitor) (proof.Proof, error) {
	p, ok, err := f.Proof.Proof(ctx, v.Session, l.ID)
	if err != nil {
		return p, err
	}
	if !ok {
		return p, gateway.ErrNotProven
	}
	status, err := f.Proof.Status(ctx, l.ID, "")
	if err == nil && status.Locked {
		err = gateway.ErrNotProven
	}
	return p, err
}

// Enter opens a link on a remembered device of its person, without digits: the
// new session has the proof that the device was enrolled with.
// gateway.ErrNotProven when this browser is none, or when the link demands
// more.
func (f *Flow) Enter(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (session string, r gateway.ProofResult, err error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	if page.State != gateway.LinkActive && page.State != gateway.LinkPaused {
		return v.Session, gateway.ProofResult{Page: page}, gateway.ErrNotProven
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	o := f.offer(link, person)
	also := func(b *store.Batch) error {
		_, err := f.stageUnrecalled(ctx, b, link.Envelope)
		return err
	}
	session, err = f.Proof.Enter(ctx, link.ID, link.Person, v.Session, v.Device, o.opensBy, also)
	if err != nil {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	v.Session = session
	page, err = f.page(ctx, link, person, v)
	return session, gateway.ProofResult{Passed: true, Page: page}, err
}

// opensBy reports whether a proof that was not given at the link itself opens
// it: that of a remembered device, or of another link of the conversation. A
// PIN that a sender set is for its own message: it opens no other, and what it
// protects no other proof opens.
func (o *offer) opensBy(a gateway.Assurance) bool {
	return o.least != gateway.SenderPIN && a != gateway.SenderPIN && o.takes(a)
}

// Report notes what a reader reports about a link, before or after a proof,
// and tells staff; the same concern again changes nothing. NotForMe locks the
// link: only staff opens it again. ErrNoLink for a link that does not exist.
func (f *Flow) Report(ctx context.Context, s gateway.LinkSecret, _ gateway.Visitor, c gateway.Concern) error {
	if c != gateway.NotForMe && c != gateway.Suspicious {
		return usage("a report is %s or %s", gateway.NotForMe, gateway.Suspicious)
	}
	link, err := f.link(ctx, s)
	if err != nil {
		return err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	e, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(link.Envelope))
	if err != nil {
		return err
	}
	links := append(e.Links(), link.ID)
	first, err := f.Proof.Report(ctx, link.ID, c, links, func(b *store.Batch) error { return f.stageReported(ctx, b, link, c) })
	if err != nil || !first {
		return err
	}
	f.Log.Warn("a link was reported", "id", link.Envelope.Message, "reason", string(c))
	if c != gateway.NotForMe {
		return nil
	}
	entries := make([]seal.Entry, len(links))
	for i, id := range links {
		entries[i] = seal.Entry{Kind: seal.JournalFrozen, ID: id.String(), Data: []byte(locked)}
	}
	return f.Journal.Append(entries...)
}
