package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// decideTurn makes of staff's mail to a capability the next secured message to
// its correspondent. Policy is asked about the person who will get it, and may
// hold or refuse; weaker than secured it is never, under observe too: what is
// addressed to a capability has no other way.
func (a *arrival) decideTurn(ctx context.Context, e *gateway.Envelope, j *judgement) error {
	c := a.in.targets[int(e.ID.N)]
	p, err := a.flow.People.Resolve(ctx, c.Person)
	if errors.Is(err, people.ErrUnknown) {
		return faultDead
	}
	if err != nil {
		return err
	}
	e.Turn, e.Person, e.Recipient = true, c.Person, p.Address
	if stopped, err := a.turnsToPhone(ctx, e, c); err != nil || stopped {
		return err
	}
	v, err := j.forRecipient(ctx, e)
	if err != nil {
		return err
	}
	e.Decided, e.Rules, e.Judged, e.Action = v.Action, v.Rules, a.keep(v), gateway.Secure
	if v.Action == gateway.Pass && e.Recipient.IsPhone() && !a.in.thread.Secured {
		e.Action = gateway.Pass
		a.telephone(e)
	}
	a.flow.metrics.judged(v, a.set.Mode)
	if a.set.Mode == gateway.Observe {
		return nil
	}
	switch v.Action {
	case gateway.Hold:
		e.Action, e.State, e.Hold = gateway.Hold, gateway.Held, "policy"
	case gateway.Reject:
		e.Action, e.State = gateway.Reject, gateway.Refused
	}
	return nil
}

// turnsToPhone finds the line that a conversation with a telephone goes over,
// and reports whether the telephone stopped messages of it.
func (a *arrival) turnsToPhone(ctx context.Context, e *gateway.Envelope, c thread.Capability) (stopped bool, err error) {
	if !e.Recipient.IsPhone() {
		return false, nil
	}
	line, known, err := a.flow.lineOf(ctx, c.Person, c.Thread)
	if err != nil {
		return false, err
	}
	if known {
		e.Line = line
	}
	return a.stopped(ctx, e)
}

// composeTurn seals what correspondents read of a staff turn in place of the
// mail that came: the same entity under a header without the inside. Edits
// then restore the mail for whom it passes to.
func (a *arrival) composeTurn(ctx context.Context) error {
	turns := func(e gateway.Envelope) bool { return e.Turn && e.State != gateway.Refused }
	if !slices.ContainsFunc(a.envelopes, turns) {
		return nil
	}
	head, body := mailmsg.Outward(a.taken.raw, a.shown())
	a.reading.Subject = mailmsg.Read(head).Subject // what is shown is without tags under observe, too
	var edits []gateway.Edit
	if a.set.Mode == gateway.Enforce {
		edits = mailmsg.Edits(a.taken.raw, a.tagsBind())
	}
	original, err := io.ReadAll(withEdits("", bytes.NewReader(a.taken.raw[:body]), edits))
	if err != nil {
		return fmt.Errorf("reading the header of a staff turn: %w", err)
	}
	if a.needsStaff() {
		a.layout = layoutOf(head, a.taken.raw[body:])
	}
	a.outward = []gateway.Edit{{Length: int64(len(head)), Text: gateway.Sensitive(original)}}
	return a.taken.reseal(ctx, a.flow, bytes.NewReader(head), bytes.NewReader(a.taken.raw[body:]))
}

// shown says how addresses stand in the copy that correspondents read: a
// capability as the correspondent's own address, people of the organization
// and outside as they are, hosts of the inside not at all.
func (a *arrival) shown() mailmsg.Shown {
	persons := make(map[string]gateway.Address)
	for _, e := range a.envelopes {
		if e.Turn {
			persons[a.sub.Recipients[e.ID.N].Address.Key()] = e.Recipient
		}
	}
	return func(p gateway.Address) (gateway.Address, bool, bool) {
		if as, ok := persons[p.Key()]; ok {
			return as, false, true
		}
		return p, true, p.In(a.set.Domains) || !a.set.internal(p.Domain())
	}
}

// internal reports whether a domain names a host of the inside, or nothing that
// the world knows.
func (s *Settings) internal(domain string) bool {
	if domain == s.ReplyDomain || !strings.Contains(domain, ".") || strings.HasPrefix(domain, "[") {
		return true
	}
	for _, top := range []string{".local", ".internal", ".intranet", ".lan", ".localdomain", ".home.arpa"} {
		if strings.HasSuffix(domain, top) {
			return true
		}
	}
	return slices.ContainsFunc(s.Domains, func(d string) bool { return strings.HasSuffix(domain, "."+d) })
}

// reseal seals parts as the body in place of the one that came, under another
// data key: no key seals two bodies.
func (t *taken) reseal(ctx context.Context, f *Flow, parts ...io.Reader) error {
	key, err := f.Sealer.NewKey()
	if err != nil {
		return err
	}
	w, err := f.Blobs.Create()
	if err != nil {
		return storage(err)
	}
	sealed := f.Sealer.Encrypt(w, key, t.id)
	n, err := io.Copy(sealed, io.MultiReader(parts...))
	if err = errors.Join(err, sealed.Close()); err != nil {
		w.Abort()
		return storage(err)
	}
	var body store.Batch
	ref, err := w.Commit(ctx, &body)
	if err != nil {
		return storage(fmt.Errorf("keeping the body: %w", err))
	}
	f.discard(t, nil)
	t.key.Destroy()
	t.key, t.ref, t.size, t.body = key, ref, n, body
	return nil
}
