package viewer

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// wire is a connection in memory whose client has said all that it will ever
// say, and reads whatever comes.
type wire struct {
	mu     sync.Mutex
	cond   *sync.Cond
	in     []byte
	out    bytes.Buffer
	past   bool // the deadline of reading is over
	closed bool
	stays  bool          // the client waits for more, whatever it has said
	ended  chan struct{} // closed when the server will say nothing more
	once   sync.Once
	open   *sync.WaitGroup // of all that the server has not closed
}

func newWire(octets []byte, open *sync.WaitGroup) *wire {
	w := &wire{in: octets, ended: make(chan struct{}), open: open}
	open.Add(1)
	w.cond = sync.NewCond(&w.mu)
	return w
}

// Read implements net.Conn. A single octet is what the server asks for while it
// works on a request, to see whether the client is still there: it is.
func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.in) == 0 && (len(p) == 1 || w.stays) && !w.past && !w.closed {
		w.cond.Wait()
	}
	switch {
	case w.closed:
		return 0, net.ErrClosed
	case w.past:
		return 0, os.ErrDeadlineExceeded
	case len(w.in) == 0:
		return 0, io.EOF
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// CloseWrite is what the server does before it waits for the client to read.
func (w *wire) CloseWrite() error {
	w.once.Do(func() { close(w.ended) })
	return nil
}

// Close implements net.Conn.
func (w *wire) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.open.Done()
	}
	w.closed = true
	w.cond.Broadcast()
	w.mu.Unlock()
	return w.CloseWrite()
}

// SetReadDeadline implements net.Conn; only one that is over counts.
func (w *wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past = !t.IsZero() && t.Before(time.Now())
	w.cond.Broadcast()
	return nil
}

func (w *wire) SetDeadline(t time.Time) error    { return w.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }

// oneWire is a listener with one connection.
type oneWire struct{ conn net.Conn }

func (l *oneWire) Accept() (net.Conn, error) {
	conn := l.conn
	if l.conn = nil; conn == nil {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *oneWire) Close() error   { return nil }
func (l *oneWire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

// speak gives octets to a server and returns all that it answers; false when
// it does not end. The server closes some connections later, to let clients
// read: open says when all are closed.
func speak(server *http.Server, octets []byte, open *sync.WaitGroup) ([]byte, bool) {
	w := newWire(octets, open)
	_ = server.Serve(&oneWire{w})
	select {
	case <-w.ended:
	case <-time.After(2 * time.Minute):
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.out.Bytes()), true
}
