package flow

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"gatepost/gateway"
	"gatepost/gateway/smsmsg"
	"gatepost/store"
)

// shortNotice writes the short message that leaves to a telephone instead of a
// secured message, from the line that the original would have come from.
func (f *Flow) shortNotice(s securing, e *gateway.Envelope, link gateway.Link, secret gateway.LinkSecret, language string) ([]byte, error) {
	like := f.likeOf(s.message, e)
	if s.like != nil {
		like.Validity, like.Priority = s.like.Validity, s.like.Priority
	}
	return f.composeShortNotice(gateway.NoticeFirst, like, link, f.linkURL(secret), language)
}

func (f *Flow) linkURL(secret gateway.LinkSecret) gateway.Sensitive {
	return gateway.Sensitive(f.set().ViewerURL + "/m/" + secret.Path())
}

func (f *Flow) composeShortNotice(kind gateway.NoticeKind, like gateway.Segment, link gateway.Link, url gateway.Sensitive, language string) ([]byte, error) {
	set := f.set()
	text, err := smsmsg.Notice(smsmsg.NoticeData{
		Kind: kind, Brand: set.brand(link.Brand).Name, Language: set.language(language), Reference: link.Reference, URL: url,
	})
	if err != nil {
		return nil, err
	}
	return f.composeShort(like, text)
}

// likeOf is what a short message of ours about an envelope of m has in common
// with m.
func (f *Flow) likeOf(m *gateway.Message, e *gateway.Envelope) gateway.Segment {
	if m.Ends == nil {
		like := f.likeOurs(f.lineFrom(m, e), e.Recipient)
		like.Registered = 1 // whoever wrote the mail hears when it does not arrive
		return like
	}
	like := gateway.Segment{ServiceType: m.Ends.ServiceType, Source: m.Ends.Source, Dest: m.Ends.Dest}
	for _, p := range m.Ends.Parts {
		if p.Registered != 0 {
			like.Registered |= 1 | p.Registered&registeredIntermediate // the application is told what became of the notice
		}
	}
	if asksNothing(m) {
		like.Registered = registeredFailure // its mailbox hears of a link that reached nobody
	}
	return like
}

// likeOurs is a short message of ours from a line to a telephone, or to a name
// that wrote to us.
func (f *Flow) likeOurs(from gateway.Line, to gateway.Address) gateway.Segment {
	dest, err := gateway.ParseLine(to.Phone().Reveal())
	if err != nil {
		// A name that wrote to us and is longer than ParseLine allows: the carrier
		// says that it cannot be answered.
		dest = gateway.Line{TON: gateway.TONAlphanumeric, Addr: to.Phone().Reveal()}
	}
	return gateway.Segment{Source: from, Dest: dest}
}

// composeShort is the body of a short message of ours.
func (f *Flow) composeShort(like gateway.Segment, text string) ([]byte, error) {
	if f.Texts == nil || like.Source.IsZero() {
		return nil, fmt.Errorf("no line for short messages is configured")
	}
	ref, err := f.shortRef()
	if err != nil {
		return nil, err
	}
	segments, err := f.Texts.Compose(text, ref)
	if err != nil {
		return nil, fmt.Errorf("composing a short message: %w", err)
	}
	for i := range segments {
		s := like
		s.ESMClass, s.DataCoding, s.Short = segments[i].ESMClass, segments[i].DataCoding, segments[i].Short
		segments[i] = s
	}
	return smsBody(text, segments, f.Now())
}

// shortRef tells the parts of one text of ours from those of another.
func (f *Flow) shortRef() (uint16, error) {
	var raw [2]byte
	if _, err := io.ReadFull(f.Random, raw[:]); err != nil {
		return 0, fmt.Errorf("making a reference: %w", err)
	}
	return binary.BigEndian.Uint16(raw[:]), nil
}

// ownText is a short message of ours that is a message of its own: a reminder,
// a code, an answer to STOP.
type ownText struct {
	from   gateway.Line // zero: the line of Gatepost's own messages
	to     gateway.Address
	thread gateway.ThreadID
	text   string
	asked  bool // its reader asked for it, or the law does: who stopped messages gets it, too
}

// stageText stages a short message of ours as message and envelope. Whether the
// telephone wants it the caller has asked.
func (f *Flow) stageText(ctx context.Context, b *store.Batch, o ownText) error {
	if o.from.IsZero() {
		o.from = f.set().SMS.sender()
	}
	like := f.likeOurs(o.from, o.to)
	body, err := f.composeShort(like, o.text)
	if err != nil {
		return err
	}
	return f.stageShortOwn(ctx, b, like, o, body)
}

func (f *Flow) stageShortOwn(ctx context.Context, b *store.Batch, like gateway.Segment, o ownText, body []byte) error {
	m := gateway.Message{Channel: gateway.SMS, From: f.set().notices(), Thread: o.thread, Ends: &gateway.Ends{
		Source: like.Source, Dest: like.Dest, ServiceType: like.ServiceType, Asked: o.asked,
	}}
	return f.stageInternal(ctx, b, m, o.to, body)
}

// stageShortReminder stages the short message that a secured one still waits.
func (f *Flow) stageShortReminder(ctx context.Context, b *store.Batch, u *unread, step followStep, secret gateway.LinkSecret, fresh bool, language string) error {
	like := f.likeOf(u.message, &u.envelope)
	like.Registered = 0 // no application knows of it
	var url gateway.Sensitive
	if fresh {
		url = f.linkURL(secret)
	}
	body, err := f.composeShortNotice(kindOf(step), like, u.link, url, language)
	if err != nil {
		return err
	}
	return f.stageShortOwn(ctx, b, like, ownText{to: u.envelope.Recipient, thread: u.message.Thread}, body)
}
