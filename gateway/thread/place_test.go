package thread

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatepost/gateway"
)

var placeNow = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// good is the mail that is attached.
func good() Facts {
	return Facts{
		Now: placeNow, Froms: 1, Authors: 1, Participant: true, MessageID: true, Date: placeNow.Add(-time.Minute), InTo: true,
		Authentication: gateway.Authentication{Domain: "out.example", Signatures: []gateway.Signature{goodSignature()}},
		SeenSignature:  []bool{false},
	}
}

func goodSignature() gateway.Signature {
	return gateway.Signature{
		Domain: "out.example", Algorithm: "rsa-sha256", Result: gateway.AuthPass, Aligned: true, Bits: 2048,
		Covered: []string{"from", "to", "date", "subject", "message-id"}, Signed: placeNow.Add(-time.Minute),
	}
}

// signed is a change of the one signature.
func signed(change func(*gateway.Signature)) func(*Facts) {
	return func(f *Facts) { change(&f.Authentication.Signatures[0]) }
}

// withAnother puts a second signature behind the good one, which then fails.
func withAnother(first func(*gateway.Signature), second func(*gateway.Signature)) func(*Facts) {
	return func(f *Facts) {
		first(&f.Authentication.Signatures[0])
		s := goodSignature()
		second(&s)
		f.Authentication.Signatures = append(f.Authentication.Signatures, s)
		f.SeenSignature = append(f.SeenSignature, false)
	}
}

func TestPlace(t *testing.T) {
	result := func(r gateway.AuthResult) func(*gateway.Signature) {
		return func(s *gateway.Signature) { s.Result = r }
	}
	without := func(name string) func(*Facts) {
		return signed(func(s *gateway.Signature) {
			var left []string
			for _, c := range s.Covered {
				if c != name {
					left = append(left, c)
				}
			}
			s.Covered = left
		})
	}
	same := func(*gateway.Signature) {}
	for _, c := range []struct {
		name   string
		change func(*Facts)
		place  Place
		reason Reason
	}{
		{"signed", func(*Facts) {}, Attach, ReasonSigned},
		{"ed25519", signed(func(s *gateway.Signature) { s.Algorithm, s.Bits = "ed25519-sha256", 0 }), Attach, ReasonSigned},
		{"in Cc", func(f *Facts) {
			f.InTo, f.InCc = false, true
			f.Authentication.Signatures[0].Covered = append(f.Authentication.Signatures[0].Covered, "cc")
		}, Attach, ReasonSigned},
		{"without t=", signed(func(s *gateway.Signature) { s.Signed = time.Time{} }), Attach, ReasonSigned},
		{"dead", func(f *Facts) { f.Dead = true }, Reject, ReasonDead},
		{"dead and staff", func(f *Facts) { f.Dead, f.Staff = true, true }, Reject, ReasonDead},
		{"automatic", func(f *Facts) { f.Automatic = true }, Record, ReasonAutomatic},
		{"automatic from staff", func(f *Facts) { f.Automatic, f.Staff = true, true }, Record, ReasonAutomatic},
		{"automatic and unsigned", func(f *Facts) { f.Automatic, f.Authentication.Signatures = true, nil }, Record, ReasonAutomatic},
		{"program", func(f *Facts) { f.Program = true }, Quarantine, ReasonProgram},
		{"staff", func(f *Facts) { f.Staff = true }, StaffTurn, ReasonStaff},
		{"staff needs no signature", func(f *Facts) { f.Staff, f.Authentication.Signatures, f.Participant = true, nil, false }, StaffTurn, ReasonStaff},
		{"no From", func(f *Facts) { f.Froms, f.Authors = 0, 0 }, Reject, ReasonAuthors},
		{"two Froms", func(f *Facts) { f.Froms = 2 }, Reject, ReasonAuthors},
		{"two authors", func(f *Facts) { f.Authors = 2 }, Reject, ReasonAuthors},
		{"dmarc reject", func(f *Facts) { f.Authentication.DMARC, f.Authentication.Policy = gateway.AuthFail, "reject" }, Reject, ReasonPolicy},
		{"dmarc quarantine, and a signature all the same", func(f *Facts) { f.Authentication.DMARC, f.Authentication.Policy = gateway.AuthFail, "quarantine" }, Attach, ReasonSigned},
		{"again", func(f *Facts) { f.Again, f.SeenID, f.SeenSignature = true, true, []bool{true} }, Record, ReasonAgain},
		{"again, it says", func(f *Facts) { f.Again, f.SeenID, f.Authentication.Signatures = true, true, nil }, Quarantine, ReasonUnsigned},
		{"stranger", func(f *Facts) { f.Participant = false }, Quarantine, ReasonStranger},
		{"repeated field", func(f *Facts) { f.Repeated = true }, Quarantine, ReasonRepeated},
		{"no Message-ID", func(f *Facts) { f.MessageID = false }, Quarantine, ReasonIncomplete},
		{"no Date", func(f *Facts) { f.Date = time.Time{} }, Quarantine, ReasonIncomplete},
		{"not in To or Cc", func(f *Facts) { f.InTo = false }, Quarantine, ReasonUnaddressed},
		{"seven days", func(f *Facts) { f.Date = f.Now.Add(-MaxAge) }, Attach, ReasonSigned},
		{"older", func(f *Facts) { f.Date = f.Now.Add(-MaxAge - time.Second) }, Quarantine, ReasonOld},
		{"a clock that is wrong", func(f *Facts) { f.Date = f.Now.Add(MaxAhead) }, Attach, ReasonSigned},
		{"future", func(f *Facts) { f.Date = f.Now.Add(MaxAhead + time.Second) }, Quarantine, ReasonFuture},
		{"replayed", func(f *Facts) { f.SeenID = true }, Quarantine, ReasonReplayed},
		{"unsigned", func(f *Facts) { f.Authentication.Signatures = nil }, Quarantine, ReasonUnsigned},
		{"another domain's signature", signed(func(s *gateway.Signature) { s.Aligned = false }), Quarantine, ReasonOther},
		{"invalid", signed(result(gateway.AuthFail)), Quarantine, ReasonInvalid},
		{"key gone", signed(result(gateway.AuthPermError)), Quarantine, ReasonInvalid},
		{"not accepted", signed(result(gateway.AuthPolicy)), Quarantine, ReasonInvalid},
		{"never verified", signed(result("")), Quarantine, ReasonInvalid},
		{"l=", signed(func(s *gateway.Signature) { s.Partial = true }), Quarantine, ReasonPartial},
		{"sha1", signed(func(s *gateway.Signature) { s.Algorithm = "rsa-SHA1" }), Quarantine, ReasonWeakHash},
		{"short key", signed(func(s *gateway.Signature) { s.Bits = 1023 }), Quarantine, ReasonWeakKey},
		{"weak key", signed(func(s *gateway.Signature) { s.Bits = 1024 }), Attach, ReasonSigned},
		{"expired", signed(func(s *gateway.Signature) { s.Expires = placeNow.Add(-time.Second) }), Quarantine, ReasonExpired},
		{"not expired yet", signed(func(s *gateway.Signature) { s.Expires = placeNow.Add(time.Second) }), Attach, ReasonSigned},
		{"signed long ago", signed(func(s *gateway.Signature) { s.Signed = placeNow.Add(-MaxAge - time.Second) }), Quarantine, ReasonExpired},
		{"signed in the future", signed(func(s *gateway.Signature) { s.Signed = placeNow.Add(MaxAhead + time.Second) }), Quarantine, ReasonExpired},
		{"From not covered", without("from"), Quarantine, ReasonUncovered},
		{"Date not covered", without("date"), Quarantine, ReasonUncovered},
		{"Subject not covered", without("subject"), Quarantine, ReasonUncovered},
		{"Message-ID not covered", without("message-id"), Quarantine, ReasonUncovered},
		{"To not covered", without("to"), Quarantine, ReasonUncovered},
		{"signature seen", func(f *Facts) { f.SeenSignature = []bool{true} }, Quarantine, ReasonSeen},
		{"signature not looked up", func(f *Facts) { f.SeenSignature = nil }, Quarantine, ReasonSeen},
		{"DNS", signed(result(gateway.AuthTempError)), Defer, ReasonDNS},
		{"DNS of another domain's", signed(func(s *gateway.Signature) { s.Result, s.Aligned = gateway.AuthTempError, false }), Quarantine, ReasonOther},
		{"DNS of what would not do", signed(func(s *gateway.Signature) { s.Result, s.Partial = gateway.AuthTempError, true }), Quarantine, ReasonPartial},
		{"DNS, and a good one", withAnother(result(gateway.AuthTempError), same), Attach, ReasonSigned},
		{"DNS, and a bad one", withAnother(result(gateway.AuthFail), result(gateway.AuthTempError)), Defer, ReasonDNS},
		{"DNS of the policy", func(f *Facts) { f.Authentication.DMARC = gateway.AuthTempError }, Attach, ReasonSigned},
		{"DNS of the policy, signed above it", func(f *Facts) {
			f.Authentication.DMARC, f.Authentication.Domain = gateway.AuthTempError, "mail.out.example"
		}, Defer, ReasonDNS},
		{"DNS of the policy, and invalid above it", func(f *Facts) {
			f.Authentication.DMARC, f.Authentication.Domain = gateway.AuthTempError, "mail.out.example"
			f.Authentication.Signatures[0].Result = gateway.AuthFail
		}, Quarantine, ReasonInvalid},
		{"DNS of a stranger", func(f *Facts) {
			f.Participant, f.Authentication.Signatures[0].Result = false, gateway.AuthTempError
		}, Quarantine, ReasonStranger},
	} {
		f := good()
		c.change(&f)
		if p := f.Place(); p.Place != c.place || p.Reason != c.reason {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, p.Place, p.Reason, c.place, c.reason)
		}
	}
}

func TestWeakKeyIsSaid(t *testing.T) {
	for bits, weak := range map[int]bool{0: false, 1024: true, 2047: true, 2048: false, 4096: false} {
		f := good()
		f.Authentication.Signatures[0].Bits = bits
		if p := f.Place(); p.Place != Attach || p.Weak != weak || p.Signature != 0 {
			t.Errorf("%d bits: %+v", bits, p)
		}
	}
}

func TestZeroFactsAreNotAttached(t *testing.T) {
	if p := (Facts{}).Place(); p.Place == Attach || p.Place == StaffTurn {
		t.Errorf("%+v", p)
	}
	if p := (Placement{}); p.Place != Quarantine {
		t.Errorf("the zero placement is %s", p.Place)
	}
}

// Whatever the facts are: what is attached has everything that it needs, and a
// staff turn is staff's.
func TestAttachedHasEverything(t *testing.T) {
	results := []gateway.AuthResult{"", gateway.AuthNone, gateway.AuthPass, gateway.AuthPass, gateway.AuthPass, gateway.AuthFail, gateway.AuthPolicy, gateway.AuthTempError, gateway.AuthPermError}
	fields := []string{"from", "to", "cc", "date", "subject", "message-id"}
	often := rapid.Custom(func(t *rapid.T) bool { return rapid.IntRange(0, 99).Draw(t, "of a hundred") < 96 })
	seldom := rapid.Custom(func(t *rapid.T) bool { return !often.Draw(t, "not") })
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		if seldom.Draw(t, "absent") {
			return time.Time{}
		}
		return placeNow.Add(time.Duration(rapid.IntRange(-9*24, 2*24).Draw(t, "hours")) * time.Hour)
	})
	attached := 0
	property := func(t *rapid.T) {
		f := Facts{
			Now: placeNow, Dead: seldom.Draw(t, "dead"), Automatic: seldom.Draw(t, "automatic"), Staff: seldom.Draw(t, "staff"), Program: seldom.Draw(t, "program"),
			Froms: rapid.SampledFrom([]int{1, 1, 1, 1, 0, 2}).Draw(t, "froms"), Authors: rapid.SampledFrom([]int{1, 1, 1, 1, 0, 2}).Draw(t, "authors"),
			Participant: often.Draw(t, "participant"), Repeated: seldom.Draw(t, "repeated"), MessageID: often.Draw(t, "id"), Date: instant.Draw(t, "date"),
			InTo: often.Draw(t, "to"), InCc: seldom.Draw(t, "cc"), Again: seldom.Draw(t, "again"), SeenID: seldom.Draw(t, "seen"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "signatures") {
			s := gateway.Signature{
				Algorithm: rapid.SampledFrom([]string{"rsa-sha256", "ed25519-sha256", "rsa-sha1"}).Draw(t, "algorithm"), Result: rapid.SampledFrom(results).Draw(t, "result"),
				Aligned: often.Draw(t, "aligned"), Bits: rapid.SampledFrom([]int{0, 512, 1024, 2048}).Draw(t, "bits"), Partial: seldom.Draw(t, "partial"),
				Signed: instant.Draw(t, "signed"),
			}
			for _, name := range fields {
				if often.Draw(t, name) {
					s.Covered = append(s.Covered, name)
				}
			}
			f.Authentication.Signatures = append(f.Authentication.Signatures, s)
			f.SeenSignature = append(f.SeenSignature, seldom.Draw(t, "seen signature"))
		}
		f.Authentication.DMARC = rapid.SampledFrom(results).Draw(t, "dmarc")
		f.Authentication.Policy = rapid.SampledFrom([]string{"", "none", "reject"}).Draw(t, "policy")
		p := f.Place()
		if p.Place == StaffTurn && (!f.Staff || f.Automatic || f.Dead) {
			t.Fatalf("a staff turn of %+v", f)
		}
		if p.Place != Attach {
			return
		}
		attached++
		mail := !f.Dead && !f.Automatic && !f.Program && !f.Staff && f.Froms == 1 && f.Authors == 1 && f.Participant && !f.Repeated && f.MessageID && !f.Again && !f.SeenID &&
			!f.Date.IsZero() && f.Now.Sub(f.Date) <= 7*24*time.Hour && f.Date.Sub(f.Now) <= 24*time.Hour
		s := f.Authentication.Signatures[p.Signature]
		has := map[string]bool{}
		for _, name := range s.Covered {
			has[name] = true
		}
		covers := has["from"] && has["date"] && has["subject"] && has["message-id"] && (f.InTo && has["to"] || f.InCc && has["cc"])
		holds := s.Result == gateway.AuthPass && s.Aligned && s.Algorithm != "rsa-sha1" && (s.Bits == 0 || s.Bits >= 1024) && !s.Partial && !f.SeenSignature[p.Signature] &&
			(s.Signed.IsZero() || f.Now.Sub(s.Signed) <= 7*24*time.Hour)
		if !mail || !covers || !holds {
			t.Fatalf("attached: %+v", f)
		}
	}
	for range 20 { // some 50 mails are attached
		rapid.Check(t, property)
	}
	if attached == 0 {
		t.Error("nothing was attached: the property says nothing")
	}
}
