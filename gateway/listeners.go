package gateway

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Pauses after an error of Accept: the first, doubled with each further one in
// a row up to the longest.
const (
	acceptPause     = 5 * time.Millisecond
	mostAcceptPause = time.Second
)

// Listeners are those from which a server takes connections. The zero value is
// ready for use by many goroutines.
type Listeners struct {
	mu      sync.Mutex // guards what follows
	serving map[net.Listener]struct{}
	closed  chan struct{} // closed by Close; nil until the first use
}

// Serve hands the connections of l to admit, one by one, and closes l in the
// end. Where Accept fails (out of descriptors or memory, a peer that left at
// once) it tells failed the error and how long it pauses, and goes on: that is
// no reason to stop serving the others. It returns nil after Close, and the
// error where somebody else has closed l.
func (s *Listeners) Serve(l net.Listener, admit func(net.Conn), failed func(err error, pause time.Duration)) error {
	defer l.Close()
	closed := s.add(l)
	var pause time.Duration
	for !isClosed(closed) {
		raw, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			admit(raw)
			continue
		case isClosed(closed):
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		}
		pause = min(max(2*pause, acceptPause), mostAcceptPause)
		failed(err, pause)
		select {
		case <-time.After(pause):
		case <-closed:
		}
	}
	return nil
}

// add enters l, unless Close was called, and returns what Close closes.
func (s *Listeners) add(l net.Listener) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readyLocked()
	if !isClosed(s.closed) {
		s.serving[l] = struct{}{}
	}
	return s.closed
}

// Close closes the listeners and ends each Serve, those that begin later too.
// A connection that was accepted before may still reach admit.
func (s *Listeners) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readyLocked()
	if isClosed(s.closed) {
		return
	}
	close(s.closed)
	for l := range s.serving {
		_ = l.Close()
	}
	clear(s.serving)
}

func (s *Listeners) readyLocked() {
	if s.closed == nil {
		s.closed, s.serving = make(chan struct{}), make(map[net.Listener]struct{})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
