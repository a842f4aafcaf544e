package flow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// scrubLayout stages that the outline of a message names a person no more, who
// is known by their address key. The fields that named them keep their length:
// what lies behind them stays where it is.
func (f *Flow) scrubLayout(ctx context.Context, b *store.Batch, id gateway.MessageID, key string) error {
	l, version, err := store.GetRecord[gateway.Layout](ctx, f.Store, layoutKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	name := strings.ToLower(strings.TrimSuffix(key, "@"+gateway.PhoneDomain))
	header := blotted(l.Header.Reveal(), name)
	if changed := unnamed(&l.Root, name); !changed && header == l.Header.Reveal() {
		return nil
	}
	l.Header = gateway.Sensitive(header)
	b.RequireVersion(layoutKey(id), version)
	return b.PutRecord(layoutKey(id), l)
}

// blotted is a header in which the values of fields that hold a text are
// unreadable.
func blotted(header, text string) string {
	var out strings.Builder
	for header != "" {
		end := strings.IndexByte(header, '\n') + 1
		for end > 0 && end < len(header) && (header[end] == ' ' || header[end] == '\t') {
			more := strings.IndexByte(header[end:], '\n') + 1
			if more == 0 {
				end = 0
			}
			end += more
		}
		if end == 0 {
			end = len(header)
		}
		field := header[:end]
		if header = header[end:]; !strings.Contains(strings.ToLower(field), text) {
			out.WriteString(field)
			continue
		}
		colon := strings.IndexByte(field, ':') + 1
		out.WriteString(field[:colon])
		for i := colon; i < len(field); i++ {
			if c := field[i]; c == ' ' || c == '\t' || c == '\r' || c == '\n' {
				out.WriteByte(c)
			} else {
				out.WriteByte('x')
			}
		}
	}
	return out.String()
}

// unnamed removes from the envelopes of a part the lists that name somebody.
func unnamed(p *gateway.LayoutPart, name string) (changed bool) {
	if e := p.Envelope; e != nil {
		for _, list := range []*[]gateway.MailAddress{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
			for _, a := range *list {
				whole := strings.ToLower(a.Mailbox.Reveal() + "@" + a.Host.Reveal())
				if strings.Contains(whole, name) {
					*list, changed = nil, true
					break
				}
			}
		}
	}
	for i := range p.Parts {
		changed = unnamed(&p.Parts[i], name) || changed
	}
	return changed
}

// endLayouts removes the outlines of messages whose keys retention ended, once a
// day, and has the messages filed as gone.
func (f *Flow) endLayouts(ctx context.Context) (int, error) {
	key, today := store.Key(store.Meta, []byte("layouts ended")), f.Now().UTC().Truncate(24*time.Hour)
	last, version, err := store.GetRecord[time.Time](ctx, f.Store, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) || !last.Before(today) {
		return 0, ignore(err, store.ErrNotFound)
	}
	var ended []gateway.MessageID
	_, err = walk(ctx, f, store.Messages, func(m *gateway.Message) {
		if !m.Staff.IsZero() && m.Retain.After(last) && !m.Retain.After(today) {
			ended = append(ended, m.ID)
		}
	})
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(ended, filingChunk) {
		var b store.Batch
		for _, id := range some {
			dropLayout(&b, id)
			f.file(&b, id)
		}
		if err := store.Write(ctx, f.Store, &b); err != nil {
			return 0, err
		}
	}
	var b store.Batch
	b.RequireVersion(key, version)
	if err := b.PutRecord(key, today); err != nil {
		return 0, err
	}
	return len(ended), ignore(store.Write(ctx, f.Store, &b), store.ErrConflict)
}
