package viewer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve runs the viewer as the product does: NewServer on a confined listener.
func (c *clinic) serve(s ServerConfig, total int) (address string, server *http.Server) {
	c.t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	s.Logger = slog.New(slog.NewJSONHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server = NewServer(s, c.handler("https://secure.clinic.example", false))
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(Confine(raw, total, 0)) }()
	c.t.Cleanup(func() { _ = server.Close(); <-done })
	return raw.Addr().String(), server
}

// exchange sends octets and returns the first line of what comes back, "" for
// a connection that was closed without a word.
func exchange(t *testing.T, address, octets string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, octets)
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestLimitsOfARequest(t *testing.T) {
	c := newClinic(t)
	address, _ := c.serve(ServerConfig{}, 0)
	host := "Host: localhost\r\n"
	for name, k := range map[string]struct{ octets, want string }{
		"ordinary":        {"GET / HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 200 OK"},
		"much header":     {"GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		"long path":       {"GET /m/" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		"no host":         {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request: missing required Host header"},
		"two lengths":     {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 Bad Request"},
		"length, chunked": {"POST / HTTP/1.1\r\n" + host + "Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"not HTTP":        {"EHLO x\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"tunnel":          {"CONNECT localhost:25 HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 405 Method Not Allowed"},
		"absolute":        {"GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 421 Misdirected Request"},
		"large form": {fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\npin=%s", c.path(), host, strings.Repeat("1", 40<<10)),
			"HTTP/1.1 413 Request Entity Too Large"},
	} {
		if got := exchange(t, address, k.octets); got != k.want {
			t.Errorf("%s: %q, want %q", name, got, k.want)
		}
	}
	if logs := c.log.String(); strings.Contains(logs, "evil.example") || strings.Contains(logs, "EHLO") || strings.Contains(logs, "127.0.0.1") {
		t.Errorf("the log quotes strangers: %s", logs)
	}
}

// TestSlowHeadersEnd: who does not finish the header is hung up on, in a
// fraction of the real time here.
func TestSlowHeadersEnd(t *testing.T) {
	c := newClinic(t)
	_, real := c.serve(ServerConfig{}, 0)
	if real.ReadHeaderTimeout != headerTime || real.ReadTimeout != readTime || real.IdleTimeout != idleTime || real.MaxHeaderBytes != maxHeaders {
		t.Fatalf("timeouts %+v", real)
	}
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	real.ReadHeaderTimeout = 50 * time.Millisecond
	go func() { _ = real.Serve(raw) }()
	begun := time.Now()
	conn, err := net.Dial("tcp", raw.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: loc")
	_ = conn.SetReadDeadline(time.Now().Add(8 * time.Second))
	if _, err := io.ReadAll(conn); err != nil || time.Since(begun) > 7*time.Second {
		t.Errorf("a slow header was waited for: %v", err)
	}
}

// far makes connections of one listener look as if they came from afar.
type far struct {
	net.Listener
	hosts []string
	n     int
}

type farConn struct {
	net.Conn
	from net.Addr
}

func (c farConn) RemoteAddr() net.Addr { return c.from }

func (f *far) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from := &net.TCPAddr{IP: net.ParseIP(f.hosts[f.n%len(f.hosts)]), Port: 1000 + f.n}
	f.n++
	return farConn{conn, from}, nil
}

func TestConnectionsAreConfined(t *testing.T) {
	for name, k := range map[string]struct {
		hosts          []string
		total, perHost int
		want           int // connections that are let in of ten
	}{
		"one host": {[]string{"192.0.2.1"}, 100, 3, 3}, "two hosts": {[]string{"192.0.2.1", "2001:db8::1"}, 100, 3, 6},
		"all": {[]string{"192.0.2.1", "192.0.2.2"}, 4, 3, 4}, "loopback": {[]string{"127.0.0.1", "::1"}, 100, 3, 10},
	} {
		raw, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := Confine(&far{Listener: raw, hosts: k.hosts}, k.total, k.perHost)
		accepted := make(chan net.Conn, 20)
		go func() {
			defer close(accepted)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
		dial := func() net.Conn {
			conn, err := net.Dial("tcp", raw.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		let := 0
		var inside []net.Conn
		for range 10 {
			conn := dial()
			defer conn.Close()
			select {
			case in := <-accepted:
				let++
				inside = append(inside, in)
			case <-shut(conn):
			}
		}
		if let != k.want {
			t.Errorf("%s: %d of 10 were let in, want %d", name, let, k.want)
		}
		for _, conn := range inside {
			_ = conn.Close()
			_ = conn.Close() // twice closed is once left
		}
		if c := l.(*confined); c.open != 0 || len(c.hosts) != 0 {
			t.Errorf("%s: %d connections and %d hosts are left", name, c.open, len(c.hosts))
		}
		_ = raw.Close()
	}
}

// shut is closed when the other side closes.
func shut(conn net.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() { defer close(done); _, _ = conn.Read(make([]byte, 1)) }()
	return done
}

// TestManyScannersAtOnce: a hundred at a time look at every address of a link
// in every way, with and without a session, while its reader reads. No record
// changes, nothing is sent, nothing is opened for them.
func TestManyScannersAtOnce(t *testing.T) {
	c := newClinic(t)
	b := c.visit(false)
	b.submit(b.get(c.path()), "code", "")
	before := records(c)
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			who := b
			if n%2 == 0 {
				who = b.another()
			}
			for m, path := range []string{"", "?pin=" + c.lastCode(), "/mail", "/file/0", "/show/1", "/leave"} {
				method := []string{"GET", "HEAD"}[(n+m)%2]
				r, err := http.NewRequestWithContext(context.Background(), method, who.base+c.path()+path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := who.client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	if after := records(c); after != before {
		t.Error("looking changed a record")
	}
	if len(c.codes) != 1 || len(c.granted()) != 0 {
		t.Errorf("%d codes, opened %v", len(c.codes), c.granted())
	}
	if page := b.submit(b.get(c.path()), "pin", c.lastCode()); !strings.Contains(page.body, "Haemoglobin") {
		t.Error("after the scanners the reader cannot read")
	}
}
