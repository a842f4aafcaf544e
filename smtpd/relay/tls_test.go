package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	tmpl := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := a.sign(t, tmpl)
	a.cert, a.key = leaf.Leaf, leaf.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t *testing.T, tmpl *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "relay test"}
	if tmpl.NotAfter.IsZero() {
		tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := tmpl, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// server is a certificate for names and for 127.0.0.1.
func (a *authority) server(t *testing.T, names ...string) *tls.Config {
	t.Helper()
	tmpl := &x509.Certificate{DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if len(names) == 0 {
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	return &tls.Config{Certificates: []tls.Certificate{a.sign(t, tmpl)}}
}

func (a *authority) expired(t *testing.T) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.sign(t, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	})}}
}

var offersTLS = []string{"STARTTLS", "8BITMIME", "SIZE"}

// What each policy makes of each next hop.
func TestPolicies(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := script{ehlo: offersTLS, tls: ca.server(t)}
	plain := script{}
	wrongName := script{ehlo: offersTLS, tls: ca.server(t, "other.example")}
	unknown := script{ehlo: offersTLS, tls: other.server(t)}
	expired := script{ehlo: offersTLS, tls: ca.expired(t)}
	old := script{ehlo: offersTLS, tls: ca.server(t)}
	old.tls.MaxVersion = tls.VersionTLS11
	refuses := script{ehlo: offersTLS, on: on("STARTTLS", say("454 4.7.0 not now"))}
	hangsUp := script{ehlo: offersTLS, on: on("STARTTLS", bye("220 go ahead"))}
	lower := script{ehlo: []string{"starttls", "8BITMIME"}, tls: ca.server(t)}
	type want struct {
		result   gateway.Result
		verified bool
		tls      bool
		status   string
	}
	sentPlain, sentTLS, sentVerified := want{gateway.Sent, false, false, "2.0.0"}, want{gateway.Sent, false, true, "2.0.0"}, want{gateway.Sent, true, true, "2.0.0"}
	for name, tc := range map[string]struct {
		script
		none, opportunistic, verify want
	}{
		"good":         {good, sentPlain, sentVerified, sentVerified},
		"lower case":   {lower, sentPlain, sentVerified, sentVerified},
		"plain":        {plain, sentPlain, sentPlain, want{gateway.Deferred, false, false, "4.7.4"}},
		"wrong name":   {wrongName, sentPlain, sentTLS, want{gateway.Deferred, false, false, "4.7.5"}},
		"unknown root": {unknown, sentPlain, sentTLS, want{gateway.Deferred, false, false, "4.7.5"}},
		"expired":      {expired, sentPlain, sentTLS, want{gateway.Deferred, false, false, "4.7.5"}},
		"TLS 1.1":      {old, sentPlain, sentPlain, want{gateway.Deferred, false, false, "4.7.5"}},
		"refuses":      {refuses, sentPlain, sentPlain, want{gateway.Deferred, false, false, "4.7.0"}},
		"hangs up":     {hangsUp, sentPlain, sentPlain, want{gateway.Deferred, false, false, "4.7.5"}},
	} {
		for policy, w := range map[TLSPolicy]want{None: tc.none, Opportunistic: tc.opportunistic, Verify: tc.verify} {
			t.Run(name+[]string{" verify", " opportunistic", " none"}[policy], func(t *testing.T) {
				srv := serve(t, tc.script)
				r := Route{Host: srv.addr(), TLS: policy, RootCAs: ca.pool}
				o := client(t, nil).Deliver(t.Context(), r, Any, give(mail("pat@out.example")))[0]
				if o.Result != w.result || o.Status != w.status || o.TLS.Verified != w.verified || (o.TLS.Version != "") != w.tls {
					t.Errorf("result %v status %s phase %s tls %+v", o.Result, o.Status, o.Phase, o.TLS)
				}
				if o.Result != gateway.Sent && o.Phase != "starttls" {
					t.Errorf("phase %s", o.Phase)
				}
				if len(srv.taken()) != map[bool]int{true: 1}[w.result == gateway.Sent] {
					t.Errorf("%d deliveries", len(srv.taken()))
				}
			})
		}
	}
}

// What stands behind the 220 in the same packet was put there in clear: it
// must never be read as words from inside TLS (RFC 3207 section 6).
func TestStartTLSInjection(t *testing.T) {
	ca := newAuthority(t)
	for _, policy := range []TLSPolicy{Opportunistic, Verify} {
		srv := serve(t, script{ehlo: offersTLS, tls: ca.server(t), on: on("STARTTLS", func(p *peer, _ string) bool {
			_, _ = p.conn.Write([]byte("220 go\r\n250-sink.test\r\n250 AUTH PLAIN\r\n"))
			return !p.upgrade()
		})})
		o := client(t, hasty).Deliver(t.Context(), Route{Host: srv.addr(), TLS: policy, RootCAs: ca.pool}, Any, give(mail("pat@out.example")))[0]
		if o.Result != gateway.Deferred || o.Phase != "starttls" || o.Status != "4.7.0" || len(srv.taken()) != 0 || len(srv.peers()) != 1 {
			t.Errorf("policy %d: result %v phase %s status %s, %d connections", policy, o.Result, o.Phase, o.Status, len(srv.peers()))
		}
	}
}

// Extensions told in clear do not count inside TLS.
func TestExtensionsAreForgottenBehindTLS(t *testing.T) {
	ca := newAuthority(t)
	n := 0
	srv := serve(t, script{tls: ca.server(t), on: on("EHLO", func(p *peer, _ string) bool {
		if n++; n == 1 {
			p.say("250-sink.test", "250-STARTTLS", "250-SMTPUTF8", "250 8BITMIME")
		} else {
			p.say("250 sink.test")
		}
		return true
	})})
	tx := mail("pat@out.example")
	tx.EightBit, tx.Open = true, reading("\xe4\r\n")
	o := client(t, nil).Deliver(t.Context(), Route{Host: srv.addr(), TLS: Verify, RootCAs: ca.pool}, Any, give(tx))[0]
	if o.Result != gateway.Failed || o.Status != "5.6.3" {
		t.Errorf("result %v status %s", o.Result, o.Status)
	}
}

// prepared remembers what prepare was told.
type preparing struct {
	met    []bool
	states []gateway.TLSState
}

func (p *preparing) give(tx *Transaction) func(gateway.TLSState, bool) (*Transaction, error) {
	return func(s gateway.TLSState, met bool) (*Transaction, error) {
		p.met, p.states = append(p.met, met), append(p.states, s)
		return tx, nil
	}
}

// A demand for verified TLS is met, or falls back in the same attempt before
// MAIL, and only after every MX was tried.
func TestDemandForVerifiedTLS(t *testing.T) {
	ca := newAuthority(t)
	good := script{ehlo: offersTLS, tls: ca.server(t, "mx1.out.example", "mx2.out.example")}
	bad := script{ehlo: offersTLS, tls: ca.server(t, "elsewhere.example")}
	plain := script{}
	silent := script{on: on("BANNER", drop)}
	for name, tc := range map[string]struct {
		first, second script
		met           bool
		at            int // which of the two gets the mail; 0: none
	}{
		"first verifies":        {good, plain, true, 1},
		"second verifies":       {plain, good, true, 2},
		"second is unverified":  {bad, plain, false, 1},
		"first is gone":         {silent, plain, false, 2},
		"first gone, good next": {silent, good, true, 2},
		"both gone":             {silent, silent, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			net := newNetwork(t)
			one, two := net.host("mx1.out.example", tc.first), net.host("mx2.out.example", tc.second)
			net.mx("out.example", "10 mx1.out.example.", "20 mx2.out.example.")
			var p preparing
			c := client(t, net.use)
			o := c.Deliver(t.Context(), Route{Domain: "out.example", TLS: Opportunistic, RootCAs: ca.pool}, VerifiedTLS, p.give(mail("pat@out.example")))[0]
			if tc.at == 0 {
				if o.Result != gateway.Deferred || len(p.met) != 0 {
					t.Errorf("result %v, prepare called %d times", o.Result, len(p.met))
				}
				return
			}
			if o.Result != gateway.Sent || len(p.met) != 1 || p.met[0] != tc.met || p.states[0].Verified != tc.met || o.TLS.Verified != tc.met {
				t.Errorf("result %v %s %s, prepare was told %v", o.Result, o.Phase, o.Status, p.met)
			}
			for i, srv := range []*server{one, two} {
				if n := len(srv.taken()); n != map[bool]int{true: 1}[tc.at == i+1] {
					t.Errorf("host %d took %d", i+1, n)
				}
			}
			if tc.met { // nothing of a message that must be protected was told to a host that does not protect it
				for _, srv := range []*server{one, two}[2-tc.at : 3-tc.at] {
					if told(srv, "MAIL") {
						t.Error("the host without verified TLS heard MAIL")
					}
				}
			}
		})
	}
}

func told(srv *server, verb string) bool {
	for _, p := range srv.peers() {
		if slices.ContainsFunc(p.heard(), func(s string) bool { return strings.HasPrefix(s, verb) }) {
			return true
		}
	}
	return false
}

// After a message was begun as verified, a second host that is not verified
// never gets it, whatever the first one answers.
func TestDemandHoldsForTheSecondHost(t *testing.T) {
	ca := newAuthority(t)
	net := newNetwork(t)
	net.host("mx1.out.example", script{ehlo: offersTLS, tls: ca.server(t, "mx1.out.example"), on: on("RCPT", say("450 4.2.1 later"))})
	second := net.host("mx2.out.example", script{})
	net.mx("out.example", "10 mx1.out.example.", "20 mx2.out.example.")
	o := client(t, net.use).Deliver(t.Context(), Route{Domain: "out.example", TLS: Opportunistic, RootCAs: ca.pool}, VerifiedTLS, give(mail("pat@out.example")))[0]
	if o.Result != gateway.Deferred || o.Code != 450 || told(second, "MAIL") {
		t.Errorf("result %v code %d, second told %v", o.Result, o.Code, told(second, "MAIL"))
	}
}

// A smart host's certificate does not protect what lies behind it, unless it
// is declared to.
func TestDemandAtASmartHost(t *testing.T) {
	ca := newAuthority(t)
	far := func(c *Config) {}
	for name, tc := range map[string]struct {
		script
		enforces bool
		demand   Demand
		met      bool
	}{
		"verified":                 {script{ehlo: offersTLS, tls: ca.server(t)}, false, VerifiedTLS, false},
		"verified, enforces":       {script{ehlo: offersTLS, tls: ca.server(t)}, true, VerifiedTLS, true},
		"loopback, enforces":       {script{}, true, VerifiedTLS, true},
		"safe hop, verified":       {script{ehlo: offersTLS, tls: ca.server(t)}, false, SafeHop, true},
		"safe hop, loopback":       {script{}, false, SafeHop, true},
		"any needs nothing":        {script{}, false, Any, true},
		"zero demand is strictest": {script{}, false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, tc.script)
			var p preparing
			r := Route{Host: srv.addr(), TLS: Opportunistic, RootCAs: ca.pool, EnforcesTLS: tc.enforces}
			o := client(t, far).Deliver(t.Context(), r, tc.demand, p.give(mail("pat@out.example")))[0]
			if o.Result != gateway.Sent || len(p.met) != 1 || p.met[0] != tc.met {
				t.Errorf("result %v, prepare was told %v, want %v", o.Result, p.met, tc.met)
			}
		})
	}
}
