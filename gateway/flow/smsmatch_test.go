package flow

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"gatepost/gateway"
)

// A receipt that names another telephone is ours only when it spells the id as
// the carrier gave it.
func TestReceiptOfAnotherTelephone(t *testing.T) {
	for id, told := range map[string]bool{"0017": true, "17": false, "017": false, "23": false} {
		w := newWorld(t)
		_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
			m, _ := sentSMS{asked: []byte{1}, ids: []string{"0017"}}.store(ctx, t, f)
			r := receiptFor(id, gateway.Undeliverable)
			r.Dest = destination("+15559990000")
			if err := f.ReceiptSMS(ctx, r); err != nil {
				t.Fatal(err)
			}
			if got := partsTold(ctx, t, f, m); told != (len(got) == 1) {
				t.Errorf("%s: the application hears %q", id, got)
			}
			r.Dest = destination(testPhone)
			if err := f.ReceiptSMS(ctx, r); err != nil {
				t.Fatal(err)
			}
			if got := partsTold(ctx, t, f, m); !slices.Equal(got, []string{"1:UNDELIV"}) {
				t.Errorf("%s: of its telephone the application hears %q", id, got)
			}
			return nil
		})
	}
}

// However many messages a carrier gave one id, the telephone tells them apart.
func TestReceiptAmongManyOfOneID(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		const many = 2*maxCandidates + 5
		var sent []*gateway.Message
		for i := range many {
			m, _ := sentSMS{asked: []byte{1}, ids: []string{"same"}, to: fmt.Sprintf("+1555123%04d", i)}.store(ctx, t, f)
			sent = append(sent, m)
		}
		var want []string
		for _, i := range []int{0, maxCandidates, many - 1} {
			r := receiptFor("same", gateway.StateSent)
			r.Dest = destination(fmt.Sprintf("+1555123%04d", i))
			if err := f.ReceiptSMS(ctx, r); err != nil {
				t.Fatal(err)
			}
			want = append(want, sent[i].Ends.Parts[0].ID.String()+":DELIVRD")
		}
		if got := toTell(ctx, t, f); !slices.Equal(got, want) {
			t.Errorf("%d of %d receipts found their message", len(got), len(want))
		}
		return nil
	})
}
