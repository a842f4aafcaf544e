package flow

import (
	"bytes"
	"context"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// stageInInbox stages that a mail of ours to a member of staff is in their INBOX
// here, too, sealed as all that is kept. Who has no folders gets the mail alone.
func (f *Flow) stageInInbox(ctx context.Context, b *store.Batch, to gateway.Address, raw []byte) error {
	is, err := f.isUser(ctx, to)
	if err != nil || !is {
		return err
	}
	k, err := f.keepOctets(ctx, to, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	k.message.Peer = gateway.Peer{}
	f.file(b, k.message.ID)
	return f.stageKeeping(b, k)
}

// isProblem reports whether what staff are told asks them to act: a folder alone
// does not say it loudly enough.
func isProblem(k mailmsg.StaffKind) bool {
	switch k {
	case mailmsg.StaffUnread, mailmsg.StaffExpiring, mailmsg.StaffUnopenable, mailmsg.StaffReported:
		return true
	}
	return false
}
