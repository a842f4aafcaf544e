package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/gateway/seal"
	"gatepost/store/storetest"
)

// TestStopOutlivesRestore: an older copy of the data is told of a STOP that came
// after it.
func TestStopOutlivesRestore(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	w.submitInto(t, kv, short(t, "before", phonePass))
	backup := kv.Copy()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		return receiveAll(ctx, f, wrote(t, "STOP", phonePass, "+15550001111"))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.in(t, backup, func(ctx context.Context, f *Flow) error {
		done, err := f.Replay(ctx, func(visit func(seal.Entry) error) error { _, err := w.keys.Journal().Replay(visit); return err })
		if done.Consents != 1 {
			t.Errorf("%+v", done)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, backup); got != consent.Stopped {
		t.Errorf("the restored data say %v", got)
	}
}

// TestStopOutlivesErasure: whoever is forgotten still gets no messages, and
// nothing tells who they were.
func TestStopOutlivesErasure(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		return receiveAll(ctx, f, wrote(t, "STOP", phonePass, "+15550001111"))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.op(t, kv, "contact.erase", url.Values{"name": {phonePass}})
	if got := w.stands(t, kv); got != consent.Stopped {
		t.Errorf("after the erasure: %v", got)
	}
	err = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if _, err := submitAll(ctx, f, short(t, "again", phonePass)); gateway.FaultOf(err).SMPP != gateway.StatusSubmitFailed {
			t.Errorf("submitted: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOperatorsSpellNumbersAsPeopleDo: a stop for a number without its country
// code stops the telephone that applications write to, and is found again.
func TestOperatorsSpellNumbersAsPeopleDo(t *testing.T) {
	for _, typed := range []string{"12025550143", "2025550143", "0012025550143", "(202) 555-0143"} {
		w, kv := newWorld(t), emptyStore()
		_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
			set := w.settings()
			set.SMS.Country = "US"
			f.Configure(set, testJudge())
			name := url.Values{"name": {typed}}
			out, err := operation(ctx, f, "consent.stop", name, "")
			if err != nil || !strings.Contains(out, `"phone":"+12025550143"`) || !strings.Contains(out, `"changed":true`) {
				t.Errorf("%s: %s, %v", typed, out, err)
			}
			if _, err := submit(ctx, f, short(t, "See you", "+12025550143")[0]); gateway.FaultOf(err).SMPP != gateway.StatusSubmitFailed {
				t.Errorf("%s: stopped, and %v", typed, err)
			}
			if out, err := operation(ctx, f, "consent.list", name, ""); err != nil || !strings.Contains(out, `"stopped"`) {
				t.Errorf("%s: listed as %q, %v", typed, out, err)
			}
			if _, err := operation(ctx, f, "consent.resume", name, ""); err != nil {
				t.Error(err)
			}
			if _, err := submit(ctx, f, short(t, "See you", "+12025550143")[0]); err != nil {
				t.Errorf("%s: resumed, and %v", typed, err)
			}
			set = w.settings()
			set.SMS.Country = ""
			f.Configure(set, testJudge())
			if _, err := operation(ctx, f, "consent.stop", url.Values{"name": {"2025550143"}}, ""); err == nil {
				t.Error("a number of no country is stopped")
			}
			return nil
		})
	}
}

// atHome are settings with a number and a name of an organization in a country.
func (w *world) atHome() Settings {
	set := w.settings()
	set.SMS.Country = "US"
	set.SMS.Accounts = set.SMS.Accounts[:1]
	set.SMS.Accounts[0].Senders = []gateway.Line{destination("+12025550143"), {TON: gateway.TONAlphanumeric, Addr: "CLINIC"}}
	return set
}

// from is a text of an application from one of its lines.
func from(t *testing.T, line gateway.Line) gateway.Segment {
	s := short(t, "See you", phonePass)[0]
	s.Source = line
	return s
}

// TestOperatorsSpellLinesAsPeopleDo: a stop of one source address holds for it
// in whichever spelling, and one of an address that nobody has is refused.
func TestOperatorsSpellLinesAsPeopleDo(t *testing.T) {
	for typed, line := range map[string]int{
		"+12025550143": 0, "12025550143": 0, "2025550143": 0, "0012025550143": 0, "(202) 555-0143": 0, " +1 202-555.0143 ": 0, "CLINIC": 1, "clinic": 1, " Clinic": 1,
	} {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			set := w.atHome()
			f.Configure(set, testJudge())
			own := set.SMS.Accounts[0].Senders
			out, err := operation(ctx, f, "consent.stop", url.Values{"name": {phonePass}, "line": {typed}}, "")
			if err != nil || !strings.Contains(out, `"line":"`+own[line].Key()+`","changed":true`) {
				t.Errorf("%q: %s, %v", typed, out, err)
			}
			if _, err := submit(ctx, f, from(t, own[line])); gateway.FaultOf(err).SMPP != gateway.StatusSubmitFailed {
				t.Errorf("%q: stopped, and %v", typed, err)
			}
			if _, err := submit(ctx, f, from(t, own[0])); (err == nil) != (line == 1) { // a stop of a number stops names too
				t.Errorf("%q: from the number %v", typed, err)
			}
			if out, err := operation(ctx, f, "consent.resume", url.Values{"name": {phonePass}, "line": {typed}}, ""); err != nil || !strings.Contains(out, `"changed":true`) {
				t.Errorf("%q: resumed: %s, %v", typed, out, err)
			}
			return nil
		})
	}
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		set := w.atHome()
		f.Configure(set, testJudge())
		for _, typed := range []string{"CLINC", "2025550199", "+493012345678", "two words of it"} {
			if out, err := operation(ctx, f, "consent.stop", url.Values{"name": {phonePass}, "line": {typed}}, ""); err == nil {
				t.Errorf("%q of nobody is stopped: %s", typed, out)
			}
		}
		if _, err := operation(ctx, f, "consent.resume", url.Values{"name": {phonePass}, "line": {"+493012345678"}}, ""); err != nil {
			t.Errorf("one of former times is not resumed: %v", err)
		}
		set.SMS.Accounts[0].AnySender = true
		f.Configure(set, testJudge())
		if out, err := operation(ctx, f, "consent.stop", url.Values{"name": {phonePass}, "line": {"2025550199"}}, ""); err != nil || !strings.Contains(out, `"changed":true`) {
			t.Errorf("an account may have any: %s, %v", out, err)
		}
		return nil
	})
}

// TestStopOfALineSpelledAtHome: a carrier that brings a STOP to our number as it
// is dialled at home stops the number that applications send from.
func TestStopOfALineSpelledAtHome(t *testing.T) {
	for _, spelled := range []gateway.Line{{Addr: "2025550143"}, {TON: gateway.TONNational, NPI: gateway.NPIE164, Addr: "2025550143"}, {TON: 1, NPI: 1, Addr: "12025550143"}} {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			set := w.atHome()
			f.Configure(set, testJudge())
			own := set.SMS.Accounts[0].Senders[0]
			said := wrote(t, "STOP", phonePass, "+12025550143")[0]
			said.Dest = spelled
			if err := receiveAll(ctx, f, []gateway.Segment{said}); err != nil {
				t.Fatal(err)
			}
			if _, err := submit(ctx, f, from(t, own)); gateway.FaultOf(err).SMPP != gateway.StatusSubmitFailed {
				t.Errorf("%d %s: stopped, and %v", spelled.TON, spelled.Addr, err)
			}
			deliverAll(ctx, f, time.Minute)
			if got := w.smsc.to(phonePass); len(got) != 1 || !got[0].Source.Same(own) {
				t.Errorf("%d %s: confirmed by %d segments", spelled.TON, spelled.Addr, len(got))
			}
			if app, _ := f.Deliveries(ctx, "esme1", "", 10); len(app) != 1 || app[0].Segments[0].Dest != spelled {
				t.Errorf("%d %s: the application hears of %d", spelled.TON, spelled.Addr, len(app))
			}
			return nil
		})
	}
}
