package proof

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// ledger is the record of the tries at one thing: a link, the PIN of a person,
// or the thaw of a link. Codes are those of the link or of the thaw.
type ledger struct {
	Wrong       int       // tries that were counted and not proven right
	PausedUntil time.Time `json:",omitzero"`
	Frozen      bool      `json:",omitempty"` // and evidence says so
	SentAt      time.Time `json:",omitzero"`  // of the newest code
	Codes       []code    `json:",omitempty"`
	// Asked are the times of the codes of the last day, the oldest first.
	Asked []time.Time `json:",omitempty"`
	Sent  int         `json:",omitempty"` // codes of a thaw so far
	// Locked says that who got the link reported it: it is frozen also for
	// those who proved themselves before, and no code thaws it.
	Locked   bool              `json:",omitempty"`
	Reported []gateway.Concern `json:",omitempty"`
}

// ledgerOf says where a ledger is kept, how much it bears, and what evidence
// calls its closing.
type ledgerOf struct {
	key            []byte
	tries, freeze  int
	paused, frozen gateway.Event
}

// thawTries is how many wrong codes a link bears that would be thawed by
// another channel, and how many codes are sent for it. Beyond, staff thaws it.
const thawTries = 3

// linkLedger holds the codes of a link and counts the tries at them.
func (k *Book) linkLedger(link gateway.LinkID) ledgerOf {
	return ledgerOf{ledgerKey(link), k.config.Tries, k.config.Freeze, gateway.EventLinkPaused, gateway.EventLinkFrozen}
}

// personLedger counts the tries at the standing PIN of a person, through
// whichever link.
func (k *Book) personLedger(person gateway.PersonRef) ledgerOf {
	return ledgerOf{store.Key(store.Proofs, []byte{'P'}, person[:]), k.config.Tries, k.config.Freeze, gateway.EventPINPaused, gateway.EventPINFrozen}
}

// thawLedger holds the codes that thaw a link and counts the tries at them.
func (k *Book) thawLedger(link gateway.LinkID) ledgerOf {
	return ledgerOf{store.Key(store.Proofs, []byte{'T'}, link[:]), thawTries, thawTries, gateway.EventThawClosed, gateway.EventThawClosed}
}

// code is one live code.
type code struct {
	Session   []byte // hash of the session that asked
	Hash      []byte
	Sent      time.Time
	Assurance gateway.Assurance
	Used      time.Time `json:",omitzero"` // when it passed
}

// maxCodes bounds the codes that a link has at once: one each for a handful of
// devices. Beyond, none is sent until one has ended: the code that somebody
// waits for stays theirs.
const maxCodes = 4

// dayCodes bounds the codes that a link sends within day.
const (
	dayCodes = 10
	day      = 24 * time.Hour
)

func ledgerKey(link gateway.LinkID) []byte {
	return store.Key(store.Proofs, []byte{'L'}, link[:])
}

// clockSlack is how far a clock may be set back before what was written down
// by it is not believed.
const clockSlack = time.Hour

// ahead reports whether a time that was written down as past lies ahead: the
// clock was wrong then, and has been set back.
func ahead(t, now time.Time) bool { return t.After(now.Add(clockSlack)) }

// fresh drops what is too old to work, and what a clock that was ahead would
// keep, or keep others from, for as long as it was ahead.
func (l *ledger) fresh(now time.Time, ttl time.Duration) {
	l.Codes = slices.DeleteFunc(l.Codes, func(c code) bool { return !now.Before(c.end(ttl)) || ahead(c.Sent, now) })
	l.Asked = slices.DeleteFunc(l.Asked, func(at time.Time) bool { return !now.Before(at.Add(day)) || ahead(at, now) })
	if ahead(l.SentAt, now) {
		l.SentAt = time.Time{}
	}
}

// end is when a code does nothing any more.
func (c *code) end(ttl time.Duration) time.Time {
	end := c.Sent.Add(ttl)
	if twin := c.Used.Add(twinTime); !c.Used.IsZero() && twin.Before(end) {
		return twin
	}
	return end
}

// next is when a fresh ledger may have another code for session; zero for at
// once.
func (l *ledger) next(session []byte, ttl, resend time.Duration) time.Time {
	var at time.Time
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	if !l.SentAt.IsZero() {
		later(l.SentAt.Add(resend))
	}
	if len(l.Asked) >= dayCodes {
		later(l.Asked[len(l.Asked)-dayCodes].Add(day))
	}
	if _, replaces := l.of(session); !replaces && len(l.Codes) >= maxCodes {
		first := slices.MinFunc(l.Codes, func(a, b code) int { return a.end(ttl).Compare(b.end(ttl)) })
		later(first.end(ttl))
	}
	return at
}

// of returns the code that session asked for.
func (l *ledger) of(session []byte) (code, bool) {
	for _, c := range l.Codes {
		if string(c.Session) == string(session) {
			return c, true
		}
	}
	return code{}, false
}

// drop removes the code of session.
func (l *ledger) drop(session []byte) {
	kept := l.Codes[:0]
	for _, c := range l.Codes {
		if string(c.Session) != string(session) {
			kept = append(kept, c)
		}
	}
	l.Codes = kept
}

// use marks the code of session as used.
func (l *ledger) use(session []byte, now time.Time) {
	for i := range l.Codes {
		if string(l.Codes[i].Session) == string(session) && l.Codes[i].Used.IsZero() {
			l.Codes[i].Used = now
		}
	}
}

// add puts in a code, in place of the one that the session had.
func (l *ledger) add(c code) {
	l.drop(c.Session)
	l.Codes, l.Asked, l.SentAt = append(l.Codes, c), append(l.Asked, c.Sent), c.Sent
}

// stateOf a ledger as far as tries decide it. A count that reached the limit
// freezes even when the process died before it could say so.
func (k *Book) stateOf(l ledger, of ledgerOf) gateway.LinkState {
	switch {
	case l.Frozen || l.Wrong >= of.freeze:
		return gateway.LinkFrozen
	case k.now().Before(l.PausedUntil) && !ahead(l.PausedUntil.Add(-k.config.Pause), k.now()):
		return gateway.LinkPaused
	default:
		return gateway.LinkActive
	}
}

// Status is what a page may say about the proof of a link or about a PIN.
type Status struct {
	State       gateway.LinkState // active, paused or frozen
	TriesLeft   int               // until the next pause or the freeze
	PausedUntil time.Time         // zero unless paused
	CodeSentAt  time.Time         // of the live code of the asking session; zero when it has none
	CodeUntil   time.Time         // when that code stops working
	ResendAt    time.Time         // when the session may have another code for the link; may be past
	Locked      bool              // frozen by a report: nothing but staff opens it
	Spent       bool              // of a thaw: no more codes for it
}

// Status tells how the link stands for session, "" for none. It writes
// nothing.
func (k *Book) Status(ctx context.Context, link gateway.LinkID, session string) (Status, error) {
	return k.statusOf(ctx, k.linkLedger(link), session)
}

// PINStatus tells how the standing PIN of a person stands. It writes nothing.
func (k *Book) PINStatus(ctx context.Context, person gateway.PersonRef) (Status, error) {
	return k.statusOf(ctx, k.personLedger(person), "")
}

// ThawStatus tells how the thaw of a frozen link by a code stands. It writes
// nothing.
func (k *Book) ThawStatus(ctx context.Context, link gateway.LinkID, session string) (Status, error) {
	return k.statusOf(ctx, k.thawLedger(link), session)
}

func (k *Book) statusOf(ctx context.Context, of ledgerOf, session string) (Status, error) {
	l, _, err := get[ledger](ctx, k.store, of.key)
	if err != nil {
		return Status{}, fmt.Errorf("reading the count of tries: %w", err)
	}
	return k.status(l, of, k.sessionHash(session)), nil
}

func (k *Book) status(l ledger, of ledgerOf, session []byte) Status {
	s := Status{State: k.stateOf(l, of), Locked: l.Locked, Spent: l.Sent >= thawTries}
	if s.State == gateway.LinkPaused {
		s.PausedUntil = l.PausedUntil
	}
	if s.State == gateway.LinkActive {
		s.TriesLeft = min(of.tries-l.Wrong%of.tries, of.freeze-l.Wrong)
	}
	l.fresh(k.now(), k.config.CodeTTL)
	if c, ok := l.of(session); ok && c.Used.IsZero() {
		s.CodeSentAt, s.CodeUntil = c.Sent, c.Sent.Add(k.config.CodeTTL)
	}
	s.ResendAt = l.next(session, k.config.CodeTTL, k.config.Resend)
	return s
}

// Forget removes in b everything that is known of the proofs of link, for when
// the link itself goes.
func (k *Book) Forget(b *store.Batch, link gateway.LinkID) {
	b.Delete(ledgerKey(link))
	b.Delete(k.thawLedger(link).key)
}

// ForgetPerson removes in b what is known of the tries at a person's PIN, for
// when the person is erased.
func (k *Book) ForgetPerson(b *store.Batch, person gateway.PersonRef) {
	b.Delete(k.personLedger(person).key)
}
