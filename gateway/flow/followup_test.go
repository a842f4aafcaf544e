package flow

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

func testReminders() Reminders {
	return Reminders{
		Enabled: true, After: []time.Duration{time.Hour, 24 * time.Hour, 72 * time.Hour}, Urgent: 5 * time.Minute,
		Unread: 96 * time.Hour, Expiry: 72 * time.Hour,
	}
}

// live lets agenda and queue run for d, as a server would.
func live(ctx context.Context, f *Flow, d time.Duration) {
	for end := f.Now().Add(d); f.Now().Before(end); {
		agendaFor(ctx, f, min(time.Hour, end.Sub(f.Now())))
		deliverAll(ctx, f, time.Second)
	}
}

// arrivals are the mails to an address that hold what.
func (w *world) arrivals(to, what string) (n int) {
	for _, mail := range w.hop.mail(to) {
		if strings.Contains(mail, what) {
			n++
		}
	}
	return n
}

const (
	aReminder = "Subject: Reminder: secure message"
	aWarning  = "Subject: Ends soon: secure message"
)

// Nobody reads: three reminders with links of their own, the sender hears on
// the fourth day, and both are warned before the link ends. Then it is over.
func TestFollowUp(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	const to = "s@secure.example"
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, to)
		at := f.Now().Add(-time.Minute)
		for _, c := range []struct {
			at                        time.Duration
			reminders, told, warnings int
		}{
			{55 * time.Minute, 0, 0, 0}, {2 * time.Hour, 1, 0, 0}, {23 * time.Hour, 1, 0, 0}, {26 * time.Hour, 2, 0, 0}, {74 * time.Hour, 3, 0, 0},
			{95 * time.Hour, 3, 0, 0}, {98 * time.Hour, 3, 1, 0}, {26 * 24 * time.Hour, 3, 1, 0}, {28 * 24 * time.Hour, 3, 1, 1}, {40 * 24 * time.Hour, 3, 1, 1},
		} {
			live(ctx, f, at.Add(c.at).Sub(f.Now()))
			told, warned := w.arrivals("ann@clinic.example", "Subject: Not read yet"), w.arrivals("ann@clinic.example", "Subject: Link ends soon")
			if r, e := w.arrivals(to, aReminder), w.arrivals(to, aWarning); r != c.reminders || told != c.told || e != c.warnings || warned != c.warnings {
				t.Errorf("after %v: %d reminders, told %d times, %d and %d warnings", c.at, r, told, e, warned)
			}
		}
		story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
		if strings.Count(story, `"envelope.reminded"`) != 4 || strings.Count(story, `"envelope.status"`) != 2 {
			t.Errorf("evidence: %s", story)
		}
		left := 0
		err2 := each(ctx, f.Store, store.Prefix(store.Agenda), func(*task) { left++ })
		if left != 0 || err2 != nil {
			t.Errorf("%d tasks left, %v", left, err2)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	links := map[gateway.LinkSecret]bool{}
	for _, mail := range w.hop.mail(to) {
		links[linkIn(t, mail)] = true
	}
	if len(links) != 5 {
		t.Errorf("%d different links", len(links))
	}
	w.sound(t, kv)
	w.nothingReadable(t, to, "ann@clinic.example")
}

// The link of a reminder opens the message, and reading by it ends the
// reminders; a recall reaches it as it does the first.
func TestReminderOpens(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	const to = "s@secure.example"
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, to)
		first := linkIn(t, w.notice(t, to))
		live(ctx, f, 2*time.Hour)
		if w.arrivals(to, aReminder) != 1 {
			t.Fatal("no reminder")
		}
		r := w.prove(ctx, t, f, to)
		if r.secret == first {
			t.Fatal("the reminder repeats the first link")
		}
		if text, err := w.reads(ctx, f, r); err != nil || !strings.Contains(text, secretBody) {
			t.Errorf("the link of the reminder does not open: %v", err)
		}
		live(ctx, f, 100*time.Hour)
		if n := w.arrivals(to, aReminder); n != 1 || w.arrivals("ann@clinic.example", "Subject: Not read yet") != 0 {
			t.Errorf("%d reminders for what is read", n)
		}
		old, err := f.link(ctx, r.secret)
		if err != nil {
			return err
		}
		if err := recallOp(ctx, f, "message.recall", id, ""); err != nil {
			return err
		}
		w.locked(ctx, t, f, r)
		agendaFor(ctx, f, 10*time.Minute)
		if l, err := f.link(ctx, r.secret); err != nil || !l.Wrap.IsZero() || !f.Keys.Destroyed(old.Wrap.Group) {
			t.Errorf("the wrap of the reminder survived: %v", err)
		}
		w.locked(ctx, t, f, reader{to: to, secret: first})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sound(t, kv)
}

// Without a staff copy there is no way to a new link: the reminder points at
// the first notice.
func TestReminderWithoutCopy(t *testing.T) {
	w := newWorld(t)
	kv := emptyStore()
	const to = "n@nocopy.example"
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		sentTo(ctx, t, f, to)
		live(ctx, f, 2*time.Hour)
		return nil
	})
	mails := w.hop.mail(to)
	if err != nil || len(mails) != 2 || strings.Contains(mails[1], "/m/") || !strings.Contains(mails[1], "first mail") {
		t.Fatalf("%v, %q", err, mails)
	}
	w.sound(t, kv)
}

// Who is not followed up: what a program sent, what was recalled, what bounced
// or has not left, a link that wrong tries froze, and nobody at all when it is
// switched off.
func TestNoFollowUp(t *testing.T) {
	const to = "s@secure.example"
	automatic := strings.Replace(testMail, "From:", "Auto-Submitted: auto-generated\r\nFrom:", 1)
	for name, c := range map[string]struct {
		mail string
		do   func(ctx context.Context, f *Flow, id gateway.MessageID) error
	}{
		"automatic": {mail: automatic},
		"recalled": {do: func(ctx context.Context, f *Flow, id gateway.MessageID) error {
			return recallOp(ctx, f, "message.recall", id, "")
		}},
		"frozen": {do: func(ctx context.Context, f *Flow, id gateway.MessageID) error {
			return f.Proof.Freeze(ctx, seal.LinkID(linkIn(t, w0(f).notice(t, to))))
		}},
		"off": {do: func(_ context.Context, f *Flow, _ gateway.MessageID) error {
			s := *f.set()
			s.Reminders = Reminders{}
			f.Configure(s, f.rules())
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			kv := emptyStore()
			err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
				mail := testMail
				if c.mail != "" {
					mail = c.mail
				}
				id, err := accept(ctx, f, submissionTo(to), mail)
				if err != nil {
					return err
				}
				deliverAll(ctx, f, time.Minute)
				if c.do != nil {
					if err := c.do(ctx, f, id); err != nil {
						return err
					}
				}
				live(ctx, f, 80*time.Hour)
				return nil
			})
			if n := len(w.hop.mail(to)); err != nil || n != 1 {
				t.Errorf("%d mails, %v", n, err)
			}
			w.sound(t, kv)
		})
	}
}

// w0 is a world around what a flow sends to.
func w0(f *Flow) *world { return &world{hop: f.Carrier.(*hop)} }

// An urgent message is reminded of after five minutes, then as others.
func TestUrgentFollowUp(t *testing.T) {
	w := newWorld(t)
	const to = "s@secure.example"
	urgent := strings.Replace(testMail, "Subject: ", "Subject: [urgent] ", 1)
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		if _, err := accept(ctx, f, submissionTo(to), urgent); err != nil {
			return err
		}
		deliverAll(ctx, f, 10*time.Second)
		live(ctx, f, 10*time.Minute)
		if n := w.arrivals(to, aReminder); n != 1 {
			t.Errorf("%d reminders after ten minutes", n)
		}
		live(ctx, f, 26*time.Hour)
		if n := w.arrivals(to, aReminder); n != 2 {
			t.Errorf("%d reminders after a day", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A server that was off for days reminds once, not three times.
func TestLateReminders(t *testing.T) {
	w := newWorld(t)
	const to = "s@secure.example"
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		sentTo(ctx, t, f, to)
		time.Sleep(5 * 24 * time.Hour)
		live(ctx, f, time.Hour)
		return nil
	})
	if n := w.arrivals(to, aReminder); err != nil || n != 1 || w.arrivals("ann@clinic.example", "Subject: Not read yet") != 1 {
		t.Errorf("%d reminders, %v", n, err)
	}
}

// Where a rule asks for it the sender is told of the first reading, once, and
// whether a program read.
func TestStatusMail(t *testing.T) {
	for agent, tool := range map[string]bool{"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0": false, "curl/8.0": true} {
		w := newWorld(t)
		const to = "x@status.example"
		err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			sentTo(ctx, t, f, to)
			r := w.prove(ctx, t, f, to)
			r.v.Agent = agent
			for range 3 {
				if _, err := w.reads(ctx, f, r); err != nil {
					return err
				}
			}
			live(ctx, f, time.Minute)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mails := w.hop.mail("ann@clinic.example")
		if len(mails) != 1 || !strings.Contains(mails[0], "Subject: Opened") || strings.Contains(mails[0], "a program seems") != tool {
			t.Errorf("%s: %q", agent, mails)
		}
		if len(mails) > 0 && (!strings.Contains(mails[0], "In-Reply-To: <original@clinic.example>") || strings.Contains(mails[0], "x@status.example")) {
			t.Errorf("status mail: %s", mails[0])
		}
		w.nothingReadable(t, "ann@clinic.example")
	}
}

func TestMachines(t *testing.T) {
	for agent, want := range map[string]bool{
		"": true, "curl/8.1": true, "Mozilla/5.0 (compatible; bingbot/2.0)": true, "Mozilla/5.0 (X11) HeadlessChrome/140": true,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1": false, "Opera/9.80 (Android)": false,
	} {
		if machine(agent) != want {
			t.Errorf("%q: machine %v", agent, !want)
		}
	}
	if readerOf(gateway.Visitor{Agent: "Mozilla/5.0", Ahead: true}) != readerMachine {
		t.Error("a request that looks ahead passes for a person")
	}
}

// message show tells who read when, how they proved themselves, and whether a
// program seems to have read.
func TestViewsAreShown(t *testing.T) {
	w := newWorld(t)
	const to = "s@secure.example"
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		id := sentTo(ctx, t, f, to)
		live(ctx, f, 2*time.Hour)
		r := w.prove(ctx, t, f, to)
		for _, agent := range []string{"Mozilla/5.0 Firefox/140.0", "python-requests/2"} {
			r.v.Agent, r.v.Remote = agent, "192.0.2.7"
			if _, err := f.Open(ctx, r.secret, r.v, -1); err != nil {
				return err
			}
		}
		if _, err := f.Open(ctx, r.secret, r.v, 0); err != nil {
			return err
		}
		out, err := operation(ctx, f, "message.show", url.Values{"id": {id.String()}}, "")
		if err != nil {
			return err
		}
		var shown messageShown
		if err := json.Unmarshal([]byte(out), &shown); err != nil {
			return err
		}
		e := shown.Envelopes[0]
		if len(e.Views) != 3 || e.Opened.IsZero() || len(e.Reminded) != 1 || e.Recipient != to {
			t.Fatalf("%+v", e)
		}
		one, two, three := e.Views[0], e.Views[1], e.Views[2]
		if one.Reader != "person" || two.Reader != "machine" || one.Assurance != "same_channel" || one.File || !three.File || one.Client != two.Client || one.Client == "" {
			t.Errorf("%+v", e.Views)
		}
		if strings.Contains(out, "Firefox") || strings.Contains(out, "192.0.2.7") {
			t.Error("shows what its readers' machines are called")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
