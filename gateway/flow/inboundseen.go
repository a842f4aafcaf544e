package flow

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// Replay memory: the Message-ID and the signature of every attached answer,
// as keyed hashes, for as long as thread.SeenFor. What is older than
// thread.MaxAge is not attached anyway.

// A value is when an answer was attached, in which thread, and what addresses
// of ours copies of it came to.
const (
	seenSize   = 8 + 16
	targetSize = 8 // octets of a keyed hash
	maxTargets = 100
)

func (f *Flow) headerIDKey(id string) []byte {
	h := f.MAC("answer message-id", []byte(id))
	return store.Key(store.Seen, h[:16])
}

func (f *Flow) signatureKey(s gateway.Signature) []byte {
	h := f.MAC("answer signature", s.Hash)
	return store.Key(store.Seen, h[:16])
}

// seenAnswer is what replay memory knows of an answer; zero: nothing.
type seenAnswer struct {
	thread  gateway.ThreadID
	targets []byte // hashes, one behind the other
	key     []byte
	version store.Version
}

// seen returns what replay memory knows under a key.
func (f *Flow) seen(ctx context.Context, key []byte) (seenAnswer, error) {
	s := seenAnswer{key: key}
	item, err := f.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if len(item.Value) < seenSize {
		return s, store.ErrBadRecord
	}
	copy(s.thread[:], item.Value[8:])
	s.targets, s.version = item.Value[seenSize:], item.Version
	return s, nil
}

// targetHashes stand for the addresses of ours that this copy came to.
func (a *arrival) targetHashes() []byte {
	var all []byte
	for i := range a.in.targets {
		h := a.flow.MAC("answer target", []byte(a.sub.Recipients[i].Address.Key()))
		all = append(all, h[:targetSize]...)
	}
	return all
}

// none reports whether no copy came to any of these addresses before.
func (s *seenAnswer) none(targets []byte) bool {
	for t := range slices.Chunk(targets, targetSize) {
		for known := range slices.Chunk(s.targets, targetSize) {
			if bytes.Equal(t, known) {
				return false
			}
		}
	}
	return len(s.targets)+len(targets) <= maxTargets*targetSize
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
	in.before = before
	in.facts.SeenID = !before.thread.IsZero()
	in.facts.Again = before.thread == in.thread.ID && before.none(a.targetHashes())
	return nil
}

// stageSeen stages that Message-ID and signature of an attached answer are
// used up; the commit fails when they were meanwhile.
func (a *arrival) stageSeen(b *store.Batch) {
	s := a.auth.Signatures[a.in.placement.Signature]
	for _, key := range [][]byte{a.flow.headerIDKey(a.reading.MessageID), a.flow.signatureKey(s)} {
		b.RequireAbsent(key)
		b.Put(key, append(seenValue(a.now, a.in.thread.ID), a.targetHashes()...))
	}
}

// stageAgain stages that copies of an attached answer came to these addresses
// too: the next one there is a replay.
func (a *arrival) stageAgain(ctx context.Context, b *store.Batch) error {
	before := a.in.before
	item, err := a.flow.Store.Get(ctx, before.key)
	if err != nil {
		return err
	}
	b.RequireVersion(before.key, before.version)
	b.Put(before.key, append(item.Value, a.targetHashes()...))
	return nil
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
func sweptSeen(length int) bool { return length >= seenSize }
