package proof

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Thaw opens a paused or frozen link again and forgets its wrong tries. actor
// is who decided so, as evidence spells it ("uid:0", "account"). thawed is false,
// and nothing is written, when nothing kept anybody from trying.
func (k *Book) Thaw(ctx context.Context, link gateway.LinkID, actor string) (thawed bool, err error) {
	about, err := k.about(ctx, link)
	if err != nil {
		return false, err
	}
	about.Actor = actor
	return k.commitThaw(ctx, about, k.linkLedger(link), gateway.EventLinkThawed, func(b *store.Batch) {
		b.Delete(k.thawLedger(link).key)
	})
}

// ThawPIN does the same for the standing PIN of a person.
func (k *Book) ThawPIN(ctx context.Context, person gateway.PersonRef, actor string) (thawed bool, err error) {
	about := gateway.Record{Actor: actor, Persons: []gateway.PersonRef{person}}
	return k.commitThaw(ctx, about, k.personLedger(person), gateway.EventPINThawed, func(*store.Batch) {})
}

func (k *Book) commitThaw(ctx context.Context, about gateway.Record, of ledgerOf, event gateway.Event, also func(*store.Batch)) (thawed bool, err error) {
	err = again(ctx, func() error {
		var b store.Batch
		var e entry
		var err error
		if e.ledger, e.version, err = get[ledger](ctx, k.store, of.key); err != nil {
			return fmt.Errorf("reading the tries to forget: %w", err)
		}
		e.fresh(k.now(), k.config.CodeTTL)
		if thawed = e.Wrong > 0 || len(e.Asked) >= dayCodes || k.stateOf(e.ledger, of) != gateway.LinkActive; !thawed {
			return nil
		}
		if err := k.stageThaw(&b, about, of, e, event, nil); err != nil {
			return err
		}
		also(&b)
		return k.write(ctx, &b, "thawing")
	})
	return thawed && err == nil, err
}

// StageThawPIN stages that the standing PIN of a person has no wrong tries
// any more: it was replaced. The caller leaves the evidence of that.
func (k *Book) StageThawPIN(ctx context.Context, b *store.Batch, person gateway.PersonRef) error {
	of := k.personLedger(person)
	_, version, err := get[ledger](ctx, k.store, of.key)
	if err != nil {
		return fmt.Errorf("reading the tries of a PIN: %w", err)
	}
	require(b, of.key, version)
	b.Delete(of.key)
	return nil
}

func (k *Book) stageThaw(b *store.Batch, about gateway.Record, of ledgerOf, e entry, event gateway.Event, detail map[string]string) error {
	e.Wrong, e.Frozen, e.PausedUntil, e.Locked, e.Asked = 0, false, time.Time{}, false, nil
	require(b, of.key, e.version)
	if err := b.PutRecord(of.key, e.ledger); err != nil {
		return err
	}
	return k.stage(b, about, event, detail)
}

// Freeze closes a link until it is thawed, as a journal that outlived the
// store remembers it. The caller leaves the evidence.
func (k *Book) Freeze(ctx context.Context, link gateway.LinkID) error {
	return k.freeze(ctx, k.linkLedger(link), false)
}

// Lock is Freeze after a report: see Report.
func (k *Book) Lock(ctx context.Context, link gateway.LinkID) error {
	return k.freeze(ctx, k.linkLedger(link), true)
}

// FreezePIN does the same for the standing PIN of a person.
func (k *Book) FreezePIN(ctx context.Context, person gateway.PersonRef) error {
	return k.freeze(ctx, k.personLedger(person), false)
}

func (k *Book) freeze(ctx context.Context, of ledgerOf, lock bool) error {
	return again(ctx, func() error {
		l, version, err := get[ledger](ctx, k.store, of.key)
		if err != nil || l.Frozen && (l.Locked || !lock) {
			return err
		}
		l.Frozen, l.Codes, l.Locked = true, nil, l.Locked || lock
		var b store.Batch
		require(&b, of.key, version)
		if err := b.PutRecord(of.key, l); err != nil {
			return err
		}
		return k.write(ctx, &b, "freezing")
	})
}

// Report notes what a reader reports about a link, once for each concern, with
// evidence and with what also adds; it reports whether it was the first time.
// NotForMe locks the link, and the others that lead to the same message: they
// are frozen, for those who have proven them too, and only staff thaws them.
func (k *Book) Report(ctx context.Context, link gateway.LinkID, c gateway.Concern, others []gateway.LinkID, also func(*store.Batch) error) (first bool, err error) {
	about, err := k.about(ctx, link)
	if err != nil {
		return false, err
	}
	if c != gateway.NotForMe {
		others = nil
	}
	err = again(ctx, func() error {
		var b store.Batch
		if first, err = k.stageReport(ctx, &b, about, c); err != nil || !first {
			return err
		}
		for _, id := range others {
			if id == link {
				continue
			}
			about.Link = id
			if err := k.stageLock(ctx, &b, about); err != nil {
				return err
			}
		}
		about.Link = link
		if err := also(&b); err != nil {
			return err
		}
		return k.write(ctx, &b, "noting a report")
	})
	return first && err == nil, err
}

// stageReport stages the report itself; false when it was made before.
func (k *Book) stageReport(ctx context.Context, b *store.Batch, about gateway.Record, c gateway.Concern) (bool, error) {
	of := k.linkLedger(about.Link)
	l, version, err := get[ledger](ctx, k.store, of.key)
	if err != nil {
		return false, fmt.Errorf("reading the reports of a link: %w", err)
	}
	if slices.Contains(l.Reported, c) {
		return false, nil
	}
	l.Reported = append(l.Reported, c)
	if err := k.stage(b, about, gateway.EventLinkReported, map[string]string{"concern": string(c)}); err != nil {
		return false, err
	}
	if c == gateway.NotForMe {
		l.Frozen, l.Locked, l.Codes = true, true, nil
		if err := k.stage(b, about, gateway.EventLinkFrozen, map[string]string{"by": "report"}); err != nil {
			return false, err
		}
	}
	require(b, of.key, version)
	return true, b.PutRecord(of.key, l)
}

func (k *Book) stageLock(ctx context.Context, b *store.Batch, about gateway.Record) error {
	of := k.linkLedger(about.Link)
	l, version, err := get[ledger](ctx, k.store, of.key)
	if err != nil {
		return fmt.Errorf("reading the tries of a link: %w", err)
	}
	l.Frozen, l.Locked, l.Codes = true, true, nil
	require(b, of.key, version)
	if err := b.PutRecord(of.key, l); err != nil {
		return err
	}
	return k.stage(b, about, gateway.EventLinkFrozen, map[string]string{"by": "report"})
}
