package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// maxAddresses bounds how many addresses one attempt tries.
const maxAddresses = 10

// Resolver asks DNS. *net.Resolver is one.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// target is one address of a next hop and the name that its certificate must
// have.
type target struct {
	name string // host name, or the address itself when the route names one
	addr netip.AddrPort
}

// host is the target as outcomes show it.
func (t target) host() string {
	return net.JoinHostPort(t.name, strconv.Itoa(int(t.addr.Port())))
}

// targets lists the addresses to try, best first. It never returns an empty
// list without an error, which is a *trouble.
func (c *Client) targets(ctx context.Context, r *Route) ([]target, error) {
	if r.Host != "" {
		return c.hostTargets(ctx, r.Host)
	}
	port := r.Port
	if port == 0 {
		port = 25
	}
	if literal, ok := strings.CutPrefix(r.Domain, "["); ok {
		return c.literalTargets(literal, port)
	}
	return c.mxTargets(ctx, strings.TrimSuffix(r.Domain, "."), uint16(port))
}

// hostTargets resolves a configured next hop. That it does not exist is a
// mistake of the configuration or of DNS, so it is always temporary.
func (c *Client) hostTargets(ctx context.Context, hostport string) ([]target, error) {
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		host, portText = strings.Trim(hostport, "[]"), "25"
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, deferred(phaseConnect, "4.3.5", "The route names no usable port", err)
	}
	addrs, err := c.addresses(ctx, host)
	if err != nil {
		return nil, deferred(phaseConnect, "4.4.3", "The name of the next hop cannot be resolved", err)
	}
	var all []target
	for _, a := range addrs {
		all = append(all, target{name: host, addr: netip.AddrPortFrom(a, uint16(port))})
	}
	if slices.ContainsFunc(all, c.own) {
		return nil, deferred(phaseConnect, "4.3.5", "The route leads back to this host", nil)
	}
	return limit(all), nil
}

// literalTargets reads "192.0.2.1]" or "ipv6:2001:db8::1]" (RFC 5321 section
// 4.1.3).
func (c *Client) literalTargets(literal string, port int) ([]target, error) {
	text := strings.TrimPrefix(strings.ToLower(strings.TrimSuffix(literal, "]")), "ipv6:")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return nil, refusal(phaseConnect, "5.1.2", "The address literal is malformed")
	}
	t := target{name: addr.String(), addr: netip.AddrPortFrom(addr, uint16(port))}
	if c.own(t) {
		return nil, refusal(phaseConnect, "5.4.6", "Mail for this domain comes back to this host")
	}
	return []target{t}, nil
}

// mxTargets follows RFC 5321 section 5.1.
func (c *Client) mxTargets(ctx context.Context, domain string, port uint16) ([]target, error) {
	name, err := asciiName(domain)
	if err != nil {
		return nil, refusal(phaseConnect, "5.1.2", "The domain is malformed")
	}
	hosts, implicit, err := c.lookupMX(ctx, name)
	if err != nil {
		return nil, err
	}
	all, looped, dnsErr := c.resolveMX(ctx, hosts, port)
	switch {
	case len(all) > 0:
		return limit(all), nil
	case looped:
		return nil, refusal(phaseConnect, "5.4.6", "Mail for this domain comes back to this host")
	case dnsErr != nil:
		return nil, deferred(phaseConnect, "4.4.3", "DNS failed", dnsErr)
	case implicit:
		return nil, refusal(phaseConnect, "5.1.2", "The domain does not exist or takes no mail")
	}
	return nil, refusal(phaseConnect, "5.4.4", "No mail host of the domain has an address")
}

// lookupMX returns the mail hosts of a domain, best first. implicit says that
// there is no MX record and the domain stands for itself.
func (c *Client) lookupMX(ctx context.Context, name string) (hosts []*net.MX, implicit bool, err error) {
	lookup, cancel := context.WithTimeout(ctx, c.config.Timeouts.Lookup)
	defer cancel()
	hosts, err = c.config.Resolver.LookupMX(lookup, name+".")
	if len(hosts) == 0 {
		if err != nil && !notFound(err) {
			return nil, false, deferred(phaseConnect, "4.4.3", "DNS failed", err)
		}
		return []*net.MX{{Host: name}}, true, nil
	}
	if len(hosts) == 1 && strings.Trim(hosts[0].Host, ".") == "" { // RFC 7505 section 3
		return nil, false, refusal(phaseConnect, "5.1.10", "The domain takes no mail")
	}
	hosts = slices.DeleteFunc(slices.Clone(hosts), func(mx *net.MX) bool { return strings.Trim(mx.Host, ".") == "" })
	slices.SortStableFunc(hosts, func(a, b *net.MX) int { return int(a.Pref) - int(b.Pref) })
	return hosts[:min(len(hosts), maxAddresses)], false, nil
}

// resolveMX finds the addresses of hosts. A host that is Gatepost itself is
// left out together with all that are not better, or mail would go in circles;
// looped says so. err is the last DNS failure other than "no such name".
func (c *Client) resolveMX(ctx context.Context, hosts []*net.MX, port uint16) (all []target, looped bool, err error) {
	cut := 1 << 16
	prefs := []int{}
	for _, mx := range hosts {
		name := strings.ToLower(strings.TrimSuffix(mx.Host, "."))
		if int(mx.Pref) >= cut {
			break
		}
		addrs, lookupErr := c.addresses(ctx, name)
		if lookupErr != nil && !notFound(lookupErr) {
			err = lookupErr
		}
		if c.own(target{name: name}) {
			cut = int(mx.Pref)
		}
		for _, a := range addrs {
			t := target{name: name, addr: netip.AddrPortFrom(a, port)}
			if c.own(t) {
				cut = int(mx.Pref)
			}
			all, prefs = append(all, t), append(prefs, int(mx.Pref))
		}
	}
	worse := slices.IndexFunc(prefs, func(p int) bool { return p >= cut })
	if worse >= 0 {
		all = all[:worse]
	}
	return all, cut < 1<<16, err
}

// addresses resolves a host name; an address stands for itself.
func (c *Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	lookup, cancel := context.WithTimeout(ctx, c.config.Timeouts.Lookup)
	defer cancel()
	addrs, err := c.config.Resolver.LookupNetIP(lookup, "ip", strings.TrimSuffix(host, ".")+".")
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	if len(addrs) == 0 && err == nil {
		err = &net.DNSError{Err: "no address", IsNotFound: true}
	}
	return addrs, err
}

// own reports whether a target is this very host. Its name alone says so only
// where mail from strangers is taken.
func (c *Client) own(t target) bool {
	if c.config.Own != nil && c.config.Own(t.name, t.addr) {
		return true
	}
	port25 := !t.addr.IsValid() || t.addr.Port() == 25
	return port25 && strings.EqualFold(t.name, c.config.Hostname) && c.config.Hostname != "localhost"
}

func limit(all []target) []target { return all[:min(len(all), maxAddresses)] }

func notFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound && !dns.IsTemporary && !dns.IsTimeout
}

// asciiName turns an internationalised domain into what DNS knows it by.
func asciiName(domain string) (string, error) {
	for i := 0; i < len(domain); i++ {
		if domain[i] >= 0x80 {
			return idna.Lookup.ToASCII(domain)
		}
	}
	return domain, nil
}
