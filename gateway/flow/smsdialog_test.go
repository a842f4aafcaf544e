package flow

import (
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

func TestDialogs(t *testing.T) {
	w := newWorld(t)
	f, done, err := w.open(storetest.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	var person, other gateway.PersonRef
	person[0], other[0] = 1, 2
	line, named := gateway.Line{TON: 1, NPI: 1, Addr: "15550001111"}, gateway.Line{TON: 5, Addr: "CLINIC"}
	old, now := time.Now().Add(-8*24*time.Hour), time.Now()
	var b store.Batch
	for _, s := range []struct {
		person gateway.PersonRef
		dialog dialog
	}{
		{person, dialog{Line: line, Account: "esme1", Thread: gateway.ThreadID{1}, At: now}},
		{person, dialog{Line: named, Thread: gateway.ThreadID{1}, At: old}},
		{other, dialog{Line: line, Thread: gateway.ThreadID{2}, At: now}},
	} {
		if err := f.stageDialog(&b, s.person, s.dialog); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Write(t.Context(), f.Store, &b); err != nil {
		t.Fatal(err)
	}
	d, err := f.dialog(t.Context(), person, gateway.Line{TON: 0, NPI: 0, Addr: "15550001111"})
	if err != nil || d.Account != "esme1" || !d.open(now) {
		t.Errorf("the same number spelled otherwise: %+v, %v", d, err)
	}
	if d, err = f.dialog(t.Context(), person, named); err != nil || d.open(now) || d.Thread.IsZero() {
		t.Errorf("an old dialog: %+v, %v", d, err)
	}
	if d, err = f.dialog(t.Context(), other, named); err != nil || !d.At.IsZero() {
		t.Errorf("no dialog: %+v, %v", d, err)
	}
	if got, ok, err := f.lineOf(t.Context(), person, gateway.ThreadID{1}); err != nil || !ok || !got.Same(line) {
		t.Errorf("the line of a conversation: %v %t", err, ok)
	}
	if _, ok, err := f.lineOf(t.Context(), person, gateway.ThreadID{3}); err != nil || ok {
		t.Errorf("no such conversation: %v %t", err, ok)
	}
}
