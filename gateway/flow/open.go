package flow

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

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

// codeAddress is where the code of a link goes: another mailbox where one is
// known, else the one that got the link, which is the weaker assurance.
func codeAddress(l gateway.Link, p people.Person) (to gateway.Address, same bool) {
	if !p.Second.IsNull() && p.Second.Key() != l.Recipient.Key() {
		return p.Second, false
	}
	return l.Recipient, true
}

func assurance(same bool) gateway.Assurance {
	if same {
		return gateway.SameChannel
	}
	return gateway.OtherChannel
}

// mask shows enough of an address for its owner to know it again.
func mask(a gateway.Address) string {
	dots := func(s string) string {
		_, n := utf8.DecodeRuneInString(s)
		return s[:n] + "•••"
	}
	host, tld := a.Domain(), ""
	if i := strings.LastIndexByte(host, '.'); i > 0 {
		host, tld = host[:i], host[i:]
	}
	return dots(a.Local()) + "@" + dots(host) + tld
}

// page assembles what may be shown; a zero link is one that does not exist.
func (f *Flow) page(ctx context.Context, l gateway.Link, p people.Person, v gateway.Visitor) (gateway.LinkPage, error) {
	set := f.set()
	page := gateway.LinkPage{State: gateway.LinkUnknown, Organization: set.Organization, Help: set.Help, Language: p.Language}
	if l.ID.IsZero() {
		return page, nil
	}
	page.ID, page.Reference, page.Expires = l.ID, l.Reference, l.Expires
	var err error
	if page.Recalled, err = f.recalledAt(ctx, l.Envelope); err != nil {
		return page, err
	}
	if !page.Recalled.IsZero() {
		page.State = gateway.LinkRecalled
		return page, nil
	}
	if !f.Now().Before(l.Expires) || f.Keys.Destroyed(l.Wrap.Group) {
		page.State = gateway.LinkExpired
		return page, nil
	}
	to, same := codeAddress(l, p)
	page.CodeTo, page.CodeSame = mask(to), same
	status, err := f.Proof.Status(ctx, l.ID, v.Session)
	if err != nil {
		return page, err
	}
	page.State = status.State
	page.TriesLeft, page.ResendAt, page.CodeSentAt, page.PausedUntil = status.TriesLeft, status.ResendAt, status.CodeSentAt, status.PausedUntil
	return page, nil
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
// alone. The code and the mail that carries it are one commit.
func (f *Flow) SendCode(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (string, gateway.LinkPage, error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil || page.State != gateway.LinkActive {
		return v.Session, page, err
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
	to, same := codeAddress(link, person)
	_, err = f.Proof.NewCode(ctx, link.ID, v.Session, proof.Asked{
		Assurance: assurance(same),
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

// stageCode stages the mail that carries a code. It bounces to us.
func (f *Flow) stageCode(ctx context.Context, b *store.Batch, l gateway.Link, p people.Person, to gateway.Address, code gateway.Sensitive) error {
	set := f.set()
	raw, err := mailmsg.Code(mailmsg.CodeData{
		From: set.notices(), To: to, Organization: set.Organization, Language: p.Language, Reference: l.Reference,
		Code: code, Now: f.Now(), Random: f.Random,
	})
	if err != nil {
		return err
	}
	return f.stageOwn(ctx, b, own{from: set.notices(), to: to, raw: raw})
}

// Prove checks a code. What it says of tries is durable. A proof makes a new
// session, whose secret it returns; else session is the visitor's.
func (f *Flow) Prove(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, pin string) (session string, r gateway.ProofResult, err error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil || over(page.State) {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	result, err := f.Proof.Check(ctx, proof.Attempt{Link: link.ID, Session: v.Session, Typed: pin, Codes: true})
	if err != nil {
		return v.Session, gateway.ProofResult{Page: page}, err
	}
	v.Session = result.Session
	page, err = f.page(ctx, link, person, v)
	if err == nil && result.Frozen {
		err = f.Journal.Append(seal.Entry{Kind: seal.JournalFrozen, ID: link.ID.String()})
	}
	return v.Session, gateway.ProofResult{Passed: result.Passed, Reason: result.Reason, Page: page}, err
}

// Open records a reading and returns the right to it. file is the index of an
// attachment, -1 for the message itself. The evidence is durable before it
// returns.
func (f *Flow) Open(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, file int) (gateway.Grant, error) {
	link, person, page, err := f.active(ctx, s, v)
	if err != nil {
		return gateway.Grant{}, err
	}
	if over(page.State) {
		return gateway.Grant{}, gateway.ErrNotProven
	}
	how, ok, err := f.Proof.Proven(ctx, v.Session, link.ID)
	if err != nil {
		return gateway.Grant{}, err
	}
	if !ok {
		return gateway.Grant{}, gateway.ErrNotProven
	}
	if err := f.Proof.Touch(ctx, v.Session); err != nil {
		return gateway.Grant{}, err
	}
	m, err := f.message(ctx, link.Envelope.Message)
	if err != nil {
		return gateway.Grant{}, err
	}
	if err := f.recordReading(ctx, link, m, v, how, file); err != nil {
		return gateway.Grant{}, err
	}
	return gateway.Grant{
		Envelope: link.Envelope, Message: m.ID, Body: m.Body, Wrap: link.Wrap, From: m.From, To: link.Recipient,
		Subject: m.Subject, Sent: m.Accepted, Expires: link.Expires, Reference: link.Reference, Assurance: how, Language: person.Language,
	}, nil
}

// recordReading leaves the evidence of a reading. Two windows that open a
// message for the first time at once meet a conflict: the second finds it
// opened and records its own reading.
func (f *Flow) recordReading(ctx context.Context, l gateway.Link, m *gateway.Message, v gateway.Visitor, how gateway.Assurance, file int) error {
	what := f.MAC("opened", l.ID[:], []byte(v.Session), []byte(strconv.Itoa(file)))
	if file >= 0 && f.files.has(what, f.Now()) {
		return nil
	}
	err := store.ErrConflict
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		err = f.recordReadingOnce(ctx, l, m, v, how, file)
	}
	if err == nil {
		f.files.add(what, f.Now())
	}
	return err
}

func (f *Flow) recordReadingOnce(ctx context.Context, l gateway.Link, m *gateway.Message, v gateway.Visitor, how gateway.Assurance, file int) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	var b store.Batch
	r := gateway.Record{
		At: f.Now(), Event: gateway.EventOpened, Actor: "correspondent", Message: m.ID, Envelope: l.Envelope.String(), Thread: m.Thread,
		Link: l.ID, Persons: []gateway.PersonRef{l.Person}, Detail: map[string]string{"assurance": string(how), "client": f.client(v), "reader": readerOf(v)},
	}
	if file >= 0 {
		r.Event = gateway.EventFileOpened
	}
	if err := f.Audit.Stage(&b, r); err != nil {
		return err
	}
	seen := sight{by: l.ID, how: how, whole: file < 0, machine: readerOf(v) == readerMachine}
	if err := f.stageOpened(ctx, &b, l.Envelope, seen); err != nil {
		return err
	}
	return store.Write(ctx, f.Store, &b)
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
