package smppd

import (
	"net"
	"runtime"
	"sync"
	"time"

	"gatepost/smppd/pdu"
)

// output collects what is to be written to one peer. Whoever finds nobody
// writing writes, and goes on with what others have added meanwhile, so that
// answers that become ready together leave in one piece. It is safe for
// concurrent use.
type output struct {
	raw     net.Conn      // TCP or TLS
	under   net.Conn      // TCP: closed when a write fails, so that whoever reads learns of it
	timeout time.Duration // for one write
	limit   int           // octets that wait before room waits

	mu      sync.Mutex // guards what follows
	cond    *sync.Cond // the buffer was taken, or writing ended
	buf     []byte     // waits to be written
	spare   []byte
	writing bool
	err     error // final
}

func newOutput(raw net.Conn, l *Limits) *output {
	o := &output{raw: raw, under: raw, timeout: l.Write, limit: l.Output}
	o.cond = sync.NewCond(&o.mu)
	return o
}

// add puts p behind what waits. It returns whether the caller is the one to
// flush, and an *pdu.EncodeError for a PDU that cannot be written.
func (o *output) add(p pdu.PDU) (flush bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return false, nil // whoever reads learns of it
	}
	o.buf, err = pdu.Append(o.buf, p)
	if err != nil || o.writing {
		return false, err
	}
	o.writing = true
	return true, nil
}

// flush writes until nothing waits. Only the caller whom add told so calls it.
func (o *output) flush() {
	runtime.Gosched() // others that have an answer ready add it first
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > 0 && o.err == nil {
		b := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.cond.Broadcast()
		o.mu.Unlock()
		_ = o.raw.SetWriteDeadline(time.Now().Add(o.timeout))
		_, err := o.raw.Write(b)
		o.mu.Lock()
		if o.err = err; cap(b) <= o.limit {
			o.spare = b
		}
	}
	if o.err != nil {
		o.buf, o.spare = nil, nil
		_ = o.under.Close()
	}
	o.writing = false
	o.cond.Broadcast()
}

// room waits until less than the limit waits to be written, and reports
// whether the peer can still be written to.
func (o *output) room() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > o.limit && o.err == nil {
		o.cond.Wait()
	}
	return o.err == nil
}

// drain waits until all is written or nothing can be.
func (o *output) drain() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		o.cond.Wait()
	}
	return o.err
}
