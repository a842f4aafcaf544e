package flow

import (
	"context"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// secureLater secures an envelope of a message that was accepted without:
// tls that could not be had, or a reviewer's release. The message joins a
// conversation and gets its staff wrap where it had none; that and what
// secure stages are one commit with e.
func (f *Flow) secureLater(ctx context.Context, b *store.Batch, m *gateway.Message, key seal.Key, e *gateway.Envelope) error {
	head, err := f.head(ctx, m, key)
	if err != nil {
		return err
	}
	var o gateway.Options
	if v := verdictOf(m, e); v != nil {
		o = v.Options
	}
	record, err := f.amendMessage(ctx, b, m.ID, key, o, head.To)
	if err != nil {
		return err
	}
	return f.secure(ctx, b, securing{message: record, key: key, options: o, automatic: head.AutoSubmitted, hops: mailmsg.Hops(head)}, e)
}

// amendMessage stages what a message needs before one of its envelopes can be
// secured, and returns the record as it will be.
func (f *Flow) amendMessage(ctx context.Context, b *store.Batch, id gateway.MessageID, key seal.Key, o gateway.Options, to []gateway.Address) (*gateway.Message, error) {
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return nil, fmt.Errorf("reading message %v: %w", id, err)
	}
	changed := false
	f.file(b, id)
	if m.Thread.IsZero() {
		changed = true
		if m.Thread, err = f.Threads.Start(b, m.From, f.Now(), f.set().staff(to)...); err != nil {
			return nil, err
		}
		if err := f.Threads.Join(b, m.HeaderID, thread.Member{Thread: m.Thread, Message: m.ID}); err != nil {
			return nil, err
		}
	} else if err := f.Threads.Secure(ctx, b, m.Thread); err != nil && !errors.Is(err, thread.ErrUnknown) {
		return nil, err
	}
	if m.Staff.IsZero() && o.StaffCopy != "none" {
		changed = true
		if m.Staff, err = f.Sealer.WrapStaff(key, m.ID, m.Retain); err != nil {
			return nil, err
		}
		if err := f.stageLayoutFrom(ctx, b, &m, key); err != nil {
			return nil, err
		}
	}
	if !changed {
		return &m, nil
	}
	f.fresh.drop(id) // its record is about to be another
	b.RequireVersion(messageKey(id), version)
	return &m, b.PutRecord(messageKey(id), m)
}
