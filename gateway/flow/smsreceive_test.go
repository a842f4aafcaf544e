package flow

import (
	"context"
	"errors"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/consent"
	"gatepost/gateway/mailmsg"
	"gatepost/smppd/text"
	"gatepost/store"
	"gatepost/store/storetest"
)

// wrote makes the segments of what a telephone writes to a line.
func wrote(t testing.TB, words, from, line string) []gateway.Segment {
	t.Helper()
	segments, err := text.Texts{}.Compose(words, 9)
	if err != nil {
		t.Fatal(err)
	}
	to, err := gateway.ParseLine(line)
	if err != nil {
		t.Fatal(err)
	}
	for i := range segments {
		segments[i].Source, segments[i].Dest = destination(from), to
	}
	return segments
}

func receiveAll(ctx context.Context, f *Flow, segments []gateway.Segment) error {
	for _, s := range segments {
		if err := f.ReceiveSMS(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// hears is a conversation by SMS: what the telephone wrote last is returned as
// the staff's mail and the application's delivery.
func (w *world) hears(t *testing.T, kv store.Store, words, from, line string) (mail string, app []gateway.Delivery) {
	t.Helper()
	w.hop.forget()
	w.smsc.forget()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if err := receiveAll(ctx, f, wrote(t, words, from, line)); err != nil {
			return err
		}
		deliverAll(ctx, f, time.Minute)
		var err error
		if app, err = f.Deliveries(ctx, "esme1", "", 100); err != nil {
			return err
		}
		return drained(ctx, f)
	})
	if err != nil {
		t.Fatal(err)
	}
	if all := w.hop.mail("desk@clinic.example"); len(all) > 0 {
		mail = all[0]
	}
	return mail, app
}

// drained takes all that waits for the application.
func drained(ctx context.Context, f *Flow) error {
	waiting, err := f.Deliveries(ctx, "esme1", "", 100)
	var keys []string
	for _, d := range waiting {
		keys = append(keys, d.Key)
	}
	return errors.Join(err, f.DeliveriesDone(ctx, "esme1", keys))
}

func readSegments(segments []gateway.Segment) string { return spoken(text.Texts{}.Read(segments)) }

// TestReceived: what a telephone writes reaches the account's inbox by mail and
// its application octet by octet.
func TestReceived(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	for _, words := range []string{"I will be there at 3", "Grüße, 3 € [ok] 👍", strings.Repeat("Long äöü ", 60) + "."} {
		mail, app := w.hears(t, kv, words, phonePass, "+15550001111")
		if !strings.Contains(mail, phonePass+" via unverified SMS") || !strings.Contains(mail, "Content-Type: text/plain") {
			t.Errorf("mail to the inbox: %q", mail)
		}
		if got := readMail(t, mail); got != words {
			t.Errorf("staff read %q, written was %q", got, words)
		}
		if len(app) != 1 || readSegments(app[0].Segments) != words || app[0].Plain {
			t.Errorf("the application got %d deliveries: %q, plain %t", len(app), readSegments(app[0].Segments), app[0].Plain)
		}
	}
	w.sound(t, kv)
}

// TestReceivedThreads: what one telephone writes to one line is one
// conversation for seven days.
func TestReceivedThreads(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	first, _ := w.hears(t, kv, "one", phonePass, "+15550001111")
	second, _ := w.hears(t, kv, "two", phonePass, "15550001111")
	other, _ := w.hears(t, kv, "three", phonePass, "CLINIC")
	if id := field(first, "Message-ID"); id == "" || !strings.Contains(field(second, "References"), id) || field(second, "Subject") != "Re: SMS" {
		t.Errorf("the second does not stand under the first: %s", second)
	}
	if field(other, "References") != "" {
		t.Error("another line's message stands under the first")
	}
}

// TestReceivedSensitive: what may hurt goes to an application only where nobody
// listens, and so does what belongs to a secured conversation.
func TestReceivedSensitive(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	w.submitInto(t, kv, short(t, "harmless", phoneSecure))
	w.settle(t, kv)
	_, app := w.hears(t, kv, "the thing that I asked about", phoneSecure, "+15550001111")
	if len(app) != 1 || !app[0].Plain || strings.Contains(readSegments(app[0].Instead), "thing") || len(app[0].Instead) == 0 {
		t.Errorf("%d deliveries, %+v", len(app), app)
	}
	if app[0].Instead[0].Source != app[0].Segments[0].Source || app[0].Instead[0].Dest != app[0].Segments[0].Dest {
		t.Error("the tidings come from somebody else")
	}
}

// TestReceivedMissing: a part that never comes does not take the others with it.
func TestReceivedMissing(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	words := strings.Repeat("a", 153) + strings.Repeat("b", 153) + strings.Repeat("c", 50)
	segments := wrote(t, words, phonePass, "+15550001111")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for _, i := range []int{2, 0, 0} {
			if err := f.ReceiveSMS(ctx, segments[i]); err != nil {
				return err
			}
		}
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Minute)
		if len(w.hop.mail("desk@clinic.example")) > 0 {
			t.Error("an incomplete text was not waited for")
		}
		time.Sleep(time.Minute)
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := w.hop.mail("desk@clinic.example")
	if len(all) != 1 || readMail(t, all[0]) != strings.Repeat("a", 153)+strings.Repeat("c", 50)+" […]" {
		t.Errorf("%d mails: %q", len(all), all)
	}
	w.sound(t, kv)
}

// TestReceivedPartsForNobody: parts of a text that no account could get are
// refused at once, and those that wait when the last inbox goes do not stay.
func TestReceivedPartsForNobody(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	parts := wrote(t, strings.Repeat("a", 200), phonePass, "+15550001111")
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		nameless := parts[0]
		nameless.Source = gateway.Line{}
		if err := f.ReceiveSMS(ctx, nameless); err == nil || gateway.FaultOf(err).Temporary() {
			t.Errorf("a part from nowhere: %v", err)
		}
		if err := f.ReceiveSMS(ctx, parts[0]); err != nil {
			return err
		}
		set := w.settings()
		for i := range set.SMS.Accounts {
			set.SMS.Accounts[i].Inbox = gateway.Address{}
		}
		f.Configure(set, testJudge())
		other := wrote(t, strings.Repeat("b", 200), phoneTLS, "+15550001111")
		if err := f.ReceiveSMS(ctx, other[0]); err == nil || gateway.FaultOf(err).Temporary() {
			t.Errorf("a part for no inbox: %v", err)
		}
		time.Sleep(2 * time.Minute)
		f.agendaOnce(ctx)
		if n := countOf(t, f, gateway.EventPartsExpired); n != 1 {
			t.Errorf("%d pieces of evidence", n)
		}
		return f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(it store.Item) bool {
			t.Error("a part is left")
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReceivedAgain: a part that the carrier brings once more, because an answer
// of ours was lost, is no message of its own; another text under the same
// reference is.
func TestReceivedAgain(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	text := func(letter string) []gateway.Segment {
		return wrote(t, strings.Repeat(letter, 200), phonePass, "+15550001111")
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		a, b := text("a"), text("b")
		if err := receiveAll(ctx, f, append(append(a, a[1], a[0]), b...)); err != nil {
			return err
		}
		time.Sleep(5 * time.Minute)
		f.agendaOnce(ctx)
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Minute)
		return f.Store.Scan(ctx, store.Prefix(store.SMSParts), func(store.Item) bool {
			t.Error("a row stays for ever")
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, mail := range w.hop.mail("desk@clinic.example") {
		read = append(read, readMail(t, mail)[:1])
	}
	if slices.Sort(read); strings.Join(read, "") != "ab" {
		t.Errorf("staff read %q", read)
	}
	w.sound(t, kv)
}

// TestStop: one word ends the messages, once confirmed, also those that wait;
// HELP and START are answered always.
func TestStop(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	w.smsc.down = true
	w.submitInto(t, kv, short(t, "waiting", phonePass))
	w.submitInto(t, kv, short(t, "not theirs", phoneTLS))
	w.smsc.down = false
	say := func(words string) []gateway.Segment {
		t.Helper()
		w.smsc.forget()
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			if err := receiveAll(ctx, f, wrote(t, words, phonePass, "+15550001111")); err != nil {
				return err
			}
			f.agendaOnce(ctx)
			deliverAll(ctx, f, time.Minute)
			return drained(ctx, f)
		})
		if err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		return w.smsc.to(phonePass)
	}
	got := say("  stop. ")
	if len(got) != 1 || !strings.Contains(readSegments(got), "no more SMS") || !got[0].Source.Same(gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}) {
		t.Fatalf("after STOP %d segments: %q", len(got), readSegments(got))
	}
	if len(w.smsc.to(phoneTLS)) == 0 {
		t.Error("another telephone's message did not leave")
	}
	if got = say("STOP"); len(got) != 0 {
		t.Errorf("confirmed twice: %q", readSegments(got))
	}
	submitting := func() (err error) {
		_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
			_, err = submitAll(ctx, f, short(t, "again", phonePass))
			return nil
		})
		return err
	}
	if err := submitting(); gateway.FaultOf(err).SMPP != gateway.StatusSubmitFailed {
		t.Errorf("submitted to who stopped: %v", err)
	}
	if got = say("HELP"); len(got) != 1 {
		t.Errorf("HELP is answered with %d segments", len(got))
	}
	if got = say("Please stop by at 3"); len(got) != 0 {
		t.Errorf("an ordinary message is answered: %q", readSegments(got))
	}
	if got = say("Start"); len(got) != 1 || !strings.Contains(readSegments(got), "again") {
		t.Errorf("START: %q", readSegments(got))
	}
	if err := submitting(); err != nil {
		t.Errorf("after START: %v", err)
	}
	if got = say("yes"); len(got) != 1 || readSegments(got) != "again" { // the message, and no answer
		t.Errorf("YES from who had not stopped: %q", readSegments(got))
	}
	w.sound(t, kv)
	out := w.op(t, kv, "consent.list", nil)
	if !strings.Contains(out, phonePass) || !strings.Contains(out, `"state":"resumed"`) || !strings.Contains(out, `"word":"START"`) {
		t.Errorf("the ledger: %s", out)
	}
}

// TestStaffHearOfConsent: the mail that brings a word about consent says what it
// comes to, in the language of staff; a word that does nothing brings no more
// than itself.
func TestStaffHearOfConsent(t *testing.T) {
	const stopped, resumed = "bekommt keine SMS von +15550001111 mehr", "bekommt wieder SMS von +15550001111"
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		set := *f.set()
		set.Language = "de"
		f.Configure(set, testJudge())
		for _, c := range []struct{ say, want string }{
			{"yes", ""}, {"Start", ""}, {"stop", stopped}, {"STOP!", stopped}, {"help", ""}, {"Please stop by at 3", ""},
			{"YES", resumed}, {"yes.", ""}, {"ARRET", stopped}, {"START", resumed},
		} {
			w.hop.forget()
			if err := receiveAll(ctx, f, wrote(t, c.say, phonePass, "+15550001111")); err != nil {
				t.Fatalf("%q: %v", c.say, err)
			}
			deliverAll(ctx, f, time.Minute)
			all := w.hop.mail("desk@clinic.example")
			if len(all) != 1 {
				t.Fatalf("%q: staff got %d mails", c.say, len(all))
			}
			text, note, _ := strings.Cut(readMail(t, all[0]), "\n\n")
			if note = strings.Join(strings.Fields(note), " "); text != c.say || (note == "") != (c.want == "") || !strings.Contains(note, c.want) {
				t.Errorf("%q: staff read %q and %q", c.say, text, note)
			}
		}
		return nil
	})
}

// meddling does something once, just before the first commit that follows.
type meddling struct {
	store.Store
	before func()
}

func (m *meddling) Commit(ctx context.Context, b *store.Batch) error {
	if do := m.before; do != nil {
		m.before = nil
		do()
	}
	return m.Store.Commit(ctx, b)
}

// TestStaffHearWhatHolds: when a word is made void while the mail about it is
// written, the mail does not say what no longer is so.
func TestStaffHearWhatHolds(t *testing.T) {
	w, kv := newWorld(t), &meddling{Store: storetest.NewMemory()}
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if err := receiveAll(ctx, f, wrote(t, "STOP", phonePass, "+15550001111")); err != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		w.hop.forget()
		kv.before = func() {
			if _, err := operation(ctx, f, "consent.resume", url.Values{"name": {phonePass}, "line": {"+15550001111"}}, ""); err != nil {
				t.Error(err)
			}
		}
		if err := receiveAll(ctx, f, wrote(t, "yes", phonePass, "+15550001111")); err != nil || kv.before != nil {
			t.Fatal(err)
		}
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	all := w.hop.mail("desk@clinic.example")
	if len(all) != 1 || readMail(t, all[0]) != "yes" {
		t.Errorf("staff got %d mails: %q", len(all), all)
	}
	w.sound(t, kv)
}

// TestStopOfHalfAText: a part that says STOP by itself is no STOP when the
// others never come.
func TestStopOfHalfAText(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	half := wrote(t, "STOP", phonePass, "+15550001111")[0]
	half.ESMClass, half.Short = half.ESMClass|0x40, append([]byte{5, 0, 3, 9, 2, 1}, half.Short...)
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if err := f.ReceiveSMS(ctx, half); err != nil {
			return err
		}
		time.Sleep(2 * time.Minute)
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, kv); got != consent.Implied || len(w.smsc.to(phonePass)) != 0 {
		t.Errorf("half a text made the consent %v and was answered with %d segments", got, len(w.smsc.to(phonePass)))
	}
	if all := w.hop.mail("desk@clinic.example"); len(all) != 1 || readMail(t, all[0]) != "STOP […]" {
		t.Errorf("staff got %d mails: %q", len(all), all)
	}
}

// TestStopOfAName: a name that says a word about consent gets no text, and the
// word goes to people.
func TestStopOfAName(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		for _, name := range []string{"BANK", "Bank of Exampleville"} {
			for _, words := range []string{"HELP", "STOP"} {
				s := wrote(t, words, phonePass, "+15550001111")[0]
				s.Source = gateway.Line{TON: gateway.TONAlphanumeric, Addr: name}
				if err := f.ReceiveSMS(ctx, s); err != nil {
					return err
				}
			}
		}
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.smsc.got) != 0 {
		t.Errorf("names got %q", readSegments(w.smsc.got))
	}
	if out := w.op(t, kv, "consent.list", nil); out != "" {
		t.Errorf("the ledger: %s", out)
	}
	if all := w.hop.mail("desk@clinic.example"); len(all) != 4 {
		t.Errorf("staff got %d mails", len(all))
	}
	w.sound(t, kv)
}

// TestConfirmationsAreBounded: who writes in the name of a telephone does not
// fill it with our texts; each STOP acts all the same.
func TestConfirmationsAreBounded(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	confirmed := func(ctx context.Context, f *Flow, words string) int {
		t.Helper()
		w.smsc.forget()
		if err := receiveAll(ctx, f, wrote(t, words, phonePass, "+15550001111")); err != nil {
			t.Fatal(err)
		}
		f.agendaOnce(ctx)
		deliverAll(ctx, f, time.Second)
		return min(len(w.smsc.to(phonePass)), 1)
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		n := 0
		for range 10 {
			n += confirmed(ctx, f, "HELP")
		}
		if n != confirmMax {
			t.Errorf("%d of 10 HELP were answered", n)
		}
		if confirmed(ctx, f, "STOP") != 1 {
			t.Error("a STOP after many HELP was not confirmed")
		}
		if confirmed(ctx, f, "START")+confirmed(ctx, f, "STOP") != 0 {
			t.Error("confirmations have no end")
		}
		time.Sleep(confirmTime)
		if confirmed(ctx, f, "HELP") != 1 {
			t.Error("HELP was not answered an hour later")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, kv); got != consent.Stopped {
		t.Errorf("after a silent STOP: %v", got)
	}
}

// TestStopLeavesEvidence: refusals say why.
func TestStopLeavesEvidence(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	w.smsc.down = true
	w.submitInto(t, kv, short(t, "waiting", phonePass))
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if err := receiveAll(ctx, f, wrote(t, "Unsubscribe", phonePass, "+15550001111")); err != nil {
			return err
		}
		f.agendaOnce(ctx)
		if _, err := f.Audit.Fold(ctx); err != nil {
			return err
		}
		var events []string
		var out strings.Builder
		if _, err := f.Audit.Export(ctx, &out, audit.ExportOptions{Format: audit.JSON}); err != nil {
			return err
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if strings.Contains(line, `"consent.changed"`) || strings.Contains(line, `"opted_out"`) || strings.Contains(line, `"sms.received"`) {
				events = append(events, line)
			}
			if strings.Contains(line, strings.TrimPrefix(phonePass, "+")) || strings.Contains(line, "waiting") {
				t.Errorf("evidence shows a person: %s", line)
			}
		}
		if len(events) != 3 {
			t.Errorf("evidence: %s", strings.Join(events, "\n"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// field is the value of a header field.
func field(mail, name string) string {
	m, err := netmail.ReadMessage(strings.NewReader(mail))
	if err != nil {
		return ""
	}
	return m.Header.Get(name)
}

// readMail is the text of a mail of one part.
func readMail(t *testing.T, raw string) string {
	t.Helper()
	for _, p := range mailmsg.Read([]byte(raw)).Parts {
		if p.Kind == gateway.PartText {
			return strings.TrimSuffix(p.Text.Reveal(), "\n")
		}
	}
	t.Errorf("no text in %q", raw)
	return ""
}

// op runs an operator's command.
func (w *world) op(t *testing.T, kv store.Store, name string, args url.Values) (out string) {
	t.Helper()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
		out, err = operation(ctx, f, name, args, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
