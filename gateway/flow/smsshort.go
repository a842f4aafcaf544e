package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Bits of registered_delivery (SMPP v3.4 section 5.2.17).
const (
	registeredReceipt      = 0x03 // wants a final receipt
	registeredFailure      = 0x02 // of a failure only
	registeredIntermediate = 0x10
)

// asks reports whether a part that was submitted so wants a receipt of a final
// state. What is reserved counts as asking.
func asks(registered byte, s gateway.ReceiptState) bool {
	switch registered & registeredReceipt {
	case 0:
		return false
	case registeredFailure:
		return failure(s)
	}
	return true
}

// shortID is a row of ShortIDs: what the message_id leads to under which a part
// was acknowledged to an application. It may lead to several messages, one for
// each destination of submit_multi. A message that came whole and whose id was
// the answer needs no row.
type shortID struct {
	Account string
	Message gateway.MessageID `json:",omitzero"` // zero for a part that waits for others, or did in vain
	Part    int               `json:",omitempty"`
	Ends    *gateway.Ends     `json:",omitempty"` // of a part without a message
	Row     []byte            `json:",omitempty"` // in SMSParts, of a part that waits
	// State and Done are what became of a part without a message, or of one
	// that its application cancelled.
	State gateway.ReceiptState `json:",omitempty"`
	Done  time.Time            `json:",omitzero"`
	// Replaced says that another message has taken the place of this one.
	Replaced bool `json:",omitempty"`
}

// shortKey is the row of a part of a message; of one that waits for others the
// message is zero.
func shortKey(id, message gateway.MessageID) []byte {
	return store.Key(store.ShortIDs, id[:], message[:])
}

// toldKey is there once the final receipt of a part was staged: nobody hears
// twice what became of a message. about is the message, or stands for the
// destination of a part without one.
func toldKey(id gateway.MessageID, about []byte) []byte {
	return store.Key(store.ShortIDs, id[:], about, []byte{toldMark})
}

const toldMark = 1

// stageShortIDs stages what the ids lead to under which the parts of m were
// acknowledged. It replaces what stageWaitingID wrote.
func (f *Flow) stageShortIDs(b *store.Batch, m *gateway.Message) error {
	if m.Ends == nil {
		return nil
	}
	for i, p := range m.Ends.Parts {
		if p.ID == m.ID {
			continue
		}
		if len(m.Ends.Parts) > 1 {
			b.Delete(shortKey(p.ID, gateway.MessageID{}))
		}
		if err := b.PutRecord(shortKey(p.ID, m.ID), shortID{Account: m.Peer.Account, Message: m.ID, Part: i}); err != nil {
			return err
		}
	}
	return nil
}

// stageWaitingID stages that an id leads to a part that waits for the others of
// its text; ends hold that part alone, row is its key in SMSParts. The part is
// cancelled by deleting that row: who assembles a text must require the
// versions of the rows that it read.
func (f *Flow) stageWaitingID(b *store.Batch, account string, ends gateway.Ends, row []byte) error {
	return b.PutRecord(shortKey(ends.Parts[0].ID, gateway.MessageID{}), shortID{Account: account, Ends: &ends, Row: row})
}

// stagePartReceipt stages the end of a part that never became part of a
// message, and the receipt of it where one was asked for. ends hold that part
// alone; errcode is err: of the receipt, 3 characters.
func (f *Flow) stagePartReceipt(ctx context.Context, b *store.Batch, account string, ends gateway.Ends, state gateway.ReceiptState, errcode string) error {
	p := ends.Parts[0]
	ended := shortID{Account: account, Ends: &ends, State: state, Done: f.Now()}
	if err := b.PutRecord(shortKey(p.ID, gateway.MessageID{}), ended); err != nil || !asks(p.Registered, state) {
		return err
	}
	to := f.MAC("told", []byte(ends.Dest.Key()))
	first, err := f.stageFirst(ctx, b, toldKey(p.ID, to[:16]))
	if err != nil || !first {
		return err
	}
	return f.stageDelivery(b, account, gateway.Delivery{Receipt: &gateway.Receipt{
		ID: gateway.Sensitive(p.ID.String()), Source: ends.Source, Dest: ends.Dest, State: state, Error: errcode, Submitted: p.At, Done: ended.Done,
		Reference: p.Reference,
	}})
}

// stageSMSReceipt stages what an application hears of an envelope that ended here
// and not at the carrier, in the final state given: each part that asked for
// it, and has heard nothing final yet, gets one receipt. Where parts are
// segments, one that the carrier has is left to the carrier's receipt. errcode
// is err: of the receipt, 3 characters. e is the envelope as it will be stored.
func (f *Flow) stageSMSReceipt(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope, state gateway.ReceiptState, errcode string) error {
	if m.Ends == nil {
		return nil
	}
	r := &gateway.Receipt{State: state, Error: errcode, Done: f.Now()}
	for i := range m.Ends.Parts {
		if direct(m, e) && e.Last.Segments[i].Sent && e.Last.Segments[i].ID != "" {
			continue
		}
		if err := f.stageToldOnce(ctx, b, m, e, i, r); err != nil {
			return err
		}
	}
	return nil
}

// stageDeleted stages what an application hears of an envelope that somebody
// here took out of the queue.
func (f *Flow) stageDeleted(ctx context.Context, b *store.Batch, e *gateway.Envelope) error {
	m, err := f.message(ctx, e.ID.Message)
	if err != nil || m.Channel != gateway.SMS {
		return err
	}
	return f.stageSMSReceipt(ctx, b, m, e, gateway.StateDeleted, "000")
}

// stageToldOnce stages the final receipt of one part, unless it did not ask for
// it or has one.
func (f *Flow) stageToldOnce(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope, part int, r *gateway.Receipt) error {
	p := m.Ends.Parts[part]
	if !asks(p.Registered, r.State) {
		return nil
	}
	about := e.ID.Message
	first, err := f.stageFirst(ctx, b, toldKey(p.ID, about[:]))
	if err != nil || !first {
		return err
	}
	told := *r
	told.Done = doneAt(r, f.Now())
	return f.stageDelivery(b, m.Peer.Account, gateway.Delivery{Receipt: receiptOf(m, e, p, &told)})
}

// stageFirst stages that the final receipt of a part is written; first is false
// when it was before.
func (f *Flow) stageFirst(ctx context.Context, b *store.Batch, key []byte) (first bool, err error) {
	if _, err := f.Store.Get(ctx, key); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	b.RequireAbsent(key)
	b.Put(key, nil)
	return true, nil
}
