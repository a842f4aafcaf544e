package smppd

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

// pipes is a net.Listener whose connections are pipes, for tests in a bubble
// of testing/synctest. Peers have no address and are strangers.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble serves g on pipes.
type bubble struct {
	*Server
	t     *testing.T
	pipes *pipes
}

// inBubble runs do with a server in a bubble, where time passes only when all
// wait.
func inBubble(t *testing.T, g Gateway, change func(*Config), do func(*testing.T, *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var texts text.Texts
		cfg := Config{Accounts: accountsForTests(), Place: texts.Place, Receipt: receipt, Older: texts.Older}
		if change != nil {
			change(&cfg)
		}
		s, err := New(cfg, g)
		if err != nil {
			t.Fatal(err)
		}
		b := &bubble{Server: s, t: t, pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
		served := make(chan error)
		go func() { served <- s.Serve(b.pipes) }()
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := s.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
		}()
		do(t, b)
	})
}

// undisturbed is inBubble without enquire_link.
func undisturbed(t *testing.T, g Gateway, change func(*Config), do func(*testing.T, *bubble)) {
	t.Helper()
	inBubble(t, g, func(c *Config) {
		c.Timers.EnquireLink = 24 * time.Hour
		if change != nil {
			change(c)
		}
	}, do)
}

// dial connects. What the server writes is read at once, as a socket would,
// and given out by read.
func (b *bubble) dial() *application {
	ours, theirs := net.Pipe()
	b.pipes.conns <- theirs
	a := &application{client: client{t: b.t, conn: ours}, pdus: make(chan pdu.PDU, 10000), over: make(chan struct{})}
	in := pdu.NewReader(ours, 0)
	go func() {
		defer close(a.over)
		defer ours.Close()
		for {
			p, err := in.Read()
			if err != nil {
				return
			}
			a.pdus <- p
		}
	}()
	b.t.Cleanup(func() { ours.Close() })
	return a
}

// application is a client whose reader never waits.
type application struct {
	client
	pdus chan pdu.PDU
	over chan struct{} // closed when the server has closed the connection
}

// next returns the next PDU; false if there is none before d has passed.
func (a *application) next(d time.Duration) (pdu.PDU, bool) {
	a.t.Helper()
	select {
	case p := <-a.pdus:
		return p, true
	case <-time.After(d):
		return pdu.PDU{}, false
	}
}

// get is next for what must come.
func (a *application) get(d time.Duration, command pdu.Command) pdu.PDU {
	a.t.Helper()
	p, ok := a.next(d)
	if !ok || p.Command != command {
		a.t.Fatalf("got %v (%v) within %v, want %v", p.Command, ok, d, command)
	}
	return p
}

// none asserts that nothing comes for d.
func (a *application) none(d time.Duration) {
	a.t.Helper()
	if p, ok := a.next(d); ok {
		a.t.Fatalf("got %v, want silence for %v", p.Command, d)
	}
}

// bindAs binds as esme1.
func (a *application) bindAs(command pdu.Command) *application {
	a.t.Helper()
	a.write(bindPDU(command, "esme1", "secret1"))
	if p := a.get(time.Second, command.Response()); p.Status != pdu.OK {
		a.t.Fatalf("bind: %v", p.Status)
	}
	return a
}

// ends asserts that the server closes the connection within d.
func (a *application) ends(d time.Duration) {
	a.t.Helper()
	select {
	case <-a.over:
	case <-time.After(d):
		a.t.Fatalf("the connection is open after %v", d)
	}
}

// wordsOf are the words of a deliver_sm.
func wordsOf(p pdu.PDU) string { return string(p.Body.(*pdu.Message).Segment.Short) }

// ok acknowledges a deliver_sm.
func (a *application) answer(p pdu.PDU, status pdu.Status) {
	a.t.Helper()
	a.write(p.Response(status, nil))
}
