package proof

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strconv"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Result of a try.
type Result struct {
	Passed bool
	Reason gateway.ProofReason // why not; "" when Passed
	Status Status              // of the link after the try
}

// try is one counted try on its way from counting to settling.
type try struct {
	about   gateway.Record
	session []byte
	number  int  // the count that it brought the link to
	held    code // what it is compared with; zero when the session has none
	live    bool // held is a code
}

// Check compares what was typed with the code of session.
//
// The order is: count the try durably, compare, then commit the outcome with
// its evidence. An error means that nothing was proven and that nothing may be
// told; the try may be spent. Right and wrong digits take the same steps.
//
// No try is spent on what is not six digits, on a closed link, on a link
// without any live code (there is nothing to guess), and in a session that has
// proven the link already: that passes again, so that a form sent twice does
// not end in an error page.
func (k *Book) Check(ctx context.Context, link gateway.LinkID, session, pin string) (Result, error) {
	if _, ok, err := k.Proven(ctx, session, link); err != nil {
		return Result{}, err
	} else if ok {
		return k.result(ctx, link, session, Result{Passed: true})
	}
	typed, ok := plainDigits(pin)
	if !ok {
		return k.result(ctx, link, session, Result{Reason: gateway.ProofMalformed})
	}
	about, err := k.about(ctx, link)
	if err != nil {
		return Result{}, err
	}
	t := &try{about: about, session: k.sessionHash(session)}
	reason, err := k.reserve(ctx, t)
	if err != nil {
		return Result{}, err
	}
	if reason != "" {
		return k.refused(ctx, link, session, reason)
	}
	// From here on the try is spent, whatever happens.
	want := k.codeHash(link, t.session, t.held.Sent, typed)
	right := t.live && subtle.ConstantTimeCompare(want, t.held.Hash) == 1
	return k.settle(ctx, t, session, right)
}

// refused answers a try that was not counted. A twin of the form may have
// passed between the first look at the session and the count, and have used up
// the code: then this one passes too.
func (k *Book) refused(ctx context.Context, link gateway.LinkID, session string, reason gateway.ProofReason) (Result, error) {
	_, ok, err := k.Proven(ctx, session, link)
	if err != nil {
		return Result{}, err
	}
	if ok {
		return k.result(ctx, link, session, Result{Passed: true})
	}
	return k.result(ctx, link, session, Result{Reason: reason})
}

// result fills in how the link stands now.
func (k *Book) result(ctx context.Context, link gateway.LinkID, session string, r Result) (Result, error) {
	var err error
	r.Status, err = k.Status(ctx, link, session)
	if err != nil {
		return Result{}, err
	}
	return r, nil
}

// reserve counts the try, with the pause that it brings if it turns out wrong.
// A reason other than "" means that it was not counted.
func (k *Book) reserve(ctx context.Context, t *try) (reason gateway.ProofReason, err error) {
	key := ledgerKey(t.about.Link)
	err = again(ctx, func() error {
		l, version, err := get[ledger](ctx, k.store, key)
		if err != nil {
			return fmt.Errorf("reading the tries of a link: %w", err)
		}
		now := k.now()
		l.fresh(now, k.config.CodeTTL)
		if reason = k.refuses(l, now); reason != "" {
			return nil
		}
		l.Wrong++
		if l.Wrong%k.config.Tries == 0 {
			l.PausedUntil = now.Add(k.config.Pause)
		}
		t.number = l.Wrong
		t.held, t.live = l.of(t.session)
		var b store.Batch
		require(&b, key, version)
		if err := b.PutRecord(key, l); err != nil {
			return err
		}
		if err := k.stage(&b, t.about, gateway.EventProofTried, map[string]string{"try": strconv.Itoa(t.number)}); err != nil {
			return err
		}
		return k.write(ctx, &b, "counting a try")
	})
	return reason, err
}

// refuses says why a try is not taken, "" when it is.
func (k *Book) refuses(l ledger, now time.Time) gateway.ProofReason {
	switch {
	case k.state(l, now) != gateway.LinkActive:
		return gateway.ProofClosed
	case len(l.Codes) == 0:
		return gateway.ProofNoCode
	default:
		return ""
	}
}

// settle commits what the try came to. Both outcomes read and write the same
// records.
func (k *Book) settle(ctx context.Context, t *try, session string, right bool) (Result, error) {
	ctx, cancel := settling(ctx)
	defer cancel()
	var r Result
	err := again(ctx, func() error {
		var b store.Batch
		var err error
		if r, err = k.stageOutcome(ctx, &b, t, session, right); err != nil {
			return err
		}
		return k.write(ctx, &b, "committing the outcome of a try")
	})
	if err != nil {
		return Result{}, err
	}
	return r, nil
}

func (k *Book) stageOutcome(ctx context.Context, b *store.Batch, t *try, session string, right bool) (Result, error) {
	key := ledgerKey(t.about.Link)
	l, version, err := get[ledger](ctx, k.store, key)
	if err != nil {
		return Result{}, fmt.Errorf("reading the tries of a link: %w", err)
	}
	s, sessionVersion, err := k.session(ctx, session)
	if err != nil {
		return Result{}, err
	}
	r := k.outcome(&l, s, t, right)
	if err := k.stageEvidence(b, t, &l, r); err != nil {
		return Result{}, err
	}
	require(b, key, version)
	if err := b.PutRecord(key, l); err != nil {
		return Result{}, err
	}
	if s != nil {
		sessionKey := store.Key(store.Sessions, t.session)
		require(b, sessionKey, sessionVersion)
		if err := b.PutRecord(sessionKey, s); err != nil {
			return Result{}, err
		}
	}
	r.Status = k.status(l, t.session)
	return r, nil
}

// outcome decides what the try came to and, when it passed, enters the proof
// into s and clears l. s is nil when the session ended meanwhile.
func (k *Book) outcome(l *ledger, s *session, t *try, right bool) Result {
	held, live := l.of(t.session)
	switch {
	case s != nil && s.proves(t.about.Link): // a twin of this form got here first
		l.Wrong, l.PausedUntil = 0, time.Time{} // this one was counted after the twin had cleared the count
		return Result{Passed: true}
	case s == nil || !t.live || !live || string(held.Hash) != string(t.held.Hash):
		return Result{Reason: gateway.ProofNoCode}
	case l.Frozen: // by a try that settled first; evidence says so already
		return Result{Reason: gateway.ProofClosed}
	case !right:
		return Result{Reason: gateway.ProofWrong}
	}
	s.prove(t.about.Link, t.held.Assurance, k.now())
	l.Wrong, l.PausedUntil = 0, time.Time{}
	l.drop(t.session)
	return Result{Passed: true}
}

// stageEvidence says in b what r means, and closes the ledger where the count
// demands it.
func (k *Book) stageEvidence(b *store.Batch, t *try, l *ledger, r Result) error {
	detail := map[string]string{"try": strconv.Itoa(t.number)}
	if r.Passed {
		detail["assurance"] = string(t.held.Assurance)
		return k.stage(b, t.about, gateway.EventProofPassed, detail)
	}
	detail["reason"] = string(r.Reason)
	if err := k.stage(b, t.about, gateway.EventProofFailed, detail); err != nil {
		return err
	}
	if l.Wrong < t.number { // a right try or a thaw cleared the count meanwhile
		return nil
	}
	if t.number >= k.config.Freeze && !l.Frozen {
		l.Frozen = true
		return k.stage(b, t.about, gateway.EventLinkFrozen, nil)
	}
	if t.number%k.config.Tries == 0 {
		return k.stage(b, t.about, gateway.EventLinkPaused, map[string]string{"until": l.PausedUntil.UTC().Format(time.RFC3339)})
	}
	return nil
}
