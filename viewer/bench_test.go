package viewer

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkViewer measures what readers ask for most, over TCP on loopback and
// with as many readers at once as there are cores: the gate, the message page
// of a proven session, and a small file. The slowest one in a hundred is
// printed as p99-ms. The journeys behind it are the test's, without argon2 and
// without a disk: these are the costs of the viewer itself.
func BenchmarkViewer(b *testing.B) {
	for _, k := range []struct {
		name, path string
		proven     bool
	}{{"gate", "", false}, {"message", "", true}, {"file", "/file/3", true}} {
		b.Run(k.name, func(b *testing.B) {
			c := newClinic(b)
			c.mail.Files = append(c.mail.Files, file("note.txt", "text/plain", "", make([]byte, 10_000)))
			browser := c.visit(false)
			browser.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
			if k.proven {
				c.enter(browser)
			}
			measure(b, func() int { return status(b, browser, c.path()+k.path) })
		})
	}
}

// BenchmarkWrongPINs measures the gate while others guess: the guesses of many
// do not slow down those who only look.
func BenchmarkWrongPINs(b *testing.B) {
	c := newClinic(b)
	browser := c.visit(false)
	browser.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	stop, done := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		guesser := browser.another()
		page := guesser.get(c.path())
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					guesser.submit(page, "pin", "000000")
				}
			}
		})
	}
	measure(b, func() int { return status(b, browser, c.path()) })
	close(stop)
	done.Wait()
}

func status(b *testing.B, browser *browser, path string) int {
	res, err := browser.client.Get(browser.base + path)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n < 1000 {
		b.Errorf("%d octets, %v", n, err)
	}
	return res.StatusCode
}

// measure calls act b.N times from all cores and reports requests a second
// and the 99th percentile of their times.
func measure(b *testing.B, act func() int) {
	b.Helper()
	var mu sync.Mutex
	var times []time.Duration
	b.ResetTimer()
	start := time.Now()
	b.RunParallel(func(p *testing.PB) {
		var own []time.Duration
		for p.Next() {
			begin := time.Now()
			if got := act(); got != http.StatusOK {
				b.Errorf("status %d", got)
			}
			own = append(own, time.Since(begin))
		}
		mu.Lock()
		times = append(times, own...)
		mu.Unlock()
	})
	took := time.Since(start)
	b.StopTimer()
	slices.Sort(times)
	b.ReportMetric(float64(len(times))/took.Seconds(), "requests/s")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
}

// TestBenchedPathsAnswer keeps the benchmark from measuring refusals.
func TestBenchedPathsAnswer(t *testing.T) {
	c := newClinic(t)
	c.mail.Files = append(c.mail.Files, file("note.txt", "text/plain", "", make([]byte, 10_000)))
	b := c.visit(false)
	c.enter(b)
	if a := b.get(c.path() + "/file/3"); a.StatusCode != http.StatusOK || len(a.body) != 10_000 {
		t.Errorf("%d, %d octets", a.StatusCode, len(a.body))
	}
}
