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
	_, err = f.stageStaffNotice(ctx, b, m, mailmsg.StaffNoticeData{
		Kind: mailmsg.StaffReported, Reference: l.Reference, Person: gateway.Sensitive(mask(l.Recipient)),
		Sent: m.Accepted.In(set.zone()), When: f.Now().In(set.zone()), Concern: c,
	})
	return err
}
