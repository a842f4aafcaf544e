package upstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// The phases of an attempt, as Outcome.Phase spells them.
const (
	phasePrepare = "prepare"
	phaseConnect = "connect"
	phaseSubmit  = "submit"
)

// maxShort is the longest short_message of SMPP v3.4 section 4.4.1, in octets.
const maxShort = 254

// trouble is why a segment was not taken.
type trouble struct {
	verdict
	phase   string
	text    string
	unknown bool
}

func deferred(phase, status, text string) *trouble {
	return &trouble{verdict: verdict{temporary, status}, phase: phase, text: text}
}

// Send sends the segments of one message in their order, those that done says
// are Sent left out, each after the one before it was taken. It returns a result
// for each segment, with what done held, and what came of them together: Sent
// only when all are. The first that is not taken ends the attempt.
//
// A destination for which the carrier takes no more ends the attempt with code
// 451, for it alone. What is too much for the carrier now, and what finds no bind, is waited with
// for one response time; then it is Deferred, with code 421 or phase connect,
// by which the queue knows that this is not about the message. A segment that
// was written is waited for as long as its link lives, up to six response
// times. When ctx ends Send returns at once, and what is unanswered is Unknown.
//
// begin is asked once, right before the first segment is written; when it says
// no, nothing is. nil always says yes.
func (c *Client) Send(ctx context.Context, segments []gateway.Segment, done []gateway.SegmentResult, begin func() bool) ([]gateway.SegmentResult, gateway.Outcome) {
	results := make([]gateway.SegmentResult, len(segments))
	copy(results, done)
	s := &sending{client: c, reply: make(chan answer, 1), begin: begin}
	t := &trouble{verdict: verdict{taken, "2.0.0"}, phase: phaseSubmit}
	if len(segments) == 0 {
		t = deferred(phasePrepare, "4.3.0", "No segments to send")
	}
	for i := range segments {
		if results[i].Sent {
			continue
		}
		s.patience = time.Now().Add(c.config.Timers.Response)
		if t = s.send(ctx, &segments[i], &results[i]); t.class != taken {
			break
		}
	}
	return results, s.outcome(t, results)
}

// sending is one call of Send.
type sending struct {
	client   *Client
	reply    chan answer
	begin    func() bool // nil: it has, or need not be asked
	patience time.Time   // until when a pause or the lack of a bind is sat out
	tls      gateway.TLSState
}

func (s *sending) outcome(t *trouble, results []gateway.SegmentResult) gateway.Outcome {
	o := gateway.Outcome{
		Result: t.result(), At: s.client.config.Now(), Status: t.status, Text: gateway.Sensitive(t.text), Phase: t.phase,
		Host: s.client.config.Addr, TLS: s.tls, Unknown: t.unknown, Segments: results,
	}
	if (t.phase == phaseSubmit || t.class == permanent) && !t.unknown {
		o.Code = t.code()
	}
	return o
}

// send sends one segment, again where that cannot make two of it.
func (s *sending) send(ctx context.Context, segment *gateway.Segment, r *gateway.SegmentResult) *trouble {
	for {
		l, t := s.admit(ctx)
		if t != nil {
			return t
		}
		if s.begin != nil && !s.begin() {
			<-s.client.slots
			return deferred(phasePrepare, "4.7.0", "Not wanted any more")
		}
		s.begin = nil
		if segment.Data && s.client.noData.Load() {
			segment = asSubmit(*segment)
		}
		ok, err := l.submit(segment, s.reply)
		if !ok {
			<-s.client.slots
		}
		switch {
		case err != nil: // ours: what does not fit was to be refused when it came
			s.client.log.Error("a segment cannot be written", "error", err)
			return s.unwritable(err, r)
		case !ok:
			continue
		}
		s.tls = l.tls
		a, t := s.wait(ctx, r)
		if t == nil && a.kind == answered {
			t = s.judge(l, a, segment, r)
		}
		if t != nil {
			return t
		}
	}
}

// unwritable is what becomes of a segment that was not written. One that no PDU
// can hold is refused for good, with the status that a peer would answer: the
// next attempt would find the same.
func (s *sending) unwritable(err error, r *gateway.SegmentResult) *trouble {
	var unfit *pdu.EncodeError
	if !errors.As(err, &unfit) {
		return deferred(phasePrepare, "4.3.0", "Segment cannot be written")
	}
	r.Status, r.At = uint32(unfit.Status), s.client.config.Now()
	return &trouble{verdict: verdict{permanent, "5.6.0"}, phase: phasePrepare, text: "Segment cannot be written: " + unfit.Status.String()}
}

// wait waits for the answer to what was submitted. Nothing to return when it
// has one, or when it never left.
func (s *sending) wait(ctx context.Context, r *gateway.SegmentResult) (a answer, t *trouble) {
	result, text := "lost", "Connection lost before the answer"
	select {
	case a = <-s.reply:
	case <-ctx.Done():
		select {
		case a = <-s.reply: // it was there in time
		default:
			a.kind = abandoned
		}
	}
	switch a.kind {
	case answered, unsent:
		return a, nil
	case unanswered:
		result, text = "unanswered", "Timed out waiting for the answer"
	case abandoned:
		result, text = "unanswered", "Gave up waiting for the answer"
	}
	s.client.metrics.segments.WithLabelValues(result).Inc()
	r.Unknown, r.At = true, s.client.config.Now()
	t = deferred(phaseSubmit, "4.4.2", text)
	t.unknown = true
	return a, t
}

// judge takes note of an answer. nil: try once more.
func (s *sending) judge(l *link, a answer, segment *gateway.Segment, r *gateway.SegmentResult) *trouble {
	c := s.client
	v := c.config.judge(a.status)
	c.metrics.segments.WithLabelValues(v.class.String()).Inc()
	r.Status, r.At = uint32(a.status), c.config.Now()
	if a.data && a.status == pdu.RINVCMDID {
		c.noData.Store(true)
		return nil
	}
	if v.class == full && c.pause.overflowed(segment.Dest.Key()) {
		v = verdicts[pdu.RTHROTTLED]
	}
	switch v.class {
	case taken:
		if c.pause.taken(a.at) {
			c.config.Ready()
		}
		r.Sent, r.Unknown, r.ID = true, false, gateway.Sensitive(a.id)
	case crowded:
		if now := time.Now(); c.pause.crowded(a.at, now) {
			c.metrics.pauses.Inc()
			c.log.Info("the carrier asks for a pause", "status", a.status.String(), "delay", c.pause.rest(now))
		}
		if c.pause.rest(s.patience) == 0 {
			return nil
		}
	case stranger:
		l.estrange()
	}
	return &trouble{verdict: v, phase: phaseSubmit, text: a.status.String()}
}

// asSubmit is a data_sm as submit_sm, for carriers that do not know data_sm.
func asSubmit(s gateway.Segment) *gateway.Segment {
	s.Data = false
	if p, ok := s.TLV(gateway.TagMessagePayload); ok && len(p) <= maxShort {
		s.Short = p
		s.TLVs = slices.DeleteFunc(slices.Clone(s.TLVs), func(t gateway.TLV) bool { return t.Tag == gateway.TagMessagePayload })
	}
	return &s
}

// estrange leaves a link whose other end does not know that we are bound.
func (l *link) estrange() {
	l.mu.Lock()
	if l.reason == "" && !l.dead {
		l.reason = "stranger"
		unbind := pdu.PDU{Command: pdu.Unbind, Sequence: l.nextLocked()}
		l.parts.Go(func() { l.part("stranger", unbind) })
	}
	l.mu.Unlock()
}

// admit waits until a segment may be written, and returns the link for it with
// a place in the window, which is the caller's.
func (s *sending) admit(ctx context.Context) (*link, *trouble) {
	c := s.client
	began := time.Now()
	select {
	case c.slots <- struct{}{}:
		s.patience = s.patience.Add(time.Since(began)) // others were ahead of us: no sign of trouble
	case <-ctx.Done():
		return nil, deferred(phasePrepare, "4.4.7", "Gave up waiting for a place in the window")
	}
	l, t := s.ready(ctx)
	if t != nil {
		<-c.slots
	}
	return l, t
}

// ready waits for a bind, for the end of a pause and for the turn by rate.
func (s *sending) ready(ctx context.Context) (*link, *trouble) {
	c := s.client
	for turn := false; ; {
		l, t := s.bound(ctx)
		if t != nil {
			return nil, t
		}
		rest := c.pause.rest(time.Now())
		if c.pause.rest(s.patience) > 0 {
			return nil, &trouble{verdict: verdicts[pdu.RTHROTTLED], phase: phaseSubmit, text: "Paused: too much for the carrier"}
		}
		if rest == 0 && !turn {
			turn, rest = true, c.pace.reserve(time.Now())
		}
		if rest == 0 {
			return l, nil
		}
		if !sleep(ctx, rest) {
			return nil, deferred(phasePrepare, "4.4.7", "Gave up waiting for the carrier")
		}
	}
}

// bound waits for a link that takes segments.
func (s *sending) bound(ctx context.Context) (*link, *trouble) {
	c := s.client
	var patience <-chan time.Time
	for {
		c.mu.Lock()
		l, changed, closing := c.sender, c.changed, c.closing
		c.mu.Unlock()
		switch {
		case closing:
			return nil, deferred(phaseConnect, "4.3.2", "Shutting down")
		case l != nil:
			return l, nil
		case patience == nil:
			t := time.NewTimer(time.Until(s.patience))
			defer t.Stop()
			patience = t.C
		}
		select {
		case <-changed:
		case <-patience:
			return nil, deferred(phaseConnect, "4.4.1", "Not bound to the carrier")
		case <-ctx.Done():
			return nil, deferred(phaseConnect, "4.4.1", "Not bound to the carrier")
		}
	}
}
