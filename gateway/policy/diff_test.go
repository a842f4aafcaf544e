package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestDiffSaysWhy: which rules come to something else, and what of their
// conditions did.
func TestDiffSaysWhy(t *testing.T) {
	const before = `policy: a
default: pass
rules:
  - {id: ids, reason: I, when: 'found(["ssn"], HIGH)', then: {action: secure, pin: other_channel, expires: 12h}}
  - {id: gone, reason: G, when: 'size > 10', then: tls}
  - {id: same, reason: S, when: 'size > 20', then: pass}
  - {id: tried, reason: T, mode: shadow, when: 'size > 30', then: hold}
  - {id: silent, reason: Q, when: tag.pin, then: hold}
`
	after := strings.NewReplacer("policy: a", "policy: b", "HIGH", "LOW", "  - {id: gone, reason: G, when: 'size > 10', then: tls}\n", "", "mode: shadow, ", "", "silent", "quiet").Replace(before) +
		"  - {id: excuse, reason: E, when: thread.exists, then: {action: pass, exempts: [tried]}}\n" +
		"  - {id: night, reason: N, when: size > 40, then: {until: 8}}\n"
	f := quiet()
	f.Detections.Findings = append(findings("us.ssn", gateway.Medium, 2), findings("name", gateway.Low, 1)...)
	for _, x := range []struct {
		thread bool
		want   string
	}{
		{false, `tls (gone) -> hold (tried)
ids: not met -> met: secure
  was found(["ssn"], HIGH) = false
  now found(["ssn"], LOW) = true (ssn)
tried: met: hold in shadow -> met: hold
  size > 30 = true (size = 1000)
night: absent -> met: pass from 08:00
  size > 40 = true (size = 1000)
gone: met: tls -> absent
  size > 10 = true (size = 1000)
options: was nothing
options: now pin other_channel, expires 12 hours, until 08:00
found: name, ssn`},
		{true, `tls (gone) -> secure (ids)
ids: not met -> met: secure
  was found(["ssn"], HIGH) = false
  now found(["ssn"], LOW) = true (ssn)
tried: met: hold in shadow -> lifted by excuse
  size > 30 = true (size = 1000)
excuse: absent -> met: pass
  thread.exists = true
night: absent -> met: pass from 08:00
  size > 40 = true (size = 1000)
gone: met: tls -> absent
  size > 10 = true (size = 1000)
options: was nothing
options: now pin other_channel, expires 12 hours, until 08:00
found: name, ssn`},
	} {
		f.Thread.Exists = x.thread
		d, differ := Diff(mustLoad(t, before).Judge(f), mustLoad(t, after).Judge(f))
		if got := d.String() + "\n" + strings.Join(d.Reasons(), "\n"); !differ || got != x.want {
			t.Errorf("got\n%s\nwant\n%s", got, x.want)
		}
	}
}

// TestDiffOfOptions: the same action with a weaker proof is another decision.
func TestDiffOfOptions(t *testing.T) {
	rule := func(then string) *Policy {
		return mustLoad(t, rulesOf("{id: r, reason: R, when: size > 0, then: "+then+"}"))
	}
	d, differ := Diff(rule("{action: secure, pin: other_channel, staff_copy: none, status: opened}").Judge(quiet()), rule("secure").Judge(quiet()))
	if want := "options: was pin other_channel, staff_copy none, status opened\noptions: now nothing"; !differ || strings.Join(d.Reasons(), "\n") != want {
		t.Errorf("%v: %q", differ, d.Reasons())
	}
	raw, err := json.Marshal(d)
	want := `{"old":"secure","old_rules":["r"],"new":"secure","new_rules":["r"],"changes":[],"old_found":[],"new_found":[],` +
		`"old_options":{"pin":"other_channel","staff_copy":"none","status":"opened"},"new_options":{}}`
	if err != nil || string(raw) != want {
		t.Errorf("got %s %v", raw, err)
	}
}
