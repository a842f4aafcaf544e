package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// TestRestoreDrill: a backup is made under load and brought to a fresh
// data_dir after more was sent, delivered, taken back and destroyed. What was
// answered 250 before the backup is there: what waited arrives, once, links
// open. Nothing that left is sent again, what was taken back since stays so,
// destroyed keys stay destroyed, evidence verifies. GATEPOST_DRILL is how many
// mails are sent before and after the backup (deploy/test-long.sh).
func TestRestoreDrill(t *testing.T) {
	t.Parallel()
	mails := 40
	if s := os.Getenv("GATEPOST_DRILL"); s != "" {
		mails = atoi(t, s)
	}
	outside := startSink(t, nil)
	hop := &faultHop{came: make(map[string]int)}
	outside.trouble = func(_ *smtp.Conn, m *received) (bool, error) {
		if strings.HasPrefix(m.to[0], "waits") && !hop.isCalm() {
			return false, &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not now"}
		}
		return hop.take(m, false), nil
	}
	g := newGate(t, settings{policy: faultPolicy, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)},
		more: []string{"queue: {first_retry: 1s, max_retry: 2s}", "recall: {grace: 1s}", "pins: {resend: 1s}"}}).start()
	send := func(to string) string { return accepted(t, g.relay, annName, []string{to}, faultMail(to)) }
	send("kept@secured.example")
	taken := send("taken@secured.example")
	waiting := make([]string, 5)
	for i := range waiting {
		waiting[i] = fmt.Sprintf("waits%d@out.example", i)
		send(waiting[i])
	}
	load := startFaultLoad(t, g.relay)
	more(t, load, mails)
	before := load.soFar()
	backup := filepath.Join(g.dir, "backup")
	g.must("backup", backup)
	more(t, load, mails)
	load.end()
	load.settled(t, hop)
	g.takeBackForGood(taken, outside.wait(t, "taken@secured.example", 1).link(t))
	g.stop()
	sent := hop.soFar()

	if err := os.Rename(g.data, g.data+".lost"); err != nil {
		t.Fatal(err)
	}
	restoring := time.Now()
	g.must("restore", backup)
	g.start()
	g.must("queue", "resume")
	took := time.Since(restoring)
	hop.calm()
	eventually(t, time.Minute, func() string {
		came := hop.soFar()
		for _, to := range waiting {
			if came[to] == 0 {
				return to + " was answered 250 before the backup and has not arrived"
			}
		}
		return ""
	})
	eventually(t, time.Minute, func() string {
		if queued := g.must("queue", "list"); strings.Contains(queued, "@") {
			return "the queue still holds\n" + queued
		}
		return ""
	})
	links := g.drillLinks(t, outside, before)
	for to, n := range hop.soFar() {
		if n != sent[to] && !strings.HasPrefix(to, "waits") && !links[to] || strings.HasPrefix(to, "waits") && n != 1 {
			t.Errorf("%s got %d mails, %d of them before the restore", to, n, sent[to])
		}
	}
	shut(t, g, outside.to("taken@secured.example")[0].link(t), "from the restored backup")
	g.must("audit", "verify")
	t.Logf("MEASURED restore drill: %d mails before the backup and %d after it; serving again %.1f s after; %d that waited arrived once, 0 sent again, %d links open, 0 taken back open",
		len(before), load.count()-len(before), took.Seconds(), len(waiting), len(links))
}

// more waits until so many mails more are accepted.
func more(t *testing.T, l *faultLoad, mails int) {
	t.Helper()
	from := l.count()
	eventually(t, 10*time.Minute, func() string {
		if n := l.count() - from; n < mails {
			return fmt.Sprintf("%d of %d mails are accepted", n, mails)
		}
		return ""
	})
}

// takeBackForGood recalls a message and waits until the key that opened it is
// destroyed.
func (g *gate) takeBackForGood(id, link string) {
	g.t.Helper()
	g.must("message", "recall", id)
	destroyed := func() bool {
		return slices.ContainsFunc(g.list("key", "list"), func(k object) bool { return k.text("state") == "destroyed" })
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && !destroyed(); {
		time.Sleep(100 * time.Millisecond)
	}
	if !destroyed() { // a group that was used just now is destroyed by the next process
		g.stop()
		g.start()
	}
	eventually(g.t, time.Minute, func() string {
		if !destroyed() {
			return "no key is destroyed:\n" + g.must("key", "list")
		}
		return ""
	})
	shut(g.t, g, link, "after it was taken back")
}

// shut: a link asks for no code any more.
func shut(t *testing.T, g *gate, link, where string) {
	t.Helper()
	if p := newBrowser(t).get(link); strings.Contains(p.body, `name="code"`) || strings.Contains(p.body, faultWord) {
		t.Errorf("%s the message can be opened: %d\n%s", where, p.status, p.body)
	}
}

// drillLinks opens the first message and three of those that were answered 250
// before the backup, and returns who was asked.
func (g *gate) drillLinks(t *testing.T, outside *sink, before map[string]bool) map[string]bool {
	t.Helper()
	open := map[string]bool{"kept@secured.example": true}
	for _, to := range slices.Sorted(maps.Keys(before)) {
		if strings.HasSuffix(to, "@secured.example") && len(open) < 4 {
			open[to] = true
		}
	}
	for to := range open {
		if p := newBrowser(t).open(outside.to(to)[0].link(t), codeFrom(t, outside, to)); !strings.Contains(p.body, faultWord) {
			t.Errorf("the mail to %s does not open after the restore", to)
		}
	}
	return open
}
