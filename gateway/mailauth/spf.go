package mailauth

import (
	"context"
	"strings"

	"blitiri.com.ar/go/spf"

	"gatepost/gateway"
)

// checkSPF asks whether peer may send for the domain of MAIL FROM, or of HELO
// under the null sender (RFC 7208 section 2.4).
func checkSPF(ctx context.Context, dns *asker, peer Peer) (result gateway.AuthResult, domain string) {
	helo := hostname(peer.Helo)
	domain, local := helo, "postmaster"
	if !peer.From.IsNull() {
		domain = hostname(peer.From.Domain())
		// Only macros read it, and only the octets of a dot-atom are safe there.
		if l := peer.From.Local(); !strings.ContainsAny(l, "@ \"\\") {
			local = l
		}
	}
	if domain == "" || !peer.IP.IsValid() { // nothing to ask (section 4.3)
		return gateway.AuthNone, ""
	}
	defer func() {
		if recover() != nil { // a record that the library did not expect: not the sender's proof, nor its fault
			result = gateway.AuthTempError
		}
	}()
	found, _ := spf.CheckHostWithSender(peer.IP.Unmap().AsSlice(), helo, local+"@"+domain, spf.WithContext(ctx), spf.WithResolver(dns))
	if dns.exhausted() {
		return gateway.AuthPermError, domain // section 4.6.4
	}
	return spfResult(found), domain
}

func spfResult(r spf.Result) gateway.AuthResult {
	switch r {
	case spf.Pass:
		return gateway.AuthPass
	case spf.Fail:
		return gateway.AuthFail
	case spf.SoftFail:
		return gateway.AuthSoftFail
	case spf.Neutral:
		return gateway.AuthNeutral
	case spf.None:
		return gateway.AuthNone
	case spf.PermError:
		return gateway.AuthPermError
	}
	return gateway.AuthTempError
}
