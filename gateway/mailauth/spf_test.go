package mailauth_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

func TestSPF(t *testing.T) {
	const name = "TXT out.example"
	for what, c := range map[string]struct {
		peer   func(*mailauth.Peer)
		zone   zone
		result gateway.AuthResult
		domain string // "": out.example; "-": none
	}{
		"address":       {zone: zone{name: {"v=spf1 ip4:192.0.2.0/24 -all"}}, result: gateway.AuthPass},
		"other address": {zone: zone{name: {"v=spf1 ip4:198.51.100.0/24 -all"}}, result: gateway.AuthFail},
		"softly":        {zone: zone{name: {"v=spf1 ~all"}}, result: gateway.AuthSoftFail},
		"neutral":       {zone: zone{name: {"v=spf1 ?all"}}, result: gateway.AuthNeutral},
		"nothing":       {zone: zone{}, result: gateway.AuthNone},
		"two records":   {zone: zone{name: {"v=spf1 -all", "v=spf1 +all"}}, result: gateway.AuthPermError},
		"malformed":     {zone: zone{name: {"v=spf1 wild:x -all"}}, result: gateway.AuthPermError},
		"host":          {zone: zone{name: {"v=spf1 a:mx.out.example -all"}, "IP mx.out.example": {"192.0.2.7"}}, result: gateway.AuthPass},
		"exchanger":     {zone: zone{name: {"v=spf1 mx -all"}, "MX out.example": {"mx.out.example"}, "IP mx.out.example": {"192.0.2.7"}}, result: gateway.AuthPass},
		"include":       {zone: zone{name: {"v=spf1 include:host.example -all"}, "TXT host.example": {"v=spf1 ip4:192.0.2.7"}}, result: gateway.AuthPass},
		"by name":       {zone: zone{name: {"v=spf1 ptr -all"}, "PTR 192.0.2.7": {"mx.out.example"}, "IP mx.out.example": {"192.0.2.7"}}, result: gateway.AuthPass},
		"loop":          {zone: zone{name: {"v=spf1 include:out.example -all"}}, result: gateway.AuthPermError},
		"no DNS":        {zone: zone{name: {"temp"}}, result: gateway.AuthTempError},
		"no DNS, oddly": {zone: zone{name: {"odd"}}, result: gateway.AuthTempError},
		"no DNS for a":  {zone: zone{name: {"v=spf1 a -all"}, "IP out.example": {"temp"}}, result: gateway.AuthTempError},
		"no DNS for mx": {zone: zone{name: {"v=spf1 mx -all"}, "MX out.example": {"odd"}}, result: gateway.AuthTempError},
		"no DNS for the exchanger": {
			zone: zone{name: {"v=spf1 mx -all"}, "MX out.example": {"mx.out.example"}, "IP mx.out.example": {"temp"}}, result: gateway.AuthTempError,
		},
		"no DNS for include": {zone: zone{name: {"v=spf1 include:host.example -all"}, "TXT host.example": {"temp"}}, result: gateway.AuthTempError},
		"null sender": {
			peer: func(p *mailauth.Peer) { p.From = gateway.Address{} },
			zone: zone{"TXT mx.out.example": {"v=spf1 ip4:192.0.2.7 -all"}}, result: gateway.AuthPass, domain: "mx.out.example",
		},
		"null sender of an address": {
			peer: func(p *mailauth.Peer) { p.From, p.Helo = gateway.Address{}, "[192.0.2.7]" }, zone: zone{}, result: gateway.AuthNone, domain: "-",
		},
		"HELO is not asked": {zone: zone{"TXT mx.out.example": {"v=spf1 +all"}}, result: gateway.AuthNone},
		"IPv6": {
			peer: func(p *mailauth.Peer) { p.IP = netip.MustParseAddr("2001:db8::7") }, zone: zone{name: {"v=spf1 ip6:2001:db8::/32 -all"}}, result: gateway.AuthPass,
		},
		"IPv4 in IPv6": {
			peer: func(p *mailauth.Peer) { p.IP = netip.MustParseAddr("::ffff:192.0.2.7") }, zone: zone{name: {"v=spf1 ip4:192.0.2.7 -all"}}, result: gateway.AuthPass,
		},
		"no address": {peer: func(p *mailauth.Peer) { p.IP = netip.Addr{} }, zone: zone{name: {"v=spf1 +all"}}, result: gateway.AuthNone, domain: "-"},
		"two @": { // the library splits at the first
			peer: func(p *mailauth.Peer) { p.From = gateway.MustAddress(`"x@evil.example"@out.example`) },
			zone: zone{name: {"v=spf1 -all"}, "TXT evil.example": {"v=spf1 +all"}}, result: gateway.AuthFail,
		},
		"macros": {
			zone:   zone{name: {"v=spf1 exists:%{l}.%{i}.%{h}.spf.out.example -all"}, "IP pat.192.0.2.7.mx.out.example.spf.out.example": {"127.0.0.2"}},
			result: gateway.AuthPass,
		},
	} {
		t.Run(what, func(t *testing.T) {
			peer := outPeer()
			if c.peer != nil {
				c.peer(&peer)
			}
			a := mailauth.NewVerifier(dns(t, c.zone), now).Verify(t.Context(), []byte("From: pat@out.example\r\n\r\n"), peer)
			want := map[string]string{"": "out.example", "-": ""}
			if w, ok := want[c.domain]; ok {
				c.domain = w
			}
			if a.SPF != c.result || a.SPFDomain != c.domain {
				t.Errorf("spf %s of %q, want %s of %q", a.SPF, a.SPFDomain, c.result, c.domain)
			}
		})
	}
}

// TestQuestionsAreBounded: ten MX terms of ten exchangers each would be more
// than a hundred questions.
func TestQuestionsAreBounded(t *testing.T) {
	z := zone{}
	record := "v=spf1"
	for i := range 10 {
		domain := fmt.Sprintf("m%d.example", i)
		record += " mx:" + domain
		for j := range 10 {
			host := fmt.Sprintf("h%d.%s", j, domain)
			z["MX "+domain] = append(z["MX "+domain], host)
			z["IP "+host] = []string{"198.51.100.1"}
		}
	}
	z["TXT out.example"] = []string{record + " -all"}
	server := dns(t, z)
	a := mailauth.NewVerifier(server, now).Verify(t.Context(), []byte("From: pat@out.example\r\n\r\n"), outPeer())
	if a.SPF != gateway.AuthPermError || a.SPFDomain != "out.example" {
		t.Errorf("%s", a.SPF)
	}
	if n := server.questions(); n != 60+1 { // and one for DMARC
		t.Errorf("%d questions", n)
	}
}

// TestSilentDNS: whatever is not answered is temperror within 20 seconds, also
// when the resolver then claims that there is nothing.
func TestSilentDNS(t *testing.T) {
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	raw := []byte(h.sign(t, plainTags) + answerText)
	silent := zone{"TXT s1._domainkey.out.example": {"slow"}, "TXT _dmarc.out.example": {"slow"}, "TXT out.example": {"slow"}}
	check := func(t *testing.T, ctx context.Context, most time.Duration) {
		t.Helper()
		start := time.Now()
		a := mailauth.NewVerifier(dns(t, silent), now).Verify(ctx, raw, outPeer())
		if took := time.Since(start); took > most {
			t.Errorf("took %s", took)
		}
		if a.Signatures[0].Result != gateway.AuthTempError || a.SPF != gateway.AuthTempError || a.DMARC != gateway.AuthTempError || a.Policy != "" {
			t.Errorf("%+v", a)
		}
	}
	synctest.Test(t, func(t *testing.T) { check(t, t.Context(), 20*time.Second) })
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		check(t, ctx, time.Second)
	})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, over, time.Minute)
}

// TestNamesThatAreNone: what cannot be a name in the DNS is not asked for.
func TestNamesThatAreNone(t *testing.T) {
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	for _, selector := range []string{"s1/x", "a..b", ".", "ü", strings.Repeat("s", 64), strings.Repeat("s.", 130) + "s"} {
		server := dns(t, zone{})
		raw := h.sign(t, strings.Replace(plainTags, "s=s1", "s="+selector, 1)) + answerText
		a := mailauth.NewVerifier(server, now).Verify(t.Context(), []byte(raw), mailauth.Peer{})
		if n := server.questions(); n != 1 || a.Signatures[0].Result != gateway.AuthPermError {
			t.Errorf("%q: %d questions, %+v", selector, n, a.Signatures[0])
		}
	}
}
