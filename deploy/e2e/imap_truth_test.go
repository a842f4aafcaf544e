package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fate is what is known of a secured message.
type fate int

const (
	fateSent  fate = iota // it is with its recipient
	fateTaken             // it was taken back
	fateDoubt             // the server was killed within
)

// mailTruth is what mail clients know of a mailbox over kills of its server.
type mailTruth struct {
	t       *testing.T
	o       *office
	workers []*worker

	mu       sync.Mutex
	validity map[string]uint32
	next     map[string]uint32 // the highest UIDNEXT
	shown    map[place]string  // what a UID showed first
	gone     map[place]bool    // UIDs that were seen to go
	sent     map[string]fate   // secured messages, by id
	answers  []string
	recalls  int // answered OK
	acts     int // of the workers
}

func newMailTruth(t *testing.T, o *office) *mailTruth {
	k := &mailTruth{t: t, o: o, validity: map[string]uint32{}, next: map[string]uint32{}, shown: map[place]string{}, gone: map[place]bool{}, sent: map[string]fate{}}
	for n := range 3 {
		k.workers = append(k.workers, &worker{n: n})
	}
	return k
}

func (k *mailTruth) note(id string, f fate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sent[id] = f; f == fateTaken {
		k.recalls++
	}
}

var (
	validityPattern = regexp.MustCompile(`\[UIDVALIDITY (\d+)\]`)
	nextPattern     = regexp.MustCompile(`\[UIDNEXT (\d+)\]`)
)

// read selects a folder and reads all that is in it, and compares with what was
// seen before.
func (k *mailTruth) read(c *imapClient, folder string) ([]listed, error) {
	selected, all, err := c.mails(folder, "BODY.PEEK[]")
	if strings.HasPrefix(selected.end, "OK") {
		k.selected(folder, selected)
	}
	for _, e := range all {
		k.saw(e)
	}
	return all, err
}

func (k *mailTruth) selected(folder string, a imapAnswer) {
	validity, _ := a.code(validityPattern)
	next, _ := a.code(nextPattern)
	k.mu.Lock()
	defer k.mu.Unlock()
	if was := k.validity[folder]; validity == 0 || was != 0 && was != validity {
		k.t.Errorf("%s: UIDVALIDITY %d, was %d", folder, validity, was)
	}
	k.validity[folder] = validity
	if next < k.next[folder] {
		k.t.Errorf("%s: UIDNEXT %d, was %d", folder, next, k.next[folder])
	}
	k.next[folder] = max(next, k.next[folder])
}

func (k *mailTruth) saw(e listed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone[e.place] {
		k.t.Errorf("%s: UID %d was gone and is there", e.folder, e.uid)
	}
	if was, ok := k.shown[e.place]; ok && was != e.content {
		k.t.Errorf("%s: UID %d shows\n%.500q\nand showed\n%.500q", e.folder, e.uid, e.content, was)
	}
	k.shown[e.place] = e.content
	k.next[e.folder] = max(k.next[e.folder], e.uid+1)
}

// check compares all that the clients know with what is there after a start.
// Secured messages and answers are filed a moment after it.
func (k *mailTruth) check() {
	k.t.Helper()
	var here []listed
	eventually(k.t, time.Minute, func() string {
		var err error
		if here, err = k.everything(); err != nil {
			return err.Error()
		}
		if why := k.filed(here); why != "" {
			return why
		}
		return k.answered(here)
	})
	k.owned(here)
	there := map[place]bool{}
	for _, e := range here {
		there[e.place] = true
	}
	for at := range k.shown {
		k.gone[at] = !there[at]
	}
}

func (k *mailTruth) everything() ([]listed, error) {
	c, err := logIn(k.o.imap, annName, annPassword)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var all []listed
	for _, f := range []string{"INBOX", "Templates", "Recall", "Secured/Unopened", "Secured/Opened", "Secured/Replied", "Secured/Expired", "Secured/Recalled"} {
		some, err := k.read(c, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// filed says which secured message is not where it belongs.
func (k *mailTruth) filed(here []listed) string {
	at := map[string][]string{}
	for _, e := range here {
		if m := messagePattern.FindStringSubmatch(e.content); m != nil && strings.HasPrefix(e.folder, "Secured/") {
			at[m[1]] = append(at[m[1]], e.folder)
		}
	}
	for id, f := range k.sent {
		if len(at[id]) != 1 {
			return fmt.Sprintf("message %s, which was accepted, is in %q", id, at[id])
		}
		if back := at[id][0] == "Secured/Recalled"; f != fateDoubt && back != (f == fateTaken) {
			return fmt.Sprintf("message %s is in %q; taken back: %v", id, at[id], f == fateTaken)
		}
	}
	return ""
}

// answered says which answer is not there.
func (k *mailTruth) answered(here []listed) string {
	var inbox strings.Builder
	for _, e := range here {
		if e.folder == "INBOX" {
			inbox.WriteString(e.content)
		}
	}
	for _, a := range k.answers {
		if n := strings.Count(inbox.String(), a); n == 0 {
			return fmt.Sprintf("%q was sent and is not in INBOX", a)
		}
	}
	return ""
}

// owned compares what the workers know of their texts, and takes over what was
// in doubt.
func (k *mailTruth) owned(here []listed) {
	k.t.Helper()
	at := map[string][]listed{}
	for _, e := range here {
		at[e.content] = append(at[e.content], e)
	}
	for _, w := range k.workers {
		for _, x := range w.texts {
			if err := x.compare(at[x.content]); err != nil {
				k.t.Errorf("client %d, %.60q: %v", w.n, x.content, err)
			}
		}
		w.texts = slices.DeleteFunc(w.texts, func(x *ownText) bool { return x.gone && x.doubt != "" })
	}
}

// compare says what is wrong with where a text is found.
func (x *ownText) compare(found []listed) error {
	mayLack := x.gone || x.doubt == "append" || x.doubt == "remove"
	switch {
	case len(found) > 1:
		return fmt.Errorf("is there %d times", len(found))
	case len(found) == 0 && !mayLack:
		return fmt.Errorf("is not there; it was at %v, in doubt: %q", x.at, x.doubt)
	case len(found) == 0:
		x.gone = true
		return nil
	case x.gone:
		return errors.New("was removed and is there")
	}
	e := found[0]
	switch x.doubt {
	case "append":
		if e.folder != x.at.folder {
			return fmt.Errorf("was put into %s and is in %s", x.at.folder, e.folder)
		}
		x.flags = e.flags
	case "flags":
		x.flags = e.flags
	case "remove": // the first half of it, perhaps
		if slices.Contains(e.flags, `\Deleted`) && !slices.Contains(x.flags, `\Deleted`) {
			x.flags = append(x.flags, `\Deleted`)
			slices.Sort(x.flags)
		}
	case "move":
		if e.folder == x.at.folder && e.uid != x.at.uid {
			return fmt.Errorf("was not moved and has UID %d, had %d", e.uid, x.at.uid)
		}
		if e.folder != x.at.folder {
			x.moved(e.place)
		}
	}
	if x.doubt != "append" && x.doubt != "move" && e.place != x.at {
		return fmt.Errorf("is at %v, was at %v", e.place, x.at)
	}
	if !slices.Equal(e.flags, x.flags) {
		return fmt.Errorf("has flags %q, had %q; in doubt: %q", e.flags, x.flags, x.doubt)
	}
	x.at, x.doubt = e.place, ""
	return nil
}

// busy waits until everybody has done something since the last start.
func (k *mailTruth) busy(round int) {
	k.t.Helper()
	k.mu.Lock()
	acts, sent, recalls, answers := k.acts, len(k.sent), k.recalls, len(k.answers)
	k.mu.Unlock()
	eventually(k.t, 2*time.Minute, func() string {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.acts < acts+10 || len(k.sent) < sent+3 || k.recalls < recalls+1 || len(k.answers) < answers+1 {
			return fmt.Sprintf("round %d: %d acts, %d sent, %d taken back, %d answers", round, k.acts-acts, len(k.sent)-sent, k.recalls-recalls, len(k.answers)-answers)
		}
		return ""
	})
}

// said logs how much was compared.
func (k *mailTruth) said() {
	k.t.Helper()
	live := 0
	for _, w := range k.workers {
		live += len(slices.DeleteFunc(slices.Clone(w.texts), func(x *ownText) bool { return x.gone }))
	}
	k.t.Logf("%d acts of clients, %d of their texts still there, %d UIDs seen, %d secured messages, %d taken back, %d answers", k.acts, live, len(k.shown), len(k.sent), k.recalls, len(k.answers))
}
