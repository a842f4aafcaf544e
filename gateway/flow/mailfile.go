package flow

import (
	"context"
	"errors"
	"io"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// What staff see in their mail client follows the journeys: whoever changes how
// a message stands puts its id into the table Filings, in the commit of the
// change. FileMail then looks at the message and puts it where it belongs. No
// journey waits for that, and what a crash interrupts is in the table still.

// file stages that the places of a message must be looked at again.
func (f *Flow) file(b *store.Batch, id gateway.MessageID) {
	b.Put(store.Key(store.Filings, id[:]), nil)
	b.After(f.filings.wakeUp)
}

func layoutKey(id gateway.MessageID) []byte { return store.Key(store.Layouts, id[:]) }

// stageLayout stages the outline of a body that staff can read, by which lists
// show it without opening it.
func stageLayout(b *store.Batch, id gateway.MessageID, l *gateway.Layout) error {
	return b.PutRecord(layoutKey(id), l)
}

// dropLayout stages that a message has no outline any more: its header goes with its body.
func dropLayout(b *store.Batch, id gateway.MessageID) { b.Delete(layoutKey(id)) }

// layoutOf is the outline of a mail that is in memory.
func layoutOf(parts ...[]byte) *gateway.Layout {
	w := mailmsg.NewLayout()
	for _, p := range parts {
		_, _ = w.Write(p) // never fails
	}
	return w.Layout()
}

// stageLayoutFrom stages the outline of a body that is read for it: that of a
// message that staff could not read before.
func (f *Flow) stageLayoutFrom(ctx context.Context, b *store.Batch, m *gateway.Message, key seal.Key) error {
	c, done, err := f.openBody(ctx, key, m.ID, m.Body)
	if err != nil {
		return err
	}
	defer done()
	w := mailmsg.NewLayout()
	if _, err := io.Copy(w, io.NewSectionReader(c, 0, c.Size())); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	l := w.Layout()
	if m.Channel == gateway.SMS {
		hideSegments(l)
	}
	return stageLayout(b, m.ID, l)
}

// hideSegments takes out of the outline of a short message the field that holds
// its text once more.
func hideSegments(l *gateway.Layout) {
	l.Header = gateway.Sensitive(blotted(l.Header.Reveal(), strings.ToLower(segmentsField)+":"))
}
