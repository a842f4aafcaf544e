package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/deploy/e2e/evasion"
)

// codeword secures what holds one word; all else passes.
const codeword = `policy: code-word
default: pass
on_error: hold
detectors:
  codeword: {words: [` + evasion.Word + `]}
rules:
  - {id: word, reason: The code word, when: 'found(["codeword"], LOW)', then: secure}
`

// TestEvasions: whatever hides the word, it does not reach the next hop, and
// no message vanishes: each leaves as a notice, waits for a review, or is
// refused while its sender listens.
func TestEvasions(t *testing.T) {
	t.Parallel()
	outside := startSink(t, nil)
	g := newGate(t, settings{policy: codeword, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}}).start()
	cases := evasion.All()
	families := make(map[string]int)
	to := make([]string, len(cases))
	refused := make(map[string]reply)
	for i, c := range cases {
		families[c.Family]++
		to[i] = fmt.Sprintf("case%d@out.example", i)
		if r := sendOne(t, g.relay, "ann@clinic.example", to[i:i+1], c.Mail(to[i])); r.code != 250 {
			refused[to[i]] = r
		}
	}
	if len(cases) < 200 || len(families) < 12 {
		t.Errorf("%d cases in %d families", len(cases), len(families))
	}
	for name, n := range families {
		if n > 20 {
			t.Errorf("family %s has %d cases", name, n)
		}
	}
	control := "control@out.example"
	accepted(t, g.relay, "ann@clinic.example", []string{control}, mailText("ann@clinic.example", control, "Minutes", "the garden\n"))
	outside.wait(t, control, 1)
	eventually(t, time.Minute, func() string {
		if left := g.list("queue", "list", "--state", "queued"); len(left) > 0 {
			return fmt.Sprint("still queued: ", len(left))
		}
		return ""
	})
	held := make(map[string]bool)
	for _, o := range g.list("held", "list") {
		held[o.text("recipient")] = true
	}
	notices, leaks := 0, 0
	for i, c := range cases {
		left := outside.to(to[i])
		r, no := refused[to[i]]
		switch {
		case len(left) == 1 && linkPattern.Match(left[0].raw) && !strings.Contains(strings.ToLower(left[0].text()), evasion.Word):
			notices++
		case len(left) > 0:
			leaks++
			t.Errorf("%s, %s: the mail left as it was", c.Family, c.Name)
		case held[to[i]]:
		case !no || r.code < 400:
			t.Errorf("%s, %s: the mail vanished", c.Family, c.Name)
		}
	}
	t.Logf("MEASURED %d ways of hiding a word in %d families: %d became notices, %d wait, %d were refused, %d left", len(cases), len(families), notices, len(held), len(refused), leaks)
}
