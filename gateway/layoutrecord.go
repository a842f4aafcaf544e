package gateway

import (
	"maps"
	"slices"
)

// A folder of 100,000 is listed and searched by reading as many layouts. They
// are kept in a form that is read in one pass, its texts without a copy each.

// layoutFormat is the first octet of a layout in that form.
const layoutFormat = 1

// AppendRecord appends l in the form in which it is kept.
func (l *Layout) AppendRecord(b []byte) ([]byte, error) {
	w := recordWriter(append(b, layoutFormat))
	w.octets(l.Header.Reveal())
	w.yes(l.Cut)
	w.number(l.Size)
	w.part(&l.Root)
	return w, nil
}

// ReadRecord reads what AppendRecord wrote. value is not kept.
func (l *Layout) ReadRecord(value []byte) error {
	if len(value) == 0 || value[0] != layoutFormat {
		return errRecord
	}
	r := recordReader{rest: value[1:], whole: string(value[1:])}
	l.Header, l.Cut, l.Size = Sensitive(r.text()), r.number() != 0, r.number()
	l.Root = LayoutPart{}
	r.part(&l.Root, MaxLayoutDepth+1)
	if r.bad || len(r.rest) > 0 {
		return errRecord
	}
	return nil
}

func (w *recordWriter) params(m map[string]string) {
	w.number(int64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		w.text(name)
		w.text(m[name])
	}
}

func (w *recordWriter) part(p *LayoutPart) {
	for _, s := range []string{p.Type, p.Subtype, p.ID, p.Description, p.Encoding, p.Disposition, p.Location} {
		w.text(s)
	}
	w.params(p.Params)
	w.params(p.DispositionParam)
	w.texts(p.Language)
	for _, n := range []int64{p.Start, p.Body, p.End, p.Lines} {
		w.number(n)
	}
	w.yes(p.Envelope != nil)
	if p.Envelope != nil {
		w.envelope(p.Envelope)
	}
	w.number(int64(len(p.Parts)))
	for i := range p.Parts {
		w.part(&p.Parts[i])
	}
}

func (w *recordWriter) envelope(e *MailEnvelope) {
	w.time(e.Date)
	w.text(e.Subject.Reveal())
	for _, list := range [][]MailAddress{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		w.number(int64(len(list)))
		for _, a := range list {
			w.text(a.Name.Reveal())
			w.text(a.Mailbox.Reveal())
			w.text(a.Host.Reveal())
		}
	}
	w.texts(e.InReplyTo)
	w.text(e.MessageID)
}

func (r *recordReader) params() map[string]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		name := r.text()
		m[name] = r.text()
	}
	return m
}

func (r *recordReader) part(p *LayoutPart, depth int) {
	if depth == 0 {
		r.fail()
		return
	}
	for _, s := range []*string{&p.Type, &p.Subtype, &p.ID, &p.Description, &p.Encoding, &p.Disposition, &p.Location} {
		*s = r.text()
	}
	p.Params, p.DispositionParam, p.Language = r.params(), r.params(), r.texts()
	p.Start, p.Body, p.End, p.Lines = r.number(), r.number(), r.number(), r.number()
	if r.number() != 0 {
		p.Envelope = r.envelope()
	}
	n := r.count()
	if n == 0 {
		return
	}
	p.Parts = make([]LayoutPart, min(n, MaxLayoutParts))
	for i := range p.Parts {
		r.part(&p.Parts[i], depth-1)
	}
}

func (r *recordReader) envelope() *MailEnvelope {
	e := &MailEnvelope{Date: r.time(), Subject: Sensitive(r.text())}
	for _, list := range []*[]MailAddress{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
		*list = r.addresses()
	}
	e.InReplyTo, e.MessageID = r.texts(), r.text()
	return e
}

func (r *recordReader) addresses() []MailAddress {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]MailAddress, n)
	for i := range list {
		list[i] = MailAddress{Name: Sensitive(r.text()), Mailbox: Sensitive(r.text()), Host: Sensitive(r.text())}
	}
	return list
}
