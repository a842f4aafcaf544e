package flow

import (
	"context"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// What a mail client says of a move of many messages is a line that few people
// see. A message in INBOX says it once more: that so many were not taken back,
// and how to go on; or that several were, and until when that can be undone. One
// message speaks of a whole move.

// tellRefused tells a user that a bulk was not taken back, at most once in
// bulkTime: a client that tries again and again fills no INBOX.
func (c *carrying) tellRefused(ctx context.Context, n int) {
	f := c.flow
	pace := []charge{{key: f.MAC("told of refused recalls", []byte(c.account.Name.Key())), limit: 1}}
	if f.recalls.take(pace, 1, f.Now()).IsZero() {
		c.tell(ctx, mailmsg.StaffNoticeData{Kind: mailmsg.StaffBulk, Count: n, Limit: f.set().RecallBulk})
	}
}

// tellBack tells a user that several messages were taken back at once. Of a
// single one its folder says enough.
func (c *carrying) tellBack(ctx context.Context) {
	if n := len(c.done.To); n > 1 {
		f := c.flow
		c.tell(ctx, mailmsg.StaffNoticeData{Kind: mailmsg.StaffBack, Count: n, UndoUntil: f.Now().Add(f.set().RecallGrace).In(f.set().zone())})
	}
}

// tell puts a notice into the user's INBOX. What it is about is done, or was
// refused: it is no error that it cannot be told.
func (c *carrying) tell(ctx context.Context, d mailmsg.StaffNoticeData) {
	f := c.flow
	d.To, d.When = c.account.Name, f.Now().In(f.set().zone())
	if err := f.tellInInbox(ctx, d); err != nil {
		f.Log.Warn("a user is not told in their INBOX", "error", err)
	}
}

func (f *Flow) tellInInbox(ctx context.Context, d mailmsg.StaffNoticeData) error {
	raw, err := f.composeStaffNotice(d)
	if err != nil {
		return err
	}
	var b store.Batch
	if err := f.stageInInbox(ctx, &b, d.To, raw); err != nil {
		return err
	}
	if len(b.Ops) == 0 {
		return nil
	}
	return store.Write(ctx, f.Store, &b)
}

// bulk refuses to take back, or to give back, more messages at once than anybody
// means to: a client that files by rules, one that copies whole folders, or a
// finger that slipped.
func (c *carrying) bulk(ctx context.Context, purpose, done string, n int) error {
	limit := c.flow.set().RecallBulk
	if limit <= 0 {
		return nil
	}
	pace := []charge{{key: c.flow.MAC(purpose, []byte(c.account.Name.Key())), limit: limit}}
	if n <= limit && c.flow.recalls.take(pace, n, c.flow.Now()).IsZero() {
		return nil
	}
	if c.to == gateway.FolderRecall {
		c.tellRefused(ctx, n)
	}
	return &gateway.FolderError{Code: gateway.FolderLimit, Text: "So many messages are not " + done + " at once from a mail client. Nothing was " + done + "; ask who runs Gatepost, or try fewer later"}
}
