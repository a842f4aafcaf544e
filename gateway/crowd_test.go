package gateway

import (
	"net/netip"
	"testing"
)

// TestWhoGivesWay: the crowd is pushed out in the order that First says, whoever
// may not go stays, and what left counts for its host no more.
func TestWhoGivesWay(t *testing.T) {
	flood, office, home, local := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("127.0.0.1")
	var w Crowd[int]
	if _, ok := w.First(nil); ok || w.Remove(1) || w.Len() != 0 {
		t.Error("somebody is in an empty crowd")
	}
	host := make(map[int]netip.Addr)
	add := func(from netip.Addr, n int) {
		for range n {
			id := len(host)
			host[id] = from
			w.Add(id, from)
		}
	}
	add(local, 1)           // 0
	add(home, 1)            // 1
	add(office, HostShare)  // 2 to 17
	add(flood, HostShare+3) // 18 to 36
	busy := map[int]bool{19: true}
	var gone []int
	for {
		c, ok := w.First(func(c int) bool { return !busy[c] })
		if !ok {
			break
		}
		if gone = append(gone, c); !w.Remove(c) {
			t.Fatalf("%d was not there", c)
		}
	}
	want := []int{18, 20, 21, 1} // the flood until it has its share, then who came first
	for i, c := range want {
		if gone[i] != c {
			t.Fatalf("out went %v, not %v first", gone, want)
		}
	}
	if len(gone) != len(host)-1 || gone[len(gone)-1] != 0 || w.Len() != 1 || len(w.hosts) != 1 {
		t.Errorf("out went %v, %d are left of %d hosts", gone, w.Len(), len(w.hosts))
	}
}

// TestHostKey: a customer's IPv6 network counts as one, and an address written in two
// ways too.
func TestHostKey(t *testing.T) {
	for a, want := range map[string]string{
		"2001:db8::1": "2001:db8::", "2001:db8::ffff:1": "2001:db8::", "2001:db8:0:1::1": "2001:db8:0:1::",
		"::ffff:192.0.2.1": "192.0.2.1", "192.0.2.1": "192.0.2.1",
	} {
		if got := HostKey(netip.MustParseAddr(a)); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts as %s", a, got)
		}
	}
}
