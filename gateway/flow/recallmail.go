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

// A mail to recall@<reply domain> takes back the message that it answers: the
// sender finds their own copy in Sent, answers it, and puts in this address.
// Nothing is read of it but who sends it and what it answers.

const recallBox = "recall"

// Refusals of recalls by mail. The sender's own server tells them.
var (
	faultNotYours = gateway.NewFault(550, "5.7.1", "Only the sender of a message can take it back")
	faultHandedOn = gateway.NewFault(550, "5.7.1", "What comes this way may be from anybody: it takes no message back")
	faultNoRecall = gateway.NewFault(550, "5.7.0", "No message that can be taken back: answer your own copy of it, from the folder of what you sent")
)

func (s *Settings) isRecall(a gateway.Address) bool {
	return a.Domain() == s.ReplyDomain && strings.EqualFold(a.Local(), recallBox)
}

// recallRecipient decides about RCPT to the address of recalls: for outsiders
// it does not exist.
func (f *Flow) recallRecipient(s *gateway.Submission) error {
	if inside(s.Peer) {
		return nil
	}
	return faultDead
}

// recallByMail takes back what the arrival answers, if one of its recipients
// asks for that, and stages the receipt. It is done before the mail is taken
// over: a mail that is sent again finds its message taken back.
func (f *Flow) recallByMail(ctx context.Context, a *arrival) error {
	if !slices.ContainsFunc(a.sub.Recipients, func(r gateway.Recipient) bool { return a.set.isRecall(r.Address) }) {
		return nil
	}
	if inside(a.sub.Peer) && a.sub.Peer.Account == "" && !a.vouched() {
		return faultHandedOn
	}
	if !inside(a.sub.Peer) || !(a.fromAccount() || a.speaksForStaff()) || len(a.reading.From) != 1 {
		return faultNotYours
	}
	m, err := f.answered(ctx, a.reading)
	if errors.Is(err, thread.ErrUnknown) {
		return faultNoRecall
	}
	if err != nil {
		return storage(err)
	}
	if from := a.reading.From[0].Key(); from != m.From.Key() && (!m.From.IsNull() || from != m.Sender.Key()) {
		return faultNotYours
	}
	r, err := f.recall(ctx, m.ID, gateway.Address{}, actor(a.sub.Peer))
	if errors.Is(err, errNotRecallable) || errors.Is(err, errNoRecipient) {
		return faultNoRecall
	}
	if err != nil {
		return storage(err)
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	if err := f.stageReceipt(ctx, &b, m, r); err != nil {
		return storage(err)
	}
	return storage(store.Write(ctx, f.Store, &b))
}

// answered is the message that a mail answers: the one of In-Reply-To, else of
// the newest of its References that is ours.
func (f *Flow) answered(ctx context.Context, r *gateway.Reading) (*gateway.Message, error) {
	ids := append(append([]string{}, r.References...), r.InReplyTo...)
	ids = ids[max(0, len(ids)-maxParents):]
	for _, id := range slices.Backward(ids) {
		member, err := f.Threads.Member(ctx, id)
		if errors.Is(err, thread.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := f.message(ctx, member.Message)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		return m, err
	}
	return nil, thread.ErrUnknown
}

// stageReceipt stages the mail that says what a recall reaches, and what none
// can reach.
func (f *Flow) stageReceipt(ctx context.Context, b *store.Batch, m *gateway.Message, r Recalled) error {
	set := f.set()
	d := mailmsg.StaffNoticeData{Kind: mailmsg.StaffRecalled, Sent: m.Accepted.In(set.zone()), When: f.Now().In(set.zone())}
	for _, e := range r.Envelopes {
		if e.Reach == ReachEnded {
			continue // it never got there: the sender has a report of that
		}
		a, err := parseShown(e.Recipient)
		if err != nil {
			return err
		}
		c := mailmsg.RecalledCopy{Person: gateway.Sensitive(mask(a)), State: mailmsg.RecallLocked}
		switch {
		case e.Reach == ReachLeft:
			c.State = mailmsg.RecallPassed
		case !e.Shredded.IsZero():
			c.State = mailmsg.RecallDestroyed
		default:
			d.UndoUntil = r.Until.In(set.zone())
		}
		if !e.Opened.IsZero() {
			c.Opened = e.Opened.In(set.zone())
		}
		d.Copies = append(d.Copies, c)
	}
	_, err := f.stageStaffNotice(ctx, b, m, d)
	return err
}
