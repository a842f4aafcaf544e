package flow

import (
	"context"
	"fmt"
	"strconv"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/queue"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// deliverConfidential makes one attempt with an answer for staff. Its words
// leave over verified TLS or to a loopback address; over anything else, and
// when the next hop refuses them for good (552 and kin), a notice that an
// answer waits leaves instead, in the same attempt.
func (f *Flow) deliverConfidential(ctx context.Context, m *gateway.Message, e gateway.Envelope) []gateway.Outcome {
	domain := e.Recipient.Domain()
	outcomes := f.Carrier.Deliver(ctx, domain, SafeHop, func(state gateway.TLSState, met bool) (*Outgoing, error) {
		if !met {
			if err := f.noticeInstead(ctx, m, &e, map[string]string{"tls": tlsText(state)}); err != nil {
				return nil, err
			}
		}
		return f.outgoing(ctx, m, []gateway.Envelope{e})
	})
	if e.Notice != nil || len(outcomes) != 1 || outcomes[0].Result != gateway.Failed || outcomes[0].Phase == "connect" {
		return outcomes // that there is no such host is no reason to say less
	}
	o := outcomes[0]
	// No code: the next hop said with EHLO what it would refuse.
	if err := f.noticeInstead(ctx, m, &e, map[string]string{"code": strconv.Itoa(o.Code), "status": o.Status, "phase": o.Phase}); err != nil {
		return all(1, f.internal(err))
	}
	return f.Carrier.Deliver(ctx, domain, AnyConnection, func(gateway.TLSState, bool) (*Outgoing, error) {
		return f.outgoing(ctx, m, []gateway.Envelope{e})
	})
}

// noticeInstead lets e carry, durably, a notice instead of words, which stay
// here for the staff page.
func (f *Flow) noticeInstead(ctx context.Context, m *gateway.Message, e *gateway.Envelope, why map[string]string) error {
	writing, cancel := recording(ctx)
	defer cancel()
	return f.queue.Amend(writing, e.ID, func(b *store.Batch, stored *gateway.Envelope) error {
		if err := f.stageWaiting(writing, b, m, stored, mailmsg.StaffAnswer); err != nil {
			return err
		}
		*e = *stored
		return f.Audit.Stage(b, gateway.Record{
			At: f.Now(), Event: gateway.EventFellBack, Actor: "system", Message: m.ID, Envelope: e.ID.String(),
			Thread: m.Thread, Persons: []gateway.PersonRef{e.Person}, Detail: why,
		})
	})
}

// stageWaiting stages the mail that tells a member of staff of an answer:
// a link to the page behind their password, and nothing of what was written.
func (f *Flow) stageWaiting(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope, kind mailmsg.StaffKind) error {
	set := f.set()
	replyTo, err := f.answerable(b, m, e)
	if err != nil {
		return err
	}
	headerIDs, answered, err := f.parents(ctx, m.Thread, m.Author)
	if err != nil {
		return err
	}
	d := mailmsg.StaffNoticeData{
		Kind: kind, To: e.Recipient, ReplyTo: replyTo, URL: gateway.Sensitive(set.ViewerURL + "/staff/" + m.ID.String()),
		Person: gateway.Sensitive(mask(m.From)), When: m.Accepted.In(set.zone()), References: headerIDs,
	}
	if answered != nil {
		d.InReplyTo = answered.HeaderID
	}
	raw, err := f.composeStaffNotice(d)
	if err != nil {
		return fmt.Errorf("composing a notice to staff: %w", err)
	}
	if raw, err = set.sign(set.notices(), raw); err != nil {
		return err
	}
	e.Notice, err = f.keep(ctx, b, m.ID, raw, f.Sealer.WrapSpool)
	return err
}

// answerable stages the address by which staff answer to whom they are told
// of, as they would to the answer itself; null when its author is not proven.
func (f *Flow) answerable(b *store.Batch, m *gateway.Message, e *gateway.Envelope) (gateway.Address, error) {
	if m.Author.IsZero() {
		return gateway.Address{}, nil
	}
	return f.replyAddress(b, thread.Capability{Thread: m.Thread, Person: m.Author, Staff: e.Recipient})
}

// returnedStep is from the number of an envelope that came back to that of the
// one which follows it: more than a message has recipients.
const returnedStep = 1 << 20

// stageReturned stages what follows when an answer that the next hop took came
// back: a notice, in an envelope of its own. When it was a notice that came
// back, the next one waits for an operator.
func (f *Flow) stageReturned(ctx context.Context, b *store.Batch, old *gateway.Envelope) error {
	m, err := f.message(ctx, old.ID.Message)
	if err != nil {
		return err
	}
	e := gateway.Envelope{
		ID: gateway.EnvelopeID{Message: m.ID, N: old.ID.N + returnedStep}, State: gateway.Queued, Action: gateway.Pass, Decided: gateway.Pass,
		Recipient: old.Recipient, Person: old.Person, Confidential: true,
	}
	event := gateway.EventFellBack
	if old.Notice != nil {
		event, e.State, e.Hold = gateway.EventHeld, gateway.Held, queue.HoldUndeliverable
	}
	if err := f.stageWaiting(ctx, b, m, &e, mailmsg.StaffUndelivered); err != nil {
		return err
	}
	if err := f.stageConfidential(b, f.set(), &e); err != nil {
		return err
	}
	b.RequireAbsent(envelopeKey(e.ID))
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: event, Actor: "system", Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread,
		Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"returned": old.ID.String()},
	})
}
