package upstream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// fickle is a message centre that does whatever its dice say, and remembers
// what a client may conclude from it.
type fickle struct {
	mu      sync.Mutex
	dice    *rand.Rand
	calm    bool
	open    map[string]int  // arrived and not answered, by text
	no      map[string]int  // answered with something else than yes
	unknown map[string]int  // attempts after which the client did not know
	refused map[string]bool // answered that it will never be taken
	deaf    map[*session]bool
}

func (f *fickle) roll(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm {
		return n + 1
	}
	return f.dice.IntN(n)
}

func (f *fickle) came(text string) {
	f.mu.Lock()
	f.open[text]++
	f.mu.Unlock()
}

// settled is called before the answer is written, so that nobody learns of the
// answer before it.
func (f *fickle) settled(text string, status pdu.Status, never bool) {
	f.mu.Lock()
	f.open[text]--
	if status != pdu.OK {
		f.no[text]++
	}
	f.refused[text] = f.refused[text] || never
	f.mu.Unlock()
}

func (f *fickle) isDeaf(s *session) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaf[s]
}

func (f *fickle) handle(s *session, p pdu.PDU) bool {
	switch {
	case f.isDeaf(s):
		if p.Command == pdu.SubmitSM {
			f.came(textOf(p))
		}
		return true
	case isBind(p) && f.roll(10) == 0:
		return s.say(p.Response(pdu.RBINDFAIL, nil)) && s.conn.Close() == nil
	case p.Command == pdu.SubmitSM:
		f.came(textOf(p))
		f.submit(s, p)
		return true
	}
	return false
}

func (f *fickle) submit(s *session, p pdu.PDU) {
	answer := func(status pdu.Status, never bool) {
		f.settled(textOf(p), status, never)
		if status == pdu.OK {
			s.yesTo(p)
			return
		}
		s.say(p.Response(status, nil))
	}
	switch f.roll(40) {
	case 0: // lost before it is answered
		_ = s.conn.Close()
	case 1: // answered, and closed behind the answer
		answer(pdu.OK, false)
		_ = s.conn.Close()
	case 2, 3:
		answer(pdu.RTHROTTLED, false)
	case 4:
		answer(pdu.RMSGQFUL, false)
	case 5:
		answer(pdu.RSYSERR, false)
	case 6:
		f.settled(textOf(p), pdu.RUNKNOWNERR, false)
		s.say(pdu.PDU{Command: pdu.GenericNack, Status: pdu.RUNKNOWNERR, Sequence: p.Sequence})
	case 7, 8, 9, 10: // late, and so out of order
		s.all.Go(func() {
			time.Sleep(time.Duration(f.roll(30)) * time.Millisecond)
			answer(pdu.OK, false)
		})
	case 11:
		f.mu.Lock()
		f.deaf[s] = true
		f.mu.Unlock()
	case 12: // garbage behind a good answer
		answer(pdu.OK, false)
		s.raw([]byte("\x00\x00\x00\x05 no PDU"))
	case 13:
		s.say(pdu.PDU{Command: pdu.Unbind, Sequence: 5})
		answer(pdu.OK, false)
	case 14:
		if strings.HasSuffix(textOf(p), "1") {
			answer(pdu.RINVDSTADR, true)
			return
		}
		answer(pdu.RX_T_APPN, false)
	default:
		answer(pdu.OK, false)
	}
}

// TestRandomSchedule sends messages of several parts through a fickle message
// centre, again and again until each is done, and checks after each attempt
// what must hold whatever happened.
func TestRandomSchedule(t *testing.T) {
	seeds := 4
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			schedule(t, uint64(seed)+uint64(time.Now().UnixNano()))
		})
	}
}

func schedule(t *testing.T, seed uint64) {
	f := &fickle{dice: rand.New(rand.NewPCG(seed, 1)), open: map[string]int{}, no: map[string]int{}, unknown: map[string]int{}, refused: map[string]bool{}, deaf: map[*session]bool{}}
	m := newSMSC(t, f.handle)
	timers := quick()
	timers.Response = 100 * time.Millisecond
	timers.Pause, timers.MaxPause = 2*time.Millisecond, 20*time.Millisecond
	c := start(t, m, &inboundStub{}, func(c *Config) { c.Timers, c.Window = timers, 8 })
	time.AfterFunc(2*time.Second, func() { f.mu.Lock(); f.calm = true; f.mu.Unlock() })
	var all sync.WaitGroup
	for i := range 120 {
		all.Go(func() {
			texts := []string{fmt.Sprintf("%d.0", i), fmt.Sprintf("%d.1", i), fmt.Sprintf("%d.2", i)}[:1+i%3]
			var done []gateway.SegmentResult
			for attempt := 0; ; attempt++ {
				results, o := c.Send(t.Context(), message(texts...), done, nil)
				f.check(t, seed, m, texts, done, results, o)
				if done = results; o.Result != gateway.Deferred {
					return
				}
				if attempt > 500 {
					t.Errorf("seed %d: %v never ends: %s", seed, texts, result(o))
					return
				}
			}
		})
	}
	all.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for text := range f.open {
		if n, most := m.times(text), 1+f.no[text]+f.unknown[text]; n > most {
			t.Errorf("seed %d: %s arrived %d times, which %d refusals and %d unknown ends do not explain", seed, text, n, f.no[text], f.unknown[text])
		}
		if n := m.agreed(text); n > 1+f.unknown[text] {
			t.Errorf("seed %d: %s was taken %d times after %d unknown ends", seed, text, n, f.unknown[text])
		}
	}
	t.Logf("seed %d: %d segments arrived over %d links", seed, len(strings.Fields(m.order())), m.links())
}

// check is called after an attempt: what arrived and has no answer is Unknown,
// what was sent stays sent, and the outcome fits the results.
func (f *fickle) check(t *testing.T, seed uint64, m *smsc, texts []string, before, after []gateway.SegmentResult, o gateway.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := 0
	for i, text := range texts {
		r := after[i]
		if len(before) > 0 && before[i].Sent && (!r.Sent || r.ID != before[i].ID) {
			t.Errorf("seed %d: %s was sent and is not any more", seed, text)
		}
		if r.Sent {
			sent++
		}
		if f.open[text] > 0 && !r.Unknown && !r.Sent {
			t.Errorf("seed %d: %s arrived without an answer and is not Unknown: %s", seed, text, result(o))
		}
		if r.Unknown && (len(before) == 0 || r.At != before[i].At) {
			f.unknown[text]++
		}
	}
	switch {
	case (o.Result == gateway.Sent) != (sent == len(texts)):
		t.Errorf("seed %d: %s with %d of %d sent", seed, result(o), sent, len(texts))
	case o.Result == gateway.Failed && !f.refused[texts[sent]]:
		t.Errorf("seed %d: %s without a refusal", seed, result(o))
	}
}
