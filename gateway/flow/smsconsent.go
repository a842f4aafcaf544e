package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/queue"
	"gatepost/gateway/seal"
	"gatepost/gateway/smsmsg"
	"gatepost/store"
)

// stopped refuses an envelope to a telephone that wants no messages from the
// line that this one would come from. No policy and no mode changes that.
func (a *arrival) stopped(ctx context.Context, e *gateway.Envelope) (bool, error) {
	if !e.Recipient.IsPhone() {
		return false, nil
	}
	allowed, err := a.flow.smsAllowed(ctx, &a.once, a.line(e), e.Recipient)
	if err != nil || allowed {
		return false, err
	}
	e.State, e.Action, e.Decided, e.Rules = gateway.Refused, gateway.Reject, gateway.Reject, []string{stopRule}
	return true, nil
}

// stopRule stands in place of a rule of the policy, and textStopped tells staff
// who write to a telephone what they cannot guess.
const (
	stopRule    = "stop"
	textStopped = "The recipient stopped messages from this number: only START from that telephone ends it"
)

// onlyStopped reports whether a telephone's STOP, and nothing else, refused an
// envelope.
func onlyStopped(e gateway.Envelope) bool {
	return len(e.Rules) == 1 && e.Rules[0] == stopRule && e.Recipient.IsPhone()
}

// smsAllowed reports whether messages from a line may go to a telephone. The
// commit of b fails when it says something else meanwhile.
func (f *Flow) smsAllowed(ctx context.Context, b *store.Batch, from gateway.Line, phone gateway.Address) (bool, error) {
	s, err := f.consents.Guard(ctx, b, from, phone)
	return s.Allows(), err
}

// journalStop keeps what a telephone said where no restore rolls it back.
func (f *Flow) journalStop(id string, data []byte) error {
	return f.Journal.Append(seal.Entry{Kind: seal.JournalStop, ID: id, Data: data})
}

// errSaidMeanwhile: a telephone said something else while a mail to staff was
// written that tells what its word comes to.
var errSaidMeanwhile = errors.New("flow: the telephone said something meanwhile")

// act is what the message's word does.
func (r *received) act() consent.Act {
	return consent.Act{Line: r.line, Phone: r.phone, Person: r.author.Ref, Word: r.word, Actor: "correspondent", Message: r.mail.id}
}

// foresee is what the mail to staff says about the message's word.
func (r *received) foresee(ctx context.Context) (mailmsg.AnswerNote, error) {
	if r.word.Means == consent.None {
		return mailmsg.NoNote, nil
	}
	change, err := r.flow.consents.Foresee(ctx, r.act())
	return r.note(change), err
}

// note tells staff what they would else have to know: which words end messages
// and which bring them back. A STOP that was said before holds all the same.
func (r *received) note(change consent.Change) mailmsg.AnswerNote {
	switch {
	case r.word.Means == consent.Stop:
		return mailmsg.NoteStopped
	case change.Changed:
		return mailmsg.NoteResumed
	}
	return mailmsg.NoNote
}

// stageConsent does what a word about consent demands: the ledger, the one
// answer that is due, and the end of what waits for the telephone.
func (r *received) stageConsent(ctx context.Context, b *store.Batch) (consent.Change, error) {
	f := r.flow
	if r.word.Means == consent.None {
		return consent.Change{Ordinary: true}, nil
	}
	change, err := f.consents.Stage(ctx, b, r.act())
	if err == nil && r.note(change) != r.mail.data.Note {
		err = errSaidMeanwhile
	}
	if err != nil || change.Ordinary {
		return change, err
	}
	if change.Changed && change.Answer == consent.Stop {
		if err := f.stagePurge(b, r.author.Ref, r.phone, r.line); err != nil {
			return change, err
		}
	}
	return change, r.stageConfirmation(ctx, b, change)
}

// stageConfirmation answers a word about consent in the language that it was
// said in, unless it is one too many.
func (r *received) stageConfirmation(ctx context.Context, b *store.Batch, change consent.Change) error {
	if r.uncharge(); change.Answer == consent.None || !r.charge(change) {
		return nil
	}
	brand := r.set.brand(r.inbox.Domain())
	d := smsmsg.Reply{Brand: brand.Name, Help: brand.Help, Language: r.word.Language}
	if d.Language == "" {
		d.Language = r.set.language(r.author.Language)
	}
	var text string
	switch change.Answer {
	case consent.Stop:
		text = smsmsg.Stopped(d)
	case consent.Start:
		text = smsmsg.Started(d)
	case consent.Help:
		text = smsmsg.Help(d)
	default:
		return nil
	}
	return r.flow.stageText(ctx, b, ownText{from: r.line, to: r.phone, text: text, asked: true})
}

// Limits of confirmations, for each line and telephone: who sends in the name
// of a telephone must not fill it with our texts. Above the limit the words act
// silently; only one STOP that changes something is confirmed even then.
const (
	confirmTime = time.Hour
	confirmMax  = 3
)

// charge counts a confirmation, and reports whether it may be sent.
func (r *received) charge(change consent.Change) bool {
	f := r.flow
	line, phone := []byte(r.line.Key()), []byte(r.phone.Key())
	all := []charge{{key: f.MAC("confirmations", line, phone), limit: confirmMax}}
	if !f.words.take(all, 1, f.Now()).IsZero() {
		all = []charge{{key: f.MAC("confirmation of a stop", line, phone), limit: 1}}
		if change.Answer != consent.Stop || !change.Changed || !f.words.take(all, 1, f.Now()).IsZero() {
			return false
		}
	}
	r.charged = all
	return true
}

// uncharge takes back what a try counted that came to nothing.
func (r *received) uncharge() {
	r.flow.words.undo(r.charged, 1)
	r.charged = nil
}

// stagePurge stages the end of what waits for a telephone from a line; the zero
// line is every line.
func (f *Flow) stagePurge(b *store.Batch, person gateway.PersonRef, phone gateway.Address, line gateway.Line) error {
	return f.stageTask(b, task{Kind: taskPurge, Due: f.Now(), Persons: []gateway.PersonRef{person}, At: f.Now(), Address: phone, Line: line})
}

// purge ends what waits for a telephone that stopped messages of a line.
func (f *Flow) purge(ctx context.Context, t task) error {
	var failed error
	for _, person := range t.Persons {
		err := f.queue.EachWaiting(ctx, person, func(e *gateway.Envelope) error {
			if e.Recipient == t.Address {
				failed = errors.Join(failed, f.purgeOne(ctx, t, e))
			}
			return nil
		})
		failed = errors.Join(failed, err)
	}
	return failed
}

func (f *Flow) purgeOne(ctx context.Context, t task, e *gateway.Envelope) error {
	m, err := f.message(ctx, e.ID.Message)
	if err != nil {
		return err
	}
	if m.Ends != nil && m.Ends.Asked {
		return nil
	}
	if state, err := f.consents.Check(ctx, f.lineFrom(m, e), t.Address); err != nil || state.Allows() {
		return err
	}
	err = f.intercept(ctx, e.ID, func() error {
		return f.queue.Finish(ctx, e.ID, gateway.Refused, func(b *store.Batch, after gateway.Envelope) error {
			return f.stageOptedOut(ctx, b, m, &after)
		})
	})
	if errors.Is(err, queue.ErrBusy) || errors.Is(err, queue.ErrNotFound) {
		return nil // it is on its way, or ended: the attempt asks the ledger itself
	}
	return err
}

// stageOptedOut leaves the evidence that a message did not leave because its
// recipient stopped messages, and tells its application.
func (f *Flow) stageOptedOut(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope) error {
	if n := e.Notice; n != nil {
		f.Blobs.Delete(b, n.Body.Blob)
	}
	if err := f.stageSMSReceipt(ctx, b, m, e, gateway.StateRejected, errOptedOut); err != nil {
		return err
	}
	return f.Audit.Stage(b, gateway.Record{
		At: f.Now(), Event: gateway.EventRefused, Actor: "system", Message: m.ID, Envelope: e.ID.String(), Thread: m.Thread,
		Persons: []gateway.PersonRef{e.Person}, Detail: map[string]string{"reason": "opted_out"},
	})
}

// errOptedOut is err: of the receipt of a message that its recipient does not
// want; the numbers are the gateway's own (SMPP v3.4 Appendix B).
const errOptedOut = "255"
