package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// takenBack is what a journal says last about the recall of each envelope, by
// message; the whole message stands under all32.
type takenBack map[gateway.MessageID]map[uint32]bool

// all32 stands for everybody's copy. No message has so many recipients.
const all32 = ^uint32(0)

func (t takenBack) note(e seal.Entry) error {
	id, err := gateway.ParseEnvelopeID(e.ID)
	if err != nil {
		id.N = all32
		if id.Message, err = gateway.ParseMessageID(e.ID); err != nil {
			return fmt.Errorf("journal: the id of a recall cannot be read: %w", err)
		}
	}
	if t[id.Message] == nil {
		t[id.Message] = make(map[uint32]bool)
	}
	t[id.Message][id.N] = string(e.Data) != undone
	return nil
}

func (f *Flow) replayRecalls(ctx context.Context, taken takenBack, done *Replayed) error {
	for id, which := range taken {
		if err := f.replayRecall(ctx, id, which, done); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("journal: recalling %v again: %w", id, err)
		}
	}
	return nil
}

// replayRecall locks again what was taken back and gives back what was given
// back. What was locked now is shredded by the agenda, as it was before.
func (f *Flow) replayRecall(ctx context.Context, id gateway.MessageID, which map[uint32]bool, done *Replayed) error {
	m, version, err := store.GetRecord[gateway.Message](ctx, f.Store, messageKey(id))
	if err != nil {
		return err
	}
	copies, versions, err := f.copies(ctx, id)
	if err != nil {
		return err
	}
	b, now, counted := new(store.Batch), f.Now(), *done
	for i := range copies {
		e := &copies[i]
		is, told := which[e.ID.N]
		if !told || is == !e.Recalled.IsZero() || !e.Shredded.IsZero() {
			continue
		}
		f.file(b, id)
		if e.Recalled = (time.Time{}); is {
			e.Recalled = now
			counted.Recalled++
		} else {
			counted.Returned++
		}
		b.RequireVersion(envelopeKey(e.ID), versions[i])
		if err := f.stageReplayed(b, e, is); err != nil {
			return err
		}
	}
	if is, told := which[all32]; told && is == m.Recalled.IsZero() {
		f.file(b, id)
		if m.Recalled = (time.Time{}); is {
			m.Recalled = now
		}
		b.RequireVersion(messageKey(id), version)
		if err := b.PutRecord(messageKey(id), m); err != nil {
			return err
		}
	}
	if len(b.Ops) == 0 {
		return nil
	}
	if err := f.stageTask(b, task{Kind: taskShred, Due: now.Add(f.set().RecallGrace), Message: id, At: now}); err != nil {
		return err
	}
	if err := store.Write(ctx, f.Store, b); err != nil {
		return err
	}
	*done = counted
	return nil
}

func (f *Flow) stageReplayed(b *store.Batch, e *gateway.Envelope, is bool) error {
	if err := b.PutRecord(envelopeKey(e.ID), e); err != nil {
		return err
	}
	state := "recalled"
	if !is {
		state = "recall undone"
	}
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventRestored, Actor: "system", Message: e.ID.Message, Envelope: e.ID.String(), Link: e.Link,
		Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"state": state},
	})
}

// replayWrap puts a wrap that moved after the backup into its record. A wrap
// that is gone on purpose stays gone.
func (f *Flow) replayWrap(ctx context.Context, e seal.Entry, done *Replayed) error {
	var w gateway.Wrap
	if err := json.Unmarshal(e.Data, &w); err != nil || w.IsZero() {
		return errors.New("journal: a moved wrap cannot be read")
	}
	kind, text, _ := strings.Cut(e.ID, ":")
	var err error
	switch kind + ":" {
	case linkPrefix:
		var id gateway.LinkID
		if err = id.UnmarshalText([]byte(text)); err == nil {
			err = replaceWrap(ctx, f.Store, linkKey(id), w, func(l *gateway.Link) *gateway.Wrap { return &l.Wrap })
		}
	case messagePrefix:
		var id gateway.MessageID
		if err = id.UnmarshalText([]byte(text)); err == nil {
			err = replaceWrap(ctx, f.Store, messageKey(id), w, func(m *gateway.Message) *gateway.Wrap { return &m.Staff })
		}
	default:
		err = errors.New("no such kind")
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errSameWrap) {
		return nil // made after the backup, or erased
	}
	if err != nil {
		return fmt.Errorf("journal: a moved wrap: %w", err)
	}
	done.Moved++
	return nil
}

// errSameWrap: there is nothing to replace.
var errSameWrap = errors.New("the same wrap, or none")

func replaceWrap[T any](ctx context.Context, s store.Store, key []byte, w gateway.Wrap, of func(*T) *gateway.Wrap) error {
	record, version, err := store.GetRecord[T](ctx, s, key)
	if err != nil {
		return err
	}
	if old := of(&record); old.IsZero() || old.Group == w.Group {
		return errSameWrap
	}
	*of(&record) = w
	var b store.Batch
	b.RequireVersion(key, version)
	if err := b.PutRecord(key, record); err != nil {
		return err
	}
	return store.Write(ctx, s, &b)
}
