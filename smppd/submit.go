package smppd

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// esmUDHI is the bit of esm_class that announces a user data header, SMPP v3.4
// section 5.2.12.
const esmUDHI = 0x40

// job is a request for the Gateway, on its way there.
type job struct {
	pdu   pdu.PDU // its Body is owned by the job
	place gateway.SegmentPlace
	to    []gateway.Line
	lists []pdu.Failed // destinations of a submit_multi that are refused already
	size  int          // octets
}

// submit judges a request for the Gateway as far as it can be judged here, and
// hands it to a worker. It waits for room in the window, and always reports
// that the session goes on.
func (c *session) submit(p pdu.PDU) bool {
	j := job{pdu: p, size: pdu.HeaderLen}
	status := pdu.OK
	switch b := p.Body.(type) {
	case *pdu.Message:
		j.to = []gateway.Line{b.Segment.Dest}
		status = c.prepare(&j, &b.Segment)
	case *pdu.Multi:
		if j.spread(b); len(j.to) == 0 {
			status = pdu.RINVDLNAME
			break
		}
		status = c.prepare(&j, &b.Segment)
	}
	if status != pdu.OK {
		if status == pdu.RTHROTTLED {
			c.srv.cfg.Metrics.throttled.Inc()
		}
		c.refuse(p.Response(status, nil))
		return true
	}
	c.flow.begin(j, c.perform)
	return true
}

// spread takes the destinations of a submit_multi apart. There are no
// distribution lists here (SMPP v3.4 section 4.5.1).
func (j *job) spread(b *pdu.Multi) {
	for _, d := range b.Dests {
		if d.List != "" {
			j.lists = append(j.lists, pdu.Failed{Line: gateway.Line{Addr: d.List}, Status: pdu.RINVDLNAME})
			continue
		}
		j.to = append(j.to, d.Line)
	}
	b.Segment.Dest = gateway.Line{}
	if len(j.to) > 0 {
		b.Segment.Dest = j.to[0]
	}
}

// prepare judges the source, the place and the rate of a segment.
func (c *session) prepare(j *job, s *gateway.Segment) pdu.Status {
	a := c.account.Load()
	source, ok := a.settings.Load().sender(s.Source)
	if !ok {
		return pdu.RINVSRCADR
	}
	s.Source = source
	if s.Data {
		if status := tooLong(s); status != pdu.OK {
			return status
		}
	}
	place, err := c.srv.cfg.Place(s)
	if err != nil {
		return misplaced(s)
	}
	if !a.admit(s, place, len(j.to)) {
		return pdu.RTHROTTLED
	}
	j.place, j.size = place, s.Size()
	return pdu.OK
}

// maxAddr is the longest address of a submit_sm, in octets (SMPP v3.4 section
// 4.4.1). A data_sm may have longer ones, which no telephone has and with which
// the message could not leave as anything else.
const maxAddr = 20

// tooLong is the status of a data_sm with an address that is too long.
func tooLong(s *gateway.Segment) pdu.Status {
	switch {
	case len(s.Source.Addr) > maxAddr:
		return pdu.RINVSRCADR
	case len(s.Dest.Addr) > maxAddr:
		return pdu.RINVDSTADR
	}
	return pdu.OK
}

// misplaced is the status of a segment whose place cannot be told.
func misplaced(s *gateway.Segment) pdu.Status {
	if s.ESMClass&esmUDHI != 0 {
		return pdu.RINVESMCLASS
	}
	return pdu.RINVOPTPARAMVAL
}

// perform asks the Gateway and answers. It runs in a worker.
func (c *session) perform(j job) {
	var answer pdu.PDU
	ctx := c.srv.ctx
	err := c.srv.guard(func() (err error) {
		switch b := j.pdu.Body.(type) {
		case *pdu.Message:
			answer, err = c.performOne(ctx, &j, &b.Segment)
		case *pdu.Multi:
			answer, err = c.performMany(ctx, &j, &b.Segment)
		case *pdu.Query:
			answer, err = c.query(ctx, &j, b)
		case *pdu.Cancel:
			answer = j.pdu.Response(pdu.OK, nil)
			err = c.srv.gateway.CancelSMS(ctx, c.account.Load().id, b.MessageID, b.ServiceType, b.Source, b.Dest)
		case *pdu.Replace:
			answer, err = c.replace(ctx, &j, b)
		}
		return err
	})
	if err != nil {
		answer = c.failed(&j, err)
	}
	if answer.Status != pdu.OK {
		c.srv.cfg.Metrics.refusals.WithLabelValues(answer.Command.String(), statusLabel(answer.Status)).Inc()
		c.refused(answer.Command, answer.Status, err, max(1, len(j.to)+len(j.lists)))
	} else if _, ok := messageID(answer.Body); ok {
		c.srv.cfg.Metrics.accepted.Inc()
	}
	c.sendNow(answer)
}

// messageID is the id of an answer to a submission.
func messageID(b pdu.Body) (string, bool) {
	switch b := b.(type) {
	case *pdu.MessageResp:
		return b.MessageID, true
	case *pdu.MultiResp:
		return b.MessageID, true
	}
	return "", false
}

// failed is the answer to a request that the Gateway refused.
func (c *session) failed(j *job, err error) pdu.PDU {
	var f *gateway.Fault
	if !errors.As(err, &f) && !errors.Is(err, gateway.ErrNoShortMessage) && !errors.Is(err, gateway.ErrSegment) {
		c.log.Warn("unclassified error", "error", err)
	}
	if b, ok := j.pdu.Body.(*pdu.Message); ok {
		c.account.Load().giveBack(&b.Segment, j.place)
	}
	return j.pdu.Response(statusOf(err, j.pdu.Command), nil)
}

// performOne does submit_sm and data_sm.
func (c *session) performOne(ctx context.Context, j *job, s *gateway.Segment) (pdu.PDU, error) {
	id, refused, err := c.srv.gateway.SubmitSMS(ctx, c.peer(), *s, j.place, j.to)
	if err == nil && len(refused) > 0 {
		err = faultOf(refused[0])
	}
	return j.pdu.Response(pdu.OK, &pdu.MessageResp{MessageID: id}), err
}

// performMany does submit_multi: an error for all, or an answer that names
// the destinations that were refused.
func (c *session) performMany(ctx context.Context, j *job, s *gateway.Segment) (pdu.PDU, error) {
	id, refused, err := c.srv.gateway.SubmitSMS(ctx, c.peer(), *s, j.place, j.to)
	if err == nil && len(refused) >= len(j.to) {
		err = faultOf(refused[0])
	}
	b := &pdu.MultiResp{MessageID: id, Failed: j.lists}
	for _, r := range refused {
		b.Failed = append(b.Failed, pdu.Failed{Line: r.Line, Status: statusOf(faultOf(r), pdu.SubmitMulti)})
	}
	if err == nil { // not all of them: the answer is OK
		for _, failed := range b.Failed {
			c.refused(pdu.SubmitMultiResp, failed.Status, nil, 1)
		}
	}
	return j.pdu.Response(pdu.OK, b), err
}

// faultOf is why a destination was refused. One without a reason is a bug of
// ours, and temporary.
func faultOf(r gateway.LineFault) error {
	if r.Fault == nil {
		return gateway.FaultInternal
	}
	return r.Fault
}

// statusOf is the command_status of an error of the Gateway. What no status
// was chosen for follows its class: what is temporary is worth another try,
// what is permanent is not.
func statusOf(err error, command pdu.Command) pdu.Status {
	switch {
	case errors.Is(err, gateway.ErrNoShortMessage):
		return pdu.RINVMSGID
	case errors.Is(err, gateway.ErrSegment):
		return pdu.RINVESMCLASS
	}
	f := gateway.FaultOf(err)
	switch {
	case f.SMPP != gateway.StatusOK:
		return pdu.Status(f.SMPP)
	case f.Code == gateway.FaultStorage.Code:
		return pdu.RMSGQFUL
	case f.Code == gateway.FaultTooLarge.Code:
		return pdu.RINVMSGLEN
	case f.Temporary():
		return pdu.RSYSERR
	}
	switch command {
	case pdu.QuerySM:
		return pdu.RQUERYFAIL
	case pdu.CancelSM:
		return pdu.RCANCELFAIL
	case pdu.ReplaceSM:
		return pdu.RREPLACEFAIL
	}
	return pdu.RSUBMITFAIL
}
