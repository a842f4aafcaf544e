package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// securing is a message that is about to be secured for somebody.
type securing struct {
	message *gateway.Message
	key     seal.Key
	options gateway.Options
	// automatic is the original's Auto-Submitted, which its notice repeats.
	automatic string
	hops      int           // of the original, which its notice counts on from
	person    people.Person // the recipient, when found says that they were looked up
	found     bool
	urgent    bool // the sender marked it so
	// like is the short message whose way a notice to a telephone goes, beside
	// its text; nil: as the record of the message says.
	like *gateway.Segment
}

// secure stages everything that leaves and stays for one recipient of a
// secured message: the link with its wrap, the capability and bounce
// addresses, and the notice, sealed for the courier. e then carries the
// notice instead of the body. Nothing of the original goes into the notice.
func (f *Flow) secure(ctx context.Context, b *store.Batch, s securing, e *gateway.Envelope) error {
	m, now := s.message, f.Now()
	link, secret, err := f.newLink(s, e)
	if err != nil {
		return err
	}
	if err := f.Threads.Add(b, thread.Turn{Thread: m.Thread, Person: e.Person, Message: m.ID, At: m.Accepted, Envelope: e.ID}); err != nil {
		return err
	}
	if !s.found {
		if s.person, err = f.person(ctx, e.Recipient); err != nil {
			return err
		}
	}
	n, err := f.writeNotice(b, s, link, secret, e, s.person.Language)
	if err != nil {
		return err
	}
	link.HeaderID = n.headerID
	if err := b.PutRecord(linkKey(link.ID), link); err != nil {
		return err
	}
	if err := f.stageFollowUp(b, s, e, &link); err != nil {
		return err
	}
	wrapFor := f.Sealer.WrapSpool
	alone := s.options.StaffCopy == "none"
	if alone {
		wrapFor = f.Sealer.WrapAlone
	}
	if e.Notice, err = f.keep(ctx, b, m.ID, n.raw, wrapFor); err != nil {
		return err
	}
	e.Notice.Alone = alone
	e.Action, e.Link, e.Sender = gateway.Secure, link.ID, n.sender
	if err := f.Threads.Join(b, n.headerID, thread.Member{Thread: m.Thread, Message: m.ID}); err != nil {
		return err
	}
	opens := f.offer(link, s.person)
	if err := f.tellUnopenable(ctx, b, s, e, &link, &opens); err != nil {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: now, Event: gateway.EventNoticeMade, Actor: "system", Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread,
		Link: link.ID, Persons: []gateway.PersonRef{e.Person},
		Detail: map[string]string{"reference": link.Reference, "expires": link.Expires.UTC().Format(time.RFC3339), "opens_by": opens.opens()},
	})
}

// notice is what leaves instead of a secured message.
type notice struct {
	raw      []byte
	headerID string          // "" of a short message
	sender   gateway.Address // of the envelope
}

// writeNotice writes the notice for e, with the addresses by which its
// recipient answers it and by which it comes back; a telephone needs none.
func (f *Flow) writeNotice(b *store.Batch, s securing, link gateway.Link, secret gateway.LinkSecret, e *gateway.Envelope, language string) (n notice, err error) {
	set, m := f.set(), s.message
	if e.Recipient.IsPhone() {
		n.sender = e.Sender
		n.raw, err = f.shortNotice(s, e, link, secret, language)
		return n, err
	}
	replyTo, err := f.replyAddress(b, thread.Capability{Thread: m.Thread, Envelope: e.ID, Person: e.Person, Staff: m.From})
	if err != nil {
		return n, err
	}
	if n.sender, err = f.bounceAddress(b, e.ID); err != nil {
		return n, err
	}
	n.raw, n.headerID, err = f.composeNotice(set, s, link, secret, replyTo, language)
	return n, err
}

// replyAddress stages a capability and returns its address.
func (f *Flow) replyAddress(b *store.Batch, c thread.Capability) (gateway.Address, error) {
	local, err := f.Threads.Reply(b, c)
	if err != nil {
		return gateway.Address{}, err
	}
	return gateway.ParseAddress(local + "@" + f.set().ReplyDomain)
}

// bounceAddress stages an envelope sender by which what leaves for id comes back.
func (f *Flow) bounceAddress(b *store.Batch, id gateway.EnvelopeID) (gateway.Address, error) {
	local, err := f.Threads.Bounce(b, id)
	if err != nil {
		return gateway.Address{}, err
	}
	return gateway.ParseAddress(local + "@" + f.set().ReplyDomain)
}

// newLink makes the link of an envelope, with the correspondent's way to the
// data key.
func (f *Flow) newLink(s securing, e *gateway.Envelope) (gateway.Link, gateway.LinkSecret, error) {
	m, now := s.message, f.Now()
	secret, err := gateway.NewLinkSecret(f.Random)
	if err != nil {
		return gateway.Link{}, secret, err
	}
	wrap, err := f.Sealer.WrapCorrespondent(s.key, m.ID, secret, m.Retain)
	if err != nil {
		return gateway.Link{}, secret, fmt.Errorf("wrapping for the correspondent: %w", err)
	}
	reference, err := f.reference()
	if err != nil {
		return gateway.Link{}, secret, err
	}
	link := gateway.Link{
		ID: seal.LinkID(secret), Envelope: e.ID, Person: e.Person, Recipient: e.Recipient, Reference: reference, Brand: m.From.Domain(),
		Created: now, Expires: expiry(startOf(e, now), s.options.Expires, f.set().LinkExpires, m.Retain), Wrap: wrap, Options: s.options,
	}
	if s.options.PIN == "sender" {
		link.PIN = m.PIN
	}
	return link, secret, nil
}

// startOf is when an envelope leaves that is made now: the time of its link,
// and of what follows when nobody reads, begins then.
func startOf(e *gateway.Envelope, now time.Time) time.Time {
	if e.NotBefore.After(now) {
		return e.NotBefore
	}
	return now
}

func linkKey(id gateway.LinkID) []byte { return store.Key(store.Links, id[:]) }

// expiry is the earliest of what rule, configuration and retention allow.
func expiry(now time.Time, rule, standard time.Duration, retain time.Time) time.Time {
	d := standard
	if rule > 0 {
		d = rule
	}
	if t := now.Add(d); t.Before(retain) {
		return t
	}
	return retain
}

// reference is the short code that notice and viewer both show, so that a
// reader can tell that they belong together.
func (f *Flow) reference() (string, error) {
	var raw [5]byte
	if _, err := io.ReadFull(f.Random, raw[:]); err != nil {
		return "", fmt.Errorf("making a reference: %w", err)
	}
	return spellReference(raw[:]), nil
}

// keep seals a mail of ours for the courier, under a data key of its own.
func (f *Flow) keep(ctx context.Context, b *store.Batch, id gateway.MessageID, raw []byte,
	wrapFor func(seal.Key, gateway.MessageID) (gateway.Wrap, error),
) (*gateway.Notice, error) {
	key, err := f.Sealer.NewKey()
	if err != nil {
		return nil, err
	}
	w, err := f.Blobs.Create()
	if err != nil {
		return nil, err
	}
	sealed := f.Sealer.Encrypt(w, key, id)
	_, err = io.Copy(sealed, bytes.NewReader(raw))
	if err = errors.Join(err, sealed.Close()); err != nil {
		w.Abort()
		return nil, err
	}
	ref, err := w.Commit(ctx, b)
	if err != nil {
		return nil, err
	}
	wrap, err := wrapFor(key, id)
	return &gateway.Notice{Body: gateway.Body{Blob: ref, Size: int64(len(raw))}, Spool: wrap}, err
}

// sign adds the DKIM signature of the From domain; a domain without a key
// here leaves unsigned.
func (s *Settings) sign(from gateway.Address, raw []byte) ([]byte, error) {
	signer := s.Signer(from.Domain())
	if signer == nil {
		return raw, nil
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signed, nil
}
