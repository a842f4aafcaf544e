package relay

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"gatepost/gateway"
)

var errDNS = &net.DNSError{Err: "server misbehaving", IsTemporary: true}

// What DNS says becomes where a mail goes, or why it does not.
func TestRouting(t *testing.T) {
	for name, tc := range map[string]struct {
		world  func(n *network)
		result gateway.Result
		status string
		tried  string // names of hosts in order, as far as tried
	}{
		"one MX": {func(n *network) { n.mx("out.example", "10 a.example.") }, gateway.Sent, "2.0.0", "a"},
		"best preference first": {func(n *network) {
			n.mx("out.example", "20 b.example.", "10 a.example.")
		}, gateway.Sent, "2.0.0", "a"},
		"next host when the first refuses connections": {func(n *network) {
			n.address("gone.example")
			n.mx("out.example", "5 gone.example.", "10 a.example.")
		}, gateway.Sent, "2.0.0", "gone a"},
		"no MX: the domain itself":    {func(n *network) { n.hosts["out.example"] = n.hosts["a.example"] }, gateway.Sent, "2.0.0", "a"},
		"no such domain":              {func(n *network) {}, gateway.Failed, "5.1.2", ""},
		"null MX":                     {func(n *network) { n.mx("out.example", "0 .") }, gateway.Failed, "5.1.10", ""},
		"null MX beside a real one":   {func(n *network) { n.mx("out.example", "0 .", "10 a.example.") }, gateway.Sent, "2.0.0", "a"},
		"MX without address":          {func(n *network) { n.mx("out.example", "10 nowhere.example.") }, gateway.Failed, "5.4.4", ""},
		"MX lookup fails":             {func(n *network) { n.fails["MX out.example"] = errDNS }, gateway.Deferred, "4.4.3", ""},
		"MX lookup fails for no name": {func(n *network) { n.fails["MX out.example"] = errors.New("socket") }, gateway.Deferred, "4.4.3", ""},
		"the only host's lookup fails": {func(n *network) {
			n.fails["a.example"] = errDNS
			n.mx("out.example", "10 a.example.")
		}, gateway.Deferred, "4.4.3", ""},
		"one host's lookup fails": {func(n *network) {
			n.fails["b.example"] = errDNS
			n.mx("out.example", "5 b.example.", "10 a.example.")
		}, gateway.Sent, "2.0.0", "a"},
		"all refuse connections": {func(n *network) {
			n.address("gone.example")
			n.mx("out.example", "5 gone.example.")
		}, gateway.Deferred, "4.4.1", "gone"},
		"we are the best MX": {func(n *network) {
			n.address("gate.test")
			n.mx("out.example", "5 gate.test.", "10 a.example.")
		}, gateway.Failed, "5.4.6", ""},
		"we are the best MX by address": {func(n *network) {
			n.hosts["alias.example"] = []netip.Addr{netip.MustParseAddr("192.0.2.250")}
			n.mx("out.example", "5 alias.example.", "10 a.example.")
		}, gateway.Failed, "5.4.6", ""},
		"we are a backup MX": {func(n *network) {
			n.address("gate.test")
			n.mx("out.example", "5 a.example.", "10 gate.test.", "20 b.example.")
		}, gateway.Sent, "2.0.0", "a"},
		"we are a backup MX and the best is gone": {func(n *network) {
			n.address("gate.test")
			n.address("gone.example")
			n.mx("out.example", "5 gone.example.", "10 gate.test.", "20 b.example.")
		}, gateway.Deferred, "4.4.1", "gone"},
		"name in capitals": {func(n *network) { n.mx("out.example", "10 A.Example.") }, gateway.Sent, "2.0.0", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.host("a.example", script{})
			n.host("b.example", script{})
			tc.world(n)
			names := map[string]string{}
			for host, addrs := range n.hosts {
				for _, a := range addrs {
					if host != "out.example" {
						names[a.String()+":25"] = strings.TrimSuffix(host, ".example")
					}
				}
			}
			c := client(t, func(c *Config) {
				n.use(c)
				c.Own = func(_ string, addr netip.AddrPort) bool { return addr.Addr().String() == "192.0.2.250" }
			})
			o := c.Deliver(t.Context(), Route{Domain: "out.example", TLS: None}, Any, give(mail("pat@out.example")))[0]
			var tried []string
			for _, addr := range n.tried {
				tried = append(tried, names[addr])
			}
			if o.Result != tc.result || o.Status != tc.status || strings.Join(tried, " ") != tc.tried {
				t.Errorf("result %v status %s, tried %v", o.Result, o.Status, tried)
			}
			if o.Host == "" || o.At.IsZero() {
				t.Errorf("host %q at %v", o.Host, o.At)
			}
		})
	}
}

// Many addresses are not tried for ever.
func TestManyAddressesAreCut(t *testing.T) {
	n := newNetwork(t)
	for range 30 {
		n.address("gone.example")
	}
	n.mx("out.example", "10 gone.example.")
	client(t, n.use).Deliver(t.Context(), Route{Domain: "out.example", TLS: None}, Any, nil)
	if len(n.tried) != maxAddresses {
		t.Errorf("tried %d addresses", len(n.tried))
	}
}

// Fixed next hops and address literals.
func TestFixedRoutes(t *testing.T) {
	n := newNetwork(t)
	n.host("smart.example", script{})
	n.dials[netip.MustParseAddr("2001:db8::1")] = n.dials[n.hosts["smart.example"][0]]
	n.dials[netip.MustParseAddr("203.0.113.9")] = n.dials[n.hosts["smart.example"][0]]
	c := client(t, n.use)
	for _, tc := range []struct {
		route  Route
		result gateway.Result
		status string
		host   string
	}{
		{Route{Host: "smart.example:2525"}, gateway.Sent, "2.0.0", "smart.example:2525"},
		{Route{Host: "smart.example"}, gateway.Sent, "2.0.0", "smart.example:25"},
		{Route{Host: "[2001:db8::1]:26"}, gateway.Sent, "2.0.0", "[2001:db8::1]:26"},
		{Route{Host: "nowhere.example:25"}, gateway.Deferred, "4.4.3", "nowhere.example:25"},
		{Route{Host: "smart.example:smtp"}, gateway.Deferred, "4.3.5", "smart.example:smtp"},
		{Route{Host: "gate.test:25"}, gateway.Deferred, "4.4.3", "gate.test:25"},
		{Route{Domain: "[203.0.113.9]"}, gateway.Sent, "2.0.0", "203.0.113.9:25"},
		{Route{Domain: "[IPv6:2001:db8::1]", Port: 26}, gateway.Sent, "2.0.0", "[2001:db8::1]:26"},
		{Route{Domain: "[203.0.113]"}, gateway.Failed, "5.1.2", "[203.0.113]"},
	} {
		tc.route.TLS = None
		o := c.Deliver(t.Context(), tc.route, Any, give(mail("pat@out.example")))[0]
		if o.Result != tc.result || o.Status != tc.status || o.Host != tc.host {
			t.Errorf("%q %q: result %v status %s host %q", tc.route.Host, tc.route.Domain, o.Result, o.Status, o.Host)
		}
	}
	n.address("gate.test")
	if o := c.Deliver(t.Context(), Route{Host: "gate.test:25"}, Any, nil)[0]; o.Result != gateway.Deferred || o.Status != "4.3.5" {
		t.Errorf("a route to ourselves: result %v status %s", o.Result, o.Status)
	}
}

// An internationalised domain is asked for as DNS knows it.
func TestInternationalDomain(t *testing.T) {
	n := newNetwork(t)
	n.host("a.example", script{ehlo: []string{"SMTPUTF8", "8BITMIME"}})
	n.mx("xn--bcher-kva.example", "10 a.example.")
	o := client(t, n.use).Deliver(t.Context(), Route{Domain: "bücher.example", TLS: None}, Any, give(mail("pat@bücher.example")))[0]
	if o.Result != gateway.Sent {
		t.Errorf("result %v status %s", o.Result, o.Status)
	}
	o = client(t, n.use).Deliver(t.Context(), Route{Domain: "b\u00fc..example", TLS: None}, Any, nil)[0]
	if o.Result != gateway.Failed || o.Status != "5.1.2" {
		t.Errorf("malformed: result %v status %s", o.Result, o.Status)
	}
}
