package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
)

// TestLostBehindTheCarrier: what the carrier took and then reports as lost is
// seen in the queue and counted; of a link the mailbox of an application hears
// that asked for no receipt.
func TestLostBehindTheCarrier(t *testing.T) {
	for _, c := range []struct {
		to                string
		registered, asked byte
		mails             int
	}{{phonePass, 0, 0, 0}, {phonePass, 1, 1, 0}, {phoneSecure, 0, 2, 1}, {phoneSecure, 1, 1, 0}} {
		w, kv := newWorld(t), emptyStore()
		_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
			s := short(t, secretBody, c.to)[0]
			s.Registered = c.registered
			if _, err := submit(ctx, f, s); err != nil {
				t.Fatal(err)
			}
			deliverAll(ctx, f, time.Minute)
			if got := w.smsc.to(c.to); len(got) != 1 || got[0].Registered != c.asked {
				t.Errorf("%s %d: the carrier is asked for %d", c.to, c.registered, got[0].Registered)
			}
			for range 2 {
				if err := f.ReceiptSMS(ctx, receiptFor("00000001", gateway.Undeliverable)); err != nil {
					t.Fatal(err)
				}
			}
			out, err := operation(ctx, f, "queue.list", url.Values{"state": {"delivered"}}, "")
			if c.mails == 0 && (err != nil || !strings.Contains(out, `"reply":"UNDELIV by receipt"`)) {
				t.Errorf("%s %d: the queue says %s, %v", c.to, c.registered, out, err)
			}
			if n := finals(t, f, "undeliverable"); n != 1 {
				t.Errorf("counted %v", n)
			}
			deliverAll(ctx, f, time.Minute)
			return nil
		})
		lost := 0
		for _, mail := range w.hop.mail("desk@clinic.example") {
			if strings.Contains(mail, "Action: failed") {
				lost++
			}
		}
		if lost != c.mails {
			t.Errorf("%s %d: %d mails", c.to, c.registered, lost)
		}
	}
}

// finals is the count of final receipts of a state.
func finals(t *testing.T, f *Flow, state string) (n float64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(f.receipts.ends)
	all, err := reg.Gather()
	if err != nil || len(all) != 1 || len(all[0].GetMetric()) != 6 {
		t.Fatal(all, err)
	}
	for _, m := range all[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == state {
			n = m.GetCounter().GetValue()
		}
	}
	return n
}
