package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// What waits for review of one conversation is bounded: nobody has proven who
// sent it, and whoever has once seen a reply address may send to it.
const (
	maxWaiting       = 50
	maxWaitingOctets = 200 << 20
)

// faultWaiting is temporary: review makes room.
var faultWaiting = gateway.NewFault(452, "4.2.2", "Too much mail to this address waits for review, try again later")

// waiting is a mail that was held: its first envelope, and its octets.
type waiting struct {
	id   gateway.EnvelopeID
	size int64
}

// waitingSize is that of a mail in the record of a conversation, which begins
// with when the newest came.
const waitingSize = 16 + 4 + 8

// stageForReview stages that a mail waits, and fails where too much does. What was
// decided about meanwhile is looked for only then. The record is forgotten with
// those of replay memory, a month after the newest.
func (f *Flow) stageForReview(ctx context.Context, b *store.Batch, id gateway.ThreadID, w waiting) error {
	h := f.MAC("held of", id[:])
	key := store.Key(store.Seen, h[:16])
	item, err := f.Store.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		b.RequireAbsent(key)
	case err != nil:
		return err
	default:
		b.RequireVersion(key, item.Version)
	}
	all, err := readWaiting(item.Value)
	if err != nil {
		return err
	}
	if all = append(all, w); full(all) {
		if all, err = f.stillWaiting(ctx, all[:len(all)-1]); err != nil {
			return err
		}
		if all = append(all, w); full(all) {
			f.Log.Info("answer deferred", "id", w.id.Message, "reason", "waiting")
			return faultWaiting
		}
	}
	b.Put(key, writeWaiting(f.Now(), all))
	return nil
}

func full(all []waiting) bool {
	var octets int64
	for _, w := range all {
		octets += w.size
	}
	return len(all) > maxWaiting || octets > maxWaitingOctets
}

// stillWaiting are those that nobody has decided about.
func (f *Flow) stillWaiting(ctx context.Context, all []waiting) ([]waiting, error) {
	var bad error
	left := slices.DeleteFunc(all, func(w waiting) bool {
		e, err := f.envelope(ctx, w.id)
		if errors.Is(err, store.ErrNotFound) {
			return true
		}
		bad = errors.Join(bad, err)
		return err == nil && e.State != gateway.Held
	})
	return left, bad
}

func readWaiting(raw []byte) ([]waiting, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if len(raw) < 8 || (len(raw)-8)%waitingSize != 0 {
		return nil, store.ErrBadRecord
	}
	var all []waiting
	for part := range slices.Chunk(raw[8:], waitingSize) {
		w := waiting{size: int64(binary.BigEndian.Uint64(part[20:]))}
		copy(w.id.Message[:], part)
		w.id.N = binary.BigEndian.Uint32(part[16:])
		all = append(all, w)
	}
	return all, nil
}

func writeWaiting(newest time.Time, all []waiting) []byte {
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(all)*waitingSize), uint64(newest.UnixNano()))
	for _, w := range all {
		raw = append(raw, w.id.Message[:]...)
		raw = binary.BigEndian.AppendUint32(raw, w.id.N)
		raw = binary.BigEndian.AppendUint64(raw, uint64(w.size))
	}
	return raw
}
