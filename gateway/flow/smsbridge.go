package flow

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/store"
)

// Mail to +15551234567@<sms domain> becomes a short message. A telephone shows
// a text and nothing else, so a mail passes as the text that its reader would
// see; what cannot pass so is secured, and the telephone gets a link.

// maxBridged is how many segments the text of a mail may take.
const maxBridged = 10

// Refusals of mail to telephones.
var (
	faultNoPhone  = gateway.NewFault(550, "5.1.3", "No telephone number with its country: write +<country code and number>@<domain>")
	faultNoBridge = gateway.NewFault(550, "5.1.2", "Mail to telephones is not configured here")
)

// bridges reports whether mail to an address becomes a short message.
func (s *Settings) bridges(a gateway.Address) bool {
	return s.SMS != nil && s.SMS.Domain != "" && a.Domain() == s.SMS.Domain
}

// phoneRecipient decides about RCPT to a telephone. The domain that stands for
// telephones in records is no way to reach them.
func (f *Flow) phoneRecipient(set *Settings, s *gateway.Submission, to gateway.Address) error {
	if !inside(s.Peer) {
		return gateway.FaultNoRelay
	}
	if !set.bridges(to) || set.SMS.sender().IsZero() || f.Texts == nil {
		return faultNoBridge
	}
	if _, err := set.bridgedTo(to); err != nil {
		return faultNoPhone
	}
	return nil
}

// bridgedTo is the telephone of an address of the domain of telephones.
func (s *Settings) bridgedTo(a gateway.Address) (gateway.Address, error) {
	return s.SMS.typed(a.Local())
}

// telephones puts telephones in the place of the addresses by which mail is
// sent to them.
func (s *Settings) telephones(list []gateway.Recipient) []gateway.Recipient {
	if !slices.ContainsFunc(list, func(r gateway.Recipient) bool { return s.bridges(r.Address) }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		if !s.bridges(list[i].Address) {
			continue
		}
		if phone, err := s.bridgedTo(list[i].Address); err == nil {
			list[i].Address = phone
		}
	}
	return list
}

// mailed is the address by which mail is sent to a recipient.
func (s *Settings) mailed(a gateway.Address) gateway.Address {
	if !a.IsPhone() || s.SMS == nil || s.SMS.Domain == "" {
		return a
	}
	if mail, err := gateway.ParseAddress(a.Local() + "@" + s.SMS.Domain); err == nil {
		return mail
	}
	return a
}

// shownTo is a recipient as operators see it: an address, or a telephone's number.
func shownTo(a gateway.Address) string {
	if a.IsPhone() {
		return a.Local()
	}
	return a.Wire()
}

// parseShown reads what shownTo writes.
func parseShown(text string) (gateway.Address, error) {
	if phone, err := gateway.PhoneAddress(text); err == nil {
		return phone, nil
	}
	return gateway.ParseAddress(text)
}

// errNoBridge: a mail holds what no telephone shows, or too much of it.
var errNoBridge = errors.New("the mail does not fit a short message")

// bridge makes the segments of a mail, without ends.
func (f *Flow) bridge(raw []byte, id gateway.MessageID) ([]gateway.Segment, error) {
	words, err := bridgedWords(raw)
	if err != nil {
		return nil, err
	}
	if f.Texts == nil {
		return nil, errNoBridge
	}
	// The reference is the same at each attempt: a half that the carrier has
	// belongs to the other half.
	segments, err := f.Texts.Compose(words, binary.BigEndian.Uint16(id[len(id)-2:]))
	if err == nil && len(segments) > maxBridged {
		err = errNoBridge
	}
	return segments, err
}

// bridged is what leaves of a mail to a telephone.
func (f *Flow) bridged(raw []byte, m *gateway.Message, e *gateway.Envelope) ([]gateway.Segment, error) {
	if len(m.Edits) > 0 {
		var edited bytes.Buffer
		if _, err := edited.ReadFrom(mailmsg.Apply(bytes.NewReader(raw), m.Edits)); err != nil {
			return nil, err
		}
		raw = edited.Bytes()
	}
	segments, err := f.bridge(raw, m.ID)
	if err != nil {
		return nil, err
	}
	like := f.likeOf(m, e)
	if like.Source.IsZero() {
		return nil, errors.New("no line for short messages is configured")
	}
	for i := range segments {
		s := like
		s.ESMClass, s.DataCoding, s.Short = segments[i].ESMClass, segments[i].DataCoding, segments[i].Short
		segments[i] = s
	}
	return segments, nil
}

// bridgedWords is the text of a mail as a telephone is to show it: what its
// author wrote, without the mail that it answers and without a signature. The
// subject stands in for a text that is not there.
func bridgedWords(raw []byte) (string, error) {
	mail, err := mailmsg.View(bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(mail.Files, func(f gateway.File) bool { return !strings.HasSuffix(f.Type, "-signature") }) {
		return "", errNoBridge
	}
	words := ownWords(mail.Text.Reveal())
	if words == "" && mail.HTML != "" {
		for _, p := range mailmsg.Read(raw).Parts {
			if p.Kind == gateway.PartHTML && words == "" {
				words = ownWords(p.Text.Reveal())
			}
		}
	}
	if words == "" {
		words = strings.TrimSpace(mail.Subject.Reveal())
	}
	if words == "" {
		return "", errNoBridge
	}
	return words, nil
}

// ownWords is a text without quoted lines, the line that leads them in, and
// what follows a signature's mark (RFC 3676 section 4.3).
func ownWords(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "-- " || line == "--" || strings.HasPrefix(line, "-----Original Message-----") {
			break
		}
		if line = strings.TrimRight(line, " \t"); strings.HasPrefix(line, ">") {
			kept = withoutLead(kept)
			continue
		}
		if line == "" && len(kept) > 0 && kept[len(kept)-1] == "" {
			continue
		}
		kept = append(kept, line)
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// withoutLead drops the line "On Monday Pat wrote:" ahead of what is quoted.
func withoutLead(kept []string) []string {
	for len(kept) > 0 && kept[len(kept)-1] == "" {
		kept = kept[:len(kept)-1]
	}
	if n := len(kept); n > 0 && strings.HasSuffix(kept[n-1], ":") {
		kept = kept[:n-1]
		if n > 1 && kept[n-2] != "" && strings.HasPrefix(kept[n-2], "On ") { // folded by the mail program
			kept = kept[:n-2]
		}
	}
	return kept
}

// stageBridged remembers that staff wrote to a telephone by mail.
func (a *arrival) stageBridged(ctx context.Context, b *store.Batch, m *gateway.Message, e *gateway.Envelope) error {
	if a.sms != nil || !e.Recipient.IsPhone() || e.State == gateway.Refused {
		return nil
	}
	line := a.line(e)
	old, err := a.flow.dialog(ctx, e.Person, line)
	if err != nil {
		return err
	}
	return a.stageTalk(b, e.Person, old, dialog{Line: line, Staff: m.From, Mail: m.ID, Thread: m.Thread, At: a.now})
}

// releasedPhone sets what a released envelope to a telephone becomes. Who has
// said STOP meanwhile gets nothing.
func (f *Flow) releasedPhone(ctx context.Context, b *store.Batch, m *gateway.Message, after *gateway.Envelope) error {
	if !after.Recipient.IsPhone() {
		return nil
	}
	allowed, err := f.smsAllowed(ctx, b, f.lineFrom(m, after), after.Recipient)
	switch {
	case err != nil:
		return err
	case !allowed:
		return &OperationError{Text: "that telephone wants no messages from this number any more", Data: true}
	case after.Action == gateway.TLS:
		after.Action = gateway.Secure
	case after.Action == gateway.Pass && m.Channel != gateway.SMS:
		raw, err := f.leaving(ctx, m)
		if err != nil {
			return err
		}
		if _, err := f.bridge(raw, m.ID); err != nil {
			after.Action = gateway.Secure
		}
	}
	return nil
}
