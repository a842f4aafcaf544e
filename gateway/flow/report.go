package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// stageReported stages the notice to the member of staff whose message a
// reader reported, under their own message. A message of nobody inside, or one
// that is gone, leaves the evidence alone.
func (f *Flow) stageReported(ctx context.Context, b *store.Batch, l gateway.Link, c gateway.Concern) error {
	set := f.set()
	m, err := f.message(ctx, l.Envelope.Message)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	to := m.From
	if !to.In(set.Domains) {
		to = m.Sender
	}
	if to.IsNull() || !to.In(set.Domains) {
		return nil
	}
	d := mailmsg.StaffNoticeData{
		Kind: mailmsg.StaffReported, From: set.notices(), To: to, Organization: set.Organization, Language: set.Language, Reference: l.Reference,
		Person: gateway.Sensitive(mask(l.Recipient)), Sent: m.Accepted.In(set.zone()), When: f.Now().In(set.zone()), Concern: c,
		Now: f.Now().In(set.zone()),
	}
	if id := f.quotable(m.HeaderID); id != "" {
		d.InReplyTo, d.References = id, []string{id}
	}
	if d.HeaderID, err = mailmsg.HeaderID(d.From.Domain(), f.Random); err != nil {
		return err
	}
	raw, err := mailmsg.StaffNotice(d)
	if err != nil {
		return err
	}
	return f.stageOwn(ctx, b, own{from: d.From, to: to, thread: m.Thread, raw: raw})
}
