package flow

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// TestNextHopAwayForAWeek: with the schedule that is built in and a next hop
// that is gone for a week, each sender is warned once and told once that their
// mail did not arrive; what was sent late in the week waits and arrives once,
// and nobody gets a flood when the next hop is back.
func TestNextHopAwayForAWeek(t *testing.T) {
	if underRace {
		t.Skip("a week of attempts takes long under the race detector, and one process makes them")
	}
	w, kv := newWorld(t), emptyStore()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		f.Parts.Queue.FirstRetry, f.Parts.Queue.MaxRetry = time.Minute, time.Hour
		f.Parts.Queue.MaxAge, f.Parts.Queue.DelayNotice = 120*time.Hour, 4*time.Hour
		w.hop.refuse["away.example"] = gateway.Outcome{Result: gateway.Deferred, Status: "4.4.1", Phase: "connect"}
		w.hop.refuse["secure.example"] = w.hop.refuse["away.example"]
		var early, late []string
		for day := range 7 {
			for n := range 3 {
				to := fmt.Sprintf("d%dn%d@away.example", day, n)
				if n == 2 {
					to = fmt.Sprintf("d%d@secure.example", day)
				}
				if _, err := accept(ctx, f, submissionTo(to), strings.Replace(testMail, "original", to, 1)); err != nil {
					return err
				}
				if day < 2 {
					early = append(early, to)
				} else {
					late = append(late, to)
				}
			}
			deliverAll(ctx, f, 24*time.Hour-time.Minute)
		}
		told := w.hop.mail("ann@clinic.example")
		warned, failed := 0, 0
		for _, raw := range told {
			switch {
			case strings.Contains(raw, "Action: delayed"):
				warned++
			case strings.Contains(raw, "Action: failed"):
				failed++
			}
		}
		if warned != 21 || failed != len(early) || len(told) != warned+failed {
			t.Errorf("after a week: %d mails to the sender, %d warnings of 21, %d failures of %d", len(told), warned, failed, len(early))
		}
		delete(w.hop.refuse, "away.example")
		delete(w.hop.refuse, "secure.example")
		deliverAll(ctx, f, 3*time.Hour)
		for _, to := range late {
			if n := len(w.hop.mail(to)); n != 1 {
				t.Errorf("%s got %d mails after the outage", to, n)
			}
		}
		for _, to := range early {
			if n := len(w.hop.mail(to)); n != 0 {
				t.Errorf("%s got %d mails though the sender was told that it failed", to, n)
			}
		}
		if n := len(w.hop.mail("ann@clinic.example")); n != len(told) {
			t.Errorf("%d mails more to the sender when the next hop was back", n-len(told))
		}
		t.Logf("MEASURED a week without the next hop: 21 mails, %d warnings, %d failures told once, %d delivered once when it was back", warned, failed, len(late))
		return each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
			if !e.State.Final() {
				t.Errorf("envelope %v is still %s", e.ID, e.State)
			}
		})
	})
	w.nothingReadable(t, "d6@secure.example")
	w.sound(t, kv)
}
