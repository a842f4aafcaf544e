package mailbox_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
	"gatepost/store/storetest"
)

// TestSweepOfAMove fails each single operation of a story: two messages are
// there, one is moved with a record of somebody else's in the same commit,
// while a session watches. What the session is shown is what is stored, the
// record is there exactly when the move is, and no UID is given twice.
func TestSweepOfAMove(t *testing.T) {
	evidence := store.Key(store.Meta, []byte("evidence"))
	var seen []*gateway.FolderView
	storetest.Sweep(t, storetest.Story{
		Name: "move",
		Open: func(t *testing.T) store.Store {
			m := storetest.NewMemory()
			b := newBook(m)
			change(t, b, b.Review(), func(x *mailbox.Txn) {
				x.Add(gateway.FolderUnopened, entry(1))
				x.Add(gateway.FolderUnopened, entry(2))
				x.Add(gateway.FolderOpened, entry(3))
				x.Remove(gateway.FolderOpened, 1)
			})
			return m
		},
		Run: func(t *testing.T, s store.Store) error {
			seen = nil
			b := newBook(s)
			w, err := b.Open(t.Context(), b.Review(), gateway.FolderOpened)
			if err != nil {
				return err
			}
			defer w.Close()
			seen = append(seen, w.View())
			err = b.Change(t.Context(), b.Review(), func(x *mailbox.Txn) error {
				e, ok := x.Remove(gateway.FolderUnopened, 1)
				if !ok {
					return gateway.ErrNoEntry
				}
				x.Add(gateway.FolderOpened, e)
				x.Batch().Put(evidence, nil)
				return nil
			})
			seen = append(seen, w.View())
			return err
		},
		Check: func(t *testing.T, s store.Store, answer error) {
			b := newBook(s)
			from, to := open(t, b, b.Review(), gateway.FolderUnopened).View(), open(t, b, b.Review(), gateway.FolderOpened).View()
			_, err := s.Get(context.Background(), evidence)
			moved := slices.Equal(from.UIDs, []gateway.UID{2}) && slices.Equal(to.UIDs, []gateway.UID{2}) && to.Next == 3 && err == nil
			stayed := slices.Equal(from.UIDs, []gateway.UID{1, 2}) && len(to.UIDs) == 0 && to.Next == 2 && errors.Is(err, store.ErrNotFound)
			if !moved && !stayed || (answer == nil && !moved) {
				t.Fatalf("answered %v; from %+v, to %+v, evidence %v", answer, from, to, err)
			}
			if stayed && errors.Is(answer, store.ErrUnknown) || moved && answer != nil && !errors.Is(answer, store.ErrUnknown) {
				t.Errorf("answered %v, moved %v", answer, moved)
			}
			p, err := b.Places(context.Background(), b.Review(), message(1))
			if err != nil || len(p.At) != 1 || (p.At[0].Folder == gateway.FolderOpened) != moved {
				t.Errorf("places: %v, %v", p.At, err)
			}
			for _, v := range seen {
				if v.Change > to.Change || v.Change == to.Change && !slices.Equal(v.UIDs, to.UIDs) {
					t.Errorf("a session was shown %+v, stored is %+v", v, to)
				}
			}
		},
	})
}
