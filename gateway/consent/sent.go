package consent

import (
	"bytes"
	"context"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// sentKey is under the telephone first, so that an erasure finds all of it.
func (l *Ledger) sentKey(from gateway.Line, phone gateway.Address, parts ...[]byte) []byte {
	return store.Key(store.SentSMS, append([][]byte{l.phone(phone), l.line(from)}, parts...)...)
}

// StageSent notes a message on its way from a line to a telephone, for rules
// that limit how many there are.
func (l *Ledger) StageSent(b *store.Batch, from gateway.Line, phone gateway.Address, id gateway.MessageID, at time.Time) {
	b.Put(l.sentKey(from, phone, store.Time(at), id[:]), nil)
}

// SentSince counts the messages that StageSent noted since a moment. Messages
// that are judged at the same time do not see each other.
func (l *Ledger) SentSince(ctx context.Context, from gateway.Line, phone gateway.Address, since time.Time) (n int, err error) {
	r := store.Prefix(store.SentSMS, l.phone(phone), l.line(from))
	r.From = l.sentKey(from, phone, store.Time(since))
	err = l.store.Scan(ctx, r, func(store.Item) bool {
		n++
		return true
	})
	return n, err
}

// DropSent removes the notes of messages before a moment and returns how many
// there were.
func (l *Ledger) DropSent(ctx context.Context, before time.Time) (n int, err error) {
	const most = 1000 // of one commit
	end := store.Time(before)
	for rest := store.Prefix(store.SentSMS); ; {
		b := new(store.Batch)
		err := l.store.Scan(ctx, rest, func(it store.Item) bool {
			rest.From = append(bytes.Clone(it.Key), 0)
			if at := it.Key[1+16+16:]; bytes.Compare(at[:8], end) < 0 {
				b.Delete(bytes.Clone(it.Key))
			}
			return len(b.Ops) < most
		})
		if err != nil || len(b.Ops) == 0 {
			return n, err
		}
		if err := store.Write(ctx, l.store, b); err != nil {
			return n, err
		}
		if n += len(b.Ops); len(b.Ops) < most {
			return n, nil
		}
	}
}

// stageForgetSent removes the notes about a telephone.
func (l *Ledger) stageForgetSent(ctx context.Context, b *store.Batch, phone []byte) error {
	return l.store.Scan(ctx, store.Prefix(store.SentSMS, phone), func(it store.Item) bool {
		b.Delete(bytes.Clone(it.Key))
		return true
	})
}
