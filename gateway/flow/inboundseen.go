package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// Replay memory: the Message-ID and the signature of every attached answer,
// as keyed hashes, for as long as thread.SeenFor. What is older than
// thread.MaxAge is not attached anyway.

// seenSize is the octets of when an answer was attached, and in which thread.
const seenSize = 8 + 16

func (f *Flow) headerIDKey(id string) []byte {
	h := f.MAC("answer message-id", []byte(id))
	return store.Key(store.Seen, h[:16])
}

func (f *Flow) signatureKey(s gateway.Signature) []byte {
	h := f.MAC("answer signature", s.Hash)
	return store.Key(store.Seen, h[:16])
}

// seen returns the thread in which a Message-ID or signature was attached;
// zero when it was not.
func (f *Flow) seen(ctx context.Context, key []byte) (gateway.ThreadID, error) {
	var id gateway.ThreadID
	item, err := f.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return id, nil
	}
	if err != nil {
		return id, err
	}
	if len(item.Value) != seenSize {
		return id, store.ErrBadRecord
	}
	copy(id[:], item.Value[8:])
	return id, nil
}

// seenBefore sets what replay memory knows of the Message-ID.
func (a *arrival) seenBefore(ctx context.Context) error {
	in := a.in
	if !in.facts.MessageID {
		return nil
	}
	before, err := a.flow.seen(ctx, a.flow.headerIDKey(a.reading.MessageID))
	if err != nil {
		return err
	}
	in.facts.SeenID = !before.IsZero()
	in.facts.Again = in.facts.SeenID && in.given.IsZero() && before == in.thread.ID
	return nil
}

// stageSeen stages that Message-ID and signature of an attached answer are
// used up; the commit fails when they were meanwhile.
func (a *arrival) stageSeen(b *store.Batch) {
	s := a.auth.Signatures[a.in.placement.Signature]
	for _, key := range [][]byte{a.flow.headerIDKey(a.reading.MessageID), a.flow.signatureKey(s)} {
		b.RequireAbsent(key)
		b.Put(key, seenValue(a.now, a.in.thread.ID))
	}
}

func seenValue(at time.Time, id gateway.ThreadID) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, seenSize), uint64(at.UnixNano())), id[:]...)
}

// seenAt is the time that the values of the table begin with.
func seenAt(value []byte) time.Time {
	if len(value) < 8 {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(value)))
}

// forgetSeen removes what replay memory need not know any more.
func (f *Flow) forgetSeen(ctx context.Context) (int, error) {
	type old struct {
		key     []byte
		version store.Version
	}
	var over []old
	until := f.Now().Add(-thread.SeenFor)
	err := f.Store.Scan(ctx, store.Prefix(store.Seen), func(it store.Item) bool {
		if sweptSeen(len(it.Value)) && seenAt(it.Value).Before(until) {
			over = append(over, old{append([]byte(nil), it.Key...), it.Version})
		}
		return len(over) < sweepAtOnce
	})
	if err != nil || len(over) == 0 {
		return 0, err
	}
	var b store.Batch
	for _, o := range over {
		b.RequireVersion(o.key, o.version)
		b.Delete(o.key)
	}
	return len(over), store.Write(ctx, f.Store, &b)
}

// sweepAtOnce bounds one commit of forgetting; the rest is for the next time.
const sweepAtOnce = 1000

// sweptSeen tells by its length what may be forgotten: answers that were
// attached, and forms that were sent. The mark of a message that came back
// stays as long as the message may.
func sweptSeen(length int) bool { return length == seenSize || length == onceSize }
