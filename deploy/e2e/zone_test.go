package e2e

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// zone is a DNS server on loopback that knows a few TXT records, says nothing
// at all about some names, and that all others do not exist.
type zone struct {
	addr string

	mu     sync.Mutex
	txt    map[string]string // guarded by mu; by name with its final point
	silent map[string]bool   // guarded by mu
}

func newZone(t *testing.T) *zone {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{addr: conn.LocalAddr().String(), txt: map[string]string{}, silent: map[string]bool{}}
	server := &dns.Server{PacketConn: conn, Handler: z}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return z
}

// ServeDNS implements dns.Handler.
func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	name := strings.ToLower(q.Question[0].Name)
	z.mu.Lock()
	text, silent := z.txt[name], z.silent[name]
	z.mu.Unlock()
	if silent {
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	if text == "" {
		m.Rcode = dns.RcodeNameError
	} else if q.Question[0].Qtype == dns.TypeTXT {
		rr := &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1}}
		for ; len(text) > 250; text = text[250:] {
			rr.Txt = append(rr.Txt, text[:250])
		}
		rr.Txt = append(rr.Txt, text)
		m.Answer = []dns.RR{rr}
	}
	_ = w.WriteMsg(m)
}

// set gives a name a TXT record; "" takes it away.
func (z *zone) set(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.txt[name+"."] = text
}

// mute lets the server say nothing about a name, or speak again.
func (z *zone) mute(name string, silent bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.silent[name+"."] = silent
}

// publish puts the public half of a DKIM key into the zone (RFC 6376 section
// 3.6.1, RFC 8463 section 4).
func (z *zone) publish(t *testing.T, selector, domain string, key crypto.Signer) {
	t.Helper()
	if public, ok := key.Public().(ed25519.PublicKey); ok {
		z.set(selector+"._domainkey."+domain, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(public))
		return
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	z.set(selector+"._domainkey."+domain, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(der))
}
