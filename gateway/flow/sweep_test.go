package flow

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
	"gatepost/store/storetest"
)

// journey is one thing that people or peers do, told over a store of which
// each single operation fails once.
type journey struct {
	name string
	// covers names what it sweeps: methods of Flow and "op" names.
	covers []string
	// prepare fills the store before the journey.
	prepare func(t *testing.T, w *world, kv store.Store)
	run     func(ctx context.Context, t *testing.T, w *world, f *Flow) error
	// check holds what is true after the journey, whatever failed; answer is
	// what the outside was told.
	check func(t *testing.T, w *world, kv store.Store, answer error)
}

// notJourneys are the methods that touch no store.
var notJourneys = []string{"Policy", "Configure", "Work", "Hostname", "Mode", "Destination", "Limit", "Operations", "Settled", "DeliveriesWait", "ResumeSMS", "Parked"}

// A journey that nobody sweeps fails here.
func TestEveryJourneyIsSwept(t *testing.T) {
	covered := map[string]bool{}
	for _, j := range journeys() {
		for _, c := range j.covers {
			covered[c] = true
		}
	}
	for m := range reflect.TypeFor[*Flow]().Methods() {
		if !covered[m.Name] && !slices.Contains(notJourneys, m.Name) {
			t.Errorf("method %s is in no sweep", m.Name)
		}
	}
	for name := range maps.Keys(new(Flow).Operations(nil)) {
		if !covered["op "+name] {
			t.Errorf("operation %s is in no sweep", name)
		}
	}
}

// TestSweep tells each journey with each operation of the store, of the bodies,
// of the network and of the clock failing in turn, undone or done with its
// answer lost, and checks after each what holds always.
func TestSweep(t *testing.T) {
	total, told := swept{operations: make(map[string]int)}, 0
	for _, j := range journeys() {
		if underRace && !slices.Contains([]string{"accept", "deliver", "ask for a code", "prove"}, j.name) {
			continue
		}
		t.Run(j.name, func(t *testing.T) {
			one := sweep(t, j)
			for kind, n := range one.operations {
				total.operations[kind] += n
			}
			told, total.runs = told+1, total.runs+one.runs
		})
	}
	n := 0
	for _, of := range total.operations {
		n += of
	}
	t.Logf("MEASURED %d operations x %d journeys, %d runs (operations: %v)", n, told, total.runs, total.operations)
}

// sweep runs a journey under every planned failure.
func sweep(t *testing.T, j journey) swept {
	w := newWorld(t)
	inner := storetest.NewMemory()
	if j.prepare != nil {
		j.prepare(t, w, inner)
	}
	before, bodies := maps.Clone(w.hop.got), w.dir
	operations, runs := storetest.Sweep(t, storetest.Story{
		Name: j.name,
		Open: func(t *testing.T) store.Store {
			w.hop.got = maps.Clone(before)
			w.smsc.forget()
			w.dir = copyOf(t, bodies)
			return inner.Copy()
		},
		Run: func(t *testing.T, s store.Store) error {
			return w.in(t, s, func(ctx context.Context, f *Flow) error { return j.run(ctx, t, w, f) })
		},
		Check: func(t *testing.T, s store.Store, answer error) { w.checked(t, j, s, answer) },
	})
	all := sweepFaults(t, j, func(t *testing.T, p *fault) { journeyUnder(t, w, j, inner, before, bodies, p) })
	all.operations["store"] = operations
	all.runs += runs
	return all
}

func journeys() []journey {
	return slices.Concat(mailJourneys(), readerJourneys(), conversationJourneys(), incomingJourneys(), proofJourneys(), operatorJourneys(), recallJourneys(), contactJourneys(), receiptJourneys(), shortJourneys(), receivedJourneys(), staffMailJourneys(), reviewJourneys())
}

// messages counts the messages that are not our own.
func messages(t *testing.T, w *world, kv store.Store) (n int) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		return each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
			if m.Direction != gateway.Internal {
				n++
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

// envelopes returns all envelopes of kv by recipient.
func envelopes(t *testing.T, w *world, kv store.Store) map[string]gateway.Envelope {
	t.Helper()
	all := map[string]gateway.Envelope{}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		return each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) { all[e.Recipient.Wire()] = *e })
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// settle lets a healthy process finish what is left.
func (w *world) settle(t *testing.T, kv store.Store) {
	t.Helper()
	if err := w.in(t, kv, func(ctx context.Context, f *Flow) error { deliverAll(ctx, f, 10*time.Minute); return nil }); err != nil {
		t.Error(err)
	}
}

func (w *world) acceptInto(t *testing.T, kv store.Store, s gateway.Submission, raw string) (id gateway.MessageID) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
		id, err = accept(ctx, f, s, raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// stranger is a peer on the inbound listener.
func stranger(from, to string) gateway.Submission {
	s := submissionTo(to)
	s.Peer.Listener, s.Peer.Trusted = "inbound", false
	s.From = gateway.Address{}
	if from != "" {
		s.From = gateway.MustAddress(from)
	}
	return s
}

func mailJourneys() []journey {
	return []journey{
		{
			name: "accept", covers: []string{"Accept", "Sender", "Recipient"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				s := submissionTo(fiveWays...)
				for _, r := range s.Recipients {
					if err := errors.Join(f.Sender(ctx, &s), f.Recipient(ctx, &s, r)); err != nil {
						return err
					}
				}
				_, err := accept(ctx, f, s, testMail)
				return err
			},
			check: checkAccepted,
		},
		{
			name: "accept a large mail", covers: []string{"Accept"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := accept(ctx, f, submissionTo(fiveWays...), testMail+strings.Repeat("a line of a large mail\r\n", 20_000))
				return err
			},
			check: checkAccepted,
		},
		{
			name: "deliver", covers: []string{"Deliver", "Settle"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				w.acceptInto(t, kv, submissionTo("p@pass.example", "s@secure.example", "x@plain.example", "gone@bounce.example"), testMail)
				w.hop.refuse["bounce.example"] = gateway.Outcome{Result: gateway.Failed, Code: 550, Status: "5.1.1", Text: "no such user"}
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				deliverAll(ctx, f, 20*time.Second)
				return nil
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) {
				w.settle(t, kv)
				for to, state := range map[string]gateway.State{
					"p@pass.example": gateway.Delivered, "s@secure.example": gateway.Delivered, "x@plain.example": gateway.Delivered, "gone@bounce.example": gateway.Bounced,
				} {
					if e := envelopes(t, w, kv)[to]; e.State != state {
						t.Errorf("%s is %s", to, e.State)
					}
				}
				for _, to := range []string{"p@pass.example", "s@secure.example", "x@plain.example", "ann@clinic.example"} {
					if n := len(w.hop.mail(to)); n < 1 || n > 2 {
						t.Errorf("%s got %d mails", to, n)
					}
				}
			},
		},
		{
			name: "secure without a staff copy", covers: []string{"Accept", "Settle"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := accept(ctx, f, submissionTo("n@nocopy.example"), testMail)
				deliverAll(ctx, f, 5*time.Second)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				if n := len(w.hop.mail("n@nocopy.example")); answer == nil && n < 1 {
					t.Error("no notice left")
				}
				w.nothingReadable(t, "n@nocopy.example")
			},
		},
		{
			name: "late", covers: []string{"Delayed"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				w.acceptInto(t, kv, submissionTo("p@pass.example"), testMail)
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				var b store.Batch
				var e gateway.Envelope
				if err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(x *gateway.Envelope) { e = *x }); err != nil {
					return err
				}
				if err := f.Delayed(ctx, &b, e); err != nil {
					return err
				}
				return store.Write(ctx, f.Store, &b)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if _, told := envelopes(t, w, kv)["ann@clinic.example"]; answer == nil && !told {
					t.Error("the sender was not told")
				}
			},
		},
		{
			name: "bounce of a notice", covers: []string{"Accept"},
			prepare: func(t *testing.T, w *world, kv store.Store) { w.secured(t, kv, "s@secure.example") },
			run: func(ctx context.Context, _ *testing.T, w *world, f *Flow) error {
				s := stranger("", w.hop.from["s@secure.example"])
				if err := f.Recipient(ctx, &s, s.Recipients[0]); err != nil {
					return err
				}
				_, err := accept(ctx, f, s, testBounce)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				report, told := envelopes(t, w, kv)["ann@clinic.example"]
				if bounced := envelopes(t, w, kv)["s@secure.example"].State == gateway.Bounced; told != bounced || told != (answer == nil) && !errors.Is(answer, store.ErrUnknown) {
					t.Errorf("answer %v, bounced %v, report %+v", answer, bounced, report)
				}
			},
		},
		{
			name: "housekeeping", covers: []string{"Housekeep"},
			prepare: func(t *testing.T, w *world, kv store.Store) { w.secured(t, kv, "s@secure.example") },
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				f.housekeepOnce(ctx)
				return nil
			},
		},
		{
			name: "replay", covers: []string{"Replay"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				w.acceptInto(t, kv, submissionTo("s@secure.example"), testMail)
				behind := kv.(*storetest.Memory).Copy()
				w.settle(t, behind)
			},
			run: func(ctx context.Context, _ *testing.T, w *world, f *Flow) error {
				_, err := f.Replay(ctx, func(visit func(seal.Entry) error) error {
					_, err := w.keys.Journal().Replay(visit)
					return err
				})
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				before := len(w.hop.mail("s@secure.example"))
				if answer != nil {
					return // the operator repeats it before the queue runs
				}
				w.settle(t, kv)
				if len(w.hop.mail("s@secure.example")) != before {
					t.Error("sent again after a replay")
				}
			},
		},
	}
}

// checkAccepted: 250 means that everything is there and will be delivered;
// anything else, that nothing is.
func checkAccepted(t *testing.T, w *world, kv store.Store, answer error) {
	n := messages(t, w, kv)
	if errors.Is(answer, store.ErrUnknown) {
		// The store went away with the answer: the peer hears 451 and sends
		// again, which is one copy too many and never one too few.
	} else if (n == 1) != (answer == nil) {
		t.Errorf("answer %v, %d messages stored", answer, n)
	}
	w.hop.forget()
	w.settle(t, kv)
	for _, to := range []string{"p@pass.example", "t@tls.example", "s@secure.example", "ann@clinic.example"} {
		if got := len(w.hop.mail(to)); got != n {
			t.Errorf("answer %v, %s got %d mails", answer, to, got)
		}
	}
}

const testBounce = "From: MAILER-DAEMON@out.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
	"Reporting-MTA: dns; mx.out.example\r\n\r\nFinal-Recipient: rfc822; s@secure.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n"

func replyTo(notice string) string {
	_, after, _ := strings.Cut(notice, "Reply-To: <")
	address, _, _ := strings.Cut(after, ">")
	return address
}

func readerJourneys() []journey {
	var secret gateway.LinkSecret
	prepare := func(t *testing.T, w *world, kv store.Store) { secret, _ = w.secured(t, kv, "s@secure.example") }
	var session, code, proven string
	withCode := func(t *testing.T, w *world, kv store.Store) {
		prepare(t, w, kv)
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			r := &reading{t: t, f: f, secret: secret}
			var err error
			code, err = r.code(ctx, w)
			session = r.v.Session
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	visitor := func() gateway.Visitor { return gateway.Visitor{Session: session} }
	return []journey{
		{
			name: "visit", covers: []string{"Visit"}, prepare: prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				page, err := f.Visit(ctx, secret, gateway.Visitor{})
				if err == nil && page.State != gateway.LinkActive {
					err = errors.New("link is " + string(page.State))
				}
				return err
			},
		},
		{
			name: "ask for a code", covers: []string{"SendCode"}, prepare: prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, page, err := f.SendCode(ctx, secret, gateway.Visitor{})
				if err == nil && page.CodeSentAt.IsZero() {
					err = errors.New("no code")
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				before := len(w.hop.mail("s@secure.example"))
				w.settle(t, kv)
				if after := len(w.hop.mail("s@secure.example")); answer == nil && after != before+1 {
					t.Errorf("%d code mails", after-before)
				}
			},
		},
		{
			name: "prove", covers: []string{"Prove"}, prepare: withCode,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				var r gateway.ProofResult
				var err error
				proven, r, err = f.Prove(ctx, secret, visitor(), code)
				if err == nil && !r.Passed {
					err = errors.New("not passed")
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					_, ok, err := f.Proof.Proven(ctx, proven, seal.LinkID(secret))
					if err == nil && answer == nil && !ok {
						t.Error("passed, but nothing is proven")
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "wrong code", covers: []string{"Prove"}, prepare: withCode,
			run: func(ctx context.Context, t *testing.T, _ *world, f *Flow) error {
				wrong := "314159"
				if wrong == code {
					wrong = "314158"
				}
				_, r, err := f.Prove(ctx, secret, visitor(), wrong)
				if r.Passed {
					t.Error("a wrong code passed")
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					s, err := f.Proof.Status(ctx, seal.LinkID(secret), session)
					if err == nil && answer == nil && s.TriesLeft != 4 {
						t.Errorf("%d tries left", s.TriesLeft)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "open and leave", covers: []string{"Open", "Leave"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				withCode(t, w, kv)
				err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
					var r gateway.ProofResult
					var err error
					session, r, err = f.Prove(ctx, secret, visitor(), code)
					if err == nil && !r.Passed {
						err = errors.New("not passed")
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				if _, err := f.Open(ctx, secret, visitor(), -1); err != nil {
					return err
				}
				return f.Leave(ctx, visitor())
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer != nil {
					return
				}
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					if _, err := f.Open(ctx, secret, visitor(), -1); !errors.Is(err, gateway.ErrNotProven) {
						t.Errorf("still open after leaving: %v", err)
					}
					return nil
				})
			},
		},
		{
			name: "log in", covers: []string{"Authenticate", "op user.add", "op user.passwd", "op user.role", "op user.disable", "op user.enable", "op user.list", "op user.app_add", "op user.app_list", "op user.app_remove"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				name := url.Values{"name": {"bob@clinic.example"}, "role": {"staff"}}
				if _, err := operation(ctx, f, "user.add", name, "a long pass phrase"); err != nil {
					return err
				}
				if _, err := operation(ctx, f, "user.passwd", name, "another long pass phrase"); err != nil {
					return err
				}
				account, err := f.Authenticate(ctx, gateway.Peer{}, "bob", "another long pass phrase")
				if err != nil {
					return err
				}
				if account != "bob@clinic.example" {
					return errors.New("account " + account)
				}
				if err := withAppPassword(ctx, f, name); err != nil {
					return err
				}
				if _, err := operation(ctx, f, "user.list", nil, ""); err != nil {
					return err
				}
				if _, err := operation(ctx, f, "user.role", url.Values{"name": name["name"], "role": {"admin"}}, ""); err != nil {
					return err
				}
				if _, err := operation(ctx, f, "user.disable", name, ""); err != nil {
					return err
				}
				if _, err := operation(ctx, f, "user.enable", name, "yet another pass phrase"); err != nil {
					return err
				}
				_, err = operation(ctx, f, "user.disable", name, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					_, err := f.Authenticate(ctx, gateway.Peer{}, "bob", "another long pass phrase")
					if answer == nil && err == nil {
						t.Error("a disabled user logged in")
					}
					return nil
				})
			},
		},
	}
}
