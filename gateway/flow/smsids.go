package flow

import (
	"math/big"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Carriers spell one id in several ways: with and without leading zeros, in
// either case, in hexadecimal when they answer and in decimal in the receipt,
// or the other way round. The table CarrierIDs has one row for each id that a
// carrier gave, under its plain spelling; who looks for an id asks for each
// spelling that it may have had.

// longestNumber is the longest id that is read as a number: message_id has at
// most 64 characters (SMPP v3.4 section 4.4.2).
const longestNumber = 64

// plainID is an id without what carriers add and take away.
func plainID(id string) string {
	if id = strings.TrimLeft(strings.ToLower(id), "0"); id == "" {
		return "0"
	}
	return id
}

// spellings are the plain spellings under which the id of a receipt may have
// been given, likeliest first: as it is, the hexadecimal of a decimal number,
// and the decimal of a hexadecimal one. The relation is symmetric.
func spellings(id string) []string {
	plain := plainID(id)
	all := []string{plain}
	if len(plain) > longestNumber || strings.Trim(plain, "0123456789abcdef") != "" {
		return all
	}
	if strings.Trim(plain, "0123456789") == "" {
		all = appendNew(all, respell(plain, 10, 16))
	}
	return appendNew(all, respell(plain, 16, 10))
}

func respell(digits string, from, to int) string {
	n, ok := new(big.Int).SetString(digits, from)
	if !ok {
		return digits
	}
	return n.Text(to)
}

func appendNew(all []string, s string) []string {
	if s == all[0] {
		return all
	}
	return append(all, s)
}

// Widths of the keyed hashes in keys.
const (
	plainHash = 16
	exactHash = 8
)

func (f *Flow) plainKey(plain string) []byte {
	h := f.MAC("carrier id", []byte(plain))
	return h[:plainHash]
}

func (f *Flow) exactKey(id string) []byte {
	h := f.MAC("carrier id exactly", []byte(id))
	return h[:exactHash]
}

// carrierID is a row of CarrierIDs: which segment a carrier's id stands for.
type carrierID struct {
	Envelope gateway.EnvelopeID
	Segment  int
	At       time.Time
	Done     time.Time `json:",omitzero"` // when the final receipt came
}

// carrierKey has the segment at its end, so that an id that a carrier gives
// twice has two rows.
func (f *Flow) carrierKey(id string, c *carrierID) []byte {
	return store.Key(store.CarrierIDs, f.plainKey(plainID(id)), f.exactKey(id), c.Envelope.Message[:], store.Uint32(c.Envelope.N), store.Uint32(uint32(c.Segment)))
}

// stageCarrierIDs stages what a receipt needs to find its segment: a row for
// each segment that got through in the attempt that came to o. before is the
// envelope as it was ahead of that attempt. Receipts that were faster than the
// settlement are looked for once b is durable.
func (f *Flow) stageCarrierIDs(b *store.Batch, before *gateway.Envelope, o gateway.Outcome) error {
	var fresh []string
	for i, s := range o.Segments {
		if !s.Sent || s.ID == "" || i < len(before.Last.Segments) && before.Last.Segments[i].Sent {
			continue
		}
		c := carrierID{Envelope: before.ID, Segment: i, At: f.Now()}
		if err := b.PutRecord(f.carrierKey(s.ID.Reveal(), &c), c); err != nil {
			return err
		}
		fresh = append(fresh, s.ID.Reveal())
	}
	if len(fresh) > 0 {
		b.After(func() { f.meetEarly(fresh) })
	}
	return nil
}
