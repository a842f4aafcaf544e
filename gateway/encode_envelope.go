package gateway

import "time"

// AppendJSON appends the envelope as encoding/json writes it.
func (e Envelope) AppendJSON(b []byte) ([]byte, error) { return appendEnvelope(b, &e) }

func appendEnvelope(b []byte, e *Envelope) ([]byte, error) {
	f := fields{b: b}
	f.envelope("ID", e.ID)
	f.text("State", string(e.State))
	f.text("Action", e.Action.String())
	f.address("Sender", e.Sender)
	f.address("Recipient", e.Recipient)
	f.idIf("Person", e.Person)
	f.textIf("Notify", e.Notify)
	f.textIf("Original", e.Original.Reveal())
	if e.Notice != nil {
		f.with("Notice", e.Notice.append)
	}
	f.flagIf("Confidential", e.Confidential)
	f.idIf("Link", e.Link)
	f.textIf("Hold", e.Hold)
	f.textIf("Review", e.Review.Reveal())
	f.text("Decided", e.Decided.String())
	f.textsIf("Rules", e.Rules)
	f.numberIf("Judged", int64(e.Judged))
	f.flagIf("Turn", e.Turn)
	if !e.Line.IsZero() {
		f.with("Line", e.Line.append)
	}
	if len(e.More) > 0 {
		f.other("More", e.More)
	}
	f.timeIf("Recalled", e.Recalled)
	f.timeIf("Shredded", e.Shredded)
	f.timeIf("Opened", e.Opened)
	e.opened(&f)
	if len(e.Reminded) > 0 {
		f.other("Reminded", e.Reminded)
	}
	f.timeIf("Answered", e.Answered)
	f.timeIf("NotBefore", e.NotBefore)
	f.timeIf("Until", e.Until)
	f.time("Accepted", e.Accepted)
	f.timeIf("Next", e.Next)
	f.numberIf("Attempts", int64(e.Attempts))
	f.flagIf("Delayed", e.Delayed)
	if !e.Last.isZero() {
		f.with("Last", e.Last.append)
	}
	return f.end()
}

func (e *Envelope) opened(f *fields) {
	if e.OpenedBy != "" {
		f.other("OpenedBy", e.OpenedBy)
	}
	f.flagIf("OpenedByMachine", e.OpenedByMachine)
}

func (n *Notice) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.with("Body", n.Body.append)
	f.with("Spool", func(b []byte) ([]byte, error) {
		g := fields{b: b}
		g.textIf("Group", n.Spool.Group)
		g.octetsIf("Sealed", n.Spool.Sealed)
		return g.end()
	})
	f.flagIf("Alone", n.Alone)
	return f.end()
}

func (o *Outcome) isZero() bool { return o.At == time.Time{} && isZero(o) }

func (o *Outcome) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.number("Result", int64(o.Result))
	f.timeIf("At", o.At)
	f.numberIf("Code", int64(o.Code))
	f.textIf("Status", o.Status)
	f.textIf("Text", o.Text.Reveal())
	f.textIf("Phase", o.Phase)
	f.textIf("Host", o.Host)
	if o.TLS != (TLSState{}) {
		f.with("TLS", o.TLS.append)
	}
	f.flagIf("Unknown", o.Unknown)
	f.flagIf("DSN", o.DSN)
	if len(o.Segments) > 0 {
		f.with("Segments", func(b []byte) ([]byte, error) { return list(b, o.Segments, appendSegmentResult) })
	}
	return f.end()
}

func (s *TLSState) append(b []byte) ([]byte, error) {
	f := fields{b: b}
	f.textIf("Version", s.Version)
	f.textIf("Cipher", s.Cipher)
	f.flagIf("Verified", s.Verified)
	f.textIf("Name", s.Name)
	f.flagIf("Loopback", s.Loopback)
	return f.end()
}

func appendSegmentResult(b []byte, s *SegmentResult) ([]byte, error) {
	f := fields{b: b}
	f.flagIf("Sent", s.Sent)
	f.textIf("ID", s.ID.Reveal())
	f.numberIf("Status", int64(s.Status))
	f.flagIf("Unknown", s.Unknown)
	f.textIf("State", string(s.State))
	f.textIf("Error", s.Error)
	f.timeIf("Done", s.Done)
	f.timeIf("At", s.At)
	return f.end()
}

// AppendJSON appends the record as encoding/json writes it.
func (r Record) AppendJSON(b []byte) ([]byte, error) { return appendRecord(b, &r) }

func appendRecord(b []byte, r *Record) ([]byte, error) {
	f := fields{b: b}
	f.time("at", r.At)
	f.text("event", string(r.Event))
	f.textIf("actor", r.Actor)
	f.idIf("message", r.Message)
	f.textIf("envelope", r.Envelope)
	f.idIf("thread", r.Thread)
	f.idIf("link", r.Link)
	if len(r.Persons) > 0 {
		f.with("persons", func(b []byte) ([]byte, error) { return list(b, r.Persons, appendPerson) })
	}
	if len(r.Detail) > 0 {
		f.key("detail")
		f.b = appendMap(f.b, r.Detail)
	}
	return f.end()
}

func appendPerson(b []byte, p *PersonRef) ([]byte, error) {
	return append(appendID(append(b, '"'), *p), '"'), nil
}
