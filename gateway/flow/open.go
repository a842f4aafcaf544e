package flow

import (
	"context"
	"errors"
	"strconv"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/proof"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// ErrNoLink: no such link, or not any more.
var ErrNoLink = errors.New("flow: no such link")

// Visit is what a page may show before a proof. It writes nothing: scanners
// may fetch it in any number.
func (f *Flow) Visit(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (gateway.LinkPage, error) {
	_, _, page, err := f.active(ctx, s, v)
	return page, err
}

func (f *Flow) link(ctx context.Context, s gateway.LinkSecret) (gateway.Link, error) {
	l, _, err := store.GetRecord[gateway.Link](ctx, f.Store, linkKey(seal.LinkID(s)))
	if errors.Is(err, store.ErrNotFound) {
		return gateway.Link{}, ErrNoLink
	}
	return l, err
}

func (f *Flow) reader(ctx context.Context, l gateway.Link) (people.Person, error) {
	p, err := f.People.Find(ctx, l.Recipient)
	if errors.Is(err, people.ErrUnknown) {
		return people.Person{Address: l.Recipient}, nil
	}
	return p, err
}

// page assembles what may be shown; a zero link is one that does not exist.
func (f *Flow) page(ctx context.Context, l gateway.Link, p people.Person, v gateway.Visitor) (gateway.LinkPage, error) {
	set := f.set()
	page := gateway.LinkPage{State: gateway.LinkUnknown, Organization: set.Organization, Help: set.Help, Language: p.Language}
	if l.ID.IsZero() {
		return page, nil
	}
	brand := set.brand(l.Brand)
	page.Organization, page.Help, page.Brand = brand.Name, brand.Help, brand.Domain
	page.ID, page.Reference, page.Expires = l.ID, l.Reference, l.Expires
	var err error
	if page.Recalled, err = f.recalledAt(ctx, l.Envelope); err != nil {
		return page, err
	}
	if !page.Recalled.IsZero() {
		page.State = gateway.LinkRecalled
		return page, nil
	}
	page.State = gateway.LinkActive
	if f.Keys.Destroyed(l.Wrap.Group) {
		page.State = gateway.LinkExpired
		return page, nil
	}
	if !f.Now().Before(l.Expires) {
		page.State = gateway.LinkExpired
		if page.Renewable, err = f.renewable(ctx, l); err != nil || !page.Renewable {
			return page, err
		}
	}
	return page, f.gate(ctx, &page, l, p, v)
}

// gate adds to a page what the link takes as proof, and how tries stand.
func (f *Flow) gate(ctx context.Context, page *gateway.LinkPage, l gateway.Link, p people.Person, v gateway.Visitor) error {
	o := f.offer(l, p)
	status, err := f.Proof.Status(ctx, l.ID, v.Session)
	if err != nil {
		return err
	}
	if status.State == gateway.LinkFrozen && !status.Locked && o.other.known() {
		return f.thawGate(ctx, page, l, o, v)
	}
	if status.State != gateway.LinkActive {
		page.State, page.PausedUntil = status.State, status.PausedUntil
		return nil
	}
	if page.Renewable {
		o.renews()
		if page.Renewable = !o.none(); !page.Renewable {
			return nil
		}
	}
	page.TriesLeft = status.TriesLeft
	if o.code.known() {
		page.CodeAllowed, page.CodeTo, page.CodeSame = true, o.code.masked(), o.code.same
		page.ResendAt, page.CodeSentAt = status.ResendAt, status.CodeSentAt
	}
	if err := f.pinGate(ctx, page, l, o); err != nil {
		return err
	}
	if page.State == gateway.LinkActive && v.Device != "" {
		d, err := f.Proof.FindDevice(ctx, l.Person, v.Device)
		page.Device = d != nil && o.opensBy(d.Assurance)
		return err
	}
	return nil
}

// pinGate adds how the PIN stands. One that takes no tries is not offered;
// where there is nothing else, the link stands as its PIN does.
func (f *Flow) pinGate(ctx context.Context, page *gateway.LinkPage, l gateway.Link, o offer) error {
	if o.pin == nil {
		return nil
	}
	page.PIN = o.kind
	if o.kind == gateway.PINSender {
		return nil // its tries are the link's
	}
	status, err := f.Proof.PINStatus(ctx, l.Person)
	if err != nil {
		return err
	}
	switch {
	case status.State == gateway.LinkActive && page.CodeSentAt.IsZero():
		page.TriesLeft = status.TriesLeft
	case status.State == gateway.LinkActive:
		page.TriesLeft = min(page.TriesLeft, status.TriesLeft)
	case page.CodeAllowed:
		page.PIN = gateway.PINNone
	default:
		page.State, page.PausedUntil, page.TriesLeft = status.State, status.PausedUntil, 0
	}
	return nil
}

// thawGate is the gate of a frozen link that a code over another channel opens
// again.
func (f *Flow) thawGate(ctx context.Context, page *gateway.LinkPage, l gateway.Link, o offer, v gateway.Visitor) error {
	page.State = gateway.LinkFrozen
	status, err := f.Proof.ThawStatus(ctx, l.ID, v.Session)
	if err != nil || status.State != gateway.LinkActive || status.Spent && status.CodeSentAt.IsZero() {
		return err
	}
	page.SelfThaw, page.CodeAllowed, page.CodeTo = true, !status.Spent, o.other.masked()
	page.TriesLeft, page.ResendAt, page.CodeSentAt = status.TriesLeft, status.ResendAt, status.CodeSentAt
	return nil
}

// over reports whether a link opens nothing, whatever is proven.
func over(s gateway.LinkState) bool {
	return s == gateway.LinkExpired || s == gateway.LinkUnknown || s == gateway.LinkRecalled
}

// active returns a link and its page; the page's State says whether it can be
// worked with.
func (f *Flow) active(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (gateway.Link, people.Person, gateway.LinkPage, error) {
	link, err := f.link(ctx, s)
	if errors.Is(err, ErrNoLink) {
		page, err := f.page(ctx, gateway.Link{}, people.Person{}, v)
		return link, people.Person{}, page, err
	}
	if err != nil {
		return link, people.Person{}, gateway.LinkPage{}, err
	}
	person, err := f.reader(ctx, link)
	if err != nil {
		return link, person, gateway.LinkPage{}, err
	}
	page, err := f.page(ctx, link, person, v)
	return link, person, page, err
}

// SendCode makes a session where there is none, and a code that works in it
// alone. The code and what carries it are one commit. A link that takes no
// code, or none now, gets none: the page says why.
func (f *Flow) SendCode(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (string, gateway.LinkPage, error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil || !page.CodeAllowed {
		return v.Session, page, err
	}
	if f.Now().Before(page.ResendAt) { // before it costs a session
		return v.Session, page, &gateway.TooSoonError{At: page.ResendAt}
	}
	alive, err := f.Proof.Alive(ctx, v.Session)
	if err != nil {
		return v.Session, page, err
	}
	if !alive {
		if v.Session, err = f.Proof.NewSession(ctx); err != nil {
			return "", page, err
		}
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	o := f.offer(link, person)
	to := o.code
	switch {
	case page.SelfThaw:
		to = o.other
		to.use = gateway.CodeThaw
	case page.Renewable:
		to.use = gateway.CodeRenew
	}
	_, err = f.Proof.NewCode(ctx, link.ID, v.Session, proof.Asked{
		Assurance: to.assurance(), Thaw: page.SelfThaw,
		Also: func(b *store.Batch, code gateway.Sensitive) error {
			return f.stageCode(ctx, b, link, person, to, code)
		},
	})
	if err != nil {
		return v.Session, page, err
	}
	page, err = f.page(ctx, link, person, v)
	return v.Session, page, err
}

// stageCode stages what carries a code: a mail, which bounces to us, or what
// the way to telephones makes of it.
func (f *Flow) stageCode(ctx context.Context, b *store.Batch, l gateway.Link, p people.Person, to way, code gateway.Sensitive) error {
	set := f.set()
	name := set.brand(l.Brand).Name
	if to.phone != "" {
		return f.Codes.StageCode(ctx, b, PhoneCode{
			Use: to.use, To: to.phone, Code: code, Organization: name, Reference: l.Reference, Language: set.language(p.Language),
		})
	}
	raw, err := mailmsg.Code(mailmsg.CodeData{
		Kind: to.use, From: set.notices(), To: to.mail, Organization: name, Language: set.language(p.Language), Reference: l.Reference,
		Code: code, Now: f.Now(), Random: f.Random,
	})
	if err != nil {
		return err
	}
	return f.stageOwn(ctx, b, own{from: set.notices(), to: to.mail, raw: raw})
}

// Open records a reading and returns the right to it. file is the index of an
// attachment, -1 for the message itself. The evidence is durable before it
// returns.
func (f *Flow) Open(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, file int) (gateway.Grant, error) {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return gateway.Grant{}, err
	}
	link := c.link
	m, err := f.message(ctx, link.Envelope.Message)
	if err != nil {
		return gateway.Grant{}, err
	}
	if err := f.recordReading(ctx, c, m, file); err != nil {
		return gateway.Grant{}, err
	}
	return gateway.Grant{
		Envelope: link.Envelope, Message: m.ID, Body: m.Body, Wrap: link.Wrap, From: m.From, To: link.Recipient,
		Subject: m.Subject, Sent: m.Accepted, Expires: link.Expires, Reference: link.Reference, Assurance: c.how, Language: c.person.Language,
	}, nil
}

// recordReading leaves the evidence of a reading, unless this session has left
// it a moment ago. Two windows that open a message for the first time at once
// meet a conflict: the second finds it opened and records its own reading.
func (f *Flow) recordReading(ctx context.Context, c *caller, m *gateway.Message, file int) error {
	what := f.MAC("opened", c.link.ID[:], []byte(c.visitor.Session), []byte(strconv.Itoa(file)))
	seen := &f.files
	if file < 0 { // by somebody else in the session it is another reading
		seen = &f.opened
		what = f.MAC("opened", what[:], []byte(c.visitor.Remote), []byte(readerOf(c.visitor)))
	}
	if seen.has(what, f.Now()) {
		return nil
	}
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.recordReadingOnce(ctx, c, m, file)
	}
	if err == nil {
		seen.add(what, f.Now())
	}
	return err
}

func (f *Flow) recordReadingOnce(ctx context.Context, c *caller, m *gateway.Message, file int) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	r := gateway.Record{
		At: f.Now(), Event: gateway.EventOpened, Actor: "correspondent", Message: m.ID, Envelope: c.link.Envelope.String(), Thread: m.Thread,
		Link: c.link.ID, Persons: []gateway.PersonRef{c.link.Person}, Detail: f.proofDetail(c),
	}
	if file >= 0 {
		r.Event = gateway.EventFileOpened
	}
	if err := f.Audit.Stage(&b, r); err != nil {
		return err
	}
	seen := sight{by: c.link.ID, how: c.how, whole: file < 0, machine: readerOf(c.visitor) == readerMachine}
	if err := f.stageOpened(ctx, &b, c.link.Envelope, seen); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
}

// proofDetail says in evidence how a reader proved themselves and where from.
func (f *Flow) proofDetail(c *caller) map[string]string {
	d := map[string]string{"assurance": string(c.how), "client": f.client(c.visitor), "reader": readerOf(c.visitor)}
	if c.device {
		d["device"] = "yes"
	}
	return d
}

// client is the network address of a reader as a keyed hash: equal addresses
// can be told to be equal, none can be read.
func (f *Flow) client(v gateway.Visitor) string {
	h := f.MAC("client", []byte(v.Remote))
	return markEncoding.EncodeToString(h[:10])
}

// Leave ends a session everywhere.
func (f *Flow) Leave(ctx context.Context, v gateway.Visitor) error {
	return f.Proof.End(ctx, v.Session)
}
