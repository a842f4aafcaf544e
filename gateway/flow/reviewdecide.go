package flow

import (
	"context"
	"errors"
	"slices"

	"gatepost/gateway"
	"gatepost/store"
)

// An answer decides message by message, each in a commit of its own. What a crash
// or a failure of the store leaves undecided, Housekeep decides by what the
// question remembers of the answer, whether the mail is sent again or not.

// decideAsked releases or refuses what a question was about and still waits.
func (f *Flow) decideAsked(ctx context.Context, actor string, key []byte, q *question, reason string) error {
	refs, err := f.People.Ensure(ctx, q.By)
	if err != nil {
		return err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	c := Call{Actor: actor, By: refs}
	var over store.Batch
	left := false
	for _, id := range q.Messages {
		asks, version, err := f.asksAbout(ctx, id, key)
		if err != nil {
			return err
		}
		if !asks {
			continue
		}
		s, err := f.subject(ctx, id)
		if err != nil {
			return err
		}
		if s.held() {
			err = f.decideHeld(ctx, c, s, q.Refuse, decision{reason: reason, asked: true, only: func(b *store.Batch) error {
				b.RequireVersion(askedKey(id), version)
				return f.stillReviews(ctx, b, q.By)
			}})
		} else if s.waits() {
			left = true // its sender took it back, and may give it back
			continue
		}
		if err != nil {
			return err
		}
		over.RequireVersion(askedKey(id), version)
		over.Delete(askedKey(id))
	}
	if !left {
		if err := f.forgetReason(ctx, &over, key); err != nil {
			return err
		}
	}
	return ignore(store.Write(ctx, f.Store, &over), store.ErrConflict)
}

// waits reports whether a copy is held for whatever reason.
func (s *subject) waits() bool {
	return slices.ContainsFunc(s.copies, func(e gateway.Envelope) bool { return e.State == gateway.Held })
}

// forgetReason stages that the words of an answer are kept no longer with its
// question: they are with what they decided.
func (f *Flow) forgetReason(ctx context.Context, b *store.Batch, key []byte) error {
	q, version, err := store.GetRecord[question](ctx, f.Store, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && q.Reason == "" {
		return nil
	}
	if err != nil {
		return err
	}
	q.Reason, q.Actor = "", ""
	b.RequireVersion(key, version)
	return b.PutRecord(key, q)
}

// decideHeld releases or refuses every copy of a message that waits. What somebody
// else decided, or took back, meanwhile is decided.
func (f *Flow) decideHeld(ctx context.Context, c Call, s *subject, refuse bool, d decision) error {
	act := f.letOut
	if refuse {
		act = f.turnAway
	}
	for _, held := range s.reviewable() {
		var o *OperationError
		err := act(ctx, c, held.ID, d)
		switch {
		case errors.As(err, &o) && !o.Busy:
			f.Log.Info("not decided", "envelope", held.ID, "reason", "decided meanwhile")
		case err != nil:
			return err // temporary: the mail is sent again
		}
	}
	return nil
}

// bound is a question whose answer was taken and did not decide everything.
type bound struct {
	key []byte
	question
}

// finishAnswers decides what answers were bound to when a crash or a failure of
// the store came between. One of a reviewer who is none any more decides nothing, and
// keeps none that comes after it from being decided.
func (f *Flow) finishAnswers(ctx context.Context) (n int, err error) {
	r := store.Prefix(store.Meta, []byte(questionRow))
	for {
		some, e := f.boundAnswers(ctx, r)
		for i := range some {
			done, e := f.finishAnswer(ctx, &some[i])
			if err = errors.Join(err, e); done {
				n++
			}
		}
		if err = errors.Join(err, e); e != nil || len(some) < filingChunk {
			return n, err
		}
		r.From = append(some[len(some)-1].key, 0)
	}
}

// boundAnswers are the first filingChunk of a range.
func (f *Flow) boundAnswers(ctx context.Context, r store.Range) (some []bound, err error) {
	err = f.Store.Scan(ctx, r, func(it store.Item) bool {
		b := bound{key: slices.Clone(it.Key)}
		if store.Decode(it.Value, &b.question) == nil && b.Reason != "" {
			some = append(some, b)
		}
		return len(some) < filingChunk
	})
	return some, err
}

// finishAnswer reports whether it decided anything.
func (f *Flow) finishAnswer(ctx context.Context, b *bound) (bool, error) {
	open, err := f.anyOpen(ctx, &b.question, b.key)
	if err == nil {
		err = f.decideAsked(ctx, b.Actor, b.key, &b.question, b.Reason.Reveal())
	}
	if errors.Is(err, faultNotAsked) {
		return false, nil
	}
	return open && err == nil, err
}
