package flow

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/store"
)

// candidate is a segment that a receipt may be about.
type candidate struct {
	carrierID
	key      []byte // of its row
	version  store.Version
	near     nearness
	agrees   bool // went to the telephone that the receipt names
	envelope gateway.Envelope
	stored   store.Version // of the envelope
}

// nearness is how far the spelling of a receipt is from what the carrier
// answered.
type nearness uint8

const (
	asGiven  nearness = iota
	asPlain           // but for leading zeros and case
	asNumber          // the same number in another base
)

// maxCandidates bounds the segments of one id that a receipt may be about, and
// maxLooked those that are compared with its telephone: a carrier that gives the
// same id to everything gets receipts that belong to nobody.
const (
	maxCandidates = 100
	maxLooked     = 100 * maxCandidates
)

// match finds the segment that a receipt is about; nil when there is none yet.
// ambiguous says that there are several, and nothing tells them apart.
func (f *Flow) match(ctx context.Context, r *gateway.Receipt) (c *candidate, ambiguous bool, err error) {
	var all []candidate
	for i, plain := range spellings(r.ID.Reveal()) {
		found, err := f.candidates(ctx, plain, r)
		if err != nil {
			return nil, false, err
		}
		for j := range found {
			if i > 0 {
				found[j].near = asNumber
			}
		}
		all = append(all, found...)
		if there := filter(all, func(c candidate) bool { return c.agrees }); len(there) > 0 {
			return choose(there)
		}
	}
	return choose(filter(all, func(c candidate) bool {
		// Another number than the one it went to: carriers do change numbers, but
		// then the id must be spelled as they gave it, and be waiting for a receipt.
		return r.Dest.IsZero() || c.near == asGiven && c.Done.IsZero()
	}))
}

// choose takes the one whose spelling is nearest, of several the only one that
// still waits for its final receipt.
func choose(all []candidate) (c *candidate, ambiguous bool, err error) {
	if len(all) == 0 {
		return nil, false, nil
	}
	nearest := slices.MinFunc(all, func(a, b candidate) int { return int(a.near) - int(b.near) }).near
	alike := filter(all, func(c candidate) bool { return c.near == nearest })
	waiting := filter(alike, func(c candidate) bool { return c.Done.IsZero() })
	switch len(waiting) {
	case 0:
		return &alike[0], false, nil // again what is known
	case 1:
		return &waiting[0], false, nil
	}
	return nil, true, nil
}

func filter[T any](all []T, keep func(T) bool) (kept []T) {
	for _, v := range all {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// candidates returns the segments whose id has one plain spelling: those that
// went to the telephone of the receipt, however many others have that id, and
// some of the others.
func (f *Flow) candidates(ctx context.Context, plain string, r *gateway.Receipt) (all []candidate, err error) {
	rows := store.Prefix(store.CarrierIDs, f.plainKey(plain))
	var others []candidate
	for looked := 0; looked < maxLooked && len(all) < maxCandidates; looked += maxCandidates {
		page, err := f.candidatePage(ctx, rows, r)
		if err != nil {
			return nil, err
		}
		for i := range page {
			switch c := page[i]; {
			case c.stored == 0: // its message is gone
			case c.agrees:
				all = append(all, c)
			case len(others) < maxCandidates:
				others = append(others, c)
			}
		}
		if len(page) < maxCandidates || r.Dest.IsZero() {
			break
		}
		rows.From = append(slices.Clone(page[len(page)-1].key), 0)
	}
	return append(all, others...), nil
}

// candidatePage reads some rows of CarrierIDs, and the envelopes that they lead
// to.
func (f *Flow) candidatePage(ctx context.Context, rows store.Range, r *gateway.Receipt) (page []candidate, err error) {
	var bad error
	exact := f.exactKey(r.ID.Reveal())
	err = f.Store.Scan(ctx, rows, func(it store.Item) bool {
		c := candidate{key: slices.Clone(it.Key), version: it.Version, near: asPlain}
		if bad = store.Decode(it.Value, &c.carrierID); bad != nil {
			return false
		}
		if strings.HasPrefix(string(it.Key[1+plainHash:]), string(exact)) {
			c.near = asGiven
		}
		page = append(page, c)
		return len(page) < maxCandidates
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	for i := range page {
		c := &page[i]
		c.envelope, c.stored, err = store.GetRecord[gateway.Envelope](ctx, f.Store, envelopeKey(c.Envelope))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		c.agrees = sameTelephone(r.Dest, c.envelope.Recipient)
	}
	return page, nil
}

// enoughDigits is how many digits at the end of two numbers make them one where
// a country or area code may be missing.
const enoughDigits = 7

// sameTelephone reports whether a line, as a carrier writes it in a receipt, is
// the telephone a.
func sameTelephone(l gateway.Line, a gateway.Address) bool {
	if !a.IsPhone() || l.IsZero() {
		return false
	}
	if n, err := l.Number(); err == nil && n == a {
		return true
	}
	x, y := strings.TrimLeft(l.Addr, "+0"), strings.TrimLeft(a.Phone().Reveal(), "+0")
	if len(x) > len(y) {
		x, y = y, x
	}
	return x == y && x != "" || len(x) >= enoughDigits && strings.HasSuffix(y, x)
}
