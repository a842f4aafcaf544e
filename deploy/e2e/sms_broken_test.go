package e2e

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// smsLoad is an application that submits without a pause, each text once.
type smsLoad struct {
	app  *lineApp
	name string
	stop chan struct{}
	done sync.WaitGroup
}

func startLoad(a *lineApp, name string) *smsLoad {
	l := &smsLoad{app: a, name: name, stop: make(chan struct{})}
	l.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-l.stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			text := fmt.Sprintf("%s, number %d", name, i)
			a.do(object{"do": "submit", "tag": text, "from": clinicNumber, "to": fmt.Sprintf("+155501009%02d", i%20), "text": text, "receipt": 1})
		}
	})
	return l
}

// end stops it and returns the ids of the texts that were answered with 0,
// once no more answers come.
func (l *smsLoad) end(t *testing.T) map[string]string {
	t.Helper()
	close(l.stop)
	l.done.Wait()
	answers := func() []smsEvent {
		return l.app.told("resp", func(e smsEvent) bool { return len(e.Tag) > len(l.name) && e.Tag[:len(l.name)] == l.name })
	}
	for n := -1; n != len(answers()); time.Sleep(2 * time.Second) {
		n = len(answers())
	}
	taken, refused := map[string]string{}, map[int]int{}
	for _, e := range answers() {
		if e.Status == 0 {
			taken[e.Tag] = e.id()
		} else {
			refused[e.Status]++
		}
	}
	t.Logf("%s: %d accepted, refused: %v", l.name, len(taken), refused)
	if len(taken) < 20 {
		t.Errorf("%s: only %d texts were accepted, refused: %v", l.name, len(taken), refused)
	}
	return taken
}

// arrived waits until the carrier has answered every text that was taken, and
// returns its answered submits by text.
func (c *smsCarrier) arrived(taken map[string]string, within time.Duration) map[string][]smsEvent {
	c.t.Helper()
	byText := map[string][]smsEvent{}
	eventually(c.t, within, func() string {
		clear(byText)
		for _, e := range c.accepted() {
			byText[e.Text] = append(byText[e.Text], e)
		}
		missing := 0
		for text := range taken {
			if byText[text] == nil {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d texts have not arrived", missing, len(taken))
		}
		return ""
	})
	return byText
}

// twice looks for texts that came again although their answer was seen: on the
// same connection, or on another when the first lived on for a second after
// the answer was written.
func (c *smsCarrier) twice(byText map[string][]smsEvent) {
	c.t.Helper()
	answered, closed := map[string]int64{}, map[int]int64{}
	for _, e := range c.told("answered", nil) {
		answered[e.id()] = e.At
	}
	for _, e := range c.told("closed", nil) {
		closed[e.Link] = e.At
	}
	again := 0
	for text, events := range byText {
		slices.SortFunc(events, func(a, b smsEvent) int { return cmp.Compare(a.Number, b.Number) })
		for i, e := range events[1:] {
			again++
			first := events[i]
			end, ended := closed[first.Link]
			if first.Link == e.Link || !ended || end > answered[fmt.Sprint(first.Number)]+1000 {
				c.t.Errorf("%q was sent again though it was answered: connections %d and %d", text, first.Link, e.Link)
			}
		}
	}
	c.t.Logf("%d texts, %d of them again because their connection was lost", len(byText), again)
}

// TestSMSBrokenCarrier: whatever the carrier does under load, every text that
// was accepted arrives, once where its answer was seen, and has one receipt.
// GATEPOST_SMS_STORM is how long each kind of trouble lasts (deploy/test-long.sh).
func TestSMSBrokenCarrier(t *testing.T) {
	t.Parallel()
	last := 4 * time.Second
	if s := os.Getenv("GATEPOST_SMS_STORM"); s != "" {
		var err error
		last, err = time.ParseDuration(s)
		must(t, err)
	}
	for name, v := range map[string]struct{ begin, end []object }{
		"down":           {[]object{{"do": "stop"}, {"do": "close"}}, []object{{"do": "listen"}}},
		"hanging":        {[]object{{"do": "set", "hang": true}}, []object{{"do": "set", "hang": false}}},
		"throttling":     {[]object{{"do": "set", "status": 0x58, "count": -1}}, []object{{"do": "set", "count": 0}}},
		"queue full":     {[]object{{"do": "set", "status": 0x14, "count": -1}}, []object{{"do": "set", "count": 0}}},
		"dropping":       {[]object{{"do": "set", "drop": 5, "drops": true}}, []object{{"do": "set", "drop": 0, "drops": false}}},
		"answering late": {[]object{{"do": "set", "late": 3000}}, []object{{"do": "set", "late": 0}}},
		"out of order":   {[]object{{"do": "set", "turn": 7}}, []object{{"do": "set", "turn": 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSMSSite(t, passAll, nil, "queue: {first_retry: 1s, max_retry: 2s}", "sms:",
				"  accounts: [{system_id: clinic, password: {file: clinic.password}, senders: [\""+clinicNumber+"\"], inbox: frontdesk@clinic.example}]",
				"  upstream: {addr: \"%SMSC%\", system_id: gw, password: {file: upstream.password}, window: 20}", "  timers: {enquire_link: 2s, response: 2s}")
			a := s.app()
			load := startLoad(a, name)
			time.Sleep(time.Second)
			for _, c := range v.begin {
				s.carrier.do(c)
			}
			time.Sleep(last)
			for _, c := range v.end {
				s.carrier.do(c)
			}
			time.Sleep(time.Second)
			taken := load.end(t)
			byText := s.carrier.arrived(taken, 2*time.Minute)
			s.carrier.twice(byText)
			oneReceiptEach(t, a, taken)
			s.must("audit", "verify")
		})
	}
}

// oneReceiptEach waits until every text has its receipt.
func oneReceiptEach(t *testing.T, a *lineApp, taken map[string]string) {
	t.Helper()
	count := func() map[string]int {
		n := map[string]int{}
		for _, r := range a.Receipts() {
			n[r.id]++
		}
		return n
	}
	eventually(t, time.Minute, func() string {
		n, missing := count(), 0
		for _, id := range taken {
			if n[id] == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d texts have no receipt", missing, len(taken))
		}
		return ""
	})
	for id, n := range count() {
		if n > 1 {
			t.Errorf("%d receipts for %s", n, id)
		}
	}
}

// TestSMSReceiptsThroughGatepost: however the carrier spells its ids and sends
// its receipts, the application hears once, under the id that it was given.
func TestSMSReceiptsThroughGatepost(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil)
	a := s.app()
	for name, v := range map[string]struct {
		settings object
		want     string // "": that it failed
	}{
		"hexadecimal":                    {object{"ids": "hex"}, "DELIVRD"},
		"upper case":                     {object{"ids": "hex", "receipt_ids": "HEX"}, "DELIVRD"},
		"decimal, of a hexadecimal id":   {object{"ids": "hex", "receipt_ids": "dec"}, "DELIVRD"},
		"hexadecimal, of a decimal id":   {object{"ids": "dec", "receipt_ids": "hex"}, "DELIVRD"},
		"leading zeros":                  {object{"ids": "dec", "receipt_ids": "zeros"}, "DELIVRD"},
		"without the zeros":              {object{"ids": "zeros", "receipt_ids": "dec"}, "DELIVRD"},
		"before the response":            {object{"receipt": "before"}, "DELIVRD"},
		"before a response that is late": {object{"receipt": "before", "late": 1500}, "DELIVRD"},
		"twice":                          {object{"times": 2}, "DELIVRD"},
		"parameters only":                {object{"form": "tlv"}, "DELIVRD"},
		"text only":                      {object{"form": "text"}, "DELIVRD"},
		"intermediate first":             {object{"intermediate": true}, "DELIVRD"},
		"undeliverable":                  {object{"state": "UNDELIV", "err": "027"}, "UNDELIV"},
		"expired":                        {object{"state": "EXPIRED"}, "EXPIRED"},
		"refused for good":               {object{"status": 0x0B, "count": 1, "receipt": "none"}, ""},
		"answered with generic_nack":     {object{"nack": 0x03, "count": 1}, "DELIVRD"}, // an answer: it is sent again at once
	} {
		t.Run(name, func(t *testing.T) {
			s.carrier.forget()
			a.forget()
			s.carrier.set(object{"ids": "hex", "receipt_ids": "", "receipt": "after", "form": "both", "times": 1, "intermediate": false, "state": "DELIVRD", "err": "000", "late": 0, "status": 0, "nack": 0, "count": 0})
			s.carrier.set(v.settings)
			s.carrier.settled()
			id := a.Submit(smsText{from: clinicNumber, to: patient, text: "Your appointment is on Monday."})[0]
			eventually(t, answerPatience, func() string {
				if len(a.Receipts()) == 0 {
					return "no receipt"
				}
				return ""
			})
			time.Sleep(1300 * time.Millisecond) // a second one would come now
			got := a.Receipts()
			failed := v.want == "" && (got[0].state == "UNDELIV" || got[0].state == "REJECTD")
			if len(got) != 1 || got[0].id != id || got[0].state != v.want && !failed {
				t.Errorf("receipts %v, want one of %q for %s", got, v.want, id)
			}
			if n := len(s.carrier.accepted()); n != 1 && v.want != "" || n > 1 {
				t.Errorf("%d of its submits were answered with 0", n)
			}
		})
	}
}
