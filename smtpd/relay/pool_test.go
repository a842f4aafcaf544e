package relay

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
)

// Mail after mail over one connection; a refused one is cleared by RSET.
func TestConnectionsAreReused(t *testing.T) {
	srv := serve(t, script{ehlo: everything, on: ifRcpt("no@", "550 5.1.1 no")})
	c := client(t, nil)
	for i := range 6 {
		to, want := "pat@out.example", gateway.Sent
		if i%2 == 1 {
			to, want = "no@out.example", gateway.Failed
		}
		if o := deliver(c, srv, mail(to))[0]; o.Result != want {
			t.Fatalf("mail %d: %v %s", i, o.Result, o.Phase)
		}
		waitIdle(t, c, 1)
	}
	if n := len(srv.peers()); n != 1 {
		t.Errorf("%d connections", n)
	}
	if n := len(srv.taken()); n != 3 {
		t.Errorf("%d deliveries", n)
	}
	_ = c.Close()
	if heard := srv.peers()[0].heard(); heard[len(heard)-1] != "QUIT" {
		t.Errorf("the last word was %q", heard[len(heard)-1])
	}
}

// A kept connection that died meanwhile is replaced in the same attempt, and
// the mail arrives once.
func TestOnDemandALoneMessageLeavesNothing(t *testing.T) {
	srv := serve(t, script{}, script{})
	c := client(t, func(c *Config) { c.Idle.OnDemand = true })
	r := Route{Host: srv.addr(), TLS: None}
	for range 2 {
		if o := c.Deliver(t.Context(), r, Any, give(mail("pat@out.example")))[0]; o.Result != gateway.Sent {
			t.Fatalf("%v %s", o.Result, o.Phase)
		}
	}
	if n := len(srv.peers()); n != 2 {
		t.Errorf("%d connections", n)
	}
	// While another connection works, this one is kept.
	c.pool.begin(keyOf(&r, onlyTarget(t, c, &r)))
	for range 2 {
		c.Deliver(t.Context(), r, Any, give(mail("pat@out.example")))
	}
	if n := len(srv.peers()); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// The last connection of a burst is kept like those that ended just before it:
// the next burst begins with it.
func TestOnDemandTheLastOfABurstIsKept(t *testing.T) {
	p := pool{limits: Idle{PerRoute: 20, For: time.Hour, Messages: 100, OnDemand: true}, idle: map[poolKey][]*conn{}, working: map[poolKey]int{}}
	key := poolKey{user: "a"}
	first, last := &conn{key: key}, &conn{key: key}
	release := func(cn *conn) bool {
		p.end(key)
		return p.put(cn, func(*conn) {})
	}
	p.begin(key)
	p.begin(key)
	if !release(first) || !release(last) {
		t.Error("a connection of the burst was not kept")
	}
	if p.take(key) != last || p.take(key) != first {
		t.Fatal("the kept ones are others")
	}
	p.end(key)
	if release(first) {
		t.Error("alone, and kept")
	}
}

func onlyTarget(t *testing.T, c *Client, r *Route) target {
	t.Helper()
	all, err := c.targets(t.Context(), r)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d hosts, %v", len(all), err)
	}
	return all[0]
}

func TestStaleConnectionIsReplaced(t *testing.T) {
	for name, end := range map[string]func(*peer, string) bool{
		"dropped": drop, "reset": rst, "421": bye("421 4.4.2 idle too long"),
	} {
		for _, ehlo := range [][]string{nil, everything} {
			t.Run(fmt.Sprintf("%s %d", name, len(ehlo)), func(t *testing.T) {
				mails := 0
				first := script{ehlo: ehlo, on: on("MAIL", func(p *peer, l string) bool {
					if mails++; mails == 2 {
						return end(p, l)
					}
					return false
				})}
				srv := serve(t, first, script{ehlo: ehlo})
				c := client(t, nil)
				for i := range 2 {
					if o := deliver(c, srv, mail("pat@out.example"))[0]; o.Result != gateway.Sent {
						t.Fatalf("mail %d: %v %s %s", i, o.Result, o.Phase, o.Status)
					}
					waitIdle(t, c, 1)
				}
				if n, m := len(srv.taken()), len(srv.peers()); n != 2 || m != 2 {
					t.Errorf("%d deliveries over %d connections", n, m)
				}
			})
		}
	}
}

// A kept connection that was verified died, and its host no longer offers TLS:
// what demands protection waits.
func TestStaleConnectionIsNotReplacedByAWeakerOne(t *testing.T) {
	ca := newAuthority(t)
	mails := 0
	good := script{ehlo: offersTLS, tls: ca.server(t, "mx.out.example"), on: on("MAIL", func(p *peer, l string) bool {
		if mails++; mails == 2 {
			return drop(p, l)
		}
		return false
	})}
	n := newNetwork(t)
	srv := serve(t, good, script{})
	n.dials[n.address("mx.out.example")] = srv.addr()
	n.mx("out.example", "10 mx.out.example.")
	c := client(t, n.use)
	r := Route{Domain: "out.example", TLS: Opportunistic, RootCAs: ca.pool}
	for i, want := range []gateway.Result{gateway.Sent, gateway.Deferred} {
		if o := c.Deliver(t.Context(), r, VerifiedTLS, give(mail("pat@out.example")))[0]; o.Result != want {
			t.Errorf("mail %d: %v %s, TLS %q", i, o.Result, o.Phase, o.TLS.Version)
		}
		if want == gateway.Sent {
			waitIdle(t, c, 1)
		}
	}
	if len(srv.taken()) != 1 || len(srv.peers()) != 2 {
		t.Errorf("%d deliveries over %d connections", len(srv.taken()), len(srv.peers()))
	}
}

// A kept connection that dies after MAIL was answered is not replaced within
// the attempt: what the next hop took is unknown to nobody but it.
func TestNoSecondTryAfterTheDot(t *testing.T) {
	mails := 0
	srv := serve(t, script{on: on(".", func(p *peer, l string) bool {
		if mails++; mails == 2 {
			return drop(p, l)
		}
		return false
	})})
	c := client(t, nil)
	deliver(c, srv, mail("pat@out.example"))
	waitIdle(t, c, 1)
	o := deliver(c, srv, mail("pat@out.example"))[0]
	if o.Result != gateway.Deferred || !o.Unknown || len(srv.taken()) != 2 {
		t.Errorf("result %v unknown %v, %d deliveries", o.Result, o.Unknown, len(srv.taken()))
	}
}

// Connections are not shared between routes that were checked differently.
func TestRoutesDoNotShareConnections(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	srv := serve(t, script{ehlo: append(slices.Clone(offersTLS), "AUTH PLAIN"), tls: ca.server(t), on: on("AUTH", say("235 ok"))})
	c := client(t, nil)
	routes := []Route{
		{TLS: None}, {TLS: Opportunistic}, {TLS: Opportunistic, RootCAs: ca.pool}, {TLS: Opportunistic, RootCAs: other.pool},
		{TLS: Verify, RootCAs: ca.pool}, {TLS: None, User: "a", Password: "x"}, {TLS: None, User: "a", Password: "y"},
	}
	for i, r := range routes {
		r.Host = srv.addr()
		if o := c.Deliver(t.Context(), r, Any, give(mail("pat@out.example")))[0]; o.Result != gateway.Sent {
			t.Fatalf("route %d: %v %s", i, o.Result, o.Phase)
		}
		waitIdle(t, c, i+1)
	}
	if n := len(srv.peers()); n != len(routes) {
		t.Errorf("%d connections for %d routes", n, len(routes))
	}
}

// Limits of what is kept: how many, how long, for how many messages.
func TestIdleLimits(t *testing.T) {
	t.Run("messages", func(t *testing.T) {
		srv := serve(t)
		c := client(t, func(c *Config) { c.Idle.Messages = 2 })
		for range 5 {
			deliver(c, srv, mail("pat@out.example"))
		}
		if n := len(srv.peers()); n != 3 {
			t.Errorf("%d connections for 5 mails", n)
		}
	})
	t.Run("time", func(t *testing.T) {
		srv := serve(t)
		c := client(t, func(c *Config) { c.Idle.For = time.Millisecond })
		deliver(c, srv, mail("pat@out.example"))
		waitIdle(t, c, 0)
		for end := time.Now().Add(5 * time.Second); !told(srv, "QUIT"); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no QUIT")
			}
		}
	})
	t.Run("number", func(t *testing.T) {
		gate := make(chan struct{})
		srv := serve(t, script{on: on("MAIL", func(*peer, string) bool { <-gate; return false })})
		c := client(t, func(c *Config) { c.Idle.PerRoute = 2 })
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { deliver(c, srv, mail("pat@out.example")) })
		}
		close(gate)
		all.Wait()
		waitIdle(t, c, 2)
	})
	t.Run("none", func(t *testing.T) {
		srv := serve(t)
		c := client(t, func(c *Config) { c.Idle.PerRoute = -1 })
		deliver(c, srv, mail("pat@out.example"))
		deliver(c, srv, mail("pat@out.example"))
		if n := len(srv.peers()); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// Many at once, through a next hop that fails now and then: every mail that
// was called sent has arrived, and only those.
func TestManyAtOnce(t *testing.T) {
	srv := serveFunc(t, "127.0.0.1:0", func(n int) script {
		switch n % 4 {
		case 1:
			return script{ehlo: everything, on: on("RCPT", drop)}
		case 2:
			return script{on: on("DATA", bye("421 4.3.2 closing"))}
		}
		return script{ehlo: everything}
	})
	c := client(t, nil)
	var mu sync.Mutex
	sentTo := map[string]bool{}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			to := fmt.Sprintf("r%d@out.example", i)
			if o := deliver(c, srv, mail(to))[0]; o.Result == gateway.Sent {
				mu.Lock()
				sentTo["RCPT TO:<"+to+">"] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	got := srv.taken()
	if len(got) != len(sentTo) || len(got) < 20 {
		t.Errorf("%d arrived, %d were called sent", len(got), len(sentTo))
	}
	for _, d := range got {
		if !sentTo[strings.Split(d.rcpts[0], " ")[0]+" "+strings.Split(d.rcpts[0], " ")[1]] || d.body != sample {
			t.Errorf("delivery to %q", d.rcpts)
		}
	}
}
