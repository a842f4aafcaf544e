package flow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// hidePIN takes the PIN that the sender set for this mail out of it: what is
// kept of the PIN is a hash, for the links, and the body that is sealed, shown
// and delivered is one without the tag. Who answers their own mail repeats its
// PIN behind "Re:": that goes as well, and sets none. Under observe nothing is
// changed, and tags of those whom they do not bind are text.
func (a *arrival) hidePIN(ctx context.Context) (err error) {
	if a.set.Mode == gateway.Observe || a.reading.Tags.PIN == "" && !mailmsg.SubjectPIN(a.taken.raw) || !inside(a.sub.Peer) || !a.tagsBind() {
		return nil
	}
	if a.reading.Tags.PIN != "" && slices.ContainsFunc(a.verdicts, func(v gateway.Verdict) bool { return v.Options.PIN == "sender" }) {
		if a.pin, err = a.flow.People.HashPIN(ctx, a.reading.Tags.PIN.Reveal()); err != nil {
			return fmt.Errorf("hashing the PIN of the sender: %w", err)
		}
	}
	clean, err := io.ReadAll(withEdits("", bytes.NewReader(a.taken.raw), mailmsg.Edits(a.taken.raw, true)))
	if err != nil {
		return fmt.Errorf("taking the PIN out of a message: %w", err)
	}
	if err := a.taken.replace(ctx, a.flow, clean); err != nil {
		return err
	}
	a.reading.Subject = mailmsg.Read(clean).Subject
	a.basis.Sum = nil // with the body that is kept it would find the PIN in no time
	return nil
}

// replace seals other octets in place of those that arrived.
func (t *taken) replace(ctx context.Context, f *Flow, raw []byte) error {
	if err := t.reseal(ctx, f, bytes.NewReader(raw)); err != nil {
		return err
	}
	t.raw, t.sum = raw, nil
	return nil
}
