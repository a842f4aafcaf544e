package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"

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
