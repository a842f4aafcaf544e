package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// faultPolicy lets everything through but what goes to secured.example.
const faultPolicy = "policy: faults\ndefault: pass\non_error: secure\nrules:\n  - {id: s, reason: secured, when: 'recipient.domain == \"secured.example\"', then: secure}\n"

const (
	// faultSenders is how many connections send at once.
	faultSenders = 4
	// faultWord stands in every mail and may reach nobody at secured.example.
	faultWord = "pipistrelle"
)

// faultMail is the mail for one recipient: whoever knows the address knows its
// octets. One of forty lies in a segment, one of two hundred in a file.
func faultMail(to string) []byte {
	sum := sha256.Sum256([]byte(to))
	size := 40 + int(sum[1])*16
	switch {
	case sum[0] == 0:
		size = 1_300_000
	case sum[0] < 7:
		size = 100_000 + int(sum[1])*400
	}
	line := hex.EncodeToString(sum[:]) + "\n"
	return mailText("ann@clinic.example", to, "news", "The "+faultWord+" hangs near the gate.\n"+strings.Repeat(line, 1+size/len(line)))
}

// faultLoad sends mails without a pause over connections that are made again
// when they end, and notes what was answered 250.
type faultLoad struct {
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	taken map[string]bool
	other map[int]int // other answers to a mail; 0: none
}

func startFaultLoad(t *testing.T, addr string) *faultLoad {
	t.Helper()
	l := &faultLoad{stop: make(chan struct{}), taken: make(map[string]bool), other: make(map[int]int)}
	for n := range faultSenders {
		l.done.Go(func() {
			for i := 0; !l.ended(); {
				i = l.session(addr, n, i)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// session sends from the i-th mail on and returns the next one to send: none
// is sent twice, whatever was answered.
func (l *faultLoad) session(addr string, sender, i int) int {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return i
	}
	defer conn.Close()
	c := &smtpClient{conn: conn, text: textproto.NewConn(conn)}
	if r := c.read(); r.code != 220 || c.say("EHLO client.example").code != 250 {
		return i
	}
	for ; !l.ended(); i++ {
		domain := "out.example"
		if i%5 == 0 {
			domain = "secured.example"
		}
		to := fmt.Sprintf("s%dm%d@%s", sender, i, domain)
		r := c.send("ann@clinic.example", []string{to}, faultMail(to))
		l.mu.Lock()
		if r.code == 250 {
			l.taken[to] = true
		} else {
			l.other[r.code]++
		}
		l.mu.Unlock()
		if r.code == 0 {
			return i + 1
		}
	}
	return i
}

func (l *faultLoad) ended() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *faultLoad) end() {
	if !l.ended() {
		close(l.stop)
	}
	l.done.Wait()
}

func (l *faultLoad) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

// soFar is what was answered 250 until now.
func (l *faultLoad) soFar() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.taken)
}

// settled waits until everything that was taken has arrived, and returns how
// much that is and who of secured.example got something.
func (l *faultLoad) settled(t *testing.T, hop *faultHop) (accepted int, secured []string) {
	t.Helper()
	eventually(t, 3*time.Minute, func() string {
		hop.mu.Lock()
		defer hop.mu.Unlock()
		missing := 0
		for to := range l.taken {
			if hop.came[to] == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d mails that were answered 250 have not arrived", missing, len(l.taken))
		}
		return ""
	})
	for _, why := range hop.damaged {
		t.Error(why)
	}
	for _, to := range slices.Sorted(maps.Keys(l.taken)) {
		if strings.HasSuffix(to, "@secured.example") {
			secured = append(secured, to)
		}
	}
	t.Logf("answers other than 250: %v", l.other)
	return len(l.taken), secured
}

// faultHop is a next hop in trouble: it refuses, hangs, hangs up before its
// answer and hangs up instead of its answer. It looks at each mail at once and
// keeps the small ones.
type faultHop struct {
	mu      sync.Mutex
	quiet   bool
	severed bool
	cuts    int
	came    map[string]int
	hidden  int // mails that it kept without an answer
	damaged []string
}

func troubledHop(s *sink) *faultHop {
	h := &faultHop{came: make(map[string]int)}
	s.trouble = func(c *smtp.Conn, m *received) (bool, error) {
		s.mu.Lock()
		if s.wire.Len() > 16<<20 {
			s.wire.Reset()
		}
		s.mu.Unlock()
		chance := rand.IntN(100)
		if h.isSevered() {
			return false, c.Conn().Close()
		}
		if h.isCalm() {
			chance = 100
		}
		busy := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not now"}
		switch {
		case chance < 3:
			return false, busy
		case chance < 4:
			time.Sleep(time.Second)
			return false, busy
		case chance < 6:
			return false, c.Conn().Close()
		case chance < 8:
			keep := h.take(m, true)
			_ = c.Conn().Close()
			return keep, nil
		case chance < 10:
			was := h.cutsSoFar()
			time.Sleep(300 * time.Millisecond)
			return h.take(m, h.cutsSoFar() != was), nil
		}
		return h.take(m, false), nil
	}
	return h
}

// take looks at a mail that arrived. hidden: its answer does not.
func (h *faultHop) take(m *received, hidden bool) (keep bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.severed && !hidden {
		return false // it came while this was on its way here
	}
	for _, to := range m.to {
		h.came[to]++
		switch {
		case strings.HasSuffix(to, "@secured.example"):
			if bytes.Contains(m.raw, []byte(faultWord)) {
				h.damaged = append(h.damaged, to+" got the original")
			}
			keep = true
		case !bytes.HasSuffix(m.raw, faultMail(to)):
			h.damaged = append(h.damaged, to+" got other octets than were sent")
		}
		if hidden {
			h.hidden++
		}
	}
	return keep
}

// sever is the power cut as the hop sees it: what comes from now on until join
// comes from a machine that has no power any more, though its process lives a
// moment longer. Whom the hop wanted to answer has not heard it.
func (h *faultHop) sever() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cuts++
	h.severed = true
}

// join ends sever, when that process has ended.
func (h *faultHop) join() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.severed = false
}

func (h *faultHop) isSevered() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.severed
}

func (h *faultHop) cutsSoFar() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cuts
}

// soFar is how often a mail came to each.
func (h *faultHop) soFar() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.came)
}

func (h *faultHop) calm() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiet = true
}

func (h *faultHop) isCalm() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quiet
}

// again is how many mails came again although their first coming was answered.
func (h *faultHop) again() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := -h.hidden
	for _, times := range h.came {
		n += times - 1
	}
	return max(n, 0)
}
