package imapd

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gatepost/gateway"
)

// coming is a connection from a host as far as peers look at it.
func coming(host string, at int) *conn {
	return &conn{key: netip.MustParseAddr(host), started: time.Unix(int64(at), 0)}
}

// TestAFloodPushesOutItsOwn: two hosts that open connections without an end keep
// nobody out who logs in, however long that takes them, and have no more than their
// share; who is logged in is never pushed out.
func TestAFloodPushesOutItsOwn(t *testing.T) {
	p := newPeers(Limits{Strangers: 60, PerHost: 50, Connections: 200}.withDefaults())
	honest, user := coming("203.0.113.1", 0), coming("203.0.113.2", 0)
	for _, c := range []*conn{honest, user} {
		if out, why := p.admit(c); out != nil || why != "" {
			t.Fatal(why)
		}
	}
	if p.login(user, gateway.MustAddress("ann@clinic.example")) == nil {
		t.Fatal("no login")
	}
	var open [2][]*conn
	for i := range 5000 {
		host := i % 2
		c := coming([]string{"198.51.100.1", "198.51.100.2"}[host], i+1)
		out, why := p.admit(c)
		if why == "" {
			open[host] = append(open[host], c)
		}
		if len(open[host]) > 50 || why != "" && len(open[host]) < 50 {
			t.Fatalf("%d open, and %q", len(open[host]), why)
		}
		if out == honest || out == user {
			t.Fatalf("pushed out by number %d", i)
		}
		if out == nil && len(open[host]) < 50 {
			continue
		}
		gone := out // it leaves, or by itself after a while
		if gone == nil {
			gone = open[host][0]
		}
		for h := range open {
			if len(open[h]) > 0 && open[h][0] == gone {
				open[h] = open[h][1:]
			}
		}
		p.leave(gone)
	}
	late := coming("203.0.113.3", 9999)
	if _, why := p.admit(late); why != "" {
		t.Fatalf("a newcomer: %s", why)
	}
	if p.login(honest, gateway.MustAddress("ann@clinic.example")) == nil || p.login(late, gateway.MustAddress("ann@clinic.example")) == nil {
		t.Error("nobody logs in")
	}
}

// TestAFloodOfManyHostsPushesOutItsOldest: who logs in beside a colleague behind the
// same address has as long as anybody else, and what comes from this machine stays.
func TestAFloodOfManyHostsPushesOutItsOldest(t *testing.T) {
	const strangers = 100
	p := newPeers(Limits{Strangers: strangers}.withDefaults())
	n := 0
	flood := func() *conn {
		n++
		c := coming(fmt.Sprintf("2001:db8:0:%x::", n), n)
		c.key = gateway.HostKey(c.key)
		out, why := p.admit(c)
		if why != "" {
			t.Fatal(why)
		}
		if out != nil {
			p.leave(out)
		}
		return out
	}
	webmail := []*conn{coming("127.0.0.1", 0), coming("127.0.0.1", 0)}
	for _, c := range webmail {
		c.local = true
		_, _ = p.admit(c)
	}
	for range strangers {
		flood()
	}
	var office []*conn
	for range gateway.HostShare {
		n++
		c := coming("203.0.113.1", n)
		out, _ := p.admit(c)
		p.leave(out)
		office = append(office, c)
	}
	gone := 0
	for !slices.Contains(office, flood()) {
		gone++
	}
	if want := strangers - len(webmail) - len(office); gone != want {
		t.Errorf("the first of the office gave way as number %d, not behind the %d who came before", gone, want)
	}
	for range 3 * strangers {
		if out := flood(); slices.Contains(webmail, out) {
			t.Fatal("what comes from this machine was pushed out")
		}
	}
}

// TestWhoGaveWayLogsNobodyIn: a login that ends when its connection had to give way
// takes no session, and what leaves is counted once.
func TestWhoGaveWayLogsNobodyIn(t *testing.T) {
	p := newPeers(Limits{Strangers: 1, Connections: 2}.withDefaults())
	first, second := coming("203.0.113.1", 1), coming("203.0.113.1", 2)
	_, _ = p.admit(first)
	if out, why := p.admit(second); out != first || why != "" {
		t.Fatalf("%v, %q", out, why)
	}
	if p.login(first, gateway.MustAddress("ann@clinic.example")) != nil {
		t.Error("it logs in")
	}
	if _, why := p.admit(coming("203.0.113.1", 3)); why != "" {
		t.Error(why)
	}
	if _, why := p.admit(coming("203.0.113.1", 4)); why != "connections" {
		t.Errorf("more than there may be, who are leaving counted: %q", why)
	}
	p.leave(first)
	p.leave(second)
	if p.open != 1 || p.strangers.Len() != 1 {
		t.Errorf("%d open, %d of them strangers", p.open, p.strangers.Len())
	}
}
