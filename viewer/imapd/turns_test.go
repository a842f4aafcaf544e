package imapd

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"gatepost/gateway"
)

// However many sessions of a user read all they can, no more messages are
// opened at once than there are processors, lists are shown meanwhile, and
// other users do not notice.
func TestUserWhoReadsEverythingInManySessions(t *testing.T) {
	r := begin(t)
	r.simple(t, "ann", 20)
	r.m.put(t, "rex@clinic.example", gateway.FolderInbox, nestedMail, "", gateway.Marks{})
	rex := r.inbox(t, "rex")
	reader := r.inbox(t, "ann")
	of := make(map[gateway.MessageID]bool)
	for _, e := range r.m.boxes[memKey{"ann@clinic.example", gateway.FolderInbox}].entries {
		of[e.Message] = true
	}
	var mu sync.Mutex
	most, now := 0, 0
	begun, gate := make(chan struct{}, 1000), make(chan struct{})
	r.m.opening = func(id gateway.MessageID) {
		if !of[id] {
			return
		}
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		begun <- struct{}{}
		<-gate
		mu.Lock()
		now--
		mu.Unlock()
	}
	var wait sync.WaitGroup
	for range 6 {
		c := r.inbox(t, "ann")
		wait.Go(func() {
			if lines, status := c.do("FETCH 1:* BODY.PEEK[]"); len(lines) != 20 || !strings.HasPrefix(status, "OK") {
				t.Errorf("%d lines, %s", len(lines), status)
			}
		})
	}
	for range runtime.GOMAXPROCS(0) {
		<-begun
	}
	has(t, reader.ok("FETCH 1:* (FLAGS)"), "* 20 FETCH")
	has(t, rex.ok("FETCH 1 BODY.PEEK[]"), "* 1 FETCH")
	close(gate)
	wait.Wait()
	if limit := runtime.GOMAXPROCS(0); most > limit {
		t.Errorf("%d messages were opened at once, want %d at most", most, limit)
	}
}
