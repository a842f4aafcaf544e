package flow

import (
	"context"
	"slices"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// stageStaffNotice stages a notice to the member of staff who wrote m, under
// their own message. Nobody outside the organization is told anything: told is false then.
func (f *Flow) stageStaffNotice(ctx context.Context, b *store.Batch, m *gateway.Message, d mailmsg.StaffNoticeData) (told bool, err error) {
	set := f.set()
	d.To = m.From
	if !d.To.In(set.Domains) {
		d.To = m.Sender
	}
	if d.To.IsNull() || !d.To.In(set.Domains) {
		return false, nil
	}
	d.InReplyTo, d.References = m.HeaderID, []string{m.HeaderID}
	raw, err := f.composeStaffNotice(d)
	if err != nil {
		return false, err
	}
	if isProblem(d.Kind) {
		if err := f.stageInInbox(ctx, b, d.To, raw); err != nil {
			return false, err
		}
	}
	return true, f.stageOwn(ctx, b, own{from: set.notices(), to: d.To, thread: m.Thread, raw: raw})
}

// composeStaffNotice composes a notice to a member of staff. d holds what is
// special of it. It may travel in the clear, so it stands under the messages
// that it is about as far as their Message-IDs may leave.
func (f *Flow) composeStaffNotice(d mailmsg.StaffNoticeData) (raw []byte, err error) {
	set := f.set()
	d.From, d.Organization, d.Language, d.Now = set.notices(), set.Organization, set.Language, f.Now().In(set.zone())
	if d.HeaderID, err = mailmsg.HeaderID(d.From.Domain(), f.Random); err != nil {
		return nil, err
	}
	d.InReplyTo = f.quotable(d.InReplyTo)
	d.References = slices.DeleteFunc(slices.Clone(d.References), func(id string) bool { return f.quotable(id) == "" })
	return mailmsg.StaffNotice(d)
}
