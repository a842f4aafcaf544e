package flow

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// Settle implements queue.Ledger: it stages what follows from one attempt.
func (f *Flow) Settle(ctx context.Context, b *store.Batch, before, after gateway.Envelope, o gateway.Outcome) error {
	event := gateway.EventDeferred
	switch after.State {
	case gateway.Delivered:
		event = gateway.EventDelivered
	case gateway.Bounced:
		event = gateway.EventBounced
	case gateway.Held:
		event = gateway.EventHeld
	}
	if err := f.Audit.Stage(b, f.attempt(event, &after, o)); err != nil {
		return err
	}
	if after.Recipient.IsPhone() {
		if err := f.stageCarrierIDs(b, &before, o); err != nil {
			return err
		}
	}
	if after.State == gateway.Held {
		f.file(b, after.ID.Message)
	}
	if after.State == gateway.Bounced {
		f.file(b, after.ID.Message)
		if err := f.reportTo(ctx, b, &after, mailmsg.ActionFailed); err != nil {
			return err
		}
	}
	f.metrics.settled(after.State, o, max(0, f.Now().Sub(after.Ready())))
	if !after.State.Final() {
		// It will be a while: the clear text does not wait in memory.
		b.After(func() { f.fresh.drop(after.ID.Message) })
		return nil
	}
	if n := after.Notice; n != nil {
		f.Blobs.Delete(b, n.Body.Blob) // with it goes the link secret: the disk keeps no way to it
	}
	done, err := f.finishAlone(ctx, b, &after)
	if err != nil {
		return err
	}
	b.After(func() { f.finished(ctx, &after, done) })
	return nil
}

// finishAlone removes, within the settlement, the body of a message that had
// one recipient and no reader left: the usual case, and a commit saved. Where
// the record is not what memory holds any more, or becomes another one before
// the commit (somebody was erased, here or by another process), it is tidy's: the
// copy in memory would bring back what was taken out.
func (f *Flow) finishAlone(ctx context.Context, b *store.Batch, e *gateway.Envelope) (bool, error) {
	m, written, ok := f.fresh.written(e.ID.Message)
	if !ok || m.Envelopes != 1 || !e.Link.IsZero() || !m.Staff.IsZero() {
		return false, nil
	}
	stored, err := f.Store.Get(ctx, messageKey(m.ID))
	if err != nil || !bytes.Equal(stored.Value, written) {
		return false, ignore(err, store.ErrNotFound)
	}
	b.RequireVersion(messageKey(m.ID), stored.Version)
	f.Blobs.Delete(b, m.Body.Blob)
	spent := *m
	spent.Spool, spent.Body.Blob = gateway.Wrap{}, ""
	return true, b.PutRecord(messageKey(m.ID), &spent)
}

// attempt is the evidence of one attempt. The next hop's words stay out: they
// quote addresses.
func (f *Flow) attempt(event gateway.Event, e *gateway.Envelope, o gateway.Outcome) gateway.Record {
	d := map[string]string{"attempt": strconv.Itoa(e.Attempts), "tls": tlsText(o.TLS)}
	put := func(k, v string) {
		if v != "" {
			d[k] = v
		}
	}
	put("host", o.Host)
	put("phase", o.Phase)
	put("status", o.Status)
	put("cipher", o.TLS.Cipher)
	if o.Code != 0 {
		d["code"] = strconv.Itoa(o.Code)
	}
	if n := len(o.Segments); n > 0 {
		d["segments"], d["taken"] = strconv.Itoa(n), strconv.Itoa(takenOf(o.Segments))
	}
	if e.Notice != nil {
		d["content"] = "notice"
	}
	if o.TLS.Loopback {
		d["loopback"] = "true"
	}
	if o.Unknown {
		d["unknown"] = "true"
	}
	return gateway.Record{
		At: f.Now(), Event: event, Actor: "system", Message: e.ID.Message, Envelope: e.ID.String(), Link: e.Link,
		Persons: []gateway.PersonRef{e.Person}, Detail: d,
	}
}

// Parked implements queue.Ledger: the clear text does not wait in memory for a
// next hop that is away.
func (f *Flow) Parked(e gateway.Envelope) { f.fresh.drop(e.ID.Message) }

// Delayed implements queue.Ledger: the sender hears once that it takes long.
func (f *Flow) Delayed(ctx context.Context, b *store.Batch, e gateway.Envelope) error {
	if err := f.Audit.Stage(b, f.attempt(gateway.EventDelayNotified, &e, e.Last)); err != nil {
		return err
	}
	return f.reportTo(ctx, b, &e, mailmsg.ActionDelayed)
}

// finished begins what follows when an envelope's last settlement is durable.
// What costs reads and commits of its own the settlements of others do not wait
// for. What a crash leaves here, housekeeping finds.
func (f *Flow) finished(ctx context.Context, e *gateway.Envelope, tidied bool) {
	tidied = tidied || f.isTidy(e)
	if tidied && (e.Notice == nil || !e.Notice.Alone) {
		f.finish(ctx, e, tidied)
		return
	}
	f.after.Go(func() error {
		f.finish(ctx, e, tidied)
		return nil
	})
}

// finish tells the journal beside the keyring, and when no envelope needs the
// original any more, removes it or at least the courier's way to it.
func (f *Flow) finish(ctx context.Context, e *gateway.Envelope, tidied bool) {
	done := seal.Entry{Kind: seal.JournalDelivered, ID: e.ID.String(), Data: []byte(e.State)}
	if err := f.Journal.Later(done); err != nil {
		f.Log.Error("journal beside the keyring not written", "error", err)
	}
	if n := e.Notice; n != nil && n.Alone {
		if err := f.Keys.DestroySpool(n.Spool.Group); err != nil && !errors.Is(err, seal.ErrInUse) {
			f.Log.Warn("key of a notice that has left not destroyed yet", "error", err)
		}
	}
	if tidied {
		f.fresh.drop(e.ID.Message)
		return
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	err := f.tidy(ctx, e.ID.Message)
	for try := 1; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.tidy(ctx, e.ID.Message)
	}
	if err != nil {
		f.scans.untidy.Store(true) // housekeeping does it
	}
	if err != nil && !errors.Is(err, store.ErrConflict) {
		f.Log.Warn("body of a finished message not removed yet", "id", e.ID.Message, "error", err)
	}
}

// tidy removes what a message no longer needs: the body when nobody can open
// it any more, else the spool wrap when no courier needs it.
func (f *Flow) tidy(ctx context.Context, id gateway.MessageID) error {
	open, linked, err := f.needs(ctx, id)
	if err != nil || open {
		return err
	}
	f.fresh.drop(id)
	m, v, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return err
	}
	keepBody := linked || !m.Staff.IsZero()
	if m.Spool.IsZero() && (keepBody || m.Body.Blob == "") {
		return nil
	}
	var b store.Batch
	m.Spool = gateway.Wrap{}
	if !keepBody {
		f.Blobs.Delete(&b, m.Body.Blob)
		m.Body.Blob = ""
	}
	b.RequireVersion(messageKey(id), v)
	if err := b.PutRecord(messageKey(id), m); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}

// isTidy reports whether memory tells that tidy would find nothing to remove: no
// courier ever had a way to the body, and the link of e opens it.
func (f *Flow) isTidy(e *gateway.Envelope) bool {
	m, ok := f.fresh.record(e.ID.Message)
	return ok && m.Spool.IsZero() && !e.Link.IsZero() && e.Shredded.IsZero()
}

// needs reports whether an envelope of the message is unfinished, and whether
// one has a link that still opens it.
func (f *Flow) needs(ctx context.Context, id gateway.MessageID) (open, linked bool, err error) {
	var bad error
	err = f.Store.Scan(ctx, store.Prefix(store.Envelopes, id[:]), func(it store.Item) bool {
		var e gateway.Envelope
		if bad = store.Decode(it.Value, &e); bad != nil {
			return false
		}
		open = open || !e.State.Final()
		linked = linked || !e.Link.IsZero() && e.Shredded.IsZero()
		return true
	})
	return open, linked, errors.Join(err, bad)
}
