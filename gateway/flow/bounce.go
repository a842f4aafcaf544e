package flow

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// reportTo stages a delivery report (RFC 3464) about e to the sender of its
// message. Nobody is told about a null sender's mail, against the sender's own
// NOTIFY (RFC 3461 section 4.1), or outside about what becomes of an answer.
func (f *Flow) reportTo(ctx context.Context, b *store.Batch, e *gateway.Envelope, action string) error {
	m, err := f.message(ctx, e.ID.Message)
	if err != nil {
		return err
	}
	if m.Direction == gateway.Internal || e.Confidential {
		return nil
	}
	if m.Channel == gateway.SMS {
		return f.reportShort(ctx, b, m, e, action)
	}
	if m.Sender.IsNull() || !wanted(e.Notify, action) {
		return nil
	}
	return f.stageReport(ctx, b, m, []gateway.Envelope{*e}, action)
}

func wanted(notify, action string) bool {
	switch {
	case notify == "":
		return true // RFC 3461: without NOTIFY failures, and delays as the server likes
	case action == mailmsg.ActionDelayed:
		return strings.Contains(notify, "DELAY")
	default:
		return strings.Contains(notify, "FAILURE")
	}
}

// stageReport stages one report about several envelopes of m as a message of
// its own, with the null sender.
func (f *Flow) stageReport(ctx context.Context, b *store.Batch, m *gateway.Message, about []gateway.Envelope, action string) error {
	set := f.set()
	raw, err := f.composeReport(set, m, about, action)
	if err != nil {
		return err
	}
	if err := f.stageInInbox(ctx, b, m.Sender, raw); err != nil {
		return err
	}
	return f.stageOwn(ctx, b, own{from: set.notices(), to: m.Sender, thread: m.Thread, raw: raw})
}

// own is a mail of ours that is a message of its own: a report or a code.
type own struct {
	sender gateway.Address // MAIL FROM; null for reports
	from   gateway.Address // of the header
	to     gateway.Address
	thread gateway.ThreadID
	raw    []byte
}

// stageOwn stages a mail of ours as message and envelope.
func (f *Flow) stageOwn(ctx context.Context, b *store.Batch, o own) error {
	raw, err := f.set().sign(o.from, o.raw)
	if err != nil {
		return err
	}
	return f.stageInternal(ctx, b, gateway.Message{Sender: o.sender, From: o.from, Thread: o.thread}, o.to, raw)
}

// stageInternal stages a message that Gatepost wrote, with its envelope. m holds
// what is special of it.
func (f *Flow) stageInternal(ctx context.Context, b *store.Batch, m gateway.Message, to gateway.Address, raw []byte) error {
	id, err := gateway.NewMessageID(f.Now(), f.Random)
	if err != nil {
		return err
	}
	notice, err := f.keep(ctx, b, id, raw, f.Sealer.WrapSpool)
	if err != nil {
		return err
	}
	now := f.Now()
	m.ID, m.Direction, m.Accepted, m.Envelopes, m.Retain = id, gateway.Internal, now, 1, retainDay(now, 0)
	if err := b.PutRecord(messageKey(id), m); err != nil {
		return err
	}
	refs, err := f.People.Ensure(ctx, to)
	if err != nil {
		return err
	}
	e := gateway.Envelope{
		ID: gateway.EnvelopeID{Message: id}, State: gateway.Queued, Action: gateway.Pass, Decided: gateway.Pass,
		Sender: m.Sender, Recipient: to, Person: refs[0], Notice: notice, Accepted: now,
	}
	return f.queue.Stage(b, &e)
}

// stageRefusals tells the sender which recipients policy refused when others
// were accepted.
func (a *arrival) stageRefusals(ctx context.Context, b *store.Batch, m *gateway.Message) error {
	var refused []gateway.Envelope
	for _, e := range a.envelopes {
		if e.State == gateway.Refused && wanted(e.Notify, mailmsg.ActionFailed) {
			e.Last = gateway.Outcome{Result: gateway.Failed, At: a.now, Code: faultPolicy.Code, Status: faultPolicy.Status, Text: gateway.Sensitive(faultPolicy.Text)}
			if onlyStopped(e) {
				e.Last.Text = textStopped
			}
			refused = append(refused, e)
		}
	}
	if len(refused) == 0 || m.Sender.IsNull() {
		return nil
	}
	return a.flow.stageReport(ctx, b, m, refused, mailmsg.ActionFailed)
}

// decideReply files what comes back to an envelope sender of ours: the facts of
// a bounce become a report to the sender of the original, its text goes
// nowhere. An out-of-office reply comes the same way and is none.
func (a *arrival) decideReply(ctx context.Context, e *gateway.Envelope) error {
	about, err := a.flow.Threads.Bounced(ctx, e.Recipient.Local())
	if errors.Is(err, thread.ErrUnknown) {
		return faultDead // RCPT found it, and it was erased since
	}
	if err != nil {
		return err
	}
	e.Action, e.Decided, e.State = gateway.Pass, gateway.Pass, gateway.Dropped
	if !mailmsg.ParseReport(a.taken.raw).Formal && mailmsg.Automatic(a.reading) && !fromDaemon(a.reading) {
		e.State, e.Rules = gateway.Recorded, []string{string(thread.ReasonAutomatic)}
		a.replies = append(a.replies, about)
		return nil
	}
	a.reports = append(a.reports, about)
	return nil
}

// fromDaemon tells the bounces of mail systems that write no report of RFC 3464
// from what people let their mailboxes answer: both are automatic.
func fromDaemon(r *gateway.Reading) bool {
	for _, from := range r.From {
		switch strings.ToLower(from.Local()) {
		case "mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon":
			return true
		}
	}
	return slices.ContainsFunc(r.Fields, func(f gateway.Field) bool { return strings.EqualFold(f.Name, "X-Failed-Recipients") })
}

// stageReplies records the automatic replies to mails of ours.
func (a *arrival) stageReplies(ctx context.Context, b *store.Batch) error {
	for _, id := range a.replies {
		r := gateway.Record{
			At: a.now, Event: gateway.EventAutoReply, Actor: "peer", Message: id.Message, Envelope: id.String(),
			Detail: map[string]string{"mail": a.taken.id.String()},
		}
		e, _, err := store.GetRecord[gateway.Envelope](ctx, a.flow.Store, envelopeKey(id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		r.Persons = []gateway.PersonRef{e.Person}
		if err := a.flow.Audit.Stage(b, r); err != nil {
			return err
		}
	}
	return nil
}

// stageReports turns bounces of our notices into reports to the senders of
// the originals, once for each envelope and result.
func (a *arrival) stageReports(ctx context.Context, b *store.Batch) error {
	for _, id := range a.reports {
		if err := a.flow.stageBounce(ctx, b, id, a.taken.raw); err != nil {
			return err
		}
	}
	return a.stageReplies(ctx, b)
}

func (f *Flow) stageBounce(ctx context.Context, b *store.Batch, id gateway.EnvelopeID, raw []byte) error {
	e, version, err := store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := f.message(ctx, id.Message)
	if err != nil {
		return err
	}
	report := mailmsg.ParseReport(raw)
	r := gateway.Record{
		At: f.Now(), Event: gateway.EventReportReceived, Actor: "peer", Message: id.Message, Envelope: id.String(),
		Thread: m.Thread, Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"action": report.Action, "status": report.Status},
	}
	if err := f.Audit.Stage(b, r); err != nil {
		return err
	}
	if e.State != gateway.Delivered || report.Action == mailmsg.ActionDelayed || m.Sender.IsNull() && !e.Confidential {
		return nil // only what we called delivered needs to be corrected, and once
	}
	e.State = gateway.Bounced
	f.file(b, e.ID.Message)
	e.Last = gateway.Outcome{
		Result: gateway.Failed, At: f.Now(), Code: 550, Status: report.Status,
		// Nothing of the report's own words: anybody who got the notice can write one.
		Text: "the notice was taken by " + gateway.Sensitive(e.Last.Host) + " and later returned as undeliverable",
	}
	b.RequireVersion(envelopeKey(id), version)
	if err := b.PutRecord(envelopeKey(id), e); err != nil {
		return err
	}
	if e.Confidential {
		return f.stageReturned(ctx, b, &e)
	}
	return f.stageReport(ctx, b, m, []gateway.Envelope{e}, mailmsg.ActionFailed)
}
