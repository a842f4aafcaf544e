package flow

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// partsDue does what is due when the time of a long text is over: what is still
// incomplete ends, with evidence and receipts; what is remembered of one that
// was complete is forgotten.
func (f *Flow) partsDue(ctx context.Context, b *store.Batch, t task) error {
	x, err := f.longText(ctx, t.Text)
	if err != nil {
		return err
	}
	timeout := f.set().SMS.partTimeout()
	if len(x.parts) == 0 {
		return f.forgetText(b, x, timeout)
	}
	first := x.first()
	if due := x.due(timeout); f.Now().Before(due) {
		return f.stageTask(b, task{Kind: taskParts, Text: x.key, At: first.Given.At, Due: due})
	}
	if first.Inbound {
		err := f.receiveWaiting(ctx, x)
		if err != nil && !gateway.FaultOf(err).Temporary() { // nobody gets it any more
			return f.endText(ctx, b, x, gateway.StateRejected, "undeliverable")
		}
		return err
	}
	if x.ended != nil { // nothing came but what was sent again
		f.dropParts(b, x)
		return f.forgetText(b, x, timeout)
	}
	if x.likely(first.Place.Total) {
		return f.assembleLate(ctx, b, x, first)
	}
	return f.endText(ctx, b, x, gateway.StateExpired, "missing")
}

// forgetText removes part 0 of a text when its time is over.
func (f *Flow) forgetText(b *store.Batch, x *longText, timeout time.Duration) error {
	if x.ended == nil {
		return nil
	}
	if due := x.ended.At.Add(timeout); f.Now().Before(due) {
		return f.stageTask(b, task{Kind: taskParts, Text: x.key, At: x.ended.At, Due: due})
	}
	b.RequireVersion(partKey(x.key, 0), x.version)
	b.Delete(partKey(x.key, 0))
	return nil
}

// first is the part that came first.
func (x *longText) first() waitingPart {
	var first waitingPart
	for _, p := range x.parts {
		if first.Given.At.IsZero() || p.Given.At.Before(first.Given.At) {
			first = p
		}
	}
	return first
}

// assembleLate takes over a text whose parts were all answered, and whose last
// one found no time to be put together with the others: there was a crash.
// Nobody waits for an answer, so a refusal is told to all.
func (f *Flow) assembleLate(ctx context.Context, b *store.Batch, x *longText, first waitingPart) error {
	set, judge := f.inForce()
	account, ok := set.SMS.account(first.Account)
	if !ok {
		return f.endText(ctx, b, x, gateway.StateRejected, "account")
	}
	in := &submitted{flow: f, set: set, policy: judge, account: account, peer: first.Peer, place: first.Place, to: first.To, now: f.Now()}
	for _, line := range first.To {
		phone, err := set.SMS.number(line)
		if err != nil {
			return err
		}
		in.phones = append(in.phones, phone)
	}
	err := in.assemble(ctx, x, 0, nil, gateway.AcceptedPart{})
	var refused *gateway.Fault
	if errors.As(err, &refused) && refused == faultShortPolicy {
		err = nil
	}
	if err != nil {
		return err
	}
	return f.stageTask(b, task{Kind: taskParts, Text: x.key, At: in.now, Due: in.now.Add(set.SMS.partTimeout())})
}

// endText stages that nothing becomes of the parts of a text, with evidence and
// what those hear who sent them.
func (f *Flow) endText(ctx context.Context, b *store.Batch, x *longText, state gateway.ReceiptState, reason string) error {
	f.dropParts(b, x)
	first := x.first()
	r := gateway.Record{At: f.Now(), Event: gateway.EventPartsExpired, Actor: "system", Message: first.Given.ID, Detail: map[string]string{
		"reason": reason, "system_id": first.Account, "parts": strconv.Itoa(len(x.parts)), "total": strconv.Itoa(first.Place.Total),
	}}
	if err := f.Audit.Stage(b, r); err != nil {
		return err
	}
	for _, seq := range slices.Sorted(maps.Keys(x.parts)) {
		p := x.parts[seq]
		if p.Again {
			continue // the receipt of that id is the one of the text before
		}
		s, err := f.openPart(ctx, &p)
		if err != nil {
			return err
		}
		for _, line := range p.To {
			ends := gateway.Ends{Source: s.Source, Dest: line, ServiceType: s.ServiceType}
			if err := f.stagePartsEnd(ctx, b, p.Account, ends, []gateway.AcceptedPart{p.Given}, state); err != nil {
				return err
			}
		}
	}
	return nil
}

var faultShortParts = shortFault(550, "5.6.0", gateway.StatusSubmitFailed, "A part of this text came twice and differs: send the text again under another reference")
