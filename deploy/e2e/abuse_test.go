package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	secretWord = "quillwort" // in what must not be seen
	abusePIN   = "739164"
)

// abuseSite is a gate with everything that it has switched on, and who knows
// what about it.
type abuseSite struct {
	*gate
	outside   *sink
	carrier   *plainCarrier
	link, eve string // of a good reader, and of one whose link attackers have
	message   string // id of the message of link
	file      []byte // attached to it
	bombs     map[string][]byte

	mu    sync.Mutex               // guards what follows
	sent  map[string]bool          // recipients of what good clients were told is accepted
	steps map[string]time.Duration // the slowest of each step of good clients
}

const abusePolicy = `policy: abuse
default: pass
on_error: hold
rules:
  - {id: s, reason: secured, when: recipient.domain == "secure.example", then: secure}
`

func newAbuseSite(t *testing.T) *abuseSite {
	t.Helper()
	s := &abuseSite{outside: startSink(t, nil), carrier: startPlainCarrier(t), file: noise(3, 20_000), bombs: bombs(), sent: map[string]bool{}, steps: map[string]time.Duration{}}
	s.gate = newGate(t, settings{
		policy: abusePolicy, smsc: s.carrier.addr, imap: true, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", s.outside.addr)},
		more: []string{"pins: {default: contact}", "inbound: {relay: true}"},
	})
	text := readFile(t, s.gate.file)
	for _, change := range [][2]string{{"tls: {viewer: false}\n", ""}, {"url: \"http:", "url: \"https:"}, {"trusted: [127.0.0.0/8]", "trusted: [127.0.0.1/32, 127.0.0.2/32]"}} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the configuration has no %q", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	write(t, s.gate.file, text)
	s.start()
	password := write(t, s.dir+"/password", annPassword+"\n")
	for _, name := range []string{annName, "mallory@clinic.example"} {
		s.must("user", "add", name, "--password-file", password)
	}
	s.contacts("email,language,name,pin", "pat@secure.example,en,Pat Jones,"+abusePIN, "eve@secure.example,en,Eve Jones,"+abusePIN)
	m := multipart("mixed", "abuse", mimePart{kind: "text/plain; charset=utf-8", text: "The " + secretWord + " is fine.\r\n"},
		mimePart{kind: "application/octet-stream; name=a.bin", disposition: "attachment; filename=a.bin", raw: s.file})
	for _, to := range []string{"pat@secure.example", "eve@secure.example"} {
		s.message = accepted(t, s.relay, annName, []string{to}, append(mailText(annName, to, "Results", "", "MIME-Version: 1.0", "Content-Type: "+m.kind), m.text...))
	}
	s.link, s.eve = s.outside.wait(t, "pat@secure.example", 1).link(t), s.outside.wait(t, "eve@secure.example", 1).link(t)
	return s
}

// attack is one way to harm the gate, which workers do over and over. It
// answers an error when it succeeds.
type attack struct {
	name    string
	workers int
	do      func(*attacker) error
}

// attacker is one worker of an attack. Its address is its own among others of
// loopback: no limit for strangers' addresses spares the gate.
type attacker struct {
	ctx           context.Context
	number, round int
	inside        bool // comes from the server that is trusted
}

func (a *attacker) dialer() *net.Dialer {
	from := net.IPv4(127, 0, 66, byte(a.number%200+1))
	if a.inside {
		from = net.IPv4(127, 0, 0, 2)
	}
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 5 * time.Second}
}

// dial connects; the connection ends with the attack. nil where it is refused.
func (a *attacker) dial(addr string) *wire {
	c, err := a.dialer().DialContext(a.ctx, "tcp", addr)
	if err != nil {
		return nil
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	context.AfterFunc(a.ctx, func() { _ = c.Close() })
	return newWire(c)
}

// greeted is dial and EHLO.
func (a *attacker) greeted(addr string) *wire {
	w := a.dial(addr)
	if w == nil {
		return nil
	}
	if code, _ := w.reply(); code == 220 {
		if code, _ := w.smtp("EHLO attacker.example"); code == 250 {
			return w
		}
	}
	_ = w.Close()
	return nil
}

func (a *attacker) wait(d time.Duration) {
	select {
	case <-a.ctx.Done():
	case <-time.After(d):
	}
}

// drip sends first at once and then an octet now and then until it is cut off.
func (a *attacker) drip(addr, first string) error {
	if w := a.dial(addr); w != nil {
		a.dripInto(w, first)
	}
	return nil
}

func (a *attacker) dripTLS(addr, first string) error {
	w := a.dial(addr)
	if w == nil {
		return nil
	}
	defer w.Close()
	if secure, _ := w.secure("http/1.1"); secure != nil {
		a.dripInto(secure, first)
	}
	return nil
}

func (a *attacker) dripInto(w *wire, first string) {
	defer w.Close()
	_ = w.SetDeadline(time.Time{})
	for w.say(first) && a.ctx.Err() == nil {
		first = "x"
		a.wait(500 * time.Millisecond)
	}
}

// besiege runs all attacks until ctx ends and returns how often each was tried
// and which succeeded.
func (s *abuseSite) besiege(ctx context.Context) siege {
	var workers sync.WaitGroup
	var mu sync.Mutex
	all := siege{Tried: map[string]int{}}
	number := 0
	for _, x := range slices.Concat(s.mailAttacks(), s.smsAttacks(), s.readingAttacks(), s.webAttacks()) {
		again := func() bool {
			mu.Lock()
			defer mu.Unlock()
			all.Tried[x.name]++
			return ctx.Err() == nil && all.Tried[x.name] <= attackTimes
		}
		for range x.workers {
			a := &attacker{ctx: ctx, number: number}
			number++
			workers.Go(func() {
				for ; again(); a.round++ {
					if err := x.do(a); err != nil && ctx.Err() == nil {
						mu.Lock()
						all.Breaches = append(all.Breaches, fmt.Sprintf("%s: %v", x.name, err))
						mu.Unlock()
						return
					}
					a.wait(attackPause)
				}
			})
		}
	}
	workers.Wait()
	return all
}

// siege is what became of all attacks.
type siege struct {
	Tried    map[string]int
	Breaches []string
}

// target is what attackers know of the gate.
type target struct {
	Relay, Inbound, Submission, SMPP, IMAP, Viewer string
	Link, Message                                  string
	Length                                         time.Duration
}

// TestAbuseAttackers is the process of the attackers, which TestAbuseAllAtOnce
// starts: good clients do not share their machine in the world, nor its
// process here. It runs when no other wants to.
func TestAbuseAttackers(t *testing.T) {
	var to target
	if json.Unmarshal([]byte(os.Getenv("GATEPOST_ABUSE_TARGET")), &to) != nil {
		t.Skip("SKIPPED: a part of TestAbuseAllAtOnce")
	}
	s := &abuseSite{gate: &gate{relay: to.Relay, inbound: to.Inbound, submission: to.Submission, smpp: to.SMPP, imap: to.IMAP, viewer: to.Viewer}, eve: to.Link, message: to.Message, bombs: bombs()}
	ctx, end := context.WithTimeout(t.Context(), to.Length)
	defer end()
	text, err := json.Marshal(s.besiege(ctx))
	must(t, err)
	fmt.Printf("%s%s\n", siegeMark, text)
}

const siegeMark = "siege: "

// attackers starts that process and returns a function that waits for its end.
func (s *abuseSite) attackers(t *testing.T, length time.Duration) func() siege {
	t.Helper()
	to, err := json.Marshal(target{s.relay, s.inbound, s.submission, s.smpp, s.imap, s.viewer, s.eve, s.message, length})
	must(t, err)
	var out bytes.Buffer
	cmd := exec.Command("nice", "-n", "19", os.Args[0], "-test.run", "^TestAbuseAttackers$", "-test.timeout", "1h")
	cmd.Env = append(os.Environ(), "GATEPOST_ABUSE_TARGET="+string(to))
	cmd.Stdout, cmd.Stderr = &out, &out
	p := startProcess(t, cmd)
	t.Cleanup(p.kill)
	return func() siege {
		if _, ok := p.exited(length + 2*time.Minute); !ok {
			t.Fatal("the attackers do not end")
		}
		var all siege
		_, line, _ := strings.Cut(out.String(), siegeMark)
		line, _, _ = strings.Cut(line, "\n")
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			t.Fatalf("the attackers say %s", out.String())
		}
		return all
	}
}

const (
	attackTimes = 20_000 // of one attack
	attackPause = 20 * time.Millisecond
)

// held is what the process holds: connections and open files, and threads of Go.
// Tables of the store do not count: it keeps as many open as it has, up to a
// bound, and has more after so much mail.
func (s *abuseSite) held() (files, goroutines int) {
	dir := fmt.Sprintf("/proc/%d/fd", s.process.cmd.Process.Pid)
	all, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range all {
		if name, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && !strings.HasSuffix(name, ".sst") { // else it was closed meanwhile
			files++
		}
	}
	return files, int(s.metric("go_goroutines"))
}

// TestAbuseAllAtOnce: attackers of every class on all four protocols at once,
// and good clients beside them, which do a whole transaction every second.
// GATEPOST_ABUSE is how long it lasts (deploy/test-long.sh abuse); then the
// times and the memory are judged, otherwise only that everybody is served.
func TestAbuseAllAtOnce(t *testing.T) {
	length, most, spare, judged := 4*time.Second, time.Minute, 60, false
	if set := os.Getenv("GATEPOST_ABUSE"); set != "" {
		var err error
		length, err = time.ParseDuration(set)
		must(t, err)
		most, spare, judged = 2*time.Second, 16, true
	}
	s := newAbuseSite(t)
	for name, do := range s.good() {
		if err := do(999_999); err != nil {
			t.Fatalf("%s before the attack: %v", name, err)
		}
	}
	files, goroutines := s.held()
	attacks := s.attackers(t, length)
	fared := s.serveGood(length)
	s.report(t, fared, attacks(), most)
	if memory := s.memory("VmHWM"); judged && memory > 1024 {
		t.Errorf("%.0f MiB of memory were used", memory)
	}
	s.afterwards(t, files, goroutines, spare)
}

// report prints how everybody fared, and fails where somebody was not served.
func (s *abuseSite) report(t *testing.T, fared map[string]*served, attacks siege, most time.Duration) {
	t.Helper()
	var line, all []string
	for name, r := range fared {
		line = append(line, fmt.Sprintf("%s %.2f s (%d of them, %d tries failed)", name, r.slowest().Seconds(), len(r.times), r.again))
		if r.slowest() > most {
			t.Errorf("a good client of %s waited %v, at most %v are allowed: %q", name, r.slowest(), most, r.problems)
		}
	}
	total := 0
	for name, n := range attacks.Tried {
		all = append(all, fmt.Sprintf("%s %d", name, n))
		total += n
	}
	for _, b := range attacks.Breaches {
		t.Error(b)
	}
	slices.Sort(line)
	slices.Sort(all)
	t.Logf("slowest steps: %v", s.steps)
	t.Logf("attacks: %s", strings.Join(all, ", "))
	for name, r := range fared {
		if r.again > 0 {
			t.Logf("%s failed: %q", name, r.problems)
		}
	}
	t.Logf("MEASURED abuse: %d attacks of %d kinds at once; slowest transaction of a good client: %s; at most %.0f MiB", total, len(attacks.Tried), strings.Join(line, ", "), s.memory("VmHWM"))
}

// afterwards: everything that good clients were told is accepted arrives,
// nothing of the attackers went where it must not, and what the process holds
// goes back to what it was, but for spare: connections that wait for the next
// mail, and where there is no time for the end of them, deliveries of what an
// application was told is accepted.
func (s *abuseSite) afterwards(t *testing.T, files, goroutines, spare int) {
	t.Helper()
	eventually(t, 2*time.Minute, func() string {
		missing := 0
		for to := range s.sent {
			if len(s.outside.to(to)) == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d mails of good clients have not arrived", missing, len(s.sent))
		}
		return ""
	})
	for _, m := range s.outside.all() {
		if strings.Contains(strings.Join(m.to, " "), "victim.example") || strings.HasPrefix(m.from, "smuggled@") {
			t.Errorf("from <%s> to %q a mail left", m.from, m.to)
		}
		if strings.Contains(string(m.raw), secretWord) && !strings.Contains(strings.Join(m.to, " "), annName) {
			t.Errorf("a mail to %q holds what nobody could judge: %.300q", m.to, m.raw)
		}
	}
	const idleAttempts = 64 // goroutines of the queue that wait for their next attempt
	var f, g int
	eventually(t, 10*time.Minute, func() string {
		if f, g = s.held(); f > files+spare || g > goroutines+spare+idleAttempts {
			return fmt.Sprintf("%d open files and %d goroutines, before it were %d and %d", f, g, files, goroutines)
		}
		return ""
	})
	t.Logf("MEASURED after abuse: %d open files and %d goroutines, before it %d and %d; %.0f MiB", f, g, files, goroutines, s.memory("VmRSS"))
	if code, said := s.get("/readyz"); code != 200 {
		t.Errorf("readyz: %d %s", code, said)
	}
	s.must("audit", "verify")
}
