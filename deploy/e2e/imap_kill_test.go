package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestIMAPKilledUnderLoad: kill -9 at random moments while mail clients upload,
// set flags, move, remove, take back and give back, secured mail leaves and
// answers come in. After each start no UIDVALIDITY is another, no UID shows
// what it did not show before or comes again, what was answered OK is so, and
// what was not is so or not, never half. GATEPOST_KILLS is how often
// (deploy/test-long.sh).
func TestIMAPKilledUnderLoad(t *testing.T) {
	t.Parallel()
	kills := 2
	if s := os.Getenv("GATEPOST_KILLS"); s != "" {
		kills = atoi(t, s)
	}
	o := newOffice(t, "recall: {bulk: 0}", "pins: {resend: 1s}", "queue: {first_retry: 1s, max_retry: 2s}")
	k := newMailTruth(t, o)
	pat, _, link := o.opens(1)
	o.filed(annName, "Secured/Opened", "Subject: Results")
	for round := range kills {
		p := pat.get(link)
		if !strings.Contains(p.body, `class="answer"`) {
			p = pat.open(link, codeFrom(t, o.outside, "pat.private@other.example"))
		}
		var load sync.WaitGroup
		for w := range k.workers {
			load.Go(func() { k.work(k.workers[w]) })
		}
		load.Go(func() { k.send(round) })
		load.Go(func() { k.recall() })
		load.Go(func() { k.answer(pat, p, round) })
		load.Go(func() { k.look() })
		k.busy(round)
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
		o.kill()
		load.Wait()
		o.start()
		k.check()
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	k.said()
	if n := o.recalls(); n < k.recalls {
		t.Errorf("%d recalls were answered OK, evidence has %d", k.recalls, n)
	}
	o.must("audit", "verify")
}

// ownText is what a worker uploaded, and what it knows of it. Until its next
// look after a kill it may be in doubt.
type ownText struct {
	content string
	at      place
	flags   []string // sorted
	doubt   string   // the command that was under way: append, flags, move, remove; "" none
	gone    bool
}

// worker is one mail client with messages of its own, which it keeps in INBOX
// and Templates.
type worker struct {
	n, made int
	texts   []*ownText
}

var ownFlags = []string{"$Work", `\Answered`, `\Flagged`, `\Seen`}

var (
	appendPattern = regexp.MustCompile(`\[APPENDUID \d+ (\d+)\]`)
	copyPattern   = regexp.MustCompile(`\[COPYUID \d+ \S+ (\d+)\]`)
)

// work acts until its connection ends.
func (k *mailTruth) work(w *worker) {
	c, err := logIn(k.o.imap, annName, annPassword)
	if err != nil {
		return
	}
	defer c.close()
	for err == nil {
		live := slices.DeleteFunc(slices.Clone(w.texts), func(x *ownText) bool { return x.gone || x.doubt != "" })
		if len(live) < 4 || rand.IntN(3) == 0 {
			err = w.upload(c)
		} else {
			err = w.change(c, live[rand.IntN(len(live))])
		}
		if errors.Is(err, errIMAPRefused) {
			k.t.Errorf("a client was refused what it may do: %v", err)
		}
		if err == nil {
			k.mu.Lock()
			k.acts++
			k.mu.Unlock()
		}
	}
}

func (w *worker) upload(c *imapClient) error {
	w.made++
	x := &ownText{doubt: "append", at: place{folder: []string{"INBOX", "Templates"}[rand.IntN(2)]}}
	x.content = fmt.Sprintf("From: %s\r\nSubject: own %d.%d\r\n\r\n%s", annName, w.n, w.made, strings.Repeat("A line of text.\r\n", rand.IntN(200)))
	flags := ownFlags[:rand.IntN(3)]
	w.texts = append(w.texts, x)
	a, err := c.upload(x.content, "APPEND %s (%s)", x.at.folder, strings.Join(flags, " "))
	if err != nil {
		return err
	}
	uid, ok := a.code(appendPattern)
	if !ok {
		return fmt.Errorf("%w: APPEND without a UID: %v", errIMAPRefused, a)
	}
	x.at.uid, x.flags, x.doubt = uid, slices.Clone(flags), ""
	return nil
}

func (w *worker) change(c *imapClient, x *ownText) error {
	if _, err := c.do("SELECT %s", x.at.folder); err != nil {
		return err
	}
	switch rand.IntN(5) {
	case 0:
		return x.moves(c)
	case 1:
		return x.removed(c)
	}
	flag := ownFlags[rand.IntN(len(ownFlags))]
	sign, after := "+", append(slices.Clone(x.flags), flag)
	if slices.Contains(x.flags, flag) {
		sign, after = "-", slices.DeleteFunc(slices.Clone(x.flags), func(f string) bool { return f == flag })
	}
	x.doubt = "flags"
	if _, err := c.do("UID STORE %d %sFLAGS (%s)", x.at.uid, sign, flag); err != nil {
		return err
	}
	slices.Sort(after)
	x.flags, x.doubt = after, ""
	return nil
}

func (x *ownText) moves(c *imapClient) error {
	to := map[string]string{"INBOX": "Templates", "Templates": "INBOX"}[x.at.folder]
	x.doubt = "move"
	a, err := c.do("UID MOVE %d %s", x.at.uid, to)
	if err != nil {
		return err
	}
	uid, ok := a.code(copyPattern)
	if !ok {
		return fmt.Errorf("%w: MOVE without a UID: %v", errIMAPRefused, a)
	}
	x.moved(place{to, uid})
	return nil
}

// moved: what is moved is not to be deleted any more.
func (x *ownText) moved(to place) {
	x.at, x.doubt = to, ""
	x.flags = slices.DeleteFunc(x.flags, func(f string) bool { return f == `\Deleted` })
}

func (x *ownText) removed(c *imapClient) error {
	x.doubt = "remove"
	if _, err := c.do(`UID STORE %d +FLAGS.SILENT (\Deleted)`, x.at.uid); err != nil {
		return err
	}
	if _, err := c.do("UID EXPUNGE %d", x.at.uid); err != nil {
		return err
	}
	x.gone, x.doubt = true, ""
	return nil
}

// send secures mail until the server is gone.
func (k *mailTruth) send(round int) {
	c := dialSMTP(k.t, k.o.relay)
	for n := 0; ; n++ {
		subject := fmt.Sprintf("Sent %d.%d", round, n)
		r := c.send(annName, []string{"quinn@secure.example"}, mailText(annName, "quinn@secure.example", subject, "The quillwort is fine.\n"))
		if r.code != 250 {
			return
		}
		_, id, _ := strings.Cut(r.text, "queued as ")
		k.note(strings.TrimSpace(id), fateSent)
		time.Sleep(50 * time.Millisecond)
	}
}

// answer sends answers until the server is gone.
func (k *mailTruth) answer(pat *browser, p page, round int) {
	for n := 0; ; n++ {
		text := fmt.Sprintf("Answer %d.%d.", round, n)
		sent, err := pat.tryAnswer(p, text, nil)
		if err != nil {
			return
		}
		if p = sent; !strings.Contains(p.body, "Your answer was sent.") {
			k.t.Errorf("an answer was not taken: %d\n%.600s", p.status, p.body)
			return
		}
		k.mu.Lock()
		k.answers = append(k.answers, text)
		k.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
}

var messagePattern = regexp.MustCompile(`(?m)^X-Gatepost-Message: <?([^@>\s]+)`)

// recall takes messages back by moving them, and gives every third back.
func (k *mailTruth) recall() {
	c, err := logIn(k.o.imap, annName, annPassword)
	if err != nil {
		return
	}
	defer c.close()
	for err == nil {
		time.Sleep(30 * time.Millisecond)
		err = k.recallOne(c)
	}
	if errors.Is(err, errIMAPRefused) {
		k.t.Errorf("a recall was refused: %v", err)
	}
}

func (k *mailTruth) recallOne(c *imapClient) error {
	if _, err := c.do("SELECT Secured/Unopened"); err != nil {
		return err
	}
	a, err := c.do("FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (X-Gatepost-Message)])")
	if err != nil || len(a.lines) < 4 {
		return ignoreRefusal(err)
	}
	var id string
	var uid uint32
	for _, l := range a.lines {
		u, m := fetchedUID.FindStringSubmatch(l), messagePattern.FindStringSubmatch(l)
		if u != nil && m != nil && (id == "" || rand.IntN(3) == 0) {
			id, uid = m[1], uidOf(u[1])
		}
	}
	if id == "" {
		return fmt.Errorf("%w: no message has an id: %q", errIMAPRefused, a.lines)
	}
	k.note(id, fateDoubt)
	a, err = c.do("UID MOVE %d Recall", uid)
	if err != nil {
		return err
	}
	k.note(id, fateTaken)
	handle, ok := a.code(copyPattern)
	if !ok || rand.IntN(3) > 0 {
		return nil
	}
	if _, err := c.do("SELECT Recall"); err != nil {
		return err
	}
	k.note(id, fateDoubt)
	if _, err := c.do("UID MOVE %d Secured/Unopened", handle); err != nil {
		return err
	}
	k.note(id, fateSent)
	return nil
}

func ignoreRefusal(err error) error {
	if errors.Is(err, errIMAPRefused) {
		return nil // an empty folder has no 1:*
	}
	return err
}

// look reads all the time: what a UID shows is the same to everybody.
func (k *mailTruth) look() {
	c, err := logIn(k.o.imap, annName, annPassword)
	if err != nil {
		return
	}
	defer c.close()
	for err == nil {
		_, err = k.read(c, []string{"INBOX", "Templates"}[rand.IntN(2)])
	}
}
