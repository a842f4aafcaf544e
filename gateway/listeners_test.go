package gateway

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// scripted is a listener whose Accept says what the test sends.
type scripted struct {
	answers chan error // nil: a connection
	closed  chan struct{}
	once    sync.Once
}

func script(answers ...error) *scripted {
	l := &scripted{answers: make(chan error, len(answers)), closed: make(chan struct{})}
	for _, err := range answers {
		l.answers <- err
	}
	return l
}

func (l *scripted) Accept() (net.Conn, error) {
	select {
	case err := <-l.answers:
		if err != nil {
			return nil, err
		}
		here, _ := net.Pipe()
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *scripted) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *scripted) Addr() net.Addr { return &net.TCPAddr{} }

func (l *scripted) isClosed() bool { return isClosed(l.closed) }

func none(error, time.Duration) {}

// What goes wrong with one connection keeps nobody else out, and pauses grow
// only while it goes on.
func TestErrorsOfAcceptAreWaitedOut(t *testing.T) {
	busy := errors.New("too many open files")
	l := script(busy, busy, busy, nil, busy, nil)
	var s Listeners
	var pauses []time.Duration
	got := 0
	err := s.Serve(l, func(c net.Conn) {
		c.Close()
		if got++; got == 2 {
			s.Close()
		}
	}, func(err error, pause time.Duration) {
		if !errors.Is(err, busy) {
			t.Errorf("told %v", err)
		}
		pauses = append(pauses, pause)
	})
	if err != nil || got != 2 || !l.isClosed() {
		t.Fatalf("%v after %d connections, closed %v", err, got, l.isClosed())
	}
	want := []time.Duration{acceptPause, 2 * acceptPause, 4 * acceptPause, acceptPause}
	if len(pauses) != len(want) {
		t.Fatalf("pauses %v, want %v", pauses, want)
	}
	for i := range want {
		if pauses[i] != want[i] {
			t.Fatalf("pauses %v, want %v", pauses, want)
		}
	}
}

// Close ends every Serve with nil: those that wait for a connection, those that
// pause, and those that begin later. It may be called again.
func TestCloseEndsAll(t *testing.T) {
	var s Listeners
	busy := errors.New("too many open files")
	waiting, pausing, late := script(), script(busy, busy, busy, busy, busy, busy, busy, busy, busy), script(nil)
	ends := make(chan error)
	paused := make(chan struct{}, 9)
	for _, l := range []*scripted{waiting, pausing} {
		go func() {
			ends <- s.Serve(l, func(c net.Conn) { c.Close() }, func(error, time.Duration) { paused <- struct{}{} })
		}()
	}
	<-paused
	s.Close()
	s.Close()
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	admitted := false
	if err := s.Serve(late, func(net.Conn) { admitted = true }, none); err != nil || admitted || !late.isClosed() {
		t.Errorf("after Close: %v, admitted %v, closed %v", err, admitted, late.isClosed())
	}
}

// A listener that somebody else closed ends its own Serve only, with the error.
func TestAForeignCloseIsAnError(t *testing.T) {
	var s Listeners
	l := script()
	l.Close()
	if err := s.Serve(l, nil, none); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	other := script(nil)
	if err := s.Serve(other, func(c net.Conn) { c.Close(); s.Close() }, none); err != nil {
		t.Error(err)
	}
}

// A Feed hands over what is given, in both directions of waiting, until it is
// closed.
func TestFeed(t *testing.T) {
	f := NewFeed()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	given := make(chan bool)
	go func() { given <- f.Give(a) }()
	if c, err := f.Accept(); err != nil || c != a || !<-given {
		t.Fatal(c, err)
	}
	ended := make(chan error)
	go func() { _, err := f.Accept(); ended <- err }()
	f.Close()
	f.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if f.Give(b) {
		t.Error("a closed feed took a connection")
	}
}
