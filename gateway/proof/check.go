package proof

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strconv"

	"gatepost/gateway"
	"gatepost/store"
)

// Attempt is what somebody typed at a link, and what the link takes.
type Attempt struct {
	Link    gateway.LinkID
	Session string // that asked for the code; "" for none
	Typed   string
	Codes   bool // the link takes codes
	PIN     *PIN // the standing secret that it takes; nil for none
	// Thaw says that the link is frozen and that the code is one of Asked.Thaw:
	// a right one opens the link again.
	Thaw bool
	// Only says of Thaw that a right code proves nothing beyond it: the link
	// demands more than a code.
	Only bool
	// Passed adds to the batch that makes the proof valid, which proves as much
	// as a says. It may run more than once, each time with another batch. nil
	// adds nothing.
	Passed func(b *store.Batch, a gateway.Assurance) error
}

// PIN is a standing secret that a link takes.
type PIN struct {
	Assurance gateway.Assurance
	// Person is whose tries count; zero: those of the link, for a secret that
	// only this link has.
	Person gateway.PersonRef
	// Enter waits for its turn to compare: comparing is dear. Its error spends
	// no try and is returned as it is. right takes as long for wrong digits as
	// for right ones; leave must be called.
	Enter func(ctx context.Context) (right func(digits string) bool, leave func(), err error)
}

// Result of an attempt.
type Result struct {
	Passed bool
	Reason gateway.ProofReason // why not; "" when Passed
	// Session is the secret of the session that has proven the link. A proof
	// makes a new one, so that whoever planted or saw the one before has
	// nothing. When nothing passed, it is that of the attempt.
	Session string
	Frozen  bool // this attempt froze the link
	Closed  bool // this attempt froze the PIN of the person
	Thawed  bool // this attempt opened a frozen link again
}

// try is one counted attempt on its way from counting to settling.
type try struct {
	Attempt
	about   gateway.Record
	digits  string
	session []byte
	shut    bool   // the PIN takes no tries now
	code    *count // nil: compared with no code
	pin     *count // nil: compared with no PIN
	held    code   // what it is compared with; zero when the session has none
	live    bool   // held is a code
}

// count is one try as one ledger counted it.
type count struct {
	ledgerOf
	number int // the count that it brought the ledger to
}

// Check compares what was typed with the code of the session and with the
// standing secret of the link; either opens it.
//
// The order is: wait for a turn to compare, count the try durably, compare,
// then commit the outcome with its evidence. An error means that nothing was
// proven and that nothing may be told; the try may be spent. Right and wrong
// digits take the same steps. A try is counted against all that it is compared
// with, and given back to those that it turned out not to be about: a right
// code leaves the count of the PIN as it was.
//
// No try is spent on what is no PIN, on a closed link, on a link without PIN
// and any live code (there is nothing to guess), and in a session that has
// proven the link already: that passes again, so that a form sent twice does
// not end in an error page.
func (k *Book) Check(ctx context.Context, a Attempt) (Result, error) {
	if !a.Thaw {
		if _, ok, err := k.Proven(ctx, a.Session, a.Link); err != nil {
			return Result{}, err
		} else if ok {
			return Result{Passed: true, Session: a.Session}, nil
		}
	}
	refused := Result{Session: a.Session}
	digits, ok := plainDigits(a.Typed)
	if !ok || len(digits) != codeDigits && a.PIN == nil {
		refused.Reason = gateway.ProofMalformed
		return refused, nil
	}
	t := &try{Attempt: a, digits: digits, session: k.sessionHash(a.Session)}
	var err error
	if t.about, err = k.about(ctx, a.Link); err != nil {
		return Result{}, err
	}
	pinRight, leave, err := k.enter(ctx, t)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	if refused.Reason, err = k.reserve(ctx, t); err != nil {
		return Result{}, err
	}
	if refused.Reason != "" {
		return refused, nil
	}
	// From here on the try is spent, whatever happens.
	return k.settle(ctx, t, k.codeRight(t), t.pin != nil && pinRight(digits))
}

// enter waits for a turn to compare with the PIN, unless that takes no tries.
func (k *Book) enter(ctx context.Context, t *try) (right func(string) bool, leave func(), err error) {
	none := func() {}
	if t.PIN == nil {
		return nil, none, nil
	}
	of := k.pinLedger(t)
	l, _, err := get[ledger](ctx, k.store, of.key)
	if err != nil {
		return nil, none, fmt.Errorf("reading the tries of a PIN: %w", err)
	}
	if k.stateOf(l, of) != gateway.LinkActive {
		t.PIN, t.shut = nil, true
		return nil, none, nil
	}
	return t.PIN.Enter(ctx)
}

func (k *Book) codeRight(t *try) bool {
	want := k.codeHash(t.Link, t.session, t.held.Sent, t.digits)
	return t.code != nil && t.live && subtle.ConstantTimeCompare(want, t.held.Hash) == 1
}

// pinLedger is where the tries of the attempt's PIN are counted.
func (k *Book) pinLedger(t *try) ledgerOf {
	if t.PIN.Person.IsZero() {
		return k.linkLedger(t.Link)
	}
	return k.personLedger(t.PIN.Person)
}

// codeLedger is where the attempt's code is kept and its tries are counted.
func (k *Book) codeLedger(link gateway.LinkID, thaw bool) ledgerOf {
	if thaw {
		return k.thawLedger(link)
	}
	return k.linkLedger(link)
}

// reserve counts the try, with the pause that it brings if it turns out wrong.
// A reason other than "" means that it was not counted.
func (k *Book) reserve(ctx context.Context, t *try) (reason gateway.ProofReason, err error) {
	err = again(ctx, func() error {
		var b store.Batch
		if reason, err = k.stageTry(ctx, &b, t); err != nil || reason != "" {
			return err
		}
		detail := map[string]string{}
		if t.code != nil {
			detail["try"] = strconv.Itoa(t.code.number)
		}
		if t.pin != nil {
			detail["pin_try"] = strconv.Itoa(t.pin.number)
		}
		if err := k.stage(&b, t.about, gateway.EventProofTried, detail); err != nil {
			return err
		}
		return k.write(ctx, &b, "counting a try")
	})
	return reason, err
}

func (k *Book) stageTry(ctx context.Context, b *store.Batch, t *try) (gateway.ProofReason, error) {
	t.code, t.pin = nil, nil
	reason := gateway.ProofNoCode
	if t.shut {
		reason = gateway.ProofClosed
	}
	if t.Codes && len(t.digits) == codeDigits {
		of := k.codeLedger(t.Link, t.Thaw)
		l, version, err := get[ledger](ctx, k.store, of.key)
		if err != nil {
			return "", fmt.Errorf("reading the tries of a link: %w", err)
		}
		l.fresh(k.now(), k.config.CodeTTL)
		t.held, t.live = l.of(t.session)
		switch {
		case k.stateOf(l, of) != gateway.LinkActive:
			reason = gateway.ProofClosed
		case t.live || t.PIN == nil && len(l.Codes) > 0:
			if t.code, err = k.countOn(b, of, &l, version); err != nil {
				return "", err
			}
		}
	}
	if t.PIN != nil {
		of := k.pinLedger(t)
		l, version, err := get[ledger](ctx, k.store, of.key)
		if err != nil {
			return "", fmt.Errorf("reading the tries of a PIN: %w", err)
		}
		if k.stateOf(l, of) != gateway.LinkActive {
			reason = gateway.ProofClosed
		} else if t.pin, err = k.countOn(b, of, &l, version); err != nil {
			return "", err
		}
	}
	if t.code != nil || t.pin != nil {
		reason = ""
	}
	return reason, nil
}

// countOn stages one more try in a ledger.
func (k *Book) countOn(b *store.Batch, of ledgerOf, l *ledger, version store.Version) (*count, error) {
	l.Wrong++
	if l.Wrong%of.tries == 0 {
		l.PausedUntil = k.now().Add(k.config.Pause)
	}
	require(b, of.key, version)
	return &count{of, l.Wrong}, b.PutRecord(of.key, l)
}
