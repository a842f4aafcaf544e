package mailauth_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
)

// zone is a DNS that a test made up: records by "TXT name", "MX name", "IP
// name" or "PTR address", without final dots. "temp" and "slow" as the first
// record are a server that fails, and one that never answers.
type zone map[string][]string

// fakeDNS answers from a zone and remembers what it was asked.
type fakeDNS struct {
	t    *testing.T
	zone zone

	mu    sync.Mutex
	asked []string
}

func dns(t *testing.T, z zone) *fakeDNS { return &fakeDNS{t: t, zone: z} }

func (d *fakeDNS) answer(ctx context.Context, kind, name string) ([]string, error) {
	if kind != "PTR" && !strings.HasSuffix(name, ".") {
		d.t.Errorf("%s %q was asked for with a search list", kind, name)
	}
	key := kind + " " + strings.ToLower(strings.TrimSuffix(name, "."))
	d.mu.Lock()
	d.asked = append(d.asked, key)
	d.mu.Unlock()
	switch found := d.zone[key]; {
	case len(found) == 0:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case found[0] == "temp":
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case found[0] == "odd":
		return nil, errors.New("connection refused by " + name)
	case found[0] == "slow":
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true, IsNotFound: true}
	default:
		return found, nil
	}
}

func (d *fakeDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return d.answer(ctx, "TXT", name)
}

func (d *fakeDNS) LookupMX(ctx context.Context, name string) (list []*net.MX, err error) {
	found, err := d.answer(ctx, "MX", name)
	for _, host := range found {
		list = append(list, &net.MX{Host: host + ".", Pref: 10})
	}
	return list, err
}

func (d *fakeDNS) LookupIPAddr(ctx context.Context, name string) (list []net.IPAddr, err error) {
	found, err := d.answer(ctx, "IP", name)
	for _, ip := range found {
		list = append(list, net.IPAddr{IP: net.ParseIP(ip)})
	}
	return list, err
}

func (d *fakeDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return d.answer(ctx, "PTR", addr)
}

func (d *fakeDNS) questions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}
