package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// How long rows about short messages are kept.
const (
	outboxFor    = 7 * 24 * time.Hour  // something waits for an application
	carrierIDFor = 7 * 24 * time.Hour  // a receipt may come
	repeatedFor  = 6 * time.Hour       // a final receipt may come again
	earlyFor     = time.Hour           // a receipt waits for the answer to its message
	shortIDFor   = 21 * 24 * time.Hour // an application may ask for a message; longer than it is queued and receipts come
	unsureFor    = time.Minute         // a commit without an answer; longer than one takes
)

// forgetSMS removes what is over of short messages, and finds what a crash or a
// lost answer left between two commits.
func (f *Flow) forgetSMS(ctx context.Context) (n int, err error) {
	for _, job := range []func(context.Context) (int, error){
		f.lookForEarly, f.lookForUnsure, f.dropOverdue, f.forgetCarrierIDs,
		func(ctx context.Context) (int, error) { return f.forgetIDs(ctx, store.ShortIDs, shortIDFor) },
	} {
		k, e := job(ctx)
		n, err = n+k, errors.Join(err, e)
	}
	return n, err
}

// lookForUnsure tells the readers of outboxes of rows whose commit answered
// nothing.
func (f *Flow) lookForUnsure(ctx context.Context) (int, error) {
	for account, numbers := range f.outbox.unsure(f.Now().Add(-unsureFor)) {
		for _, n := range numbers {
			_, err := f.Store.Get(ctx, f.outboxKey(account, n))
			switch {
			case errors.Is(err, store.ErrNotFound):
				f.outbox.never(account, n)
			case err != nil:
				return 0, err
			default:
				f.outbox.durable(account, n)
			}
		}
	}
	return 0, nil
}

// forgetCarrierIDs removes the ids for which no receipt is expected any more.
func (f *Flow) forgetCarrierIDs(ctx context.Context) (int, error) {
	now := f.Now()
	return f.forgetRows(ctx, store.Prefix(store.CarrierIDs), func(it store.Item) bool {
		var c carrierID
		if store.Decode(it.Value, &c) != nil {
			return false
		}
		return now.Sub(c.At) > carrierIDFor || !c.Done.IsZero() && now.Sub(c.Done) > repeatedFor
	})
}

// forgetIDs removes the rows of a table whose keys begin with message ids, once
// those are older than age: they begin with their time.
func (f *Flow) forgetIDs(ctx context.Context, t store.Table, age time.Duration) (int, error) {
	r := store.Prefix(t)
	r.To = store.Key(t, idsFrom(f.Now().Add(-age)))
	return f.forgetRows(ctx, r, func(store.Item) bool { return true })
}

// idsFrom is what ids that were made at a time, or later, sort behind.
func idsFrom(at time.Time) []byte { return store.Uint64(uint64(max(at.UnixMilli(), 0)))[2:] }

// forgetRows removes the rows of r that are over, in commits of sweepAtOnce.
func (f *Flow) forgetRows(ctx context.Context, r store.Range, over func(store.Item) bool) (n int, err error) {
	for {
		b := new(store.Batch)
		err := f.Store.Scan(ctx, r, func(it store.Item) bool {
			if over(it) {
				key := slices.Clone(it.Key)
				b.RequireVersion(key, it.Version)
				b.Delete(key)
				r.From = append(slices.Clone(key), 0)
			}
			return len(b.Ops) < sweepAtOnce
		})
		if err != nil || len(b.Ops) == 0 {
			return n, err
		}
		if err := store.Write(ctx, f.Store, b); err != nil {
			return n, err
		}
		if n += len(b.Ops); len(b.Ops) < sweepAtOnce {
			return n, nil
		}
	}
}

// overdue is a row of Outbox whose application never came for it.
type overdue struct {
	key     []byte
	version store.Version
	d       gateway.Delivery
}

// dropOverdue removes what waited longer than outboxFor, with evidence.
func (f *Flow) dropOverdue(ctx context.Context) (dropped int, err error) {
	r := store.Prefix(store.Outbox)
	for {
		list, next, err := f.overdue(ctx, r)
		if err != nil || next == nil {
			return dropped, err
		}
		if err := f.dropAll(ctx, list); err != nil {
			return dropped, err
		}
		dropped += len(list)
		r.From = next
	}
}

// overdue returns what waits too long for the first account of r, and where to
// look next; nil: nowhere. The rows of an account are in order of time.
func (f *Flow) overdue(ctx context.Context, r store.Range) (list []overdue, next []byte, err error) {
	var bad error
	until := uint64(max(f.Now().Add(-outboxFor).UnixNano(), 0))
	var of []byte
	err = f.Store.Scan(ctx, r, func(it store.Item) bool {
		prefix := it.Key[:min(1+accountHash, len(it.Key))]
		if of == nil {
			of = append(of, prefix...)
		}
		if string(of) != string(prefix) || numberOf(it.Key) >= until {
			next = store.Prefix(store.Table(of[0]), of[1:]).To
			return false
		}
		o := overdue{key: append([]byte(nil), it.Key...), version: it.Version}
		if bad = store.Decode(it.Value, &o.d); bad != nil {
			return false
		}
		list = append(list, o)
		next = append(slices.Clone(o.key), 0)
		return len(list) < sweepAtOnce
	})
	return list, next, errors.Join(err, bad)
}

// dropAll ends rows that are overdue. The evidence says what was lost: a
// message from outside is in the mailbox of the account all the same.
func (f *Flow) dropAll(ctx context.Context, list []overdue) error {
	if len(list) == 0 {
		return nil
	}
	b := new(store.Batch)
	for _, o := range list {
		b.RequireVersion(o.key, o.version)
		b.Delete(o.key)
		r := gateway.Record{At: f.Now(), Event: gateway.EventAppDropped, Actor: "system", Message: o.d.Message, Detail: map[string]string{"kind": "message"}}
		if o.d.Receipt != nil {
			r.Detail["kind"] = "receipt"
		}
		if !o.d.Person.IsZero() {
			r.Persons = []gateway.PersonRef{o.d.Person}
		}
		if err := f.Audit.Stage(b, r); err != nil {
			return err
		}
	}
	err := store.Write(ctx, f.Store, b)
	if errors.Is(err, store.ErrConflict) {
		return nil // the application came at last: the next round sees what is left
	}
	return err
}
