package viewer

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// never is a body of which one octet comes at once and the rest when the test
// is over.
type never struct {
	over  <-chan struct{}
	begun bool
}

func (n *never) Read(p []byte) (int, error) {
	if !n.begun {
		n.begun = true
		return copy(p, "a"), nil
	}
	<-n.over
	return 0, io.EOF
}

// TestSlowFormsOverOneConnection: one connection of HTTP/2 with more unfinished
// forms than there are places does not keep anybody from looking.
func TestSlowFormsOverOneConnection(t *testing.T) {
	c := newClinic(t)
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(ServerConfig{Concurrent: 8}, c.handler("https://secure.clinic.example", true))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	over := make(chan struct{})
	client := func() *http.Client {
		return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, MaxConnsPerHost: 1, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	}
	stranger, reader := client(), client()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(over)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 12 {
		wg.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, "POST", server.URL+c.path(), &never{over: over})
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if res, err := stranger.Do(r); err == nil {
				_ = res.Body.Close()
			}
		})
	}
	time.Sleep(200 * time.Millisecond) // no answer says that the forms are there
	for range 3 {
		res, err := reader.Get(server.URL + c.path())
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 200 || res.ProtoMajor != 2 {
			t.Errorf("an honest reader gets %d over HTTP/%d", res.StatusCode, res.ProtoMajor)
		}
	}
}

// TestSlowBodiesHoldUpNobody: the same over HTTP/1, with forms and with bodies
// that nobody asked for.
func TestSlowBodiesHoldUpNobody(t *testing.T) {
	for _, method := range []string{"POST", "GET", "PUT"} {
		c := newClinic(t)
		address, _ := c.serve(ServerConfig{Concurrent: 8}, 0)
		for range 12 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 16000\r\n\r\na", method, c.path())
		}
		time.Sleep(200 * time.Millisecond) // no answer says that the bodies are there
		for range 3 {
			if got := exchange(t, address, "GET "+c.path()+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); got != "HTTP/1.1 200 OK" {
				t.Errorf("%s: an honest reader gets %q", method, got)
			}
		}
	}
}

// crowdedDoor lets requests of many addresses stay inside until the end.
type crowdedDoor struct {
	*door
	entered, over chan struct{}
	wg            sync.WaitGroup
}

func newCrowdedDoor(n int) *crowdedDoor {
	d := &crowdedDoor{entered: make(chan struct{}), over: make(chan struct{})}
	d.door = newDoor(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.entered <- struct{}{}
		<-d.over
	}), n)
	return d
}

// ask reports whether a request of an address got in.
func (d *crowdedDoor) ask(t *testing.T, method, from string) bool {
	r := httptest.NewRequest(method, "/", nil)
	if method == "POST" {
		r = httptest.NewRequest(method, "/", strings.NewReader("pin=1"))
	}
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	done := make(chan struct{})
	d.wg.Go(func() { defer close(done); d.ServeHTTP(w, r) })
	select {
	case <-d.entered:
		return true
	case <-done:
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("turned away with %d %v", w.Code, w.Header())
		}
		return false
	}
}

func (d *crowdedDoor) end(t *testing.T) {
	close(d.over)
	d.wg.Wait()
	for _, c := range []*crowd{d.looking, d.sending, d.reading} {
		if c.open != 0 || len(c.hosts) != 0 {
			t.Errorf("%d places of %d hosts are still taken", c.open, len(c.hosts))
		}
	}
}

func TestPlacesOfOneNeighbour(t *testing.T) {
	for name, k := range map[string]struct {
		from func(n int) string
		want int // of 60 requests
	}{
		"one host":    {func(n int) string { return fmt.Sprintf("192.0.2.1:%d", 1000+n) }, placesEach},
		"mapped":      {func(n int) string { return fmt.Sprintf("[::ffff:192.0.2.1]:%d", 1000+n) }, placesEach},
		"one /56":     {func(n int) string { return fmt.Sprintf("[2001:db8::%x:0:0:0:%x]:1000", n, n+1) }, placesEach},
		"many /56":    {func(n int) string { return fmt.Sprintf("[2001:db8:0:%x00::1]:1000", n+1) }, 60},
		"a proxy":     {func(n int) string { return fmt.Sprintf("127.0.0.1:%d", 1000+n) }, 60},
		"a proxy, v6": {func(n int) string { return fmt.Sprintf("[::1]:%d", 1000+n) }, 60},
	} {
		d := newCrowdedDoor(256)
		got := 0
		for n := range 60 {
			if d.ask(t, "GET", k.from(n)) {
				got++
			}
		}
		if got != k.want {
			t.Errorf("%s: %d of 60 got in, want %d", name, got, k.want)
		}
		if !d.ask(t, "GET", "198.51.100.7:5") {
			t.Errorf("%s keeps another out", name)
		}
		d.end(t)
	}
}

// TestFormsLeaveRoomToLook: not even behind a proxy.
func TestFormsLeaveRoomToLook(t *testing.T) {
	d := newCrowdedDoor(8)
	counts := map[string]int{}
	for _, method := range []string{"POST", "GET"} {
		for range 10 {
			if d.ask(t, method, "127.0.0.1:9") {
				counts[method]++
			}
		}
	}
	if counts["POST"] != 2 || counts["GET"] != 6 {
		t.Errorf("let in %v", counts)
	}
	d.end(t)
}

// pipes is a listener whose connections are in memory, for tests in a time of
// their own.
type pipes struct {
	conns chan net.Conn
	close func()
}

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { p.close(); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// overPipe serves h as the product does and gives one connection to it.
func overPipe(t *testing.T, h http.HandlerFunc) net.Conn {
	conns := make(chan net.Conn)
	l := pipes{conns, sync.OnceFunc(func() { close(conns) })}
	server := NewServer(ServerConfig{}, h)
	go func() { _ = server.Serve(l) }()
	ours, theirs := net.Pipe()
	conns <- theirs
	t.Cleanup(func() { _ = ours.Close(); _ = server.Close() })
	return ours
}

func TestFormThatDoesNotArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := overPipe(t, func(http.ResponseWriter, *http.Request) { t.Error("served") })
		begun := time.Now()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusRequestTimeout || !res.Close || time.Since(begun) != bodyTime {
			t.Errorf("%d after %v, closes: %v", res.StatusCode, time.Since(begun), res.Close)
		}
	})
}

// TestLongAnswersGoOn: the time that a form has to arrive does not cut off
// the work on its answer.
func TestLongAnswersGoOn(t *testing.T) {
	for _, octets := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"} {
		synctest.Test(t, func(t *testing.T) {
			conn := overPipe(t, func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
					t.Error("cut off")
				case <-time.After(2 * bodyTime):
				}
			})
			fmt.Fprint(conn, octets)
			if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 200 {
				t.Error(err)
			}
		})
	}
}
