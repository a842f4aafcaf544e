package e2e

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// TestStrictPostfixTakesOurName: a next hop that refuses names without a
// domain takes mail from a Gatepost whose configuration names none, on a
// machine whose own name may be a bare word.
func TestStrictPostfixTakesOurName(t *testing.T) {
	t.Parallel()
	strict := startPostfix(t, "virtual_mailbox_domains = out.example",
		"smtpd_helo_required = yes", "smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname", "smtpd_delay_reject = no")
	g := newGate(t, settings{routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", strict.addr)}}).start()
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, mailText("ann@clinic.example", "pat@out.example", "m", "The garden opens at nine.\n"))
	if got := strict.waitFor(1, time.Minute); !bytes.Contains(got[0], []byte("The garden opens at nine.")) {
		t.Errorf("arrived:\n%s", got[0])
	}
}
