package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// remind stages a mail to the correspondent that the message still waits. With
// a staff copy it holds a link of its own; without, it points at the first
// notice.
func (f *Flow) remind(ctx context.Context, b *store.Batch, u *unread, step followStep) error {
	e, now := &u.envelope, f.Now()
	link, secret, fresh, err := f.relink(u)
	if err != nil {
		return err
	}
	which := "first"
	if fresh {
		which = "new"
		if err := b.PutRecord(linkKey(link.ID), link); err != nil {
			return err
		}
		e.More = append(e.More, link.ID)
	} else {
		link = u.link
	}
	e.Reminded = append(e.Reminded, now)
	if err := b.PutRecord(envelopeKey(e.ID), e); err != nil {
		return err
	}
	if err := f.stageReminder(ctx, b, u, step, secret, fresh); err != nil {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: now, Event: gateway.EventReminded, Actor: "system", Message: e.ID.Message, Envelope: e.ID.String(), Thread: u.message.Thread,
		Link: link.ID, Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"kind": string(kindOf(step)), "link": which},
	})
}

func kindOf(step followStep) gateway.NoticeKind {
	if step == followExpiry {
		return gateway.NoticeExpiring
	}
	return gateway.NoticeReminder
}

// stageReminder stages the mail itself. It answers, bounces and threads as the
// notice does.
func (f *Flow) stageReminder(ctx context.Context, b *store.Batch, u *unread, step followStep, secret gateway.LinkSecret, fresh bool) error {
	set, m, e := f.set(), u.message, &u.envelope
	person, err := f.People.Find(ctx, e.Recipient)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		return err
	}
	if e.Recipient.IsPhone() {
		return f.stageShortReminder(ctx, b, u, step, secret, fresh, person.Language)
	}
	replyTo, err1 := f.replyAddress(b, thread.Capability{Thread: m.Thread, Envelope: e.ID, Person: e.Person, Staff: m.From})
	sender, err2 := f.bounceAddress(b, e.ID)
	from := set.speaker(m.From)
	headerID, err3 := mailmsg.HeaderID(from.Domain(), f.Random)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	brand := set.brand(u.link.Brand)
	d := mailmsg.NoticeData{
		Kind: kindOf(step), HeaderID: headerID, From: from, FromName: gateway.Sensitive(brand.Name), To: u.link.Recipient,
		ReplyTo: replyTo, Organization: brand.Name, Help: brand.Help, Color: brand.Color, Language: set.language(person.Language), Reference: u.link.Reference,
		Expires: u.link.Expires.In(set.zone()), Original: f.quotable(m.HeaderID), First: u.link.HeaderID, Sent: u.link.Created.In(set.zone()),
		Now: f.Now().In(set.zone()), Random: f.Random,
	}
	if fresh {
		d.URL = gateway.Sensitive(set.ViewerURL + "/m/" + secret.Path())
	}
	raw, err := mailmsg.Notice(d)
	if err != nil {
		return err
	}
	if err := f.Threads.Join(b, headerID, thread.Member{Thread: m.Thread, Message: m.ID}); err != nil {
		return err
	}
	return f.stageOwn(ctx, b, own{sender: sender, from: from, to: u.link.Recipient, thread: m.Thread, raw: raw})
}

// tellUnread stages that the sender is told that nobody has read it.
func (f *Flow) tellUnread(ctx context.Context, b *store.Batch, u *unread) error {
	return f.tell(ctx, b, &u.envelope, u.message, &u.link, mailmsg.StaffNoticeData{Kind: mailmsg.StaffUnread})
}

// tellExpiring stages that the sender is told that the link ends unread.
func (f *Flow) tellExpiring(ctx context.Context, b *store.Batch, u *unread) error {
	return f.tell(ctx, b, &u.envelope, u.message, &u.link, mailmsg.StaffNoticeData{Kind: mailmsg.StaffExpiring})
}

// maxTold bounds the recipients of a message about whom its sender is told
// that they cannot open it: who writes to more has the evidence.
const maxTold = 20

// tellUnopenable stages that the sender is told at once when nothing that the
// recipient has opens the link. It still protects; but nobody should wait for
// an answer to what nobody can read.
func (f *Flow) tellUnopenable(ctx context.Context, b *store.Batch, s securing, e *gateway.Envelope, l *gateway.Link, o *offer) error {
	if !o.none() || isAutomatic(s.automatic) || s.message.Envelopes > maxTold {
		return nil
	}
	return f.tell(ctx, b, e, s.message, l, mailmsg.StaffNoticeData{Kind: mailmsg.StaffUnopenable})
}

// isAutomatic reports what Auto-Submitted (RFC 3834) says: a program wrote the mail by itself.
func isAutomatic(submitted string) bool { return submitted != "" && submitted != "no" }

// tell stages a status mail to the sender of a message about one envelope, and
// its evidence. d holds what is special of it.
func (f *Flow) tell(ctx context.Context, b *store.Batch, e *gateway.Envelope, m *gateway.Message, l *gateway.Link, d mailmsg.StaffNoticeData) error {
	set := f.set()
	d.Person, d.Reference = gateway.Sensitive(mask(e.Recipient)), l.Reference
	d.Sent, d.Until = m.Accepted.In(set.zone()), l.Expires.In(set.zone())
	if !d.When.IsZero() {
		d.When = d.When.In(set.zone())
	}
	if told, err := f.stageStaffNotice(ctx, b, m, d); err != nil || !told {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventStatusSent, Actor: "system", Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread, Link: l.ID,
		Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"kind": string(d.Kind)},
	})
}

// stageStatus stages a task that tells the sender of the first reading, where
// a rule asks for it.
func (f *Flow) stageStatus(b *store.Batch, e *gateway.Envelope, l gateway.Link, s sight) error {
	if l.Options.Status != "opened" {
		return nil
	}
	return f.stageTask(b, task{Kind: taskStatus, Due: e.Opened, Envelope: e.ID, At: e.Opened, Assurance: s.how, Machine: s.machine})
}

// status tells the sender of the first reading.
func (f *Flow) status(ctx context.Context, b *store.Batch, t task) error {
	e, _, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(t.Envelope))
	if err != nil {
		return ignore(missing(err), errOver)
	}
	l, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(e.Link))
	if err != nil {
		return ignore(missing(err), errOver)
	}
	m, err := f.message(ctx, e.ID.Message)
	if err != nil {
		return ignore(missing(err), errOver)
	}
	return f.tell(ctx, b, &e, m, &l, mailmsg.StaffNoticeData{Kind: mailmsg.StaffOpened, When: t.At, Assurance: t.Assurance, Machine: t.Machine})
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
