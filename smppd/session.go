package smppd

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// session is one connection. Its own goroutine reads; workers, at most as many
// as the window is wide, ask the Gateway; the account's pump delivers; a timer
// watches. Each of them writes through out.
type session struct {
	srv      *Server
	log      *slog.Logger
	listener string
	addr     netip.AddrPort
	key      netip.Addr // limits count under it
	started  time.Time
	raw      net.Conn // TCP

	// Set before the bind, by the session's goroutine; constant after it.
	conn   net.Conn // TCP or TLS
	tls    string   // gateway.Peer.TLS
	out    *output
	secure bool // TLS, or a peer on this machine

	logins  int  // wrong ones; goroutine of the session
	version byte // interface_version; constant after the bind

	account atomic.Pointer[account] // nil before the bind
	bindAs  atomic.Int32            // state
	seq     atomic.Uint32           // of our last request
	watch   watch
	flow    flow
	leaving sync.Once
	reply   atomic.Uint32 // sequence of the peer's unbind
	replies atomic.Bool   // the peer has sent unbind
	goodbye chan struct{} // closed when the peer has answered our unbind
	ended   chan struct{} // closed when the session's goroutine ends
	mail    deliverer     // guarded by account.mu
}

func newSession(s *Server, raw net.Conn, listener string) *session {
	c := &session{
		srv: s, raw: raw, conn: raw, listener: listener, started: time.Now(),
		goodbye: make(chan struct{}), ended: make(chan struct{}),
	}
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		c.addr = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	c.key = gateway.HostKey(c.addr.Addr())
	c.secure = listener == SMPPS || c.addr.Addr().IsLoopback()
	c.log = s.cfg.Logger.With("listener", listener, "peer", c.addr.String())
	c.out = newOutput(raw, &s.cfg.Limits)
	c.flow.init()
	c.watch.start(c)
	return c
}

func (c *session) state() state { return state(c.bindAs.Load()) }

// peer is what the Gateway is told of the session.
func (c *session) peer() gateway.Peer {
	p := gateway.Peer{Listener: c.listener, Addr: c.addr, TLS: c.tls}
	if a := c.account.Load(); a != nil {
		p.Account = a.id
	}
	return p
}

// run is the goroutine of the session.
func (c *session) run() {
	defer c.end()
	defer c.recovered()
	if c.listener == SMPPS && !c.handshake() {
		return
	}
	in := pdu.NewReader(c.conn, c.srv.cfg.Limits.PDU)
	for c.out.room() {
		c.watch.reading(true)
		p, err := in.Read()
		c.watch.reading(false)
		if err != nil && !c.malformed(err) {
			return
		}
		if err == nil && !c.handle(p) {
			return
		}
	}
}

// recovered keeps a panic, which would be a bug of ours, to its session.
func (c *session) recovered() {
	if p := recover(); p != nil {
		c.srv.cut(reasonPanic)
		c.log.Error("a session panicked", "error", gateway.PanicText(p), "path", gateway.PanicPlace())
	}
}

// malformed answers what could not be read and reports whether reading can go
// on.
func (c *session) malformed(err error) bool {
	var bad *pdu.DecodeError
	var framing *pdu.FramingError
	switch {
	case errors.As(err, &bad):
		c.srv.cut(reasonMalformed)
		c.srv.cfg.Metrics.pdus.WithLabelValues(bad.Command.String()).Inc()
		if answer, ok := bad.Answer(); ok {
			c.refuse(answer)
		} else {
			c.answered(pdu.PDU{Command: bad.Command, Status: pdu.RUNKNOWNERR, Sequence: bad.Sequence})
		}
		return true
	case errors.As(err, &framing):
		c.srv.cut(reasonFraming)
		c.log.Warn("framing lost, closing the session", "state", c.state().String())
		c.refuse(framing.Answer())
		c.linger()
	}
	return false
}

// handle does what p asks for and reports whether the session goes on.
func (c *session) handle(p pdu.PDU) bool {
	c.srv.cfg.Metrics.pdus.WithLabelValues(p.Command.String()).Inc()
	if p.Command != pdu.EnquireLink && p.Command != pdu.EnquireLinkResp {
		c.watch.active()
	}
	if p.Command.IsResponse() {
		c.answered(p)
		return true
	}
	if status := c.permits(p.Command); status != pdu.OK {
		c.refuse(p.Response(status, nil))
		return true
	}
	switch p.Command {
	case pdu.BindTransmitter, pdu.BindReceiver, pdu.BindTransceiver:
		return c.bind(p)
	case pdu.EnquireLink:
		c.send(p.Response(pdu.OK, nil))
	case pdu.Unbind:
		c.reply.Store(p.Sequence)
		c.replies.Store(true)
		c.bidGoodbye()
		c.unbind()
	default:
		return c.submit(p)
	}
	return true
}

// permits is permit, but for an application that does not know yet that we
// are about to unbind: it may come again later.
func (c *session) permits(command pdu.Command) pdu.Status {
	now := c.state()
	if now&unbound != 0 && !c.replies.Load() && permit(now&^unbound, command) == pdu.OK && permit(now, command) != pdu.OK {
		return pdu.RMSGQFUL
	}
	return permit(now, command)
}

// answered takes the answer to a request of ours. One that answers nothing is
// ignored: it may be late.
func (c *session) answered(p pdu.PDU) {
	switch p.Command {
	case pdu.UnbindResp:
		c.bidGoodbye()
	case pdu.DeliverSMResp, pdu.GenericNack:
		if a := c.account.Load(); a != nil {
			a.answered(c, p.Sequence, p.Status)
		}
	}
}

// request is the sequence number of our next request, SMPP v3.4 section 3.2:
// 1 to 0x7FFFFFFF.
func (c *session) request() uint32 {
	for {
		if n := c.seq.Add(1) & 0x7FFFFFFF; n != 0 {
			return n
		}
	}
}

// send writes p soon; it does not wait for the peer.
func (c *session) send(p pdu.PDU) {
	if c.add(p) {
		go c.out.flush()
	}
}

// sendNow writes p, and may wait for the peer.
func (c *session) sendNow(p pdu.PDU) {
	if c.add(p) {
		c.out.flush()
	}
}

// add puts p behind what waits to be written. An answer that cannot be written
// as it is says so: the request was done, or not, without the peer knowing.
func (c *session) add(p pdu.PDU) (flush bool) {
	flush, err := c.out.add(p)
	if err != nil {
		c.log.Error("a PDU could not be written", "error", err)
		flush, _ = c.out.add(pdu.PDU{Command: p.Command, Status: pdu.RSYSERR, Sequence: p.Sequence})
	}
	return flush
}

// refuse is send for an answer with an error.
func (c *session) refuse(p pdu.PDU) {
	c.srv.cfg.Metrics.refusals.WithLabelValues(p.Command.String(), statusLabel(p.Status)).Inc()
	c.refused(p.Command, p.Status, nil, 1)
	c.send(p)
}

// abort cuts the connection, from any goroutine.
func (c *session) abort(why reason) {
	c.srv.cut(why)
	_ = c.raw.Close()
}

// end finishes the session: what is under way at the Gateway is waited for,
// and answered if the peer still listens.
func (c *session) end() {
	close(c.ended)
	c.watch.stop()
	if a := c.account.Load(); a != nil {
		a.leave(c)
	}
	c.flow.finish()
	if err := c.out.drain(); err != nil && isTimeout(err) {
		c.srv.cut(reasonWrite)
	}
	_ = c.conn.Close()
	c.leaving.Do(func() {}) // unbind has begun, or never will
	c.flow.helpers.Wait()
	if c.account.Load() != nil {
		c.log.Info("session ended", "state", c.state().String(), "duration", time.Since(c.started))
	}
	c.srv.release(c)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
