package proof

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// twinTime is how long a used code still passes in the session that used it:
// a form that was sent twice must not end in an error page.
const twinTime = 30 * time.Second

// settle commits what the try came to. Both outcomes read the same records and
// end in one commit; that the right one writes a session more says nothing that
// its answer does not.
func (k *Book) settle(ctx context.Context, t *try, codeRight, pinRight bool) (Result, error) {
	ctx, cancel := settling(ctx)
	defer cancel()
	fresh, err := k.drawSession()
	if err != nil {
		return Result{}, err
	}
	var r Result
	err = again(ctx, func() error {
		var b store.Batch
		o, err := k.readOutcome(ctx, t)
		if err != nil {
			return err
		}
		if r, err = k.stageOutcome(&b, o, codeRight, pinRight, fresh); err != nil {
			return err
		}
		return k.write(ctx, &b, "committing the outcome of a try")
	})
	if errors.Is(err, store.ErrUnknown) && r.Passed {
		if alive, e := k.Alive(ctx, fresh); e == nil && alive { // it was committed, and nobody else knows the session
			err = nil
		}
	}
	if err != nil {
		return Result{}, err
	}
	return r, nil
}

// outcome is a try with the records that settling it reads and writes.
type outcome struct {
	*try
	codes, pins    entry
	link           entry    // of a thaw: what is thawed
	was            *session // before the proof; nil when it ended
	wasVersion     store.Version
	assurance      gateway.Assurance
	byCode, byTwin bool
}

// entry is a ledger as it was read.
type entry struct {
	ledger
	version store.Version
}

func (k *Book) readOutcome(ctx context.Context, t *try) (o *outcome, err error) {
	o = &outcome{try: t}
	if t.code != nil {
		if o.codes.ledger, o.codes.version, err = get[ledger](ctx, k.store, t.code.key); err != nil {
			return nil, fmt.Errorf("reading the tries of a link: %w", err)
		}
	}
	if t.pin != nil {
		if o.pins.ledger, o.pins.version, err = get[ledger](ctx, k.store, t.pin.key); err != nil {
			return nil, fmt.Errorf("reading the tries of a PIN: %w", err)
		}
	}
	if t.Thaw {
		if o.link.ledger, o.link.version, err = get[ledger](ctx, k.store, ledgerKey(t.Link)); err != nil {
			return nil, fmt.Errorf("reading the tries of a link: %w", err)
		}
	}
	o.was, o.wasVersion, err = k.session(ctx, t.Session)
	return o, err
}

// decide says what the try came to; "" is a proof. A used code passes for its
// twin, a code whose session ended proves nothing.
func (o *outcome) decide(codeRight, pinRight bool) gateway.ProofReason {
	held, kept := o.codes.of(o.session)
	same := o.live && kept && string(held.Hash) == string(o.held.Hash)
	twin := same && !held.Used.IsZero()
	if o.link.Locked {
		return gateway.ProofClosed
	}
	if codeRight && (twin || same && o.was != nil) && !o.codes.Frozen {
		o.byCode, o.byTwin, o.assurance = true, twin, o.held.Assurance
		return ""
	}
	if pinRight && !o.pins.Frozen {
		o.assurance = o.PIN.Assurance
		return ""
	}
	switch {
	case o.pin == nil && (twin || !same || o.was == nil):
		return gateway.ProofNoCode
	case o.code != nil && o.codes.Frozen || o.pin != nil && o.pins.Frozen:
		return gateway.ProofClosed // by a try that settled first; evidence says so already
	}
	return gateway.ProofWrong
}

// stageOutcome stages all that follows from the try.
func (k *Book) stageOutcome(b *store.Batch, o *outcome, codeRight, pinRight bool, fresh string) (Result, error) {
	r := Result{Session: o.Session, Reason: o.decide(codeRight, pinRight)}
	if r.Passed = r.Reason == ""; r.Passed {
		o.clear(k.now())
		if err := k.stagePassed(b, o, &r, fresh); err != nil {
			return Result{}, err
		}
	} else if err := k.stageFailed(b, o, &r); err != nil {
		return Result{}, err
	}
	for _, l := range []struct {
		of *count
		e  *entry
	}{{o.code, &o.codes}, {o.pin, &o.pins}} {
		if l.of == nil {
			continue
		}
		require(b, l.of.key, l.e.version)
		if err := b.PutRecord(l.of.key, l.e.ledger); err != nil {
			return Result{}, err
		}
	}
	return r, nil
}

// clear takes back what a right try counted: all of what it proves, and its
// own try of what it was not about.
func (o *outcome) clear(now time.Time) {
	about, other, otherCount := &o.pins, &o.codes, o.code
	if o.byCode {
		about, other, otherCount = &o.codes, &o.pins, o.pin
		o.codes.use(o.session, now)
	}
	about.Wrong, about.PausedUntil = 0, time.Time{}
	if otherCount != nil && other.Wrong > 0 {
		if other.Wrong%otherCount.tries == 0 {
			other.PausedUntil = time.Time{}
		}
		other.Wrong--
	}
}

// stagePassed stages the proof: evidence, the new session, the thaw and what
// the attempt adds.
func (k *Book) stagePassed(b *store.Batch, o *outcome, r *Result, fresh string) error {
	detail := map[string]string{"assurance": string(o.assurance)}
	if o.byTwin {
		detail["again"] = "yes"
	}
	if o.Thaw {
		r.Thawed = true
		o.codes.Sent = 0
		if err := k.stageThaw(b, o.about, k.linkLedger(o.Link), o.link, gateway.EventLinkThawed, map[string]string{"by": "code"}); err != nil {
			return err
		}
		if o.Only {
			r.Passed = false
			return nil
		}
	}
	if o.code != nil {
		detail["try"] = strconv.Itoa(o.code.number)
	}
	if o.pin != nil {
		detail["pin_try"] = strconv.Itoa(o.pin.number)
	}
	if err := k.stage(b, o.about, gateway.EventProofPassed, detail); err != nil {
		return err
	}
	r.Session = fresh
	if err := k.stageSession(b, o.Session, o.was, o.wasVersion, fresh, o.Link, proven{Assurance: o.assurance, At: k.now()}); err != nil {
		return err
	}
	if o.Passed != nil {
		return o.Passed(b, o.assurance)
	}
	return nil
}

// stageFailed says in b why nothing is proven, and closes the ledgers whose
// count demands it.
func (k *Book) stageFailed(b *store.Batch, o *outcome, r *Result) error {
	detail := map[string]string{"reason": string(r.Reason)}
	if o.code != nil {
		detail["try"] = strconv.Itoa(o.code.number)
	}
	if o.pin != nil {
		detail["pin_try"] = strconv.Itoa(o.pin.number)
	}
	if err := k.stage(b, o.about, gateway.EventProofFailed, detail); err != nil {
		return err
	}
	froze, err := k.stageClosing(b, o.about, o.code, &o.codes.ledger)
	if err != nil {
		return err
	}
	frozePIN, err := k.stageClosing(b, o.about, o.pin, &o.pins.ledger)
	if err != nil {
		return err
	}
	r.Frozen = froze && !o.Thaw
	if frozePIN && o.PIN.Person.IsZero() {
		r.Frozen = true
	} else {
		r.Closed = frozePIN
	}
	return nil
}

// stageClosing freezes or pauses a ledger whose count has come to that, and
// reports whether it froze.
func (k *Book) stageClosing(b *store.Batch, about gateway.Record, c *count, l *ledger) (frozen bool, err error) {
	if c == nil || l.Wrong < c.number { // a right try or a thaw cleared the count meanwhile
		return false, nil
	}
	if c.number >= c.freeze && !l.Frozen {
		l.Frozen = true
		return true, k.stage(b, about, c.frozen, nil)
	}
	if c.number%c.tries == 0 {
		return false, k.stage(b, about, c.paused, map[string]string{"until": l.PausedUntil.UTC().Format(time.RFC3339)})
	}
	return false, nil
}
