package viewer

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowFile is one that takes its time to be read.
type slowFile struct{ *bytes.Reader }

func (s slowFile) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return s.Reader.Read(p)
}

func (slowFile) Close() error { return nil }

// TestReaderWhoLeavesAmidRanges: a request for several ranges over HTTP/2 that
// was given up ended the process, because its file was read, and the deadline
// of its answer set, after the request was over.
func TestReaderWhoLeavesAmidRanges(t *testing.T) {
	c := newClinic(t)
	c.mail.Files[2].Open = func() (io.ReadSeekCloser, error) {
		return slowFile{bytes.NewReader(make([]byte, 1300010))}, nil
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(ServerConfig{}, c.handler("https://secure.clinic.example", true))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	b := &browser{t: t, client: server.Client(), base: server.URL}
	b.client.Jar, _ = cookiejar.New(nil)
	c.enter(b)
	for n := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+c.path()+"/file/2", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Range", "bytes=0-400000,400001-800000")
		res, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 {
			t.Fatalf("HTTP/%d", res.ProtoMajor)
		}
		time.Sleep(time.Duration(n) * time.Millisecond)
		cancel()
		_ = res.Body.Close()
	}
	time.Sleep(50 * time.Millisecond) // for what is left behind
}

// deadlines is an answer that remembers until when it may be written.
type deadlines struct {
	http.ResponseWriter
	until time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.until = t; return nil }

// TestSlowLinesAreServedAndDeadOnesNot: each line takes pieces of 32 KiB, at
// its own pace.
func TestSlowLinesAreServedAndDeadOnesNot(t *testing.T) {
	const size = 10 << 20
	for name, k := range map[string]struct {
		pace   time.Duration // of a piece
		served bool
		least  int64 // octets that are served before the line is cut off
	}{
		"fast": {time.Millisecond, true, size}, "4 KiB/s": {8 * time.Second, true, size},
		"1.5 KiB/s": {21 * time.Second, false, 64 << 10}, "a piece in 29 s": {29 * time.Second, false, 32 << 10}, "dead": {2 * time.Hour, false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &deadlines{}
			begun, source, p := time.Now(), timed(bytes.NewReader(make([]byte, size)), w), make([]byte, 32<<10)
			var sent int64
			for {
				n, err := source.Read(p)
				if err != nil {
					break
				}
				if time.Sleep(k.pace); time.Now().After(w.until) {
					break
				}
				sent += int64(n)
			}
			if (sent == size) != k.served || sent < k.least {
				t.Errorf("%s: %d octets", name, sent)
			}
			if took := w.until.Sub(begun); took > pageTime+size/minRate*time.Second {
				t.Errorf("%s: a place is kept for %v", name, took)
			}
		})
	}
}

// waitingFile is one that comes only when the test says so.
type waitingFile struct {
	*bytes.Reader
	begun chan<- struct{}
	until <-chan struct{}
}

func (f waitingFile) Read(p []byte) (int, error) {
	f.begun <- struct{}{}
	<-f.until
	return f.Reader.Read(p)
}

func (waitingFile) Close() error { return nil }

// TestManyFilesAtOnce: one too many of a link is told to come back, and pages
// are served meanwhile.
func TestManyFilesAtOnce(t *testing.T) {
	c := newClinic(t)
	begun, until := make(chan struct{}, 100), make(chan struct{})
	c.mail.Files[2].Open = func() (io.ReadSeekCloser, error) {
		return waitingFile{bytes.NewReader(make([]byte, 10)), begun, until}, nil
	}
	b := c.visit(false)
	c.enter(b)
	var wg sync.WaitGroup
	for range filesOfLink {
		wg.Go(func() {
			if a := b.get(c.path() + "/file/2"); a.StatusCode != 200 {
				t.Errorf("a file: %d", a.StatusCode)
			}
		})
	}
	for range filesOfLink {
		<-begun
	}
	a := b.get(c.path() + "/file/1")
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %v", a.StatusCode, a.Header)
	}
	if page := b.get(c.path()); page.StatusCode != 200 {
		t.Errorf("the message: %d", page.StatusCode)
	}
	close(until)
	wg.Wait()
	if a := b.get(c.path() + "/file/1"); a.StatusCode != 200 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}
