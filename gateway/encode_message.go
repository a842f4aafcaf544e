package gateway

import "strconv"

// AppendJSON appends the message as encoding/json writes it.
func (m Message) AppendJSON(b []byte) ([]byte, error) { return appendMessage(b, &m) }

func appendMessage(b []byte, m *Message) ([]byte, error) {
	f := fields{b: b}
	f.id("ID", m.ID)
	f.text("Channel", m.Channel.String())
	f.number("Direction", int64(m.Direction))
	f.time("Accepted", m.Accepted)
	f.with("Peer", m.Peer.append)
	f.address("Sender", m.Sender)
	f.address("From", m.From)
	f.text("Subject", m.Subject.Reveal())
	f.text("HeaderID", m.HeaderID)
	f.textIf("EnvID", m.EnvID.Reveal())
	f.textIf("Return", m.Return)
	f.flagIf("UTF8", m.UTF8)
	f.flagIf("EightBit", m.EightBit)
	f.with("Body", m.Body.append)
	f.octetsIf("Hash", m.Hash)
	f.wrapIf("Spool", m.Spool)
	f.wrapIf("Staff", m.Staff)
	if len(m.Edits) > 0 {
		f.with("Edits", func(b []byte) ([]byte, error) { return list(b, m.Edits, appendEdit) })
	}
	if m.PIN != nil {
		f.other("PIN", m.PIN)
	}
	f.idIf("Thread", m.Thread)
	f.number("Envelopes", int64(m.Envelopes))
	if len(m.Verdicts) > 0 {
		f.with("Verdicts", func(b []byte) ([]byte, error) { return list(b, m.Verdicts, appendVerdict) })
	}
	if m.Judged != nil {
		f.with("Judged", m.Judged.append)
	}
	f.timeIf("Retain", m.Retain)
	f.timeIf("Recalled", m.Recalled)
	f.idIf("Author", m.Author)
	f.envelopeIf("Under", m.Under)
	if m.Authentication != nil {
		f.other("Authentication", m.Authentication)
	}
	if m.Ends != nil {
		f.with("Ends", m.Ends.append)
	}
	return f.end()
}

func (p *Peer) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.text("Listener", p.Listener)
	f.key("Addr")
	if p.Addr.IsValid() && p.Addr.Addr().Zone() == "" {
		f.b = append(p.Addr.AppendTo(append(f.b, '"')), '"')
	} else {
		text, err := p.Addr.MarshalText() // a zone may hold anything
		f.b, f.err = appendText(f.b, string(text)), err
	}
	f.text("Helo", p.Helo)
	f.text("Account", p.Account)
	f.flag("Trusted", p.Trusted)
	f.text("TLS", p.TLS)
	return f.end()
}

func (x *Body) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.text("Blob", x.Blob)
	f.number("Size", x.Size)
	return f.end()
}

func (f *fields) wrapIf(name string, w Wrap) {
	if w.IsZero() {
		return
	}
	f.with(name, func(b []byte) ([]byte, error) {
		g := fields{b: b}
		g.textIf("Group", w.Group)
		g.octetsIf("Sealed", w.Sealed)
		return g.end()
	})
}

func appendEdit(b []byte, e *Edit) ([]byte, error) {
	f := fields{b: b}
	f.number("Offset", e.Offset)
	f.number("Length", e.Length)
	f.textIf("Text", e.Text.Reveal())
	return f.end()
}

func (j *Judged) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.number("Size", j.Size)
	f.octetsIf("Sum", j.Sum)
	f.flagIf("Staff", j.Staff)
	f.textIf("Group", j.Group)
	f.flagIf("Thread", j.Thread)
	f.flagIf("Secured", j.Secured)
	if j.Short != nil {
		f.with("Short", j.Short.append)
	}
	return f.end()
}

func (s *JudgedShort) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.number("Length", int64(s.Length))
	f.numberIf("Aside", int64(s.Aside))
	f.textsIf("Uncertain", s.Uncertain)
	if len(s.Unreadable) > 0 {
		f.other("Unreadable", s.Unreadable)
	}
	f.textsIf("Declared", s.Declared)
	f.timeIf("At", s.At)
	return f.end()
}

func appendVerdict(b []byte, v *Verdict) ([]byte, error) {
	f := fields{b: b}
	f.text("action", v.Action.String())
	f.texts("rules", v.Rules)
	f.flag("failed", v.Failed)
	f.with("options", v.Options.append)
	f.text("policy", v.Policy)
	f.text("digest", v.Digest)
	f.textIf("words", v.Words)
	f.with("results", func(b []byte) ([]byte, error) { return list(b, v.Results, appendResult) })
	f.textIf("like", v.Like)
	f.text("shadow", v.Shadow.String())
	f.textIf("error", v.Error)
	if len(v.Findings) > 0 {
		f.other("findings", v.Findings)
	}
	if len(v.Topics) > 0 {
		f.other("topics", v.Topics)
	}
	f.textsIf("kinds", v.Kinds)
	return f.end()
}

func (o *Options) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.textIf("pin", o.PIN)
	f.numberIf("expires", int64(o.Expires))
	f.textIf("staff_copy", o.StaffCopy)
	f.textIf("status", o.Status)
	f.textIf("reason", o.Reason)
	f.textIf("notify", o.Notify)
	f.timeIf("not_before", o.NotBefore)
	return f.end()
}

func appendResult(b []byte, r *RuleResult) ([]byte, error) {
	f := fields{b: b}
	f.text("id", r.ID)
	f.text("reason", r.Reason)
	f.text("action", r.Action.String())
	f.flag("met", r.Met)
	f.flagIf("shadow", r.Shadow)
	f.textIf("lifted_by", r.LiftedBy)
	f.textIf("until", r.Until)
	f.textIf("why", r.Why)
	f.textIf("error", r.Error)
	return f.end()
}

func (e *Ends) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.with("Source", e.Source.append)
	f.with("Dest", e.Dest.append)
	f.textIf("ServiceType", e.ServiceType)
	f.numberIf("ESMClass", int64(e.ESMClass))
	f.numberIf("ProtocolID", int64(e.ProtocolID))
	f.numberIf("Priority", int64(e.Priority))
	f.numberIf("DataCoding", int64(e.DataCoding))
	if len(e.Parts) > 0 {
		f.with("Parts", func(b []byte) ([]byte, error) { return list(b, e.Parts, appendPart) })
	}
	f.flagIf("Asked", e.Asked)
	return f.end()
}

func (l *Line) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.number("TON", int64(l.TON))
	f.number("NPI", int64(l.NPI))
	f.text("Addr", l.Addr)
	return f.end()
}

func appendPart(b []byte, p *AcceptedPart) ([]byte, error) {
	f := fields{b: b}
	f.id("ID", p.ID)
	f.numberIf("Registered", int64(p.Registered))
	f.time("At", p.At)
	f.octetsIf("Reference", p.Reference)
	return f.end()
}

// appendEnvelopeID writes an id as String does.
func appendEnvelopeID(b []byte, id *EnvelopeID) []byte {
	return strconv.AppendUint(append(appendID(b, id.Message), '.'), uint64(id.N), 10)
}

func (f *fields) envelope(name string, id EnvelopeID) {
	f.key(name)
	f.b = append(appendEnvelopeID(append(f.b, '"'), &id), '"')
}

func (f *fields) envelopeIf(name string, id EnvelopeID) {
	if id != (EnvelopeID{}) {
		f.envelope(name, id)
	}
}
