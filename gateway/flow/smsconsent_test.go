package flow

import (
	"context"
	"net/url"
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
