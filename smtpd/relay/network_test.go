package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// network is a small world: names, mail hosts and addresses. Its addresses
// are fictitious; connecting leads to next hops on loopback.
type network struct {
	t     *testing.T
	hosts map[string][]netip.Addr
	mxs   map[string][]*net.MX
	fails map[string]error
	dials map[netip.Addr]string // real address
	tried []string
}

func newNetwork(t *testing.T) *network {
	return &network{t: t, hosts: map[string][]netip.Addr{}, mxs: map[string][]*net.MX{}, fails: map[string]error{}, dials: map[netip.Addr]string{}}
}

// use makes a Client live in this world.
func (n *network) use(c *Config) {
	c.Resolver, c.Dial = n, n.dial
}

// host adds a next hop under name, with one more address each time.
func (n *network) host(name string, s script) *server {
	srv := serve(n.t, s)
	n.dials[n.address(name)] = srv.addr()
	return srv
}

// address adds an address to name, where nobody listens.
func (n *network) address(name string) netip.Addr {
	a := netip.AddrFrom4([4]byte{192, 0, 2, byte(len(n.dials) + 1)})
	n.dials[a] = ""
	n.hosts[name] = append(n.hosts[name], a)
	return a
}

// mx gives a domain its mail hosts: "10 name.".
func (n *network) mx(domain string, records ...string) {
	for _, r := range records {
		mx := &net.MX{}
		if _, err := fmt.Sscan(r, &mx.Pref, &mx.Host); err != nil {
			n.t.Fatal(err)
		}
		n.mxs[domain] = append(n.mxs[domain], mx)
	}
}

func (n *network) dial(_ context.Context, _, addr string) (net.Conn, error) {
	n.tried = append(n.tried, addr)
	real := n.dials[netip.MustParseAddrPort(addr).Addr()]
	if real == "" {
		return nil, errors.New("connection refused")
	}
	return net.Dial("tcp", real)
}

func (n *network) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	name = n.name(name)
	if err := n.fails["MX "+name]; err != nil {
		return nil, err
	}
	if mxs := n.mxs[name]; mxs != nil {
		return mxs, nil
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

func (n *network) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	host = n.name(host)
	if err := n.fails[host]; err != nil {
		return nil, err
	}
	if addrs := n.hosts[host]; addrs != nil {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

// name is a name as asked for, which must be absolute: a search list must not
// turn a correspondent's domain into one of ours.
func (n *network) name(name string) string {
	if !strings.HasSuffix(name, ".") {
		n.t.Errorf("the name asked for is not absolute")
	}
	return strings.TrimSuffix(name, ".")
}
