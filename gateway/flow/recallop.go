package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/store"
)

// messageRecall takes a message back and prints what that reaches.
func (f *Flow) messageRecall(ctx context.Context, c Call) error {
	id, who, err := f.recallArgs(ctx, c)
	if err != nil {
		return err
	}
	r, err := f.recall(ctx, id, who, c.Actor)
	if err != nil {
		return recallError(err)
	}
	if err := c.line(r); err != nil {
		return err
	}
	if !r.did() {
		return &OperationError{Text: "nothing of this message can be taken back: it left in the clear, or never arrived", Data: true}
	}
	return nil
}

// messageRecallUndo gives back what was taken back and is not shredded yet.
func (f *Flow) messageRecallUndo(ctx context.Context, c Call) error {
	id, who, err := f.recallArgs(ctx, c)
	if err != nil {
		return err
	}
	r, err := f.undo(ctx, id, who, c.Actor)
	if err != nil {
		return recallError(err)
	}
	if !r.All {
		return &OperationError{Text: "there is no recall that can still be undone", Data: true}
	}
	u := RecallUndone{Undone: len(r.Envelopes), Recipients: []string{}}
	for _, e := range r.Envelopes {
		u.Recipients = append(u.Recipients, e.Recipient)
	}
	return c.line(u)
}

// RecallUndone is what undoing a recall came to. It can give the copy of staff back
// alone, where those of the recipients are shredded.
type RecallUndone struct {
	Undone     int      `json:"undone"` // envelopes
	Recipients []string `json:"recipients"`
}

// recallArgs are the message to be taken back and from whom; from everybody when who
// is null. A reference stands for the copy of one recipient, and names both.
func (f *Flow) recallArgs(ctx context.Context, c Call) (id gateway.MessageID, who gateway.Address, err error) {
	if reference, ok := parseReference(c.Args.Get("id")); ok {
		if c.Args.Get("recipient") != "" {
			return id, who, usage("a reference stands for one recipient's copy: --recipient goes with a message id")
		}
		one, err := f.noticedEnvelope(ctx, reference)
		if err != nil {
			return id, who, err
		}
		e, err := f.envelope(ctx, one)
		return one.Message, e.Recipient, err
	}
	if id, err = f.messageArg(ctx, c); err != nil {
		return id, who, err
	}
	if text := c.Args.Get("recipient"); text != "" {
		if who, err = parseShown(text); err != nil || who.IsNull() {
			return id, who, usage("a recipient is a mail address or a telephone number")
		}
	}
	return id, who, nil
}

func recallError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return notFound("message")
	case errors.Is(err, errNoRecipient):
		return notFound("recipient of that message")
	case errors.Is(err, errNotRecallable):
		return &OperationError{Text: "only mail that staff sent can be taken back", Data: true}
	}
	return err
}
