package mailauth_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// server is a real DNS server on loopback, by UDP and TCP, and the resolver of
// the standard library that asks it, as cmd builds it for dns.server.
func server(t *testing.T, answer func(q mdns.Question, m *mdns.Msg) (silent bool)) *net.Resolver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	handler := mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) {
		m := new(mdns.Msg)
		m.SetReply(q)
		m.RecursionAvailable = true
		if answer(q.Question[0], m) {
			return
		}
		if _, tcp := w.RemoteAddr().(*net.TCPAddr); !tcp {
			m.Truncate(1232)
		}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*mdns.Server{{Listener: l, Handler: handler}, {PacketConn: p, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, l.Addr().String())
	}}
}

// TestRealResolver: what a DNS server may answer, and what becomes of it by way
// of the resolver of the standard library.
func TestRealResolver(t *testing.T) {
	k := rsaKey(t, 4096)
	text := record(t, k)
	h := relaxedAnswer()
	h.key = k
	raw := []byte(h.sign(t, strings.Replace(plainTags, "ed25519", "rsa", 1)) + answerText)
	const name = "s1._domainkey.out.example."
	txt := func(name, text string) mdns.RR {
		var parts []string
		for len(text) > 255 {
			parts, text = append(parts, text[:255]), text[255:]
		}
		return &mdns.TXT{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeTXT, Class: mdns.ClassINET, Ttl: 60}, Txt: append(parts, text)}
	}
	for what, c := range map[string]struct {
		answer func(q mdns.Question, m *mdns.Msg) bool
		result gateway.AuthResult
		spf    gateway.AuthResult
	}{
		"answer": {func(q mdns.Question, m *mdns.Msg) bool { m.Answer = append(m.Answer, txt(q.Name, text)); return false }, gateway.AuthPass, gateway.AuthNone},
		"answer by TCP": {func(q mdns.Question, m *mdns.Msg) bool {
			m.Answer = append(m.Answer, txt(q.Name, text+"; n="+strings.Repeat("x", 3000)))
			return false
		}, gateway.AuthPass, gateway.AuthNone},
		"alias": {func(q mdns.Question, m *mdns.Msg) bool {
			m.Answer = append(m.Answer,
				&mdns.CNAME{Hdr: mdns.RR_Header{Name: q.Name, Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: 60}, Target: "key.host.example."}, txt("key.host.example.", text))
			return false
		}, gateway.AuthPass, gateway.AuthNone},
		"no name":         {func(_ mdns.Question, m *mdns.Msg) bool { m.Rcode = mdns.RcodeNameError; return false }, gateway.AuthPermError, gateway.AuthNone},
		"no record":       {func(q mdns.Question, m *mdns.Msg) bool { m.Ns = soa(q.Name); return false }, gateway.AuthPermError, gateway.AuthNone},
		"lame":            {func(_ mdns.Question, m *mdns.Msg) bool { m.RecursionAvailable = false; return false }, gateway.AuthTempError, gateway.AuthTempError},
		"failure":         {func(_ mdns.Question, m *mdns.Msg) bool { m.Rcode = mdns.RcodeServerFailure; return false }, gateway.AuthTempError, gateway.AuthTempError},
		"refusal":         {func(_ mdns.Question, m *mdns.Msg) bool { m.Rcode = mdns.RcodeRefused; return false }, gateway.AuthTempError, gateway.AuthTempError},
		"not implemented": {func(_ mdns.Question, m *mdns.Msg) bool { m.Rcode = mdns.RcodeNotImplemented; return false }, gateway.AuthTempError, gateway.AuthTempError},
		"silence":         {func(mdns.Question, *mdns.Msg) bool { return true }, gateway.AuthTempError, gateway.AuthTempError},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Bool
			dns := server(t, func(q mdns.Question, m *mdns.Msg) bool {
				if q.Name == name {
					asked.Store(true)
				}
				return c.answer(q, m)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			a := mailauth.NewVerifier(dns, now).Verify(ctx, raw, outPeer())
			if s := a.Signatures[0]; s.Result != c.result || a.SPF != c.spf || !asked.Load() {
				t.Errorf("dkim %s (%s), spf %s", s.Result, s.Reason, a.SPF)
			}
			if (a.DMARC == gateway.AuthTempError) != (c.spf == gateway.AuthTempError) {
				t.Errorf("dmarc %s", a.DMARC)
			}
		})
	}
}

func soa(name string) []mdns.RR {
	return []mdns.RR{&mdns.SOA{
		Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: 60}, Ns: "ns.example.", Mbox: "x.example.", Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 1,
	}}
}
