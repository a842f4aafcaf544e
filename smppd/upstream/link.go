package upstream

import (
	"net"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

const (
	// maxOut is how many octets wait for the socket before what the carrier asks
	// is answered no faster than it reads.
	maxOut = 256 << 10
	// keepOut is the size up to which a buffer is used again.
	keepOut = 64 << 10
	// maxSequence is the largest sequence_number of SMPP v3.4 section 5.1.4.
	maxSequence = 0x7FFFFFFF
)

// link is one bound connection. It is served by three goroutines: one reads and
// sorts (serve), one writes (write), one looks at the clock (watch).
type link struct {
	client *Client
	role   *role
	conn   net.Conn // TLS where that is configured
	reader *pdu.Reader
	tls    gateway.TLSState
	inbox  *inbox
	parts  sync.WaitGroup // goroutines of serve
	before time.Time      // when the link before it ended; the client began, for the first one
	bound  time.Time      // when it connected
	// leaving is of the goroutine that reads: the carrier said unbind.
	leaving bool
	over    chan struct{} // closed when nothing is read or written any more

	mu sync.Mutex
	// Guarded by mu.
	some     *sync.Cond // out is not empty, or mute
	room     *sync.Cond // out was taken, or mute
	out      []byte     // PDUs for the writer
	spare    []byte     // the writer's other buffer
	appended uint64     // octets ever put into out
	offered  uint64     // octets ever given to the socket
	sequence uint32     // the last one used
	pending  map[uint32]*pending
	owed     int           // messages of the carrier that are not answered yet
	heard    time.Time     // when the last PDU came
	settled  time.Time     // when the last segment was answered
	useful   bool          // the carrier took a segment here
	asked    time.Time     // when enquire_link was sent since; zero: it was not
	reason   string        // why no segment goes here any more; "" while they do
	quiet    chan struct{} // closed when it takes no more and nothing is unanswered either way
	mute     bool          // the carrier hears nothing any more
	dead     bool          // and says nothing
}

// pending is a segment that waits for its answer.
type pending struct {
	reply chan answer // holds one
	start uint64      // where in the stream of octets it begins
	at    time.Time   // when it was appended
	data  bool        // it went as data_sm
}

// answer is what came of a segment on a link.
type answer struct {
	kind   fate
	status pdu.Status
	id     string
	at     time.Time // when the segment was written
	data   bool      // as data_sm
}

type fate uint8

const (
	answered   fate = iota
	unsent          // the link ended before the segment left
	lost            // the link ended after it may have left
	unanswered      // six response times were not enough
	abandoned       // nobody waits any more; it keeps its place in the window until it is answered
)

func newLink(c *Client, r *role, conn net.Conn, state gateway.TLSState) *link {
	now := time.Now()
	l := &link{
		client: c, role: r, conn: conn, reader: pdu.NewReader(conn, 0), tls: state,
		over: make(chan struct{}), quiet: make(chan struct{}),
		pending: map[uint32]*pending{}, heard: now, settled: now, before: r.lost, bound: c.config.Now(),
	}
	l.some, l.room = sync.NewCond(&l.mu), sync.NewCond(&l.mu)
	return l
}

// submit appends one segment; reply gets its answer, once. False when the link
// takes none any more. The caller holds a place in the window, which goes over
// to the link when there is no error and submit is true.
func (l *link) submit(s *gateway.Segment, reply chan answer) (bool, error) {
	command := pdu.SubmitSM
	if s.Data {
		command = pdu.DataSM
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason != "" || l.mute {
		return false, nil
	}
	start := l.appended
	sequence := l.nextLocked()
	if err := l.appendLocked(pdu.PDU{Command: command, Sequence: sequence, Body: &pdu.Message{Segment: *s}}); err != nil {
		return false, err
	}
	l.pending[sequence] = &pending{reply: reply, start: start, at: time.Now(), data: s.Data}
	l.client.metrics.window.Inc()
	return true, nil
}

// nextLocked is a sequence_number that nothing waits for.
func (l *link) nextLocked() uint32 {
	for {
		l.sequence++
		if l.sequence > maxSequence {
			l.sequence = 1
		}
		if l.pending[l.sequence] == nil {
			return l.sequence
		}
	}
}

func (l *link) appendLocked(p pdu.PDU) error {
	before := len(l.out)
	out, err := pdu.Append(l.out, p)
	if err != nil {
		return err
	}
	l.out = out
	l.appended += uint64(len(out) - before)
	l.some.Signal()
	return nil
}

// tell answers the carrier, or asks it something. It waits while the carrier
// does not read what it was told before.
func (l *link) tell(p pdu.PDU) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.out) > maxOut && !l.mute {
		l.room.Wait()
	}
	if !l.mute {
		_ = l.appendLocked(p) // our own answers always fit
	}
}

// write gives the socket what has gathered, all of it at once.
func (l *link) write() {
	for {
		out, ok := l.gathered()
		if !ok {
			return
		}
		err := l.conn.SetWriteDeadline(time.Now().Add(l.client.config.Timers.Response))
		if err == nil {
			_, err = l.conn.Write(out)
		}
		if err != nil {
			l.hush()
			l.retire("write", l.lastWords())
			return
		}
		l.reuse(out)
	}
}

// hush has nobody wait for the writer, which is gone.
func (l *link) hush() {
	l.mu.Lock()
	l.mute, l.out = true, nil
	l.room.Broadcast()
	l.mu.Unlock()
}

// gathered waits for octets; false when the link is dead.
func (l *link) gathered() ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.out) == 0 && !l.mute {
		l.some.Wait()
	}
	if l.mute {
		return nil, false
	}
	out := l.out
	l.out, l.spare = l.spare[:0], nil
	l.offered += uint64(len(out))
	l.room.Broadcast()
	return out, true
}

func (l *link) reuse(out []byte) {
	if cap(out) > keepOut {
		return
	}
	l.mu.Lock()
	l.spare = out[:0]
	l.mu.Unlock()
}

// take removes the segment with that sequence_number, which the carrier took
// or not, from the window.
func (l *link) take(sequence uint32, yes bool) *pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pending[sequence]
	if p != nil {
		l.settled = time.Now()
		l.useful = l.useful || yes
		l.dropLocked(sequence)
	}
	return p
}

func (l *link) dropLocked(sequence uint32) {
	delete(l.pending, sequence)
	l.client.metrics.window.Dec()
	<-l.client.slots
	l.quietLocked()
}

// quietLocked closes quiet when the link takes no more and owes nothing.
func (l *link) quietLocked() {
	if l.reason == "" || len(l.pending) > 0 || l.owed > 0 {
		return
	}
	select {
	case <-l.quiet:
	default:
		close(l.quiet)
	}
}

// retire ends the link: no segment goes there any more, and what the carrier
// still says is heard for the time given. The first reason counts.
func (l *link) retire(reason string, grace time.Duration) {
	l.mu.Lock()
	if l.reason == "" {
		l.reason = reason
	}
	l.quietLocked()
	l.mu.Unlock()
	l.client.unset(l)
	if grace >= 0 {
		_ = l.conn.SetReadDeadline(time.Now().Add(grace))
	}
}

// lastWords is how long answers are still read from a link that is lost.
func (l *link) lastWords() time.Duration {
	return min(time.Second, l.client.config.Timers.Response/4)
}

// finish settles what the link leaves behind. Nothing is read any more.
func (l *link) finish() {
	l.mu.Lock()
	l.mute, l.dead = true, true
	for sequence, p := range l.pending {
		l.dropLocked(sequence)
		kind := lost
		if p.start >= l.offered {
			kind = unsent
		}
		p.reply <- answer{kind: kind, at: p.at}
	}
	l.out = nil
	l.some.Broadcast()
	l.room.Broadcast()
	l.mu.Unlock()
	_ = l.conn.Close()
	close(l.over)
}
