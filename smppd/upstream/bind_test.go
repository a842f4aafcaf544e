package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

func isBind(p pdu.PDU) bool {
	return p.Command == pdu.BindTransceiver || p.Command == pdu.BindTransmitter || p.Command == pdu.BindReceiver
}

// TestBind: what the carrier hears of us first.
func TestBind(t *testing.T) {
	t.Parallel()
	var got atomic.Pointer[pdu.Bind]
	m := newSMSC(t, func(_ *session, p pdu.PDU) bool {
		if b, ok := p.Body.(*pdu.Bind); ok {
			got.Store(b)
		}
		return false
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.SystemType = "VMA" })
	eventually(t, "the bind", func() bool { return c.Healthy() == nil })
	b := got.Load()
	if b.SystemID != "gw" || b.Password.Reveal() != "sesame" || b.SystemType != "VMA" || b.InterfaceVersion != 0x34 {
		t.Errorf("bound as %q %q %q %x", b.SystemID, b.Password.Reveal(), b.SystemType, b.InterfaceVersion)
	}
	if s := c.State(); len(s) != 1 || s[0].Bind != "transceiver" || !s[0].Up || s[0].Since.IsZero() || s[0].Reason != "" {
		t.Errorf("state %+v", s)
	}
}

// TestRefused: a wrong password is not tried every moment, and both the log and
// the health say what to do. Other refusals pass.
func TestRefused(t *testing.T) {
	t.Parallel()
	for status, slow := range map[pdu.Status]bool{pdu.RINVPASWD: true, pdu.RINVSYSID: true, pdu.RALYBND: false, pdu.RBINDFAIL: false} {
		var binds atomic.Int32
		m := newSMSC(t, func(s *session, p pdu.PDU) bool {
			return isBind(p) && binds.Add(1) <= 3 && s.say(p.Response(status, nil))
		})
		out := &logs{}
		c := start(t, m, &inboundStub{}, func(c *Config) { c.Logger = slog.New(slog.NewJSONHandler(out, nil)) })
		eventually(t, "a refusal", func() bool { return strings.Contains(out.text(), status.String()) })
		if !slow {
			eventually(t, "the bind", func() bool { return c.Healthy() == nil })
			continue
		}
		time.Sleep(150 * time.Millisecond) // refused at once, then not before half of 400 ms
		if n := binds.Load(); n != 1 {
			t.Errorf("%v: %d binds", status, n)
		}
		err := c.Healthy()
		if err == nil || !strings.Contains(err.Error(), "check system_id and password") || !strings.Contains(out.text(), `"level":"ERROR"`) {
			t.Errorf("%v: %v, log %s", status, err, out.text())
		}
		if strings.Contains(out.text(), "sesame") {
			t.Error("the password is in the log")
		}
	}
}

// TestTheSameFailureIsToldOnce: a carrier that is away all night fills no log.
func TestTheSameFailureIsToldOnce(t *testing.T) {
	t.Parallel()
	var binds atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return isBind(p) && binds.Add(1) <= 6 && s.say(p.Response(pdu.RBINDFAIL, nil))
	})
	out := &logs{}
	c := start(t, m, &inboundStub{}, func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	eventually(t, "the bind", func() bool { return c.Healthy() == nil })
	var lines []struct{ Level, Msg, Error string }
	for line := range strings.Lines(out.text()) {
		var l struct{ Level, Msg, Error string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Msg == "no link to the carrier" {
			lines = append(lines, l)
		}
	}
	again := 0
	for i, l := range lines {
		same := i > 0 && l.Error == lines[i-1].Error
		if same {
			again++
		}
		if want := map[bool]string{false: "WARN", true: "DEBUG"}[same]; l.Level != want {
			t.Errorf("line %d is %s, not %s: %s", i, l.Level, want, l.Error)
		}
	}
	if len(lines) < 6 || again == 0 {
		t.Errorf("%d lines, %d of them of the same failure", len(lines), again)
	}
}

// TestOddBinds: carriers that answer the bind with something else, late, or
// never.
func TestOddBinds(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]func(*session, pdu.PDU) bool{
		"nothing": func(*session, pdu.PDU) bool { return true },
		"closes":  func(s *session, _ pdu.PDU) bool { return s.conn.Close() == nil },
		"garbage": func(s *session, _ pdu.PDU) bool { return s.raw([]byte("220 smtp.example ESMTP\r\n")) },
		"nack": func(s *session, p pdu.PDU) bool {
			return s.say(pdu.PDU{Command: pdu.GenericNack, Sequence: p.Sequence})
		},
		"chatter": func(s *session, p pdu.PDU) bool {
			for range 100 {
				s.say(pdu.PDU{Command: pdu.EnquireLink, Sequence: 7})
			}
			return true
		},
		"malformed": func(s *session, p pdu.PDU) bool {
			return s.raw([]byte{0, 0, 0, 17, 0, 0, 0, 0x55, 0, 0, 0, 0, 0, 0, 0, 1, 0}) && s.conn.Close() == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var binds atomic.Int32
			m := newSMSC(t, func(s *session, p pdu.PDU) bool { return isBind(p) && binds.Add(1) <= 2 && odd(s, p) })
			c := start(t, m, &inboundStub{})
			eventually(t, "the bind", func() bool { return c.Healthy() == nil })
		})
	}
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		if isBind(p) {
			s.say(pdu.PDU{Command: pdu.Outbind, Sequence: 1, Body: &pdu.OutbindBody{SystemID: "smsc"}})
			s.say(pdu.PDU{Command: pdu.EnquireLink, Sequence: 2})
		}
		return false
	})
	c := start(t, m, &inboundStub{})
	eventually(t, "the bind after other words", func() bool { return c.Healthy() == nil })
	if m.links() != 1 {
		t.Errorf("%d links", m.links())
	}
}

// TestSeparate: segments go over the transmitter and deliveries come over the
// receiver; a delivery over the transmitter is refused.
func TestSeparate(t *testing.T) {
	t.Parallel()
	var statuses [2]atomic.Int64
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		switch {
		case isBind(p):
			s.say(p.Response(pdu.OK, nil))
			s.say(pdu.PDU{Command: pdu.DeliverSM, Sequence: uint32(p.Command), Body: &pdu.Message{Segment: segment(p.Command.String())}})
			return true
		case p.Command == pdu.DeliverSMResp:
			statuses[p.Sequence-1].Store(int64(p.Status) + 1)
			return true
		}
		return false
	})
	g := &inboundStub{}
	c := start(t, m, g, func(c *Config) { c.Bind = Separate })
	if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result != gateway.Sent {
		t.Error(result(o))
	}
	eventually(t, "both answers", func() bool { return statuses[0].Load() > 0 && statuses[1].Load() > 0 })
	if a, b := statuses[pdu.BindReceiver-1].Load()-1, statuses[pdu.BindTransmitter-1].Load()-1; a != 0 || b != int64(pdu.RINVBNDSTS) {
		t.Errorf("receiver answers %d, transmitter %d", a, b)
	}
	if texts, _ := g.taken(); !slices.Equal(texts, []string{"bind_receiver"}) {
		t.Errorf("received %v", texts)
	}
	if s := c.State(); len(s) != 2 || !s[0].Up || !s[1].Up {
		t.Errorf("state %+v", s)
	}
}

// TestReceiverOnly: nothing can be sent.
func TestReceiverOnly(t *testing.T) {
	t.Parallel()
	c := start(t, newSMSC(t, nil), &inboundStub{}, func(c *Config) { c.Bind = Receiver })
	eventually(t, "the bind", func() bool { return c.Healthy() == nil })
	if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Phase != "connect" || o.Result != gateway.Deferred {
		t.Error(result(o))
	}
}

// TestReconnect: links that break at once are made again, ever more slowly.
func TestReconnect(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return isBind(p) && s.say(p.Response(pdu.OK, nil)) && s.conn.Close() == nil
	})
	start(t, m, &inboundStub{})
	eventually(t, "three links", func() bool { return m.links() >= 3 })
	time.Sleep(200 * time.Millisecond)
	if n := m.links(); n > 20 {
		t.Errorf("%d links in a moment", n)
	}
}

// TestBackoff: doubled up to the bound, never more than half taken off.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{1: 1, 2: 2, 5: 16, 6: 30, 1000: 30} {
		if got := backoff(n, time.Second, 30*time.Second, 0); got != want*time.Second {
			t.Errorf("after %d: %v", n, got)
		}
		if got := backoff(n, time.Second, 30*time.Second, 0.9999); got < want*time.Second/2 || got > want*time.Second*51/100 {
			t.Errorf("after %d at the least: %v", n, got)
		}
	}
}

// TestPeerUnbinds: what is unanswered is answered before the carrier gets its
// yes, nothing more goes over that link, and another one is made.
func TestPeerUnbinds(t *testing.T) {
	t.Parallel()
	var seen, unbound atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		switch p.Command {
		case pdu.SubmitSM:
			if seen.Add(1) > 1 {
				return false
			}
			s.say(pdu.PDU{Command: pdu.Unbind, Sequence: 99})
			s.say(pdu.PDU{Command: pdu.Unbind, Sequence: 100})
			time.AfterFunc(100*time.Millisecond, func() { s.yesTo(p) })
			return true
		case pdu.UnbindResp:
			if p.Sequence == 99 {
				unbound.Store(1)
				_ = s.conn.Close()
			}
			return true
		}
		return false
	})
	c := start(t, m, &inboundStub{})
	_, o := c.Send(t.Context(), message("x"), nil, nil)
	if o.Result != gateway.Sent || unbound.Load() != 0 && m.times("x") != 1 {
		t.Errorf("%s", result(o))
	}
	if _, o = c.Send(t.Context(), message("y"), nil, nil); o.Result != gateway.Sent || m.links() != 2 {
		t.Errorf("%s over %d links", result(o), m.links())
	}
	if unbound.Load() != 1 {
		t.Error("unbind was not answered")
	}
}

// TestStranger: a carrier that forgot that we are bound is bound to again.
func TestStranger(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return p.Command == pdu.SubmitSM && seen.Add(1) == 1 && s.say(p.Response(pdu.RINVBNDSTS, nil))
	})
	c := start(t, m, &inboundStub{})
	if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result != gateway.Deferred || o.Unknown {
		t.Error(result(o))
	}
	if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result != gateway.Sent || m.links() != 2 {
		t.Errorf("%s over %d links", result(o), m.links())
	}
}

// certify makes a certificate for 127.0.0.1 and the pool that trusts it.
func certify(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smsc"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pool
}

// TestTLS: a certificate that is verified is told of, one that is not ends it
// before the password is sent.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := certify(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	m := serveSMSC(t, ln, nil)
	c := start(t, m, &inboundStub{}, func(c *Config) { c.TLS = &tls.Config{RootCAs: pool} })
	_, o := c.Send(t.Context(), message("x"), nil, nil)
	if o.Result != gateway.Sent || !o.TLS.Verified || o.TLS.Version != "TLSv1.3" || o.TLS.Name != "127.0.0.1" || o.TLS.Cipher == "" {
		t.Errorf("%s over %+v", result(o), o.TLS)
	}
	binds := m.bound()
	other := start(t, m, &inboundStub{}, func(c *Config) { c.TLS = &tls.Config{} })
	eventually(t, "a failure", func() bool { return strings.Contains(other.Healthy().Error(), "securing the connection") })
	if m.bound() != binds {
		t.Error("it bound without trust")
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	m := newSMSC(t, nil)
	config := Config{Addr: m.addr(), SystemID: "gw", Timers: quick(), Bind: Separate}
	if err := Probe(ctx, config); err != nil {
		t.Error(err)
	}
	if m.bound() != 2 {
		t.Errorf("%d binds", m.bound())
	}
	m = newSMSC(t, func(s *session, p pdu.PDU) bool { return isBind(p) && s.say(p.Response(pdu.RINVPASWD, nil)) })
	config.Addr = m.addr()
	if err := Probe(ctx, config); err == nil || !strings.Contains(err.Error(), "ESME_RINVPASWD") {
		t.Error(err)
	}
	m.close()
	if err := Probe(ctx, config); err == nil || !strings.Contains(err.Error(), "connecting") {
		t.Error(err)
	}
}

// TestUsefulLinks: a carrier that takes segments but cuts links is bound to
// again without growing waits.
func TestUsefulLinks(t *testing.T) {
	t.Parallel()
	m := newSMSC(t, func(s *session, p pdu.PDU) bool {
		return p.Command == pdu.SubmitSM && s.say(p.Response(pdu.OK, &pdu.MessageResp{MessageID: "1"})) && s.conn.Close() == nil
	})
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Timers.MaxReconnect, c.Timers.Response = time.Minute, 20*time.Second })
	began := time.Now()
	for range 12 {
		for {
			if _, o := c.Send(t.Context(), message("x"), nil, nil); o.Result == gateway.Sent {
				break
			}
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("twelve links took %v", took)
	}
}
