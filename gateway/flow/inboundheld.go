package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// heldNoticeEvery bounds the notices about held answers of one conversation:
// whoever floods it does not flood its staff.
const heldNoticeEvery = time.Hour

// stageQuarantined tells the staff of a conversation that a mail to it waits
// for review.
func (f *Flow) stageQuarantined(ctx context.Context, b *store.Batch, m *gateway.Message, id gateway.EnvelopeID, in *incoming) error {
	h := f.MAC("told of held", in.thread.ID[:])
	key := store.Key(store.Seen, h[:16])
	item, err := f.Store.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	now := f.Now()
	if err == nil && now.Sub(seenAt(item.Value)) < heldNoticeEvery {
		return nil
	}
	b.Put(key, seenValue(now, in.thread.ID))
	set := f.set()
	person := in.given
	if in.facts.Participant {
		person = in.author.Ref
	}
	headerIDs, answered, err := f.parents(ctx, in.thread.ID, person)
	if err != nil {
		return err
	}
	for _, to := range f.answering(in.thread) {
		d := mailmsg.StaffNoticeData{
			Kind: mailmsg.StaffHeld, To: to, Reason: string(in.placement.Reason), Held: id.String(), When: m.Accepted.In(set.zone()),
			References: headerIDs,
		}
		if answered != nil {
			d.InReplyTo = answered.HeaderID
		}
		raw, err := f.composeStaffNotice(d)
		if err != nil {
			return err
		}
		if err := f.stageOwn(ctx, b, own{from: set.notices(), to: to, thread: in.thread.ID, raw: raw}); err != nil {
			return err
		}
	}
	return nil
}

// releaseAnswer lets a held mail into its conversation, after a person has
// looked at it. Staff get it as any answer, with what was verified of it and
// marked as not verified; in the conversation of the correspondent, whose words
// nobody has proven it to be, it does not stand. The envelope that was held is
// finished.
func (f *Flow) releaseAnswer(ctx context.Context, c Call, m *gateway.Message, e *gateway.Envelope, d decision) error {
	t, err := f.releasedMail(ctx, m, e.Recipient)
	if errors.Is(err, thread.ErrUnknown) || errors.Is(err, people.ErrUnknown) {
		return notFound("conversation for this answer any more")
	}
	if err != nil {
		return err
	}
	err = f.queue.Release(ctx, e.ID, func(b *store.Batch, after *gateway.Envelope) error {
		if err := d.stage(b); err != nil {
			return err
		}
		after.State, after.Next, after.Review = gateway.Recorded, time.Time{}, gateway.Sensitive(d.reason)
		record, err := t.record()
		if err != nil {
			return err
		}
		record.Peer, record.Authentication, record.Author = m.Peer, m.Authentication, gateway.PersonRef{}
		record.EightBit, record.UTF8 = m.EightBit, record.UTF8 || m.UTF8
		if err := t.stage(ctx, b, record); err != nil {
			return err
		}
		if err := f.stageAnswerEvidence(ctx, b, t, record, m.ID, c.Actor); err != nil {
			return err
		}
		b.After(func() { done := *after; f.finished(ctx, &done, false) })
		return f.stage(c, gateway.EventReleased, d.reason)(b, *after)
	})
	if err != nil {
		t.discard(err)
	}
	return operated(err)
}

// releasedMail composes for staff what was held.
func (f *Flow) releasedMail(ctx context.Context, m *gateway.Message, to gateway.Address) (*toStaff, error) {
	set := f.set()
	c, err := f.Threads.Capability(ctx, to.Local())
	if err != nil {
		return nil, err
	}
	th, err := f.Threads.Get(ctx, c.Thread)
	if err != nil {
		return nil, err
	}
	recipients, err := f.recipientsOf(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	staff := f.readers(th, recipients, set)
	if len(staff) == 0 {
		return nil, thread.ErrUnknown
	}
	author, err := f.supposed(ctx, m, c)
	if err != nil {
		return nil, err
	}
	key, err := f.Spool.Open(m.Spool, m.ID)
	if err != nil {
		return nil, err
	}
	mail, done, err := f.openBody(ctx, key, m.ID, m.Body)
	if err != nil {
		return nil, err
	}
	defer done()
	t, err := f.toStaff(set, th, author, staff)
	if err != nil {
		return nil, err
	}
	t.unproven, t.data.FromName, t.data.Author, t.data.Via = true, "", m.From, "Secure, not verified"
	if err := t.carry(ctx, m.Authentication, mail); err != nil {
		return nil, err
	}
	return t, t.compose(ctx)
}

// supposed is to whom staff write when they answer a mail that nobody verified:
// the participant whom it names, else the correspondent whose address it came
// to. Nobody new comes into the conversation by it.
func (f *Flow) supposed(ctx context.Context, m *gateway.Message, c thread.Capability) (people.Person, error) {
	p, err := f.People.Find(ctx, m.From)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		return people.Person{}, err
	}
	if err == nil {
		is, err := f.Threads.Participant(ctx, c.Thread, p.Ref)
		if is || err != nil {
			return p, err
		}
	}
	return f.People.Resolve(ctx, c.Person)
}

// recipientsOf are the recipients of all envelopes of a message.
func (f *Flow) recipientsOf(ctx context.Context, id gateway.MessageID) ([]gateway.Recipient, error) {
	var all []gateway.Recipient
	err := each(ctx, f.Store, store.Prefix(store.Envelopes, id[:]), func(e *gateway.Envelope) {
		all = append(all, gateway.Recipient{Address: e.Recipient})
	})
	return all, err
}
