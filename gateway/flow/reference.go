package flow

import (
	"context"
	"encoding/base32"
	"errors"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// references spells references; letters that look alike are out.
const references = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// parseReference reads a reference as somebody read it out: in any case, with or
// without its hyphen.
func parseReference(text string) (string, bool) {
	text = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(text))
	if len(text) != 8 || strings.Trim(text, references) != "" {
		return "", false
	}
	return text[:4] + "-" + text[4:], true
}

func spellReference(raw []byte) string {
	text := base32.NewEncoding(references).EncodeToString(raw)
	return text[:4] + "-" + text[4:]
}

// noticed is the evidence of the notice with this reference; of several (one in 10^12)
// the newest. It reads the evidence from its beginning: seconds for a million records.
func (f *Flow) noticed(ctx context.Context, reference string) (r gateway.Record, err error) {
	if _, err := f.Audit.Fold(ctx); err != nil {
		return r, err
	}
	err = f.Audit.Each(ctx, func(e audit.Entry) error {
		if e.Event == gateway.EventNoticeMade && e.Detail["reference"] == reference {
			r = e.Record
		}
		return ctx.Err()
	})
	if err == nil && r.Message.IsZero() {
		err = notFound("reference in the evidence")
	}
	return r, err
}

// shownMessageArg is the message that an operator wants to see, by its id or by the
// reference of one of its links. What changes a message does not take a reference for
// it: that stands for one recipient's copy.
func (f *Flow) shownMessageArg(ctx context.Context, c Call) (gateway.MessageID, error) {
	reference, ok := parseReference(c.Args.Get("id"))
	if !ok {
		return f.messageArg(ctx, c)
	}
	r, err := f.noticed(ctx, reference)
	return r.Message, err
}

// noticedEnvelope is the envelope of the notice with this reference.
func (f *Flow) noticedEnvelope(ctx context.Context, reference string) (gateway.EnvelopeID, error) {
	r, err := f.noticed(ctx, reference)
	if err != nil {
		return gateway.EnvelopeID{}, err
	}
	return gateway.ParseEnvelopeID(r.Envelope)
}

// shownEnvelopeArg is the envelope that an operator wants to see, by its id or by the
// reference of its link.
func (f *Flow) shownEnvelopeArg(ctx context.Context, c Call) (gateway.EnvelopeID, error) {
	if reference, ok := parseReference(c.Args.Get("id")); ok {
		return f.noticedEnvelope(ctx, reference)
	}
	return envelopeArg(c)
}

// linkArg is the link that an operator names, by its id or its reference.
func (f *Flow) linkArg(ctx context.Context, c Call) (l gateway.Link, err error) {
	var id gateway.LinkID
	if reference, ok := parseReference(c.Args.Get("id")); ok {
		r, err := f.noticed(ctx, reference)
		if err != nil {
			return l, err
		}
		id = r.Link
	} else if err := id.UnmarshalText([]byte(c.Args.Get("id"))); err != nil {
		return l, usage("a link is named by its reference, such as KRKG-JJ7A, or by the 26 characters that queue show prints")
	}
	l, _, err = store.GetRecord[gateway.Link](ctx, f.Store, linkKey(id))
	if errors.Is(err, store.ErrNotFound) {
		err = notFound("link")
	}
	return l, err
}

// linkThaw lets a link, or the PIN of a person, take tries again. It refuses a link
// that would stay shut: evidence of a thaw means that one took place.
func (f *Flow) linkThaw(ctx context.Context, c Call) error {
	if c.Args.Has("name") {
		return f.personThaw(ctx, c)
	}
	l, err := f.linkArg(ctx, c)
	if err != nil {
		return err
	}
	p, err := f.reader(ctx, l)
	if err != nil {
		return err
	}
	page, err := f.page(ctx, l, p, gateway.Visitor{})
	if err != nil {
		return err
	}
	switch {
	case page.State == gateway.LinkRecalled:
		return &OperationError{Text: "the message was taken back, its link stays shut; message recall ID --undo gives it back while recall.grace lasts", Data: true}
	case page.State == gateway.LinkExpired && !page.Renewable:
		return &OperationError{Text: "the link has ended and stays shut; what it led to must be sent again", Data: true}
	}
	opened, err := f.Proof.Thaw(ctx, l.ID, c.Actor)
	if err != nil {
		return err
	}
	// Also when it was not frozen: the try before may have ended before this.
	if err := f.Journal.Append(seal.Entry{Kind: seal.JournalFrozen, ID: l.ID.String(), Data: []byte(thawed)}); err != nil {
		return err
	}
	return c.line(Changed{opened})
}
