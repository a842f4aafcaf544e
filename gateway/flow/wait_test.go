package flow

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/policy"
)

// waitingJudge lets mail to two domains wait for one o'clock.
func waitingJudge(t *testing.T) *Judge {
	t.Helper()
	p, err := policy.Load("test.yaml", []byte(strings.Replace(testPolicy, "rules:\n", `rules:
  - {id: night, reason: by day, when: 'recipient.domain in ["night.example", "secure.example", "hold.example"]', then: {until: 1}}
`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.New(detect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(p, d)
}

// TestMailWaitsForItsHour: what a rule lets wait leaves when the hour has
// come, passed or secured; what is for others leaves at once, and under
// observe all of it does.
func TestMailWaitsForItsHour(t *testing.T) {
	for _, mode := range []gateway.Mode{gateway.Enforce, gateway.Observe} {
		w := newWorld(t)
		w.mode = mode
		kv := emptyStore()
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			f.Configure(w.settings(), waitingJudge(t))
			id, err := accept(ctx, f, submissionTo("a@night.example", "s@secure.example", "b@out.example", "h@hold.example"), testMail)
			if err != nil {
				return err
			}
			early := func(to string) bool { return len(w.hop.mail(to)) > 0 }
			deliverAll(ctx, f, 50*time.Minute)
			observe := mode == gateway.Observe
			if !early("b@out.example") || early("a@night.example") != observe || early("s@secure.example") != observe || early("h@hold.example") != observe {
				t.Errorf("%s: before the hour: %t %t %t", mode, early("b@out.example"), early("a@night.example"), early("s@secure.example"))
			}
			deliverAll(ctx, f, 15*time.Minute)
			if !early("a@night.example") || !early("s@secure.example") || early("h@hold.example") != observe {
				t.Errorf("%s: after the hour: %t %t", mode, early("a@night.example"), early("s@secure.example"))
			}
			story, err := operation(ctx, f, "audit.show", url.Values{"id": {id.String()}}, "")
			if n := strings.Count(story, `"not_before":"2000-01-01T01:00:00Z"`); n != 3 {
				t.Errorf("%s: evidence of %d that wait: %s", mode, n, story)
			}
			return err
		})
		w.sound(t, kv)
	}
}
