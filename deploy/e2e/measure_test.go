package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Measurements, not tests: nothing here fails because a machine is slow. They
// run when GATEPOST_MEASURE is set (deploy/bench.sh does) and print what they
// saw.

func measuring(t *testing.T) {
	t.Helper()
	if os.Getenv("GATEPOST_MEASURE") == "" {
		t.Skip("SKIPPED: a measurement, GATEPOST_MEASURE is not set (deploy/bench.sh)")
	}
	if underRace {
		t.Skip("SKIPPED: a measurement means nothing under the race detector")
	}
}

// memory is a line of /proc/PID/status in MiB: VmHWM is the most that was
// resident, VmRSS what is.
func (g *gate) memory(line string) float64 {
	g.t.Helper()
	for l := range strings.Lines(readFile(g.t, fmt.Sprintf("/proc/%d/status", g.process.cmd.Process.Pid))) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			var kib float64
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				g.t.Fatal(err)
			}
			return kib / 1024
		}
	}
	g.t.Fatalf("/proc shows no %s", line)
	return 0
}

// TestMeasureSessions: 200 sessions that all send at once.
func TestMeasureSessions(t *testing.T) {
	measuring(t)
	g, _ := plainSite(t, "queue: {first_retry: 5s}")
	g.start()
	idle := g.memory("VmRSS")
	mail := mailText("ann@clinic.example", "pat@out.example", "load", strings.Repeat("The garden opens at nine and we meet near the gate.\n", 100))
	var sent atomic.Int64
	var senders sync.WaitGroup
	start := time.Now()
	for range 200 {
		c := dialSMTP(t, g.relay)
		senders.Go(func() {
			defer c.quit()
			for time.Since(start) < 15*time.Second {
				if r := c.send("ann@clinic.example", []string{"pat@out.example"}, mail); r.code != 250 {
					t.Errorf("answered %v", r)
					return
				}
				sent.Add(1)
			}
		})
	}
	senders.Wait()
	took := time.Since(start).Seconds()
	t.Logf("MEASURED 200 sessions, mails of %d octets: %.0f accepted/s, %.0f MiB idle, %.0f MiB at most (aim 256)", len(mail), float64(sent.Load())/took, idle, g.memory("VmHWM"))
}

// TestMeasureLargeMails: ten mails of 50 MB at the same time, whose text has to
// be judged.
func TestMeasureLargeMails(t *testing.T) {
	measuring(t)
	g, outside := plainSite(t, "queue: {first_retry: 5s}")
	text := strings.Replace(readFile(t, g.file), "relay: {trusted: [127.0.0.0/8]}", "relay: {trusted: [127.0.0.0/8], max_message: 60MiB}", 1)
	write(t, g.file, text)
	g.start()
	m := multipart("mixed", "large", mimePart{kind: "text/plain", text: "The garden opens at nine.\r\n"},
		mimePart{kind: "video/mp4; name=garden.mp4", disposition: "attachment; filename=garden.mp4", raw: noise(9, 36<<20)})
	mail := append(mailText("ann@clinic.example", "pat@out.example", "large", "", "MIME-Version: 1.0", "Content-Type: "+m.kind), m.text...)
	var senders sync.WaitGroup
	start := time.Now()
	for i := range 10 {
		c := dialSMTP(t, g.relay)
		senders.Go(func() {
			defer c.quit()
			if r := c.send("ann@clinic.example", []string{fmt.Sprintf("pat%d@out.example", i)}, mail); r.code != 250 {
				t.Errorf("answered %v", r)
			}
		})
	}
	senders.Wait()
	taken := time.Since(start)
	eventually(t, 2*time.Minute, func() string {
		if n := outside.count(); n < 10 {
			return fmt.Sprintf("%d of 10 were delivered", n)
		}
		return ""
	})
	t.Logf("MEASURED ten mails of %d MB at once: taken in %.1f s, delivered after %.1f s, %.0f MiB at most (aim 400)", len(mail)>>20, taken.Seconds(), time.Since(start).Seconds(), g.memory("VmHWM"))
}
