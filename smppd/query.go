package smppd

import (
	"context"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// query does query_sm, SMPP v3.4 section 4.8.
func (c *session) query(ctx context.Context, j *job, b *pdu.Query) (pdu.PDU, error) {
	s, err := c.srv.gateway.QuerySMS(ctx, c.account.Load().id, b.MessageID, b.Source)
	return j.pdu.Response(pdu.OK, &pdu.QueryResp{
		MessageID: b.MessageID,
		FinalDate: pdu.FormatTime(s.Final),
		State:     messageState(s.State),
		ErrorCode: s.Error,
	}), err
}

// messageState is a state as section 5.2.28 numbers it.
func messageState(s gateway.ReceiptState) byte {
	switch s {
	case gateway.Enroute:
		return 1
	case gateway.StateSent:
		return 2
	case gateway.StateExpired:
		return 3
	case gateway.StateDeleted:
		return 4
	case gateway.Undeliverable:
		return 5
	case gateway.StateAccepted:
		return 6
	case gateway.StateRejected:
		return 8
	}
	return 7 // UNKNOWN
}

// replace does replace_sm, section 4.10. A NULL source stands for any, as in
// query_sm and cancel_sm: the message keeps the one that it was submitted with.
// One that is named must be one that the account may use.
func (c *session) replace(ctx context.Context, j *job, b *pdu.Replace) (pdu.PDU, error) {
	answer := j.pdu.Response(pdu.OK, nil)
	a := c.account.Load()
	if b.Segment.Source.Addr == "" {
		b.Segment.Source = gateway.Line{}
	} else if _, ok := a.settings.Load().sender(b.Segment.Source); !ok {
		answer.Status = pdu.RINVSRCADR
		return answer, nil
	}
	return answer, c.srv.gateway.ReplaceSMS(ctx, a.id, b.MessageID, b.Segment)
}
