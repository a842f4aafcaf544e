package upstream

import (
	"context"
	"errors"
	"time"

	"gatepost/smppd/pdu"
)

// serve works until the link is over or ctx ends, which cuts it.
func (l *link) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		l.retire("shutdown", 0)
		_ = l.conn.Close()
	})
	defer stop()
	l.parts.Go(l.write)
	l.parts.Go(l.watch)
	l.retire(l.read(), -1)
	l.finish()
	l.parts.Wait()
}

// read sorts what comes until nothing more does, and says why.
func (l *link) read() (reason string) {
	for {
		p, err := l.reader.Read()
		if err == nil {
			l.hear()
			if p.Command == pdu.UnbindResp {
				return "unbound"
			}
			l.sort(p)
			continue
		}
		var malformed *pdu.DecodeError
		var framing *pdu.FramingError
		switch {
		case errors.As(err, &malformed):
			l.hear()
			l.malformed(p, malformed)
		case errors.As(err, &framing):
			l.lastWord(framing.Answer())
			return "framing"
		default:
			return "closed"
		}
	}
}

// hear takes note that the carrier lives.
func (l *link) hear() {
	l.mu.Lock()
	l.heard, l.asked = time.Now(), time.Time{}
	l.mu.Unlock()
}

func (l *link) sort(p pdu.PDU) {
	switch p.Command {
	case pdu.SubmitSMResp, pdu.DataSMResp, pdu.GenericNack:
		l.answer(p)
	case pdu.EnquireLinkResp:
	case pdu.EnquireLink:
		l.tell(p.Response(pdu.OK, nil))
	case pdu.DeliverSM, pdu.DataSM:
		l.deliver(p)
	case pdu.Unbind:
		l.unbind(p.Response(pdu.OK, nil))
	default:
		l.stray(p)
	}
}

// unbind lets the carrier go: it hears yes when all is answered both ways.
func (l *link) unbind(yes pdu.PDU) {
	if l.leaving {
		l.tell(yes)
		return
	}
	l.leaving = true
	l.parts.Go(func() { l.part("unbound", yes) })
}

// stray answers what has no place on our side of a link: outbind and
// alert_notification have no answer, and neither has an answer.
func (l *link) stray(p pdu.PDU) {
	l.client.metrics.strays.WithLabelValues("command").Inc()
	if !p.Command.IsResponse() && p.Command.Response() != pdu.GenericNack {
		l.tell(p.Response(pdu.RINVBNDSTS, nil))
	}
}

// malformed deals with a PDU that has right length and wrong content. An answer
// to a segment is one all the same: the status stands in the header.
func (l *link) malformed(p pdu.PDU, e *pdu.DecodeError) {
	l.client.metrics.strays.WithLabelValues("malformed").Inc()
	switch p.Command {
	case pdu.SubmitSMResp, pdu.DataSMResp, pdu.GenericNack:
		l.answer(p)
		return
	}
	if a, ok := e.Answer(); ok {
		l.tell(a)
	}
}

// answer settles the segment that p answers, by its sequence_number alone:
// answers come in any order (SMPP v3.4 section 2.8).
func (l *link) answer(p pdu.PDU) {
	waiting := l.take(p.Sequence, p.Command != pdu.GenericNack && p.Status == pdu.OK)
	if waiting == nil {
		l.client.metrics.strays.WithLabelValues("answer").Inc()
		return
	}
	a := answer{status: p.Status, at: waiting.at, data: waiting.data}
	if p.Command == pdu.GenericNack && p.Status == pdu.OK {
		a.status = pdu.RUNKNOWNERR // it never means yes
	}
	if body, ok := p.Body.(*pdu.MessageResp); ok {
		a.id = body.MessageID
	}
	l.client.metrics.answer.Observe(time.Since(waiting.at).Seconds())
	waiting.reply <- a
}

// lastWord is written past the writer, because the link ends here.
func (l *link) lastWord(p pdu.PDU) {
	if frame, err := pdu.Append(nil, p); err == nil {
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.lastWords()))
		_, _ = l.conn.Write(frame)
	}
}

// part leaves a link after which another one is to be made soon.
func (l *link) part(reason string, farewell pdu.PDU) {
	ctx, cancel := context.WithTimeout(context.Background(), l.client.config.Timers.Response)
	defer cancel()
	l.leave(ctx, reason, farewell)
}

// leave ends the link in good order: no segment goes there any more, what is
// unanswered is waited for until ctx ends, then the word of farewell is said,
// and the carrier closes.
func (l *link) leave(ctx context.Context, reason string, farewell pdu.PDU) {
	l.retire(reason, -1)
	select {
	case <-l.quiet:
	case <-l.over:
	case <-ctx.Done():
	}
	l.tell(farewell)
	_ = l.conn.SetReadDeadline(time.Now().Add(l.lastWords()))
}

// watch looks at the clock until the link is over.
func (l *link) watch() {
	tick := time.NewTicker(min(time.Second, l.client.config.Timers.Response/10))
	defer tick.Stop()
	for {
		select {
		case <-l.over:
			return
		case <-tick.C:
			if reason := l.look(time.Now()); reason != "" {
				l.retire(reason, l.lastWords())
				return
			}
		}
	}
}

// look gives up segments that nobody answers, asks a carrier that is silent
// whether it lives, and returns why the link must be given up: "silent" when it
// did not answer that, "stuck" when it answers everything but segments.
func (l *link) look(now time.Time) (reason string) {
	t := l.client.config.Timers
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest, expired := l.expireLocked(now, responses*t.Response)
	silent := now.Sub(l.heard)
	switch {
	case expired && now.Sub(l.settled) >= responses*t.Response:
		return "stuck"
	case !l.asked.IsZero():
		if now.Sub(l.asked) >= t.Response {
			return "silent"
		}
	case silent >= t.EnquireLink, silent >= t.Response && oldest >= t.Response:
		l.asked = now
		_ = l.appendLocked(pdu.PDU{Command: pdu.EnquireLink, Sequence: l.nextLocked()})
	}
	return ""
}

// expireLocked gives up what is older than most, and returns the age of the
// oldest segment that is left.
func (l *link) expireLocked(now time.Time, most time.Duration) (oldest time.Duration, expired bool) {
	for sequence, p := range l.pending {
		age := now.Sub(p.at)
		if age < most {
			oldest = max(oldest, age)
			continue
		}
		expired = true
		l.dropLocked(sequence)
		p.reply <- answer{kind: unanswered, at: p.at}
	}
	return oldest, expired
}
