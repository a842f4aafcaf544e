package viewer

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestSlowAnswersHoldUpNobody: more answers of strangers on their way than there
// are places keep nobody from reading, from sending a form, or from answering
// in a session that has proven the link; a stranger who asks for one place too
// many is told to come back.
func TestSlowAnswersHoldUpNobody(t *testing.T) {
	c := newClinic(t)
	address, server := c.serve(ServerConfig{Concurrent: 8}, 0)
	b := &browser{t: t, client: newClient(), base: "http://" + address}
	page := c.enter(b)
	strangers := server.Handler.(*door).strangers
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
		strangers.mu.Lock()
		inside = strangers.open
		strangers.mu.Unlock()
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
	if sent := b.stream(c.path(), answerOf(t, page, "from inside", uploadFile{"a.txt", "text/plain", strings.NewReader("x")})); !strings.Contains(sent.body, "Your answer was sent.") {
		t.Errorf("an answer of a proven session gets %d", sent.StatusCode)
	}
}

// flood is a body that does not end; it counts what was taken of it.
type flood struct {
	head  io.Reader
	taken int64
}

func (f *flood) Read(p []byte) (int, error) {
	n, err := f.head.Read(p)
	if err == io.EOF {
		n, err = len(p), nil
		clear(p)
	}
	f.taken += int64(n)
	return n, err
}

// TestLittleIsReadOfWhatIsNotTaken: a form that is forged, malformed, or of a
// session that has proven nothing, is not read to the end of its files.
func TestLittleIsReadOfWhatIsNotTaken(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	var good strings.Builder
	for _, f := range answerOf(t, page, "Zebraquartz").fields {
		fmt.Fprintf(&good, "--b\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", f[0], f[1])
	}
	file := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
	base, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		form    string
		session bool
		want    int
	}{
		"forged":    {"--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx\r\n" + file, true, 403},
		"malformed": {"--b\r\nContent-Disposition: form-data; name=\"nonsense\"\r\n\r\nx\r\n--b\r\n", true, 400},
		"unproven":  {good.String() + file, false, 403},
	} {
		body := &flood{head: strings.NewReader(k.form)}
		r := httptest.NewRequest("POST", c.path(), body)
		r.ContentLength, r.Host = -1, "localhost"
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		for _, cookie := range b.client.Jar.Cookies(base) {
			if k.session {
				r.AddCookie(cookie)
			}
		}
		w := httptest.NewRecorder()
		newDoor(c.handler("https://secure.clinic.example", true), 8).ServeHTTP(w, r)
		if w.Code != k.want || body.taken > 2*dropSize || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: status %d, %d octets, connection %q", name, w.Code, body.taken, w.Header().Get("Connection"))
		}
		if name == "unproven" && !strings.Contains(w.Body.String(), "Zebraquartz") {
			t.Error("what a stranger wrote is lost")
		}
	}
}

func TestAnswersOfOneNeighbour(t *testing.T) {
	entered, over := make(chan struct{}), make(chan struct{})
	proven := false
	d := newDoor(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !pacedOf(r).enter(proven) {
			tooMany(w)
			return
		}
		entered <- struct{}{}
		<-over
	}), 256)
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
	let, proven = 0, true
	for n := range 2 * parcelsEach {
		ask(fmt.Sprintf("192.0.2.1:%d", 2000+n))
	}
	if let != parcelsEach {
		t.Errorf("%d of one neighbour with proven sessions got in beside strangers", let)
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
	body.hurry(dropTime)
	body.hurry(time.Hour) // never gives time back
	body.ReadCloser, body.read = io.NopCloser(bytes.NewReader(make([]byte, 100))), 2*3600*minRate
	_, _ = body.Read(make([]byte, 10))
	if left := time.Until(d.read); left > dropTime {
		t.Errorf("a form that is not taken has %v", left)
	}
}
