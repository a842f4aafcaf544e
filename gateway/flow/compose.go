package flow

import (
	"cmp"
	"context"
	"io"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
)

// composeNotice makes the mail that leaves instead of a secured message. From
// stays the staff address when its domain has a key here, so that the notice
// passes DMARC; else it is the organization's notices address. Of the original
// it repeats the Message-ID, Auto-Submitted and how many hops it took, nothing
// that people wrote.
func (f *Flow) composeNotice(set *Settings, s securing, link gateway.Link, secret gateway.LinkSecret, replyTo gateway.Address, language string) (raw []byte, headerID string, err error) {
	from := set.speaker(s.message.From)
	if headerID, err = mailmsg.HeaderID(from.Domain(), f.Random); err != nil {
		return nil, "", err
	}
	brand := set.brand(link.Brand)
	raw, err = mailmsg.Notice(mailmsg.NoticeData{
		HeaderID: headerID, From: from, FromName: gateway.Sensitive(brand.Name), To: link.Recipient, ReplyTo: replyTo,
		Organization: brand.Name, Help: brand.Help, Color: brand.Color, Language: set.language(language), Reference: link.Reference,
		URL: gateway.Sensitive(set.ViewerURL + "/m/" + secret.Path()), Expires: link.Expires.In(set.zone()),
		Original: f.quotable(s.message.HeaderID), AutoSubmitted: s.automatic, Hops: s.hops + 1, Now: f.Now().In(set.zone()), Random: f.Random,
	})
	if err != nil {
		return nil, "", err
	}
	raw, err = set.sign(from, raw)
	return raw, headerID, err
}

// brand is how a mail domain shows itself; what its brand leaves open is as for
// the organization. Domain is "" for a domain without a brand.
func (s *Settings) brand(domain string) gateway.Brand {
	b := s.Brands[strings.ToLower(domain)]
	b.Name, b.Help = cmp.Or(b.Name, s.Organization), cmp.Or(b.Help, s.Help)
	return b
}

// speaker is who a notice comes from: the member of staff where their domain
// has a key here, else the organization.
func (s *Settings) speaker(from gateway.Address) gateway.Address {
	if from.IsNull() || !from.IsASCII() || s.Signer(from.Domain()) == nil {
		return s.notices()
	}
	return from
}

// composeReport makes a delivery report about envelopes of m. It quotes
// nothing but the original's Message-ID: the body may be secured, and the
// subject of what a rule refused is as sensitive as its text.
func (f *Flow) composeReport(set *Settings, m *gateway.Message, about []gateway.Envelope, action string) ([]byte, error) {
	d := mailmsg.ReportData{
		From: set.notices(), To: m.Sender, Host: set.Hostname, Action: action, Language: set.Language, Original: f.quotable(m.HeaderID),
		EnvID: m.EnvID, Arrived: m.Accepted, Now: f.Now().In(set.zone()), Random: f.Random,
	}
	if m.Channel == gateway.SMS && m.Ends != nil && len(m.Ends.Parts) > 0 {
		d.Application, d.ID, d.Arrived = m.Peer.Account, m.Ends.Parts[0].ID.String(), m.Accepted.In(set.zone())
	}
	for _, e := range about {
		r := mailmsg.ReportedRecipient{Address: set.mailed(e.Recipient), Requested: e.Original, Outcome: e.Last}
		if action == mailmsg.ActionDelayed {
			r.Until = f.queue.End(&e).In(set.zone())
		}
		d.Recipients = append(d.Recipients, r)
	}
	return mailmsg.Report(d)
}

// quotable returns a Message-ID that may leave in a notice or report: one that
// only a machine made, or in whose words detection finds nothing. Any other is
// left out; the notice threads by its own then.
func (f *Flow) quotable(id string) string {
	if mailmsg.PlainHeaderID(id) {
		return id
	}
	d, failed := f.rules().scan(mailmsg.Read([]byte("Message-ID: <" + id + ">\r\n\r\n")))
	if failed != "" || len(id) > maxQuotable || len(d.Findings) > 0 || len(d.Topics) > 0 {
		return ""
	}
	return id
}

// maxQuotable bounds a Message-ID that is repeated; octets.
const maxQuotable = 250

// maxHead bounds what is read again of a message for its header; octets.
const maxHead = 256 << 10

// head is the reading of the header of a message whose own reading is gone.
func (f *Flow) head(ctx context.Context, m *gateway.Message, key seal.Key) (*gateway.Reading, error) {
	c, done, err := f.openBody(ctx, key, m.ID, m.Body)
	if err != nil {
		return nil, err
	}
	defer done()
	raw, err := io.ReadAll(io.NewSectionReader(c, 0, min(c.Size(), maxHead)))
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	return mailmsg.Read([]byte(head + "\r\n\r\n")), nil
}
