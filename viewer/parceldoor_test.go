package viewer

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestSlowAnswersHoldUpNobody: more answers on their way than there are places
// keep nobody from reading, or from sending a form; who asks for one place
// too many is told to come back.
func TestSlowAnswersHoldUpNobody(t *testing.T) {
	c := newClinic(t)
	address, server := c.serve(ServerConfig{Concurrent: 8}, 0)
	parcels := server.Handler.(*door).parcels
	head := "POST " + c.path() + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 60000000\r\n\r\n"
	for range parcelsAtOnce {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, head+"--b\r\nContent-Dis")
	}
	for inside := 0; inside < parcelsAtOnce; time.Sleep(10 * time.Millisecond) { // no answer says that they are there
		parcels.mu.Lock()
		inside = parcels.open
		parcels.mu.Unlock()
	}
	if got := exchange(t, address, head); got != "HTTP/1.1 503 Service Unavailable" {
		t.Errorf("one too many gets %q", got)
	}
	if got := exchange(t, address, "GET "+c.path()+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); got != "HTTP/1.1 200 OK" {
		t.Errorf("a reader gets %q", got)
	}
	if got := exchange(t, address, "POST "+c.path()+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\npin=1"); got != "HTTP/1.1 403 Forbidden" {
		t.Errorf("a form gets %q", got)
	}
}

func TestAnswersOfOneNeighbour(t *testing.T) {
	entered, over := make(chan struct{}), make(chan struct{})
	d := newDoor(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-over }), 256)
	let := 0
	ask := func(from string) (in bool) {
		r := httptest.NewRequest("POST", "/m/x", strings.NewReader("--b"))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		r.RemoteAddr = from
		w, done := httptest.NewRecorder(), make(chan struct{})
		go func() { defer close(done); d.ServeHTTP(w, r) }()
		select {
		case <-entered:
			let++
			return true
		case <-done:
			if w.Code != http.StatusServiceUnavailable {
				t.Errorf("turned away with %d", w.Code)
			}
			return false
		}
	}
	for n := range 2 * parcelsEach {
		ask(fmt.Sprintf("192.0.2.1:%d", 1000+n))
	}
	if let != parcelsEach || !ask("198.51.100.7:5") {
		t.Errorf("%d of one neighbour got in, or no other did", let)
	}
	close(over)
}

// TestFormWithFilesElsewhereIsAnOrdinaryForm: only where answers are read may a
// body be large.
func TestFormWithFilesElsewhereIsAnOrdinaryForm(t *testing.T) {
	c := newClinic(t)
	address, _ := c.serve(ServerConfig{}, 0)
	_, path := c.staffAnswer()
	for target, want := range map[string]string{path + "/login": "HTTP/1.1 413 Request Entity Too Large", c.path() + "/pin": "HTTP/1.1 413 Request Entity Too Large", c.path() + "/leave": "HTTP/1.1 413 Request Entity Too Large"} {
		if got := exchange(t, address, "POST "+target+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 60000000\r\n\r\n--b\r\n"); got != want {
			t.Errorf("%s: %q", target[:6], got)
		}
	}
}

// askedDeadlines notes what a body asks of its connection.
type askedDeadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *askedDeadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *askedDeadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

// TestPaceOfABody: each piece has its time, and all of it as much as the slowest
// line needs; at the end there is time to make it durable.
func TestPaceOfABody(t *testing.T) {
	d := &askedDeadlines{ResponseWriter: httptest.NewRecorder()}
	body := &pacedBody{ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, 100))), control: http.NewResponseController(d), begun: time.Now().Add(-time.Hour)}
	_, _ = body.Read(make([]byte, 10))
	if left := time.Until(d.read); left > 0 {
		t.Errorf("a line that brought nothing in an hour has %v left", left)
	}
	body.read = 2 * 3600 * minRate
	_, _ = body.Read(make([]byte, 10))
	if left := time.Until(d.read); left < pageTime-time.Second || left > pageTime || d.write.Before(d.read) {
		t.Errorf("a line that is quick enough has %v for the next piece", left)
	}
	_, _ = io.Copy(io.Discard, body)
	if left := time.Until(d.read); left < parcelTime-time.Second || time.Until(d.write) < parcelTime-time.Second {
		t.Errorf("at the end %v are left", left)
	}
}
