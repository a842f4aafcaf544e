package thread

import (
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
)

// Place is what becomes of a mail that came to a conversation. The zero value
// is Quarantine: what nobody placed waits for a person.
type Place uint8

// The places.
const (
	Quarantine Place = iota // waits for a reviewer; the thread's staff is told
	Attach                  // is an answer in the thread
	Defer                   // 451: the DNS did not answer, which is no absence of a signature
	Reject                  // 550
	Record                  // taken note of, goes nowhere, is answered by nothing
	StaffTurn               // the next secured message of the thread
)

var placeNames = [...]string{"quarantine", "attach", "defer", "reject", "record", "staff_turn"}

func (p Place) String() string {
	if int(p) < len(placeNames) {
		return placeNames[p]
	}
	return placeNames[Quarantine]
}

// Reason says which row of the table placed a mail. It is a constant word for
// evidence, lists and Authentication-Results.
type Reason string

// The reasons, in the order in which they are looked at.
const (
	ReasonDead        Reason = "dead"            // the conversation is over: nothing of it is left
	ReasonAutomatic   Reason = "automatic"       // RFC 3834 and kin, and what comes from the null sender
	ReasonProgram     Reason = "program"         // by reference: a list, a receipt: mail for its recipient, and no answer
	ReasonStaff       Reason = "staff"           // an account, or a trusted peer that speaks for the organization
	ReasonAuthors     Reason = "authors"         // not exactly one From with exactly one address
	ReasonPolicy      Reason = "dmarc_reject"    // fails DMARC, and its domain asks to refuse that
	ReasonStranger    Reason = "not_participant" // nothing of the thread was ever sent to the author
	ReasonRepeated    Reason = "repeated_field"  // two readers may see two different values
	ReasonIncomplete  Reason = "incomplete"      // without Date or Message-ID
	ReasonUnaddressed Reason = "not_addressed"   // no To or Cc names the address that it came to
	ReasonOld         Reason = "old"             // by Date
	ReasonFuture      Reason = "future"          // by Date: replay memory would forget it before it grows old
	ReasonReplayed    Reason = "replayed"        // this Message-ID was an answer before

	// Of the signature that came nearest.
	ReasonUnsigned  Reason = "unsigned"
	ReasonOther     Reason = "other_domain" // signed, and not by the domain of the From
	ReasonInvalid   Reason = "invalid"      // does not verify: changed on the way, key gone, forged
	ReasonPartial   Reason = "partial"      // l=
	ReasonWeakHash  Reason = "sha1"
	ReasonWeakKey   Reason = "short_key"
	ReasonExpired   Reason = "expired"        // x=, or t= longer ago than MaxAge
	ReasonUncovered Reason = "uncovered"      // a field that matters is not signed
	ReasonSeen      Reason = "seen_signature" // this signature carried an answer before
	ReasonDNS       Reason = "dns"            // its key could not be asked for
	ReasonSigned    Reason = "signed"         // it holds
	ReasonAgain     Reason = "again"          // it holds, and the mail is in the thread: its copy for another address
)

// Bounds of what is accepted as an answer.
const (
	MaxAge    = 7 * 24 * time.Hour // of Date and t=
	MaxAhead  = 24 * time.Hour     // clocks are wrong, and zones are forgotten
	MinBits   = 1024               // of an RSA key, RFC 8301 section 3.2
	GoodBits  = 2048               // below it the key is recorded as weak
	SeenFor   = 30 * 24 * time.Hour
	sha1Short = "rsa-sha1"
)

// Facts is everything that the place of a mail follows from.
type Facts struct {
	Now       time.Time
	Dead      bool
	Automatic bool // an automatic reply; to a capability, anything that a program wrote
	Program   bool // by reference, and a program wrote it
	Staff     bool

	Froms       int  // From fields
	Authors     int  // mailboxes in them
	Participant bool // the one author takes part in the thread as a correspondent
	Repeated    bool // Date, Subject, Message-ID, To or Cc stands there twice
	MessageID   bool // there is one
	Date        time.Time
	InTo, InCc  bool // where the address that it came to stands
	SeenID      bool // this Message-ID was an answer before
	Again       bool // in this very thread, and no copy came to these addresses yet

	Authentication gateway.Authentication
	// SeenSignature has an element for each signature: it carried an answer
	// before.
	SeenSignature []bool
}

// Placement is a place and why.
type Placement struct {
	Place  Place
	Reason Reason
	// Signature is the place of the signature that carries an attached mail, or
	// that came nearest; -1 when none was looked at.
	Signature int
	Weak      bool // that its key is below GoodBits
}

// row is one line of the table; the first that is met counts.
type row struct {
	reason Reason
	place  Place
	met    func(*Facts) bool
}

// table is what is decided before any signature is looked at.
func table() []row {
	return []row{
		{ReasonDead, Reject, func(f *Facts) bool { return f.Dead }},
		{ReasonAutomatic, Record, func(f *Facts) bool { return f.Automatic }},
		{ReasonProgram, Quarantine, func(f *Facts) bool { return f.Program }},
		{ReasonStaff, StaffTurn, func(f *Facts) bool { return f.Staff }},
		{ReasonAuthors, Reject, func(f *Facts) bool { return f.Froms != 1 || f.Authors != 1 }},
		{ReasonPolicy, Reject, func(f *Facts) bool {
			return f.Authentication.DMARC == gateway.AuthFail && f.Authentication.Policy == "reject"
		}},
		{ReasonStranger, Quarantine, func(f *Facts) bool { return !f.Participant }},
		{ReasonRepeated, Quarantine, func(f *Facts) bool { return f.Repeated }},
		{ReasonIncomplete, Quarantine, func(f *Facts) bool { return !f.MessageID || f.Date.IsZero() }},
		{ReasonUnaddressed, Quarantine, func(f *Facts) bool { return !f.InTo && !f.InCc }},
		{ReasonOld, Quarantine, func(f *Facts) bool { return f.Now.Sub(f.Date) > MaxAge }},
		{ReasonFuture, Quarantine, func(f *Facts) bool { return f.Date.Sub(f.Now) > MaxAhead }},
		{ReasonReplayed, Quarantine, func(f *Facts) bool { return f.SeenID && !f.Again }},
	}
}

// Place decides what becomes of a mail. One good signature is enough; where
// there is none, one that could not be looked up defers the mail, because it
// might be the good one.
func (f Facts) Place() Placement {
	for _, r := range table() {
		if r.met(&f) {
			return Placement{Place: r.place, Reason: r.reason, Signature: -1}
		}
	}
	best := Placement{Reason: ReasonUnsigned, Signature: -1}
	for i := range f.Authentication.Signatures {
		reason := f.signature(i)
		if reason == ReasonSigned {
			return f.attach(i)
		}
		if nearness(reason) > nearness(best.Reason) {
			best.Reason, best.Signature = reason, i
		}
	}
	if best.Reason == ReasonDNS {
		best.Place = Defer
	}
	return best
}

// attach is the place of a mail that the i-th signature carries: mail servers
// deliver one mail to several addresses of ours one by one, and it is one
// answer.
func (f *Facts) attach(i int) Placement {
	bits := f.Authentication.Signatures[i].Bits
	p := Placement{Place: Attach, Reason: ReasonSigned, Signature: i, Weak: bits > 0 && bits < GoodBits}
	if f.Again {
		p.Place, p.Reason = Record, ReasonAgain
	}
	return p
}

// signatureRow is one demand on a signature; the first that is not met names it.
type signatureRow struct {
	reason Reason
	met    func(*Facts, *gateway.Signature) bool
}

func signatureTable() []signatureRow {
	return []signatureRow{
		{ReasonOther, func(_ *Facts, s *gateway.Signature) bool { return s.Aligned }},
		{ReasonWeakHash, func(_ *Facts, s *gateway.Signature) bool { return !strings.EqualFold(s.Algorithm, sha1Short) }},
		{ReasonPartial, func(_ *Facts, s *gateway.Signature) bool { return !s.Partial }},
		{ReasonUncovered, func(f *Facts, s *gateway.Signature) bool { return f.covered(s) }},
		{ReasonExpired, func(f *Facts, s *gateway.Signature) bool { return f.current(s) }},
		{ReasonDNS, func(_ *Facts, s *gateway.Signature) bool { return s.Result != gateway.AuthTempError }},
		{ReasonWeakKey, func(_ *Facts, s *gateway.Signature) bool { return s.Bits == 0 || s.Bits >= MinBits }},
		{ReasonInvalid, func(_ *Facts, s *gateway.Signature) bool { return s.Result == gateway.AuthPass }},
		{ReasonDNS, func(f *Facts, s *gateway.Signature) bool { return !f.unasked(s) }},
	}
}

// signature says what the i-th signature is worth.
func (f *Facts) signature(i int) Reason {
	s := &f.Authentication.Signatures[i]
	for _, r := range signatureTable() {
		if !r.met(f, s) {
			return r.reason
		}
	}
	if i >= len(f.SeenSignature) || f.SeenSignature[i] && !f.Again {
		return ReasonSeen
	}
	return ReasonSigned
}

// unasked reports whether the signature speaks for the From only if the policy
// of its domain allows that (adkim=), and the DNS did not tell the policy.
func (f *Facts) unasked(s *gateway.Signature) bool {
	return f.Authentication.DMARC == gateway.AuthTempError && s.Domain != f.Authentication.Domain
}

// nearness orders what signatures are worth, so that the one that came nearest
// names the mail.
func nearness(r Reason) int {
	return slices.Index([]Reason{
		ReasonUnsigned, ReasonOther, ReasonInvalid, ReasonWeakHash, ReasonWeakKey, ReasonPartial, ReasonUncovered, ReasonExpired, ReasonSeen, ReasonDNS,
	}, r)
}

// covered reports whether everything that the place depends on is signed.
func (f *Facts) covered(s *gateway.Signature) bool {
	has := func(name string) bool { return slices.Contains(s.Covered, name) }
	return has("from") && has("date") && has("subject") && has("message-id") && (f.InTo && has("to") || f.InCc && has("cc"))
}

// current reports whether the signature is neither expired nor too old, nor
// made for later.
func (f *Facts) current(s *gateway.Signature) bool {
	if !s.Expires.IsZero() && f.Now.After(s.Expires) {
		return false
	}
	return s.Signed.IsZero() || f.Now.Sub(s.Signed) <= MaxAge && s.Signed.Sub(f.Now) <= MaxAhead
}
