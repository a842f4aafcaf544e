package flow

import (
	"context"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// stageWaiting tells the member of staff who sent a message that it is held, where
// a rule wants that: one mail, with the acceptance, whatever the number of copies
// that wait. Programs are told nothing (RFC 3834 section 2), and nobody is whom mail
// only names that may be from anybody.
func (a *arrival) stageWaiting(ctx context.Context, b *store.Batch, m *gateway.Message) error {
	var held []*gateway.Envelope
	for i := range a.envelopes {
		e := &a.envelopes[i]
		if v := verdictOf(m, e); v != nil && v.Options.Notify == "sender" && e.State == gateway.Held && e.Hold == "policy" {
			held = append(held, e)
		}
	}
	if len(held) == 0 || m.Channel == gateway.SMS || m.Direction != gateway.Outbound || a.sub.From.IsNull() || mailmsg.Automatic(a.reading) {
		return nil
	}
	if a.sub.Peer.Account == "" && !a.speaksForStaff() {
		return nil
	}
	d := mailmsg.StaffNoticeData{Kind: mailmsg.StaffWaiting, Reference: m.ID.String(), Sent: m.Accepted.In(a.set.zone())}
	if len(held) == 1 {
		d.Person = gateway.Sensitive(mask(held[0].Recipient))
	}
	_, err := a.flow.stageStaffNotice(ctx, b, m, d)
	return err
}
