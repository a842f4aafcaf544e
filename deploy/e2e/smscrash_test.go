package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"
	"time"
)

// TestSMSKilledUnderLoad: kill -9 at random moments while an application
// submits as fast as it is answered, texts come from outside and the carrier
// sends receipts. Every text that was answered with status 0 arrives, every
// receipt that was asked for comes under the id that was given, and every text
// from outside that was answered with 0 reaches the application and, by mail,
// staff. GATEPOST_KILLS is how often (deploy/test-long.sh).
func TestSMSKilledUnderLoad(t *testing.T) {
	t.Parallel()
	kills := 5
	if s := os.Getenv("GATEPOST_KILLS"); s != "" {
		kills = atoi(t, s)
	}
	s := newSMSSite(t, passAll, nil, "queue: {first_retry: 1s, max_retry: 2s}")
	a := startWindowApp(t, s.smpp)
	stop, said := make(chan struct{}), make(chan int)
	go func() { // telephones
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				said <- n
				return
			case <-time.After(150 * time.Millisecond):
				s.carrier.do(object{"do": "mo", "tag": fmt.Sprint("mo", n), "from": fmt.Sprintf("+15550200%03d", n), "to": clinicNumber, "text": outsideText(n)})
			}
		}
	}()
	for range kills {
		time.Sleep(time.Duration(200+rand.IntN(1000)) * time.Millisecond)
		s.kill()
		s.start()
	}
	time.Sleep(time.Second)
	close(stop)
	mos := <-said
	a.settle(t)
	taken := a.soFar()
	if len(taken) < 5*kills {
		t.Errorf("only %d texts were accepted, refused: %v", len(taken), a.refused)
	}
	byText := s.carrier.arrived(taken, time.Minute)
	copies := 0
	for _, events := range byText {
		copies += len(events) - 1
	}
	again := a.receipted(t, time.Minute)
	s.answersArrived(t, a, mos)
	t.Logf("%d accepted over %d kills, 0 lost, %d again, %d receipts again, %d texts from outside", len(taken), kills, copies, again, mos)
	if copies > 50*kills {
		t.Errorf("%d texts arrived again", copies)
	}
	s.must("audit", "verify")
}

func outsideText(n int) string { return fmt.Sprintf("Question number %d, please.", n) }

// answersArrived: what telephones sent and the carrier was answered 0 for
// reaches the application and staff.
func (s *smsSite) answersArrived(t *testing.T, a *windowApp, n int) {
	t.Helper()
	s.carrier.wait(n, time.Minute, "delivered", func(e smsEvent) bool { return e.Status == 0 && len(e.Tag) > 2 && e.Tag[:2] == "mo" })
	var mails map[string]int
	eventually(t, time.Minute, func() string {
		mails = map[string]int{}
		for _, m := range s.outside.to("frontdesk@clinic.example") {
			if hit := outsidePattern.FindString(decoded(t, m.raw)); hit != "" {
				mails[hit]++
			}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		for i := range n {
			if text := outsideText(i); a.texts[text] == 0 || mails[text] == 0 {
				return fmt.Sprintf("%q came %d times to the application and %d times to staff", text, a.texts[text], mails[text])
			}
		}
		return ""
	})
}

var outsidePattern = regexp.MustCompile(`Question number \d+, please\.`)
