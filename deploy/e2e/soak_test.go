package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// soakPolicy: what patients get is secured, what is to be reviewed waits.
const soakPolicy = `policy: soak
default: pass
on_error: hold
detectors:
  finding: {words: [biopsy]}
rules:
  - {id: tag, reason: asked for, when: tag.secure, then: secure}
  - {id: thread, reason: secured before, when: thread.secured, then: secure}
  - {id: patient, reason: a patient, when: recipient.domain == "patient.example", then: secure}
  - {id: biopsy, reason: a finding, when: 'found(["finding"], LOW)', then: secure}
  - {id: review, reason: to be reviewed, when: recipient.domain == "held.example", then: hold}
`

// soak is a site with traffic on all four protocols.
type soak struct {
	*gate
	length  time.Duration
	bulk    *sink // next hop of what passes
	beyond  *sink // of patients: notices and codes
	inside  *sink // of staff: answers, texts from telephones, reports
	carrier *smsCarrier
}

// TestSoak runs mixed traffic on all four protocols for GATEPOST_SOAK
// (deploy/test-long.sh soak). Memory, goroutines and open files stay flat, they
// go back to what they were when the traffic ends, and each warning and error
// of the log is one that the traffic explains.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("GATEPOST_SOAK"))
	if err != nil {
		t.Skip("SKIPPED: GATEPOST_SOAK is not set (deploy/test-long.sh soak)")
	}
	s := newSoak(t, length)
	idle := s.settled()
	var samples []soakSample
	stop, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		samples = s.watch(stop)
	}()
	t.Run("traffic", s.traffic)
	close(stop)
	<-sampled
	s.flat(t, samples)
	s.back(t, idle)
	s.explained(t)
	s.must("audit", "verify")
}

func newSoak(t *testing.T, length time.Duration) *soak {
	t.Helper()
	s := &soak{length: length, bulk: startSink(t, nil), beyond: startSink(t, nil), inside: startSink(t, nil)}
	s.carrier = startCarrier(t, object{"system_id": "gw", "password": smsPassword})
	route := func(domain string, to *sink) string {
		return fmt.Sprintf("{domain: %q, via: %q, tls: none}", domain, to.addr)
	}
	s.gate = newGate(t, settings{
		policy: soakPolicy, smsc: s.carrier.addr(), imap: true,
		routes: []string{route("clinic.example", s.inside), route("patient.example", s.beyond), route("private.example", s.beyond), route("*", s.bulk)},
		more:   []string{"recall: {grace: 5s, bulk: 0}", "pins: {resend: 1s}"},
	}).start()
	s.carrier.wait(1, 30*time.Second, "bind", func(e smsEvent) bool { return e.Status == 0 })
	password := write(t, filepath.Join(s.dir, "password"), annPassword+"\n")
	for _, name := range []string{"ann", "ben", "cleo"} {
		s.must("user", "add", name+"@clinic.example", "--password-file", password)
	}
	s.must("user", "add", "cora@clinic.example", "--password-file", password, "--role", "compliance")
	people := []string{"email,email2,language,name,patient"}
	for i := range 20 {
		people = append(people, fmt.Sprintf("pat%d@patient.example,pat%d@private.example,en,Pat %d,true", i, i, i))
	}
	s.contacts(people...)
	return s
}

// soakSample is what the process held at a moment.
type soakSample struct {
	at         time.Duration
	rss, heap  float64 // MiB; what lives, as of the last collection, for heap
	goroutines int
	sockets    int // and pipes: what is open and no file of the store
	files      int // all that is open
	stored     float64
	accepted   float64
}

// sample looks at the process. It may run beside the stories.
func (s *soak) sample() soakSample {
	x := soakSample{rss: s.memory("VmRSS"), goroutines: int(s.metric("go_goroutines")), heap: s.metric("go_gc_heap_live_bytes") / (1 << 20)}
	dir := fmt.Sprintf("/proc/%d/fd", s.process.cmd.Process.Pid)
	all, err := os.ReadDir(dir)
	if err != nil {
		s.t.Error(err)
	}
	for _, f := range all {
		x.files++
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && !strings.HasPrefix(to, s.data) && !strings.HasPrefix(to, s.keys) {
			x.sockets++
		}
	}
	if heap := s.liveHeap(); heap > 0 {
		x.heap = heap
	}
	_ = filepath.WalkDir(s.data, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // removed while we look
		}
		if info, err := d.Info(); err == nil {
			x.stored += float64(info.Size()) / (1 << 20)
		}
		return nil
	})
	return x
}

var heapAlloc = regexp.MustCompile(`# HeapAlloc = ([0-9]+)`)

// control is a client of the control socket.
func (g *gate) control() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(g.data, "control.sock"))
	}}}
}

// liveHeap is what lives after a collection, by the debug page, in MiB; 0 where
// it does not answer.
func (s *soak) liveHeap() float64 {
	c := s.control()
	defer c.CloseIdleConnections()
	r, err := c.Get("http://control/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	m := heapAlloc.FindSubmatch(text)
	if m == nil {
		return 0
	}
	var n float64
	_, _ = fmt.Sscan(string(m[1]), &n)
	return n / (1 << 20)
}

// settled is the process without traffic: the least of some samples.
func (s *soak) settled() soakSample {
	var least soakSample
	for i := range 10 {
		x := s.sample()
		if i == 0 || x.goroutines < least.goroutines {
			least = x
		}
		time.Sleep(300 * time.Millisecond)
	}
	return least
}

// watch takes samples until stop is closed, about two hundred, and lets the
// sinks forget what nobody waits for any more.
func (s *soak) watch(stop chan struct{}) []soakSample {
	began := time.Now()
	var all []soakSample
	tick := time.NewTicker(max(s.length/200, 2*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return all
		case <-tick.C:
		}
		x := s.sample()
		x.at = time.Since(began)
		all = append(all, x)
		s.bulk.keep(200)
		s.inside.keep(400)
	}
}

// keep drops all recorded mails but the newest n, and the octets of the wire.
func (s *sink) keep(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.Reset()
	if old := len(s.mails) - n; old > 0 {
		s.forgotten += old
		s.mails = slices.Clone(s.mails[old:])
	}
}

// quarter is the median of a quarter of the samples, 1 to 4.
func quarter(all []soakSample, n int, of func(soakSample) float64) float64 {
	part := all[(n-1)*len(all)/4 : n*len(all)/4]
	var v []float64
	for _, x := range part {
		v = append(v, of(x))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// flat compares the second quarter with the last: the first fills caches,
// buffers and pools. What the store keeps grows with what it holds; memory may
// follow by a little.
func (s *soak) flat(t *testing.T, all []soakSample) {
	t.Helper()
	if len(all) < 8 {
		t.Fatalf("%d samples are too few", len(all))
	}
	for _, c := range []struct {
		what  string
		of    func(soakSample) float64
		times float64
		plus  float64
	}{
		{"resident MiB", func(x soakSample) float64 { return x.rss }, 1.15, 24},
		{"living heap MiB", func(x soakSample) float64 { return x.heap }, 1.25, 12},
		{"goroutines", func(x soakSample) float64 { return float64(x.goroutines) }, 1.25, 20},
		{"sockets and pipes", func(x soakSample) float64 { return float64(x.sockets) }, 1.25, 20},
		{"open files", func(x soakSample) float64 { return float64(x.files) }, 1.5, 60},
		{"MiB stored", func(x soakSample) float64 { return x.stored }, 1000, 0},
	} {
		q := [5]float64{}
		for i := 1; i <= 4; i++ {
			q[i] = quarter(all, i, c.of)
		}
		t.Logf("MEASURED soak of %v: %-18s %8.1f %8.1f %8.1f %8.1f by quarters", s.length, c.what, q[1], q[2], q[3], q[4])
		if q[4] > q[2]*c.times+c.plus {
			t.Errorf("%s grow: %.1f in the second quarter, %.1f in the last", c.what, q[2], q[4])
		}
	}
}

// back: without traffic the process goes back to what it was.
func (s *soak) back(t *testing.T, idle soakSample) {
	t.Helper()
	var now soakSample
	eventually(t, 3*time.Minute, func() string {
		now = s.settled()
		if now.goroutines > idle.goroutines+15 || now.sockets > idle.sockets+10 {
			return fmt.Sprintf("%d goroutines and %d sockets are left, before the traffic %d and %d", now.goroutines, now.sockets, idle.goroutines, idle.sockets)
		}
		return ""
	})
	t.Logf("MEASURED soak of %v: before and after the traffic %d and %d goroutines, %d and %d sockets, living heap %.1f and %.1f MiB, resident %.0f and %.0f MiB, at most %.0f MiB",
		s.length, idle.goroutines, now.goroutines, idle.sockets, now.sockets, idle.heap, now.heap, idle.rss, now.rss, s.memory("VmHWM"))
}

// soakWarnings are the warnings that the traffic explains, and how.
var soakWarnings = map[string]string{
	"framing lost, closing the session": "SMTP, IMAP and HTTP spoken to the port for applications (mishaps)",
	"wrong password":                    "an application that is refused (mishaps)",
	"configuration":                     "no certificate is configured: the self-signed one is told of at each start and reload",
}

// explained: each warning and error of the log is expected.
func (s *soak) explained(t *testing.T) {
	t.Helper()
	seen := map[string]int{}
	for l := range strings.Lines(s.log()) {
		var r struct{ Level, Msg string }
		if json.Unmarshal([]byte(l), &r) != nil {
			t.Errorf("a line of the log is no JSON: %.300q", l)
			continue
		}
		if r.Level != "WARN" && r.Level != "ERROR" {
			continue
		}
		seen[r.Level+" "+r.Msg]++
		if why := soakWarnings[r.Msg]; (why == "" || r.Level == "ERROR") && seen[r.Level+" "+r.Msg] <= 3 {
			t.Errorf("nothing explains %.600s", l)
		}
	}
	t.Logf("MEASURED soak of %v: warnings and errors %v", s.length, seen)
}
