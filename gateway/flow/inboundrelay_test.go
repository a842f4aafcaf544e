package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// relaying is a world that passes mail for the organization on.
func relaying(t *testing.T, w *world, act func(ctx context.Context, f *Flow) error) func(context.Context, *Flow) error {
	t.Helper()
	return func(ctx context.Context, f *Flow) error {
		set := w.settings()
		set.InboundRelay = true
		f.Configure(set, testJudge())
		return act(ctx, f)
	}
}

const ordinary = "Authentication-Results: mx.out.example; dkim=pass\r\nAuthentication-Results: gate.clinic.example; dkim=pass header.d=bank.example\r\n" +
	"X-Gatepost-Secure: yes\r\nFrom: x@out.example\r\nTo: ann@clinic.example\r\nSubject: [secure] lunch\r\nMessage-ID: <1@out.example>\r\n\r\nlunch?\r\n"

// Mail for the organization that belongs to no conversation passes as it is,
// but for what claims to be our own verdict.
func TestOrdinaryMailPassesInside(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	err := w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) error {
		_, err := handIn(ctx, f, stranger("x@out.example", "ann@clinic.example"), ordinary)
		deliverAll(ctx, f, time.Minute)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := w.hop.mail("ann@clinic.example")
	rest := strings.Replace(ordinary, "Authentication-Results: gate.clinic.example; dkim=pass header.d=bank.example\r\n", "", 1)
	if len(got) != 1 || !strings.HasSuffix(got[0], "\r\n"+rest) || strings.Contains(got[0], "bank.example") {
		t.Fatalf("staff got %q", got)
	}
	if head := strings.TrimSuffix(got[0], rest); !strings.HasPrefix(head, "Received: ") || strings.Count(head, "Authentication-Results: gate.clinic.example; dkim=none; spf=none") != 1 {
		t.Errorf("on top stands %q", head)
	}
	w.sound(t, kv)
}

// An answer that goes to the person instead of the capability is placed by what
// it refers to.
func TestAnswerByReference(t *testing.T) {
	for name, c := range map[string]struct {
		signed   string
		attached bool
	}{"signed": {"secure.example", true}, "unsigned": {"none", false}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			kv := emptyStore()
			w.secured(t, kv, "s@secure.example")
			w.hop.forget()
			raw := answering("ann@clinic.example", "1", "X-Signed: "+c.signed, "In-Reply-To: <original@clinic.example>")
			var id gateway.MessageID
			err := w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) (err error) {
				s := stranger("s@secure.example", "ann@clinic.example")
				s.Recipients = append(s.Recipients, gateway.Recipient{Address: gateway.MustAddress("bob@clinic.example")})
				id, err = handIn(ctx, f, s, raw)
				deliverAll(ctx, f, time.Minute)
				return err
			}))
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"ann@clinic.example", "bob@clinic.example"} {
				if n := countIn(w.hop.mail(who), "via Secure"); (n == 1) != c.attached || n > 1 {
					t.Errorf("%s got %d answers: %q", who, n, w.hop.mail(who))
				}
			}
			if c.attached {
				return
			}
			w.hop.forget()
			err = w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) error {
				for _, n := range []string{".0", ".1"} {
					if _, err := operation(ctx, f, "held.release", url.Values{"id": {id.String() + n}, "reason": {"fine"}}, ""); err != nil {
						return err
					}
				}
				deliverAll(ctx, f, time.Minute)
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"ann@clinic.example", "bob@clinic.example"} {
				if got := w.hop.mail(who); len(got) != 1 || !strings.HasSuffix(got[0], "\r\n"+raw) || !strings.Contains(got[0], "dkim=none") {
					t.Errorf("%s got %q", who, got)
				}
			}
			w.sound(t, kv)
		})
	}
}

// Mail servers hand one mail in once for each domain: to the capability, to the
// person, to a colleague, in any order. It is one answer, the colleague gets
// the mail, and who hands a copy in again is found out.
func TestOneAnswerInSeveralTransactions(t *testing.T) {
	for name, order := range map[string][]string{"capability first": {"r", "ann", "carol"}, "person first": {"ann", "r", "carol"}, "colleague first": {"carol", "r", "ann"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			kv := emptyStore()
			w.secured(t, kv, "s@secure.example")
			to := replyTo(w.hop.mail("s@secure.example")[0])
			w.hop.forget()
			raw := answering(to+">, <ann@clinic.example>, <carol@clinic.example>, <dave@clinic.example", "1", "References: <original@clinic.example>")
			err := w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) error {
				for round := range 2 {
					for _, who := range order {
						target := who + "@clinic.example"
						if who == "r" {
							target = to
						}
						if _, err := handIn(ctx, f, stranger("s@secure.example", target), raw); err != nil {
							return err
						}
					}
					deliverAll(ctx, f, time.Minute)
					if held, _ := operation(ctx, f, "held.list", nil, ""); strings.Count(held, "replayed") != 3*round {
						t.Errorf("round %d: held %s", round+1, held)
					}
				}
				_, err := handIn(ctx, f, stranger("x@evil.example", "dave@clinic.example"), strings.Replace(raw, "X-Signed: secure.example", "X-Signed: evil.example", 1))
				if held, _ := operation(ctx, f, "held.list", nil, ""); strings.Count(held, "other_domain") != 1 {
					t.Errorf("forged copy: held %s", held)
				}
				return err
			}))
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"ann@clinic.example", "carol@clinic.example"} {
				if n := countIn(w.hop.mail(who), "thank you"); n != 1 {
					t.Errorf("%s got it %d times", who, n)
				}
			}
			w.sound(t, kv)
		})
	}
}

// Whom a correspondent writes to besides gets that mail, and nothing of what
// the others answer.
func TestCorrespondentBringsNobodyIn(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	w.acceptInto(t, kv, submissionTo("s@secure.example", "b@secure.example"), testMail)
	w.settle(t, kv)
	to, other := replyTo(w.hop.mail("s@secure.example")[0]), replyTo(w.hop.mail("b@secure.example")[0])
	w.hop.forget()
	err := w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) error {
		s := stranger("s@secure.example", to)
		s.Recipients = append(s.Recipients, gateway.Recipient{Address: gateway.MustAddress("carol@clinic.example")})
		if _, err := handIn(ctx, f, s, answering(to, "1")); err != nil {
			return err
		}
		_, err := handIn(ctx, f, stranger("b@secure.example", other), answering(other, "2", "From: b@secure.example"))
		deliverAll(ctx, f, time.Minute)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]int{"ann@clinic.example": 2, "carol@clinic.example": 1} {
		if n := countIn(w.hop.mail(who), "thank you"); n != want {
			t.Errorf("%s got %d answers", who, n)
		}
	}
	w.sound(t, kv)
}

// What programs write to people by what it refers to: a bounce is theirs to
// read, an automatic reply is recorded, a list is looked at by a person.
func TestProgramsByReference(t *testing.T) {
	refers := "In-Reply-To: <original@clinic.example>"
	for name, c := range map[string]struct {
		from, raw   string
		state       gateway.State
		passed, own bool
	}{
		"bounce":        {"", refers + "\r\n" + testBounce, gateway.Delivered, true, true},
		"out of office": {"", answering("ann@clinic.example", "1", refers, "Auto-Submitted: auto-replied"), gateway.Recorded, false, false},
		"list":          {"s@secure.example", answering("ann@clinic.example", "1", refers, "List-Id: <l.secure.example>"), gateway.Held, false, true},
	} {
		w := newWorld(t)
		kv := emptyStore()
		w.secured(t, kv, "s@secure.example")
		w.hop.forget()
		var e gateway.Envelope
		var m *gateway.Message
		err := w.in(t, kv, relaying(t, w, func(ctx context.Context, f *Flow) error {
			id, err := handIn(ctx, f, stranger(c.from, "ann@clinic.example"), c.raw)
			if err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			if e, err = f.envelope(ctx, gateway.EnvelopeID{Message: id}); err != nil {
				return err
			}
			m, err = f.message(ctx, id)
			return err
		}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := w.hop.mail("ann@clinic.example")
		if passed := len(got) == 1 && strings.HasSuffix(got[0], c.raw); passed != c.passed || e.State != c.state || (m.Authentication != nil) != c.own {
			t.Errorf("%s: %s, verified %v, staff got %q", name, e.State, m.Authentication != nil, got)
		}
	}
}
