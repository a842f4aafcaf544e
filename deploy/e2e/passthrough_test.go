package e2e

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// site is the usual place of Gatepost: the organization's Postfix relays to
// it, and it hands on to another Postfix, here one that delivers to a Maildir.
type site struct {
	first, last *postfix
	gate        *gate
}

func newSite(t *testing.T, mode string) *site {
	t.Helper()
	s := &site{last: startPostfix(t, "virtual_mailbox_domains = out.example")}
	s.gate = newGate(t, settings{mode: mode, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", s.last.addr)}}).start()
	s.first = startPostfix(t, "relayhost = [127.0.0.1]:"+s.gate.relay[len("127.0.0.1:"):])
	return s
}

// The sizes of the two stories with a thousand mails.
const harmless, regulated = 1000, 200

// TestThousandMailsKeepEveryOctet: Postfix, Gatepost, Postfix, Maildir. What
// passes arrives octet by octet, and the signatures made before still verify
// with an independent verifier; what is regulated does not arrive at all.
func TestThousandMailsKeepEveryOctet(t *testing.T) {
	t.Parallel()
	s := newSite(t, "enforce")
	key := newSenderKey(t)
	key.publishOf(t, s.gate)
	mails := corpus(t, harmless, regulated)
	key.sign(t, mails)
	inject(t, s.first.addr, mails)
	delivered := s.last.waitFor(len(mails), 5*time.Minute)
	var sent []outgoing
	for _, o := range mails {
		if !o.sensitive {
			sent = append(sent, o)
		}
	}
	var passed [][]byte
	notices := 0
	for _, raw := range delivered {
		if linkPattern.Match(raw) {
			notices++
			if bytes.Contains(raw, []byte("social security")) {
				t.Errorf("a notice holds the text of its original:\n%s", raw)
			}
			continue
		}
		passed = append(passed, raw)
	}
	if notices != regulated {
		t.Errorf("%d notices arrived, want %d", notices, regulated)
	}
	same(t, sent, passed)
	results := key.verified(t, s.last)
	if results["pass"] != len(mails) {
		t.Errorf("signatures verified: %v, want those of %d mails and %d notices to pass", results, harmless, regulated)
	}
	t.Logf("%d mails octet-exact, %d notices, signatures: %v", len(passed), notices, results)
	s.gate.must("audit", "verify")
}

// TestObserveChangesNothing: the same mails under mode observe arrive
// untouched, the regulated ones too, and the record says what would have been
// done.
func TestObserveChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "observe")
	key := newSenderKey(t)
	mails := corpus(t, harmless, regulated)
	key.sign(t, mails)
	inject(t, s.first.addr, mails)
	same(t, mails, s.last.waitFor(len(mails), 5*time.Minute))
	if results := key.verified(t, s.last); results["pass"] != len(mails) {
		t.Errorf("signatures verified: %v, want %d to pass", results, len(mails))
	}
	eventually(t, time.Minute, func() string { // the last settlements
		if left := s.gate.list("queue", "list"); len(left) > 0 {
			return fmt.Sprintf("%d envelopes are not finished", len(left))
		}
		return ""
	})
	decided := map[string]int{}
	for _, e := range s.gate.list("queue", "list", "--state", "delivered") {
		decided[e.text("decided")]++
		if e.text("action") != "pass" || e.text("content") != "original" {
			t.Fatalf("observe acted: %v", e)
		}
	}
	if decided["secure"] != regulated || decided["pass"] != harmless {
		t.Errorf("the list says %v would have been decided, want %d secure and %d pass", decided, regulated, harmless)
	}
	if n := s.gate.metric("gatepost_flow_verdicts_total", `action="secure"`, `mode="observe"`); n != regulated {
		t.Errorf("the metric counts %v verdicts secure, want %d", n, regulated)
	}
	t.Logf("%d mails octet-exact; would have been: %v", len(mails), decided)
}
