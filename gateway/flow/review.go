package flow

import (
	"context"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// heldRelease lets a held envelope go on. A mail that policy held leaves the
// way the other rules demand: releasing a bulk of card numbers does not undo
// the rule that secures card numbers. An answer that waited goes to the staff
// member whom it was for.
func (f *Flow) heldRelease(ctx context.Context, c Call) error {
	id, reason, err := reviewArgs(c)
	if err != nil {
		return err
	}
	return f.letOut(ctx, c, id, decision{reason: reason})
}

// decision is how somebody decides about a held envelope.
type decision struct {
	reason string // "": none
	asked  bool   // the reason answers a question: it is for whoever reviews, not for the sender
	// only stages what must still be so, or says why nothing is decided. It is
	// called in each try of the commit. nil: nothing.
	only func(*store.Batch) error
}

func (d *decision) stage(b *store.Batch) error {
	if d.only == nil {
		return nil
	}
	return d.only(b)
}

// letOut is heldRelease for one envelope.
func (f *Flow) letOut(ctx context.Context, c Call, id gateway.EnvelopeID, d decision) error {
	e, err := f.envelope(ctx, id)
	if err != nil {
		return err
	}
	m, err := f.message(ctx, id.Message)
	if err != nil {
		return err
	}
	if e.State == gateway.Held && (e.Hold == holdQuarantine || e.Hold == holdUnverified) && e.Recipient.Domain() == f.set().ReplyDomain {
		return f.releaseAnswer(ctx, c, m, &e, d)
	}
	return operated(f.queue.Release(ctx, id, func(b *store.Batch, after *gateway.Envelope) error {
		if !after.Recalled.IsZero() {
			return &OperationError{Text: "the sender took that message back; message recall --undo comes first", Data: true}
		}
		if err := d.stage(b); err != nil {
			return err
		}
		after.Review = gateway.Sensitive(d.reason)
		if err := f.released(ctx, b, m, &e, after); err != nil {
			return err
		}
		return f.stage(c, gateway.EventReleased, d.reason)(b, *after)
	}))
}

func reviewArgs(c Call) (gateway.EnvelopeID, string, error) {
	id, err := envelopeArg(c)
	if err != nil {
		return id, "", err
	}
	reason := c.Args.Get("reason")
	if reason == "" || len(reason) > 1000 {
		return id, "", usage("a reason of at most 1,000 characters is needed: it becomes part of the record")
	}
	return id, reason, nil
}

// released sets what a released envelope becomes.
func (f *Flow) released(ctx context.Context, b *store.Batch, m *gateway.Message, before, after *gateway.Envelope) error {
	after.Hold = ""
	if before.Hold == holdQuarantine {
		after.Action = gateway.Pass // it came by reference: it is mail for its recipient
		return nil
	}
	if before.Hold == "operator" || before.Hold == holdRecalled || before.Notice != nil || before.Confidential {
		return nil // it goes on as it was
	}
	if after.Action = withoutHold(verdictOf(m, before)); before.Turn {
		after.Action = gateway.Secure
	}
	if err := f.releasedPhone(ctx, b, m, after); err != nil {
		return err
	}
	if after.Action != gateway.Secure {
		return nil
	}
	key, err := f.Spool.Open(m.Spool, m.ID)
	if err != nil {
		return err
	}
	return f.secureLater(ctx, b, m, key, after)
}

// withoutHold is the strictest action below hold that the met rules demand.
// A verdict that failed to be judged, or that nobody can read any more, secures.
func withoutHold(v *gateway.Verdict) gateway.Action {
	if v == nil || v.Failed {
		return gateway.Secure
	}
	action := gateway.Pass
	for _, r := range v.Results {
		if r.Met && !r.Shadow && r.LiftedBy == "" && r.Action != gateway.Hold && r.Action.StricterThan(action) {
			action = r.Action
		}
	}
	return action
}

// heldRefuse ends a held envelope. The sender inside hears of it; a stranger
// whose answer was refused does not (that would be backscatter).
func (f *Flow) heldRefuse(ctx context.Context, c Call) error {
	id, reason, err := reviewArgs(c)
	if err != nil {
		return err
	}
	return f.turnAway(ctx, c, id, decision{reason: reason})
}

// turnAway is heldRefuse for one envelope.
func (f *Flow) turnAway(ctx context.Context, c Call, id gateway.EnvelopeID, d decision) error {
	m, err := f.message(ctx, id.Message)
	if err != nil {
		return err
	}
	return operated(f.queue.Refuse(ctx, id, func(b *store.Batch, after *gateway.Envelope) error {
		if err := d.stage(b); err != nil {
			return err
		}
		after.Review = gateway.Sensitive(d.reason)
		after.Last = gateway.Outcome{
			Result: gateway.Failed, At: f.Now(), Code: 550, Status: "5.7.1", Text: "Refused after review",
		}
		if d.reason != "" && !d.asked {
			after.Last.Text += ": " + gateway.Sensitive(d.reason)
		}
		if m.Direction == gateway.Outbound && after.Hold != holdQuarantine {
			if err := f.reportTo(ctx, b, after, mailmsg.ActionFailed); err != nil {
				return err
			}
		}
		b.After(func() { done := *after; f.finished(ctx, &done, false) })
		return f.stage(c, gateway.EventReviewRefused, d.reason)(b, *after)
	}))
}
