package smppd

import (
	"testing"
	"time"
)

// TestRefusedPartsRunUpNoDebt: a part that the gateway goes on refusing is
// admitted some times on credit, then at the rate, and owes nothing after.
func TestRefusedPartsRunUpNoDebt(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	th := newThrottle(10, time.Minute, now)
	key := textKey{kind: "udh8", ref: 1, total: 3}
	if !th.admitPart(now, key, 1) {
		t.Fatal("the first part is refused")
	}
	admitted := 0
	for range 100_000 {
		if th.admitPart(now, key, 2) {
			admitted++
			th.giveBack(key, 2)
		}
	}
	if th.tokens < 0 || admitted > 10+3 {
		t.Errorf("%d admitted, %.0f tokens", admitted, th.tokens)
	}
	if !th.admit(now.Add(time.Second), 1) {
		t.Error("the account is throttled a second later")
	}
}
