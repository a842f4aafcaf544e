package e2e

import (
	"bytes"
	octets "encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// windowApp is an application that submits without a pause, with a window of
// ten, asks for receipts, answers what is delivered with status 0, binds again
// whenever its connection ends and then submits again what had no answer.
// Every submit goes to a number of its own.
type windowApp struct {
	addr string
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	conn     net.Conn // while it is bound
	next     int
	again    []string // texts without an answer
	open     map[uint32]windowSubmit
	taken    map[string]string // text to the id that it was answered with
	ids      map[string]string // number to the id, "" where the answer was lost
	refused  map[uint32]int
	receipts []windowReceipt
	texts    map[string]int // from outside
}

type windowSubmit struct{ text, number string }

type windowReceipt struct{ id, number string }

const (
	windowSize  = 10
	windowEvery = 10 * time.Millisecond
)

func startWindowApp(t *testing.T, addr string) *windowApp {
	t.Helper()
	a := &windowApp{
		addr: addr, stop: make(chan struct{}), open: map[uint32]windowSubmit{}, taken: map[string]string{}, ids: map[string]string{},
		refused: map[uint32]int{}, texts: map[string]int{},
	}
	a.done.Go(func() {
		for !a.ended() {
			a.session()
			time.Sleep(50 * time.Millisecond)
		}
	})
	a.done.Go(a.submit)
	t.Cleanup(func() {
		a.hush()
		a.mu.Lock()
		if a.conn != nil {
			_ = a.conn.Close()
		}
		a.mu.Unlock()
		a.done.Wait()
	})
	return a
}

// session binds and reads until the connection ends.
func (a *windowApp) session() {
	c, err := net.DialTimeout("tcp", a.addr, time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	if _, err := c.Write(pduBytes(0x09, 1, "clinic\x00"+smsPassword+"\x00\x00\x34\x00\x00\x00")); err != nil {
		return
	}
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(c, header); err != nil {
			break
		}
		body := make([]byte, octets.BigEndian.Uint32(header)-16)
		if _, err := io.ReadFull(c, body); err != nil {
			break
		}
		a.hear(c, octets.BigEndian.Uint32(header[4:]), octets.BigEndian.Uint32(header[8:]), octets.BigEndian.Uint32(header[12:]), body)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn = nil
	for _, x := range a.open {
		a.ids[x.number] = ""
		a.again = append(a.again, x.text)
	}
	clear(a.open)
}

func (a *windowApp) hear(c net.Conn, command, status, sequence uint32, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch command {
	case 0x80000009:
		if status == 0 {
			a.conn = c
		}
	case 0x80000004, 0x80000000:
		x, ours := a.open[sequence]
		delete(a.open, sequence)
		switch {
		case !ours:
		case status == 0:
			a.taken[x.text] = strings.TrimRight(string(body), "\x00")
			a.ids[x.number] = a.taken[x.text]
		default:
			a.refused[status]++
			a.again = append(a.again, x.text)
		}
	case 0x15: // enquire_link
		_, _ = c.Write(pduBytes(0x80000015, sequence, ""))
	case 0x05:
		a.deliveredLocked(body)
		_, _ = c.Write(pduBytes(0x80000005, sequence, "\x00"))
	}
}

// deliveredLocked reads a deliver_sm as far as needed (SMPP v3.4 section 4.6.1).
func (a *windowApp) deliveredLocked(body []byte) {
	_, rest, _ := bytes.Cut(body, []byte{0}) // service_type
	from, rest, _ := bytes.Cut(rest[2:], []byte{0})
	_, rest, _ = bytes.Cut(rest[2:], []byte{0})
	if rest[0]&0x3C != 0x04 {
		head := bytes.Index(rest[3:], []byte{0, 0}) + 3 // the two times are empty
		n := int(rest[head+6])
		a.texts[string(rest[head+7:head+7+n])]++
		return
	}
	r := windowReceipt{number: string(from)}
	if _, text, found := bytes.Cut(rest, []byte("id:")); found {
		id, _, _ := bytes.Cut(text, []byte(" "))
		r.id = string(id)
	}
	a.receipts = append(a.receipts, r)
}

// submit writes one submit_sm after the other until the end.
func (a *windowApp) submit() {
	for sequence := uint32(2); !a.ended(); sequence++ {
		time.Sleep(windowEvery)
		a.submitOne(sequence)
	}
}

func (a *windowApp) submitOne(sequence uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn == nil || len(a.open) >= windowSize {
		return
	}
	var text string
	if n := len(a.again); n > 0 {
		text, a.again = a.again[0], a.again[1:]
	} else {
		text = fmt.Sprintf("Your appointment has number %d.", a.next)
		a.next++
	}
	number := fmt.Sprintf("1555%07d", sequence)
	a.open[sequence] = windowSubmit{text, number}
	_, _ = a.conn.Write(pduBytes(0x04, sequence, "\x00\x01\x01"+clinicNumber[1:]+"\x00\x01\x01"+number+"\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"+string(rune(len(text)))+text))
}

func (a *windowApp) ended() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// hush ends the submits; what is delivered is still taken.
func (a *windowApp) hush() {
	if !a.ended() {
		close(a.stop)
	}
}

// settle ends the submits and waits until what is open was answered.
func (a *windowApp) settle(t *testing.T) {
	t.Helper()
	a.hush()
	eventually(t, 30*time.Second, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.conn == nil || len(a.open) == 0 {
			return ""
		}
		return fmt.Sprintf("%d submits have no answer", len(a.open))
	})
}

// soFar are the texts that were answered with status 0, with their ids.
func (a *windowApp) soFar() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.taken)
}

// receipted waits until a receipt came for every id that the application was
// given, and looks at all that came: each must be for a submit of ours, under
// the id that it was given where we know that. It returns how many came again.
func (a *windowApp) receipted(t *testing.T, within time.Duration) (again int) {
	t.Helper()
	var came map[string]int
	eventually(t, within, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		came = map[string]int{}
		for _, r := range a.receipts {
			came[r.id]++
		}
		missing := 0
		for _, id := range a.taken {
			if came[id] == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d texts have no receipt", missing, len(a.taken))
		}
		return ""
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.receipts {
		if id, ours := a.ids[r.number]; !ours || id != "" && id != r.id {
			t.Errorf("a receipt for %q came from %s, whose submit was answered with %q", r.id, r.number, id)
		}
	}
	for _, n := range came {
		again += n - 1
	}
	return again
}
