package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTwoGatewaysFacingEachOther: each hands everything on to the other. A mail
// that passes goes round until one of them sees that it does, the report about
// it likewise, and then it is quiet; a notice is not secured again and again.
func TestTwoGatewaysFacingEachOther(t *testing.T) {
	t.Parallel()
	one := newGate(t, settings{policy: abusePolicy})
	two := newGate(t, settings{policy: abusePolicy})
	for _, k := range []struct{ from, to *gate }{{one, two}, {two, one}} {
		k.from.configure(settings{policy: abusePolicy, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", k.to.relay)}})
		k.from.start()
	}
	accepted(t, one.relay, annName, []string{"pat@out.example"}, mailText(annName, "pat@out.example", "round", "The garden opens at nine.\n"))
	accepted(t, one.relay, annName, []string{"pat@secure.example"}, mailText(annName, "pat@secure.example", "secured", "The garden opens at ten.\n"))
	hops := func() int { return strings.Count(one.log()+two.log(), `"msg":"accepted"`) }
	quiet := func() string {
		before := hops()
		time.Sleep(1500 * time.Millisecond)
		left := append(one.list("queue", "list"), two.list("queue", "list")...)
		if now := hops(); now != before || len(left) > 0 {
			return fmt.Sprintf("%d hops, a moment ago %d; %d wait", now, before, len(left))
		}
		return ""
	}
	eventually(t, 3*time.Minute, quiet)
	t.Logf("%d hops of two mails and what they brought about", hops())
	if n := hops(); n < 20 || n > 600 {
		t.Errorf("%d hops", n)
	}
	one.must("audit", "verify")
	two.must("audit", "verify")
}
