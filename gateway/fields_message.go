package gateway

// messageFormat is the first octet of a message's record.
const messageFormat = 'm'

// AppendRecord appends m in the form in which it is kept. It fails for a time
// that no text of RFC 3339 expresses.
func (m Message) AppendRecord(b []byte) ([]byte, error) {
	return writeRecord(b, messageFormat, m.fields)
}

// ReadRecord reads what AppendRecord wrote. value is not kept.
func (m *Message) ReadRecord(value []byte) error {
	*m = Message{}
	return readRecord(value, messageFormat, m.fields)
}

func (m *Message) fields(x *walk) {
	x.id(1, (*[16]byte)(&m.ID))
	name(x, 2, &m.Channel)
	number(x, 3, &m.Direction)
	x.time(4, &m.Accepted)
	x.part(5, m.Peer.fields)
	x.address(6, &m.Sender)
	x.address(7, &m.From)
	text(x, 8, &m.Subject)
	text(x, 9, &m.HeaderID)
	text(x, 10, &m.EnvID)
	text(x, 11, &m.Return)
	x.flag(12, &m.UTF8)
	x.flag(13, &m.EightBit)
	x.part(14, m.Body.fields)
	x.octets(15, &m.Hash)
	x.part(16, m.Spool.fields)
	x.part(17, m.Staff.fields)
	parts(x, 18, &m.Edits, (*Edit).fields)
	pointer(x, 19, &m.PIN, (*Hashed).fields)
	x.id(20, (*[16]byte)(&m.Thread))
	number(x, 21, &m.Envelopes)
	parts(x, 22, &m.Verdicts, (*Verdict).fields)
	pointer(x, 23, &m.Judged, (*Judged).fields)
	x.time(24, &m.Retain)
	x.time(25, &m.Recalled)
	x.id(26, (*[16]byte)(&m.Author))
	x.envelope(27, &m.Under)
	pointer(x, 28, &m.Authentication, (*Authentication).fields)
	pointer(x, 29, &m.Ends, (*Ends).fields)
}

func (p *Peer) fields(x *walk) {
	text(x, 1, &p.Listener)
	x.addrPort(2, &p.Addr)
	text(x, 3, &p.Helo)
	text(x, 4, &p.Account)
	x.flag(5, &p.Trusted)
	text(x, 6, &p.TLS)
}

func (b *Body) fields(x *walk) {
	text(x, 1, &b.Blob)
	number(x, 2, &b.Size)
}

func (w *Wrap) fields(x *walk) {
	text(x, 1, &w.Group)
	x.octets(2, &w.Sealed)
}

func (e *Edit) fields(x *walk) {
	number(x, 1, &e.Offset)
	number(x, 2, &e.Length)
	text(x, 3, &e.Text)
}

func (h *Hashed) fields(x *walk) {
	number(x, 1, &h.Time)
	number(x, 2, &h.Memory)
	number(x, 3, &h.Threads)
	x.octets(4, &h.Salt)
	x.octets(5, &h.Hash)
}

func (v *Verdict) fields(x *walk) {
	name(x, 1, &v.Action)
	x.texts(2, &v.Rules)
	x.flag(3, &v.Failed)
	x.part(4, v.Options.fields)
	text(x, 5, &v.Policy)
	text(x, 6, &v.Digest)
	text(x, 7, &v.Words)
	parts(x, 8, &v.Results, (*RuleResult).fields)
	text(x, 9, &v.Like)
	name(x, 10, &v.Shadow)
	text(x, 11, &v.Error)
	parts(x, 12, &v.Findings, (*Finding).fields)
	parts(x, 13, &v.Topics, (*TopicScore).fields)
	x.texts(14, &v.Kinds)
}

func (o *Options) fields(x *walk) {
	text(x, 1, &o.PIN)
	number(x, 2, &o.Expires)
	text(x, 3, &o.StaffCopy)
	text(x, 4, &o.Status)
	text(x, 5, &o.Reason)
	text(x, 6, &o.Notify)
	x.time(7, &o.NotBefore)
}

func (r *RuleResult) fields(x *walk) {
	text(x, 1, &r.ID)
	text(x, 2, &r.Reason)
	name(x, 3, &r.Action)
	x.flag(4, &r.Met)
	x.flag(5, &r.Shadow)
	text(x, 6, &r.LiftedBy)
	text(x, 7, &r.Until)
	text(x, 8, &r.Why)
	text(x, 9, &r.Error)
}

// fields leaves out Value, which is of this process only.
func (f *Finding) fields(x *walk) {
	text(x, 1, &f.Type)
	number(x, 2, &f.Part)
	name(x, 3, &f.Kind)
	text(x, 4, &f.Path)
	number(x, 5, &f.Start)
	number(x, 6, &f.End)
	name(x, 7, &f.Level)
	text(x, 8, &f.Masked)
	parts(x, 9, &f.Steps, (*Step).fields)
}

func (s *Step) fields(x *walk) {
	text(x, 1, &s.Name)
	number(x, 2, &s.Weight)
}

func (t *TopicScore) fields(x *walk) {
	text(x, 1, &t.Name)
	name(x, 2, &t.Level)
	number(x, 3, &t.Score)
	x.texts(4, &t.Terms)
}

func (j *Judged) fields(x *walk) {
	number(x, 1, &j.Size)
	x.octets(2, &j.Sum)
	x.flag(3, &j.Staff)
	text(x, 4, &j.Group)
	x.flag(5, &j.Thread)
	x.flag(6, &j.Secured)
	pointer(x, 7, &j.Short, (*JudgedShort).fields)
}

func (s *JudgedShort) fields(x *walk) {
	number(x, 1, &s.Length)
	number(x, 2, &s.Aside)
	x.texts(3, &s.Uncertain)
	parts(x, 4, &s.Unreadable, (*Unreadable).fields)
	x.texts(5, &s.Declared)
	x.time(6, &s.At)
}

func (u *Unreadable) fields(x *walk) {
	text(x, 1, &u.Kind)
	text(x, 2, &u.Path)
}

func (a *Authentication) fields(x *walk) {
	text(x, 1, &a.Domain)
	parts(x, 2, &a.Signatures, (*Signature).fields)
	text(x, 3, &a.SPF)
	text(x, 4, &a.SPFDomain)
	text(x, 5, &a.DMARC)
	text(x, 6, &a.Policy)
}

func (s *Signature) fields(x *walk) {
	text(x, 1, &s.Domain)
	text(x, 2, &s.Selector)
	text(x, 3, &s.Algorithm)
	text(x, 4, &s.Result)
	text(x, 5, &s.Reason)
	x.flag(6, &s.Aligned)
	number(x, 7, &s.Bits)
	x.texts(8, &s.Covered)
	x.flag(9, &s.Partial)
	x.time(10, &s.Signed)
	x.time(11, &s.Expires)
	x.octets(12, &s.Hash)
}

func (e *Ends) fields(x *walk) {
	x.part(1, e.Source.fields)
	x.part(2, e.Dest.fields)
	text(x, 3, &e.ServiceType)
	number(x, 4, &e.ESMClass)
	number(x, 5, &e.ProtocolID)
	number(x, 6, &e.Priority)
	number(x, 7, &e.DataCoding)
	parts(x, 8, &e.Parts, (*AcceptedPart).fields)
	x.flag(9, &e.Asked)
}

func (l *Line) fields(x *walk) {
	number(x, 1, &l.TON)
	number(x, 2, &l.NPI)
	text(x, 3, &l.Addr)
}

func (p *AcceptedPart) fields(x *walk) {
	x.id(1, (*[16]byte)(&p.ID))
	number(x, 2, &p.Registered)
	x.time(3, &p.At)
	x.octets(4, &p.Reference)
}
