package imapd

import (
	"context"
	"io"
	"mime"
	"strings"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/text/encoding/htmlindex"

	"gatepost/gateway"
)

// bodies judges messages by their text, of those that this user has opened.
func (q *search) bodies(ctx context.Context, items []item, found []int) ([]int, error) {
	for len(items) > 0 {
		n := min(readBatch, len(items))
		more, err := q.textBatch(ctx, items[:n])
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
		items = items[n:]
	}
	return found, nil
}

// textBatch judges a batch by text.
func (q *search) textBatch(ctx context.Context, items []item) (found []int, err error) {
	entries := make([]gateway.MailEntry, len(items))
	for i := range items {
		entries[i] = items[i].row.entry
	}
	mail := q.s.srv.mail
	read, err := mail.MailWasRead(ctx, q.s.account, entries)
	if err != nil {
		return nil, err
	}
	var opened []int
	var wanted []gateway.MailEntry
	for i := range items {
		p := step{place: items[i].place, row: items[i].row, layout: items[i].layout, closed: !read[i]}
		if read[i] {
			opened, wanted = append(opened, i), append(wanted, entries[i])
		} else if q.judge(q.criteria, &p) == yes {
			found = append(found, p.place)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	if q.texts.Add(int64(len(wanted))) > int64(q.s.srv.cfg.Limits.Searched) {
		return nil, no(imap.ResponseCodeLimit, "Too much text to search: narrow the search")
	}
	grants, err := mail.MailRead(ctx, q.s.account, q.b.folder, wanted)
	if err != nil {
		return nil, err
	}
	for n, i := range opened {
		ok, err := q.text(ctx, &items[i], grants[n])
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, items[i].place)
		}
	}
	return found, nil
}

// text judges one message by its text.
func (q *search) text(ctx context.Context, it *item, g gateway.Grant) (bool, error) {
	var all strings.Builder
	if !sealed(&it.row.entry) || !g.Message.IsZero() { // else it went meanwhile
		o, err := q.s.octetsOf(ctx, &it.row.entry, g)
		if err != nil {
			return false, err
		}
		defer o.Close()
		if err := q.gather(&all, o, &it.layout.Root); err != nil {
			return false, err
		}
	}
	lower := strings.ToLower(all.String())
	return q.judge(q.criteria, &step{place: it.place, row: it.row, layout: it.layout, text: &lower}) == yes, nil
}

// maxText is how many octets of one part are searched.
const maxText = 1 << 20

// gather collects the texts of p and what is in it, as UTF-8.
func (q *search) gather(all *strings.Builder, o *octets, p *gateway.LayoutPart) error {
	for i := range p.Parts {
		if isMail(p) {
			all.WriteString(envelopeText(p.Parts[i].Envelope))
		}
		if err := q.gather(all, o, &p.Parts[i]); err != nil {
			return err
		}
	}
	if p.Type != "text" || len(p.Parts) > 0 {
		return nil
	}
	size := min(p.End-p.Body, maxText)
	if q.octets.Add(size) > q.s.srv.cfg.Limits.SearchedBytes {
		return no(imap.ResponseCodeLimit, "Too much text to search: narrow the search")
	}
	r, err := decoder(o, p)
	if err != nil {
		return nil // an encoding that nobody reads
	}
	if e, err := htmlindex.Get(p.Params["charset"]); err == nil {
		r = e.NewDecoder().Reader(r)
	}
	_, _ = io.Copy(all, io.LimitReader(r, maxText)) // what is damaged is searched up to there
	all.WriteByte('\n')
	return nil
}

// envelopeText is what of a mail within people read above its text.
func envelopeText(e *gateway.MailEnvelope) string {
	if e == nil {
		return ""
	}
	return e.Subject.Reveal() + "\n"
}

// decoded is a header with its encoded words read (RFC 2047).
func decoded(raw string) string {
	if !strings.Contains(raw, "=?") {
		return raw
	}
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(charset)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(r), nil
	}}
	flat := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(raw)
	var b strings.Builder
	for line := range strings.SplitAfterSeq(flat, "\n") {
		if text, err := d.DecodeHeader(line); err == nil {
			line = text
		}
		b.WriteString(line)
	}
	return b.String()
}
