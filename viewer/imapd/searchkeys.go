package imapd

import (
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"gatepost/gateway"
)

// marks looks at flags. Nothing is \Recent.
func (q *search) marks(c *imap.SearchCriteria, p *step) truth {
	if len(c.Flag)+len(c.NotFlag) == 0 {
		return yes
	}
	m := q.b.marks(p.place)
	for _, f := range c.Flag {
		if !marked(m, f) {
			return not
		}
	}
	for _, f := range c.NotFlag {
		if marked(m, f) {
			return not
		}
	}
	return yes
}

func marked(m gateway.Marks, f imap.Flag) bool {
	switch f {
	case imap.FlagSeen:
		return m.Seen
	case imap.FlagAnswered:
		return m.Answered
	case imap.FlagFlagged:
		return m.Flagged
	case imap.FlagDeleted:
		return m.Deleted
	case imap.FlagDraft:
		return m.Draft
	}
	return slices.ContainsFunc(m.Keywords, func(k string) bool { return strings.EqualFold(k, string(f)) })
}

// rowKeys looks at the date of arrival and the size.
func rowKeys(c *imap.SearchCriteria, p *step) truth {
	if c.Since.IsZero() && c.Before.IsZero() && c.Larger == 0 && c.Smaller == 0 {
		return yes
	}
	if p.row == nil {
		return unknown
	}
	day := dayOf(p.row.at)
	return truthOf((c.Since.IsZero() || !day.Before(c.Since)) && (c.Before.IsZero() || day.Before(c.Before)) &&
		(c.Larger == 0 || p.row.size > c.Larger) && (c.Smaller == 0 || p.row.size < c.Smaller))
}

// dayOf is the date of t as it is written, without time and zone (RFC 9051
// section 6.4.4).
func dayOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// headerKeys looks at the header and its date.
func headerKeys(c *imap.SearchCriteria, p *step) truth {
	if len(c.Header) == 0 && c.SentSince.IsZero() && c.SentBefore.IsZero() {
		return yes
	}
	if p.layout == nil {
		return unknown
	}
	if !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
		e := p.layout.Root.Envelope
		if e == nil || e.Date.IsZero() {
			return not
		}
		day := dayOf(e.Date)
		if !c.SentSince.IsZero() && day.Before(c.SentSince) || !c.SentBefore.IsZero() && !day.Before(c.SentBefore) {
			return not
		}
	}
	for _, h := range c.Header {
		if !p.hasField(h.Key, h.Value) {
			return not
		}
	}
	return yes
}

// textKeys looks at the text, and TEXT at the header as well.
func textKeys(c *imap.SearchCriteria, p *step) truth {
	if len(c.Body) == 0 && len(c.Text) == 0 {
		return yes
	}
	if p.layout == nil {
		return unknown
	}
	result := yes
	for _, t := range c.Text {
		if strings.Contains(p.header(), t) {
			continue
		}
		switch p.contains(t) {
		case not:
			return not
		case unknown:
			result = unknown
		}
	}
	for _, t := range c.Body {
		switch p.contains(t) {
		case not:
			return not
		case unknown:
			result = unknown
		}
	}
	return result
}

// contains looks into the text of a message for what, which is lower case.
func (p *step) contains(what string) truth {
	switch {
	case p.text != nil:
		return truthOf(strings.Contains(*p.text, what))
	case p.closed:
		return not
	}
	return unknown
}
