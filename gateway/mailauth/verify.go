package mailauth

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"gatepost/gateway"
)

// Peer is who handed a mail in.
type Peer struct {
	IP   netip.Addr
	Helo string          // of EHLO or HELO, as given
	From gateway.Address // MAIL FROM
}

// Verifier authenticates mails from outside. It is immutable and safe for
// concurrent use.
type Verifier struct {
	dns Resolver
	now func() time.Time
}

// NewVerifier returns a verifier that asks dns, and for which it is now().
func NewVerifier(dns Resolver, now func() time.Time) *Verifier { return &Verifier{dns: dns, now: now} }

// Verify says what DKIM, SPF and DMARC say of raw, the octets as they came in
// (before any field was added), from peer. Trouble with the DNS is
// AuthTempError in the results, also when ctx ends first; absence is only what
// the DNS said. It asks at most 67 questions (with their retries by the
// resolver) and takes 20 seconds at most.
func (v *Verifier) Verify(ctx context.Context, raw []byte, peer Peer) gateway.Authentication {
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	h := split(raw)
	a := gateway.Authentication{Domain: h.author()}
	signatures := h.signatures(a.Domain, v.now())
	var (
		keys   = make([]keyAnswer, len(signatures))
		policy dmarcAnswer
		wg     sync.WaitGroup
	)
	for i, s := range signatures {
		if s.problem == nil {
			wg.Go(func() { keys[i] = lookupKey(ctx, newAsker(v.dns, 1), s) })
		}
	}
	wg.Go(func() { policy = lookupDMARC(ctx, newAsker(v.dns, 2), a.Domain) })
	wg.Go(func() { a.SPF, a.SPFDomain = checkSPF(ctx, newAsker(v.dns, spfLookups), peer) })
	hashes := bodies(raw[h.body:], signatures) // while the DNS answers
	wg.Wait()
	for i, s := range signatures {
		s.verify(h, keys[i], hashes)
		a.Signatures = append(a.Signatures, s.Signature)
	}
	policy.align(&a)
	a.DMARC, a.Policy = policy.judge(&a)
	return a
}
