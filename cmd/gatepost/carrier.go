package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/gateway/config"
	"gatepost/gateway/flow"
	"gatepost/smtpd/relay"
)

// carrier fits the SMTP client to what the journeys call, by way of the
// configured routes. Routes are replaced as a whole at a reload.
type carrier struct {
	client *relay.Client
	routes atomic.Pointer[[]route]
}

type route struct {
	pattern string
	name    string
	relay.Route
}

func newCarrier(c *config.Config, log *slog.Logger, reg prometheus.Registerer) (*carrier, error) {
	k := &carrier{client: relay.New(relay.Config{Hostname: c.Hostname, Idle: relay.Idle{For: 2 * time.Second, OnDemand: true}, Resolver: resolver(c.DNS.Server), Own: own(c), Logger: log, Metrics: reg})}
	return k, k.load(c)
}

// resolver asks the configured server, or the system's when there is none.
func resolver(server string) *net.Resolver {
	if server == "" {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
}

// own tells our own listeners from next hops, so that no route leads back. A
// listener without a host is ours under every address of this machine.
func own(c *config.Config) func(string, netip.AddrPort) bool {
	ours := make(map[string]bool)
	anywhere := make(map[string]bool) // ports
	for _, l := range []string{c.Listen.Relay, c.Listen.Inbound, c.Listen.Submission, c.Listen.Submissions} {
		ours[l] = l != ""
		if reachable(l) != l {
			_, port, _ := net.SplitHostPort(l)
			anywhere[port] = true
		}
	}
	return func(_ string, a netip.AddrPort) bool {
		return a.IsValid() && (ours[a.String()] || anywhere[strconv.Itoa(int(a.Port()))] && ofThisMachine(a.Addr()))
	}
}

func ofThisMachine(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip.AsSlice()) || ip.Unmap().IsLoopback()
	})
}

func (k *carrier) load(c *config.Config) error {
	var routes []route
	for i, r := range c.Routes {
		roots, err := r.Roots()
		if err != nil {
			return fmt.Errorf("routes[%d].ca: %w", i, err)
		}
		to := route{pattern: r.Domain, name: r.Via, Route: relay.Route{Port: r.Port, RootCAs: roots, EnforcesTLS: r.EnforcesTLS, TLS: tlsPolicy(r.TLS)}}
		if r.Via != config.ViaMX {
			to.Host = r.Via
		}
		if r.Auth != nil {
			to.User, to.Password = r.Auth.User, gateway.Sensitive(r.Auth.Password.Reveal())
		}
		routes = append(routes, to)
	}
	k.routes.Store(&routes)
	return nil
}

func tlsPolicy(name string) relay.TLSPolicy {
	switch name {
	case config.TLSNone:
		return relay.None
	case config.TLSOpportunistic:
		return relay.Opportunistic
	}
	return relay.Verify
}

// find returns the first route that matches domain.
func (k *carrier) find(domain string) (route, bool) {
	for _, r := range *k.routes.Load() {
		if matches(r.pattern, domain) {
			r.Domain = domain
			return r, true
		}
	}
	return route{}, false
}

// Destination implements flow.Carrier.
func (k *carrier) Destination(domain string) string {
	r, ok := k.find(domain)
	if !ok {
		return ""
	}
	if r.Host != "" {
		return r.name
	}
	return "mx:" + domain
}

// Deliver implements flow.Carrier.
func (k *carrier) Deliver(ctx context.Context, domain string, d flow.Demand, prepare func(gateway.TLSState, bool) (*flow.Outgoing, error)) []gateway.Outcome {
	r, ok := k.find(domain)
	if !ok {
		return []gateway.Outcome{{Result: gateway.Unroutable, Status: "5.4.4", Text: "no route is configured for this domain"}}
	}
	demand := relay.VerifiedTLS
	switch d {
	case flow.AnyConnection:
		demand = relay.Any
	case flow.SafeHop:
		demand = relay.SafeHop
	}
	return k.client.Deliver(ctx, r.Route, demand, func(state gateway.TLSState, met bool) (*relay.Transaction, error) {
		out, err := prepare(state, met)
		if err != nil {
			return nil, err
		}
		return &relay.Transaction{
			From: out.From, Recipients: out.Recipients, Open: out.Open, Size: out.Size,
			EightBit: out.EightBit, UTF8: out.UTF8, EnvID: out.EnvID, Return: out.Return,
		}, nil
	})
}
