package thread

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Turn is one message of a thread that one correspondent may see.
type Turn struct {
	Thread  gateway.ThreadID
	Person  gateway.PersonRef
	Message gateway.MessageID
	At      time.Time
	// Envelope is the person's copy of a message of staff; zero for what the
	// person wrote.
	Envelope gateway.EnvelopeID `json:",omitzero"`
	Mine     bool               `json:",omitempty"` // the person wrote it
}

// Limits of what is read of a thread at once.
const (
	maxTurns   = 500 // the newest
	maxThreads = 100 // of one person
	maxStaff   = 50
)

func turnKey(t Turn) []byte {
	return store.Key(store.ThreadPart, t.Thread[:], t.Person[:], t.Message[:])
}

// Add stages that the person may see the message as part of the thread.
func (k *Book) Add(b *store.Batch, t Turn) error {
	if t.Thread.IsZero() || t.Person.IsZero() {
		return errors.New("thread: a turn needs a thread and a person")
	}
	b.Put(store.Key(store.PersonPart, t.Person[:], t.Thread[:]), nil)
	return b.PutRecord(turnKey(t), t)
}

// Turns returns what the person may see of the thread, oldest first, and how
// many older turns there are beyond the limit.
func (k *Book) Turns(ctx context.Context, id gateway.ThreadID, person gateway.PersonRef) (turns []Turn, earlier int, err error) {
	var bad error
	err = k.store.Scan(ctx, store.Prefix(store.ThreadPart, id[:], person[:]), func(it store.Item) bool {
		var t Turn
		if bad = store.Decode(it.Value, &t); bad != nil {
			return false
		}
		turns = append(turns, t)
		if len(turns) > maxTurns {
			turns = slices.Delete(turns, 0, 1)
			earlier++
		}
		return true
	})
	return turns, earlier, errors.Join(err, bad)
}

// Turn returns one message of the thread as the person may see it. ErrUnknown
// when it is not theirs to see.
func (k *Book) Turn(ctx context.Context, id gateway.ThreadID, person gateway.PersonRef, message gateway.MessageID) (Turn, error) {
	t, _, err := store.GetRecord[Turn](ctx, k.store, turnKey(Turn{Thread: id, Person: person, Message: message}))
	return t, known(err)
}

// Participant reports whether the person may see anything of the thread.
func (k *Book) Participant(ctx context.Context, id gateway.ThreadID, person gateway.PersonRef) (bool, error) {
	found := false
	err := k.store.Scan(ctx, store.Prefix(store.ThreadPart, id[:], person[:]), func(store.Item) bool {
		found = true
		return false
	})
	return found, err
}

// Of returns the threads of a person, at most maxThreads.
func (k *Book) Of(ctx context.Context, person gateway.PersonRef) ([]Thread, error) {
	var ids []gateway.ThreadID
	err := k.store.Scan(ctx, store.Prefix(store.PersonPart, person[:]), func(it store.Item) bool {
		var id gateway.ThreadID
		copy(id[:], it.Key[len(it.Key)-len(id):])
		ids = append(ids, id)
		return len(ids) < maxThreads
	})
	if err != nil {
		return nil, err
	}
	threads := make([]Thread, 0, len(ids))
	for _, id := range ids {
		t, err := k.Get(ctx, id)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		threads = append(threads, t)
	}
	return threads, nil
}

// EachOf calls visit for every thread of a person until visit fails.
func (k *Book) EachOf(ctx context.Context, person gateway.PersonRef, visit func(Thread) error) error {
	var ids []gateway.ThreadID
	err := k.store.Scan(ctx, store.Prefix(store.PersonPart, person[:]), func(it store.Item) bool {
		ids = append(ids, gateway.ThreadID(it.Key[len(it.Key)-16:]))
		return true
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		var t Thread
		if t, err = k.Get(ctx, id); errors.Is(err, ErrUnknown) {
			err = nil
		} else if err == nil {
			err = visit(t)
		}
	}
	return err
}

// Everybody returns all staff of the thread, who began it first.
func (t Thread) Everybody() []gateway.Address {
	all := make([]gateway.Address, 0, 1+len(t.Others))
	if !t.Staff.IsNull() {
		all = append(all, t.Staff)
	}
	return append(all, t.Others...)
}

// Secure stages that the thread is a secured one from now on, and that more
// staff take part in it. It stages nothing when all that is so already; a
// conflict says that the thread changed meanwhile.
func (k *Book) Secure(ctx context.Context, b *store.Batch, id gateway.ThreadID, staff ...gateway.Address) error {
	key := store.Key(store.Threads, id[:])
	t, version, err := store.GetRecord[Thread](ctx, k.store, key)
	if err != nil {
		return known(err)
	}
	if more := t.welcome(staff); !more && t.Secured {
		return nil
	}
	t.Secured = true
	b.RequireVersion(key, version)
	return b.PutRecord(key, t)
}

// welcome adds whoever does not take part yet, and reports whether anybody was.
func (t *Thread) welcome(staff []gateway.Address) (more bool) {
	for _, a := range staff {
		is := func(b gateway.Address) bool { return a.Key() == b.Key() }
		if a.IsNull() || slices.ContainsFunc(t.Everybody(), is) || len(t.Others) >= maxStaff {
			continue
		}
		t.Others, more = append(t.Others, a), true
	}
	return more
}

// Newest returns the newest message of the thread that the person may see.
// ErrUnknown when there is none.
func (k *Book) Newest(ctx context.Context, id gateway.ThreadID, person gateway.PersonRef) (Turn, error) {
	r := store.Prefix(store.ThreadPart, id[:], person[:])
	r.Reverse, r.Limit = true, 1
	newest, bad := Turn{}, ErrUnknown
	err := k.store.Scan(ctx, r, func(it store.Item) bool {
		bad = store.Decode(it.Value, &newest)
		return false
	})
	if err != nil {
		return Turn{}, err
	}
	return newest, bad
}

// StageForget stages that a person takes part in no thread any more and that
// the addresses given to them are dead. It returns how many threads it were.
// What the person and staff wrote to each other stays staff's.
func (k *Book) StageForget(ctx context.Context, b *store.Batch, person gateway.PersonRef) (threads int, err error) {
	drop := func(it store.Item) bool {
		b.Delete(bytes.Clone(it.Key))
		return true
	}
	var ids [][]byte
	err = k.store.Scan(ctx, store.Prefix(store.PersonPart, person[:]), func(it store.Item) bool {
		ids = append(ids, bytes.Clone(it.Key[1+len(person):]))
		return drop(it)
	})
	for _, id := range ids {
		err = errors.Join(err, k.store.Scan(ctx, store.Prefix(store.ThreadPart, id, person[:]), drop))
	}
	var bad error
	err = errors.Join(err, k.store.Scan(ctx, store.Prefix(store.Capability), func(it store.Item) bool {
		var c Capability
		if bad = store.Decode(it.Value, &c); bad == nil && c.Person == person {
			return drop(it)
		}
		return bad == nil
	}))
	return len(ids), errors.Join(err, bad)
}
