package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

// centre is the telephone network in the demo: a message centre that takes
// every message over SMPP, shows it on a telephone, and says so in a receipt a
// moment later. What a telephone writes it delivers to whoever is bound.
type centre struct {
	texts text.Texts

	mu     sync.Mutex
	phones []*telephone
	ids    uint64
	bound  *centreSession // the newest
}

// receiptAfter is how long a message takes from the carrier to the telephone.
const receiptAfter = 200 * time.Millisecond

// errNotBound is returned where nobody could get what a telephone wrote.
var errNotBound = errors.New("nobody is bound at the carrier")

// write is what a person does who types a text: it comes back once the gateway
// has taken every segment of it over.
func (c *centre) write(ctx context.Context, from, to, words string) error {
	source, err := gateway.ParseLine(from)
	if err != nil {
		return err
	}
	dest, err := gateway.ParseLine(to)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.ids++
	ref, s := uint16(c.ids), c.bound
	c.mu.Unlock()
	if s == nil {
		return errNotBound
	}
	segments, err := c.texts.Compose(words, ref)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.phoneLocked(source).add(shortText{At: time.Now(), Text: words, Segments: len(segments)})
	c.mu.Unlock()
	for _, one := range segments {
		one.Source, one.Dest = source, dest
		if err := s.deliver(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// serve runs the message centre until ctx ends.
func (c *centre) serve(ctx context.Context, l net.Listener) {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		s := &centreSession{centre: c, conn: conn, waiting: make(map[uint32]chan pdu.Status)}
		all.Go(func() { s.run(ctx) })
	}
}

// centreSession is one bind at the carrier.
type centreSession struct {
	centre *centre
	conn   net.Conn

	mu       sync.Mutex
	sequence uint32
	waiting  map[uint32]chan pdu.Status // answers to deliver_sm
}

func (s *centreSession) run(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	r := pdu.NewReader(s.conn, 0)
	for {
		p, err := r.Read()
		var bad *pdu.DecodeError
		if errors.As(err, &bad) {
			if answer, due := bad.Answer(); due {
				_ = s.send(answer)
			}
			continue
		}
		if err != nil || !s.answer(ctx, p) {
			break
		}
	}
	s.centre.leave(s)
}

func (c *centre) leave(s *centreSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bound == s {
		c.bound = nil
	}
}

// answer answers a PDU; false ends the session. A carrier that is asked for
// nothing else answers generic_nack.
func (s *centreSession) answer(ctx context.Context, p pdu.PDU) bool {
	switch p.Command {
	case pdu.BindTransceiver:
		c := s.centre
		c.mu.Lock()
		c.bound = s
		c.mu.Unlock()
		return s.send(p.Response(pdu.OK, &pdu.BindResp{SystemID: "carrier"})) == nil
	case pdu.SubmitSM:
		return s.submit(ctx, p)
	case pdu.EnquireLink:
		return s.send(p.Response(pdu.OK, nil)) == nil
	case pdu.Unbind:
		_ = s.send(p.Response(pdu.OK, nil))
		return false
	case pdu.DeliverSMResp:
		s.mu.Lock()
		if waits := s.waiting[p.Sequence]; waits != nil {
			waits <- p.Status
			delete(s.waiting, p.Sequence)
		}
		s.mu.Unlock()
		return true
	}
	if p.Command.IsResponse() {
		return true
	}
	return s.send(pdu.PDU{Command: pdu.GenericNack, Status: pdu.RINVCMDID, Sequence: p.Sequence}) == nil
}

// submit takes a message, answers, and sends the receipt that was asked for.
func (s *centreSession) submit(ctx context.Context, p pdu.PDU) bool {
	sent := p.Body.(*pdu.Message).Segment
	at := time.Now()
	id, err := s.centre.take(sent)
	if err != nil {
		return s.send(p.Response(pdu.RSUBMITFAIL, nil)) == nil
	}
	if s.send(p.Response(pdu.OK, &pdu.MessageResp{MessageID: id})) != nil {
		return false
	}
	if sent.Registered&1 == 1 {
		time.AfterFunc(receiptAfter, func() {
			_ = s.deliver(ctx, s.centre.texts.ComposeReceipt(gateway.Receipt{ // a lost one is what the demo finds missing
				ID: gateway.Sensitive(id), Source: sent.Source, Dest: sent.Dest, State: gateway.StateSent, Submitted: at, Done: time.Now(),
			}))
		})
	}
	return true
}

// deliver sends a deliver_sm and waits for its answer.
func (s *centreSession) deliver(ctx context.Context, m gateway.Segment) error {
	answered := make(chan pdu.Status, 1)
	s.mu.Lock()
	s.sequence++
	n := s.sequence
	s.waiting[n] = answered
	s.mu.Unlock()
	if err := s.send(pdu.PDU{Command: pdu.DeliverSM, Sequence: n, Body: &pdu.Message{Segment: m}}); err != nil {
		return err
	}
	select {
	case status := <-answered:
		if status != pdu.OK {
			return fmt.Errorf("the gateway answered %v", status)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Second):
		return errors.New("the gateway did not answer")
	}
}

// send writes one PDU; net.Conn keeps concurrent ones apart.
func (s *centreSession) send(p pdu.PDU) error {
	raw, err := pdu.Append(nil, p)
	if err != nil {
		return err
	}
	_, err = s.conn.Write(raw)
	return err
}
