// Package mailbox keeps the folders that staff see in their mail client: which
// entries stand in them, under which UIDs, marked how. It decides nothing: what
// belongs where, and what moving means, is the caller's. It holds no message.
//
// Invariants (each has a test): a UID that anybody was told is never given to
// something else, also after a crash, and also when its folder is emptied; what
// it names never changes but for its marks; a session sees a change only after
// it is durable; counts in a folder's record agree with its entries. An owner is
// known here by a keyed hash alone.
package mailbox

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// MAC is a keyed hash; purpose keeps its uses apart.
type MAC func(purpose string, parts ...[]byte) [32]byte

// Owner is whose folders they are: a keyed hash, good for keys and nothing
// else.
type Owner [16]byte

// Book keeps the folders of all owners. It is safe for concurrent use.
type Book struct {
	store store.Store
	mac   MAC
	now   func() time.Time

	mu     sync.Mutex
	owners map[Owner]*holder // those that somebody is busy with

	recent   recent
	validity atomic.Uint32 // 0: not read yet
}

// New makes a Book over a sealed store.
func New(s store.Store, mac MAC, now func() time.Time) *Book {
	return &Book{store: s, mac: mac, now: now, owners: make(map[Owner]*holder)}
}

// Owner returns the owner of the folders of the user of that name.
func (b *Book) Owner(a gateway.Address) Owner { return b.owner(a.Key()) }

// Review returns the owner of the folders of held mail, which the users of
// compliance share.
func (b *Book) Review() Owner { return b.owner("quarantine") }

func (b *Book) owner(name string) Owner {
	h := b.mac("mailbox", []byte(name))
	return Owner(h[:16])
}

// holder is what the sessions of one owner share.
type holder struct {
	turn chan struct{} // holds one value while somebody has the turn
	refs int           // under Book.mu

	mu   sync.Mutex
	open map[gateway.Folder]*shared
}

func (b *Book) hold(o Owner) *holder {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.owners[o]
	if h == nil {
		h = &holder{turn: make(chan struct{}, 1), open: make(map[gateway.Folder]*shared)}
		b.owners[o] = h
	}
	h.refs++
	return h
}

func (b *Book) release(o Owner, h *holder) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.refs--; h.refs == 0 {
		delete(b.owners, o)
	}
}

// take waits for the turn: one at a time reads and writes an owner's folders
// with the aim of changing them, or of showing them to a session.
func (h *holder) take(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *holder) leave() { <-h.turn }

// folder returns what sessions share of a folder, nil when none has it open.
func (h *holder) folder(f gateway.Folder) *shared {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open[f]
}

// Validity returns the UIDVALIDITY of all folders, which is made when it is
// first asked for: the time, so that no folders that were here before had it.
func (b *Book) Validity(ctx context.Context) (uint32, error) {
	if v := b.validity.Load(); v != 0 {
		return v, nil
	}
	return b.settle(ctx, func(old uint32) uint32 {
		if old != 0 {
			return old
		}
		return b.seconds()
	})
}

// RaiseValidity gives all folders a UIDVALIDITY that none had before, after a
// restore: clients forget what they kept and read again, because the UIDs after
// the backup are given a second time. No folder is open.
func (b *Book) RaiseValidity(ctx context.Context) (uint32, error) {
	return b.settle(ctx, func(old uint32) uint32 { return max(old+1, b.seconds()) })
}

func (b *Book) seconds() uint32 { return uint32(max(1, b.now().Unix())) }

// settle replaces the UIDVALIDITY; 0 is none.
func (b *Book) settle(ctx context.Context, next func(old uint32) uint32) (uint32, error) {
	key := store.Key(store.Meta, []byte("mail validity"))
	for {
		old, version, err := store.GetRecord[uint32](ctx, b.store, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		v := next(old)
		if v != old {
			var batch store.Batch
			batch.RequireVersion(key, version)
			if err := batch.PutRecord(key, v); err != nil {
				return 0, err
			}
			err = b.store.Commit(ctx, &batch)
		}
		switch {
		case v == old || err == nil:
			b.validity.Store(v)
			return v, nil
		case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrUnknown):
			return 0, err // else what is there now tells
		}
	}
}
