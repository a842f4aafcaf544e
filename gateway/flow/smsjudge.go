package flow

import (
	"context"
	"slices"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/policy"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// judge judges a text for each of its telephones. It may run again, after a
// conflict.
func (x *shortText) judge(ctx context.Context) error {
	for _, a := range x.arrivals {
		if err := a.judgeShort(ctx); err != nil {
			return err
		}
	}
	return nil
}

// judgeShort makes the envelope of a short message. It belongs to the
// conversation that its telephone has with the line that it comes from.
func (a *arrival) judgeShort(ctx context.Context) error {
	a.envelopes, a.verdicts, a.once = nil, nil, store.Batch{}
	sender, err := a.flow.People.Ensure(ctx, a.sub.From)
	if err != nil {
		return err
	}
	phone, made, err := a.flow.People.EnsureIn(ctx, &a.once, a.sub.Recipients[0].Address)
	if err != nil {
		return err
	}
	a.persons, a.sms.unknown = append(sender, phone), made
	if err := a.goOn(ctx); err != nil {
		return err
	}
	j, err := a.flow.prepare(ctx, a)
	if err != nil {
		return err
	}
	defer j.done()
	e := gateway.Envelope{
		ID: gateway.EnvelopeID{Message: a.taken.id}, Sender: a.sub.From, Recipient: a.sub.Recipients[0].Address, Person: a.persons[1],
		State: gateway.Queued, Accepted: a.now, NotBefore: a.sms.from, Until: a.sms.until,
	}
	if err := a.decide(ctx, &e, j); err != nil {
		return err
	}
	a.envelopes = append(a.envelopes, e)
	return nil
}

// goOn finds what the message goes on with. With a telephone that nothing is
// known of, which the commit makes sure of, there is nothing.
func (a *arrival) goOn(ctx context.Context) (err error) {
	a.sms.dialog, a.conversation = dialog{}, thread.Thread{}
	if a.sms.unknown {
		return nil
	}
	if a.sms.dialog, err = a.flow.dialog(ctx, a.persons[1], a.sms.ends.Source); err != nil {
		return err
	}
	a.conversation, err = a.flow.conversationOf(ctx, &a.sms.dialog)
	return err
}

// telephone turns what no telephone can be reached by into what it can: there
// is no TLS on the way there, and most of what a mail may hold does not go.
func (a *arrival) telephone(e *gateway.Envelope) {
	switch {
	case e.Action == gateway.TLS:
		e.Action = gateway.Secure
	case e.Action == gateway.Pass && a.sms == nil:
		if _, err := a.flow.bridge(a.taken.raw, a.taken.id); err != nil {
			e.Action = gateway.Secure
		}
	}
}

// declared are the kinds that the account's configuration gives a message by
// its service_type.
func (s *shortMessage) declared() []string {
	if slices.Contains(s.account.Campaigns, s.ends.ServiceType) {
		return []string{"campaign"}
	}
	return nil
}

// smppOf is what policy knows of a short message by its network.
func smppOf(account string, ends *gateway.Ends) policy.SMPP {
	return policy.SMPP{SystemID: account, ServiceType: ends.ServiceType, SourceAddress: gateway.Sensitive(ends.Source.Addr)}
}

// judgedShort is what the verdict of a short message rests on, but its text.
func (a *arrival) judgedShort(declared []string) *gateway.JudgedShort {
	r := a.reading
	return &gateway.JudgedShort{
		Length: utf8.RuneCountInString(spoken(r)), Aside: max(0, len(r.Parts)-1), Uncertain: r.Uncertain, Unreadable: r.Unreadable,
		Declared: declared, At: a.sms.from,
	}
}

// stageShort adds a short message with all that follows from it, or the
// evidence that it is refused; there is no record then.
func (a *arrival) stageShort(ctx context.Context, b *store.Batch) (*gateway.Message, error) {
	if a.allRefused() {
		b.Append(&a.once)
		return nil, a.stageEvidence(b, gateway.EventRefused)
	}
	mine, m, err := a.build(ctx)
	if err != nil {
		return nil, err
	}
	b.Append(mine)
	return m, a.stageTalk(b, a.envelopes[0].Person, a.sms.dialog, dialog{Line: a.sms.ends.Source, Account: a.sms.account.SystemID, Thread: m.Thread, At: a.now})
}

// stageTalk remembers who last wrote from a line to a telephone. Of messages
// in a row one in dialogStep is enough, so that most cost no row.
func (a *arrival) stageTalk(b *store.Batch, person gateway.PersonRef, old, now dialog) error {
	if now.Thread.IsZero() {
		now.Thread = old.Thread
		if !old.open(a.now) {
			now.Thread = gateway.ThreadID{}
		}
	}
	if old.Account == now.Account && old.Staff == now.Staff && old.Mail == now.Mail && old.Thread == now.Thread && a.now.Sub(old.At) < dialogStep {
		return nil
	}
	now.Heard = old.Heard
	return a.flow.stageDialog(b, person, now)
}
