package gateway

import "time"

// envelopeFormat is the first octet of an envelope's record.
const envelopeFormat = 'e'

// AppendRecord appends e in the form in which it is kept. It fails for a time
// that no text of RFC 3339 expresses.
func (e Envelope) AppendRecord(b []byte) ([]byte, error) {
	return writeRecord(b, envelopeFormat, e.fields)
}

// ReadRecord reads what AppendRecord wrote. value is not kept.
func (e *Envelope) ReadRecord(value []byte) error {
	*e = Envelope{}
	return readRecord(value, envelopeFormat, e.fields)
}

func (e *Envelope) fields(x *walk) {
	x.envelope(1, &e.ID)
	text(x, 2, &e.State)
	name(x, 3, &e.Action)
	x.address(4, &e.Sender)
	x.address(5, &e.Recipient)
	x.id(6, (*[16]byte)(&e.Person))
	text(x, 7, &e.Notify)
	text(x, 8, &e.Original)
	pointer(x, 9, &e.Notice, (*Notice).fields)
	x.flag(10, &e.Confidential)
	x.id(11, (*[16]byte)(&e.Link))
	text(x, 12, &e.Hold)
	text(x, 13, &e.Review)
	name(x, 14, &e.Decided)
	x.texts(15, &e.Rules)
	number(x, 16, &e.Judged)
	x.flag(17, &e.Turn)
	x.part(18, e.Line.fields)
	list(x, 19, &e.More, func(id *LinkID, x *walk) { x.octets16((*[16]byte)(id)) })
	x.time(20, &e.Recalled)
	x.time(21, &e.Shredded)
	x.time(22, &e.Opened)
	text(x, 23, &e.OpenedBy)
	x.flag(24, &e.OpenedByMachine)
	list(x, 25, &e.Reminded, func(at *time.Time, x *walk) { x.instant(at) })
	x.time(26, &e.Answered)
	x.time(27, &e.NotBefore)
	x.time(28, &e.Until)
	x.time(29, &e.Accepted)
	x.time(30, &e.Next)
	number(x, 31, &e.Attempts)
	x.flag(32, &e.Delayed)
	x.part(33, e.Last.fields)
}

func (n *Notice) fields(x *walk) {
	x.part(1, n.Body.fields)
	x.part(2, n.Spool.fields)
	x.flag(3, &n.Alone)
}

func (o *Outcome) fields(x *walk) {
	number(x, 1, &o.Result)
	x.time(2, &o.At)
	number(x, 3, &o.Code)
	text(x, 4, &o.Status)
	text(x, 5, &o.Text)
	text(x, 6, &o.Phase)
	text(x, 7, &o.Host)
	x.part(8, o.TLS.fields)
	x.flag(9, &o.Unknown)
	x.flag(10, &o.DSN)
	parts(x, 11, &o.Segments, (*SegmentResult).fields)
}

func (t *TLSState) fields(x *walk) {
	text(x, 1, &t.Version)
	text(x, 2, &t.Cipher)
	x.flag(3, &t.Verified)
	text(x, 4, &t.Name)
	x.flag(5, &t.Loopback)
}

func (s *SegmentResult) fields(x *walk) {
	x.flag(1, &s.Sent)
	text(x, 2, &s.ID)
	number(x, 3, &s.Status)
	x.flag(4, &s.Unknown)
	text(x, 5, &s.State)
	text(x, 6, &s.Error)
	x.time(7, &s.Done)
	x.time(8, &s.At)
}
