package flow

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/audit"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
	"gatepost/store"
)

// Lines of contact.export: everything that is stored of one person, and of
// others only who of the organization wrote.

type contactLine struct {
	Kind     string    `json:"kind"` // contact
	Email    string    `json:"email"`
	Email2   string    `json:"email2"`
	Phone    string    `json:"phone"`
	Language string    `json:"language"`
	Name     string    `json:"name"`
	PIN      bool      `json:"pin"`     // from an import
	Chosen   bool      `json:"own_pin"` // that the person chose
	Patient  bool      `json:"patient"`
	Consents []string  `json:"consents"`
	Ref      string    `json:"ref"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated,omitzero"`
}

func contactOf(p people.Person) contactLine {
	return contactLine{
		Kind: "contact", Email: shownTo(p.Address), Email2: p.Second.Wire(), Phone: p.Phone.Reveal(), Language: p.Language, Name: p.Name.Reveal(),
		PIN: p.PIN != nil, Chosen: p.Chosen != nil, Patient: p.Patient, Consents: append([]string{}, p.Consents...), Ref: p.Ref.String(),
		Created: p.Created, Updated: p.Updated,
	}
}

type exportedDevice struct {
	Kind    string    `json:"kind"` // device
	ID      string    `json:"id"`
	Label   string    `json:"label"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
}

type threadLine struct {
	Kind    string    `json:"kind"` // thread
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Staff   []string  `json:"staff"`
}

// exportedMessage is what is stored of a message besides its text.
type exportedMessage struct {
	Kind     string      `json:"kind"` // message
	ID       string      `json:"id"`
	Thread   string      `json:"thread,omitempty"`
	Wrote    bool        `json:"wrote"` // the person did; else it was sent to them
	At       time.Time   `json:"at"`
	From     string      `json:"from,omitempty"`
	Subject  string      `json:"subject,omitempty"`
	Bytes    int64       `json:"bytes"`
	State    string      `json:"state,omitempty"`
	Opened   time.Time   `json:"opened,omitzero"`
	Answered time.Time   `json:"answered,omitzero"`
	Reminded []time.Time `json:"reminded,omitempty"`
	Recalled time.Time   `json:"recalled,omitzero"`
	Retain   time.Time   `json:"retain_until,omitzero"`
}

// evidenceLine is a record that names the person, without who else it names.
type evidenceLine struct {
	Kind     string            `json:"kind"` // evidence
	Seq      uint64            `json:"seq"`
	At       time.Time         `json:"at"`
	Event    gateway.Event     `json:"event"`
	Actor    string            `json:"actor,omitempty"`
	Message  gateway.MessageID `json:"message,omitzero"`
	Envelope string            `json:"envelope,omitempty"`
	Thread   gateway.ThreadID  `json:"thread,omitzero"`
	Link     gateway.LinkID    `json:"link,omitzero"`
	Detail   map[string]string `json:"detail,omitempty"`
}

// contactExport prints everything that is stored of a person. That it was
// asked for is evidence first.
func (f *Flow) contactExport(ctx context.Context, c Call) error {
	a, err := f.personArg(c)
	if err != nil {
		return err
	}
	p, err := f.People.Find(ctx, a)
	if errors.Is(err, people.ErrUnknown) {
		return notFound("contact")
	}
	if err != nil {
		return err
	}
	var b store.Batch
	if err := f.Audit.Stage(&b, gateway.Record{At: f.Now(), Event: gateway.EventContactExport, Actor: c.Actor, Persons: []gateway.PersonRef{p.Ref}}); err != nil {
		return err
	}
	if err := store.Write(ctx, f.Store, &b); err != nil {
		return err
	}
	refs := []gateway.PersonRef{p.Ref}
	second, _, err := f.onlyForCodes(ctx, p)
	if err != nil {
		return err
	}
	if second != nil {
		refs = append(refs, second.Ref)
	}
	if err := c.line(contactOf(p)); err != nil {
		return err
	}
	for _, part := range []func(context.Context, Call, people.Person, []gateway.PersonRef) error{
		f.exportDevices, f.exportThreads, f.exportReceived, f.exportWritten, f.exportEvidence,
	} {
		if err := part(ctx, c, p, refs); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) exportDevices(ctx context.Context, c Call, p people.Person, _ []gateway.PersonRef) error {
	devices, err := f.Proof.Devices(ctx, p.Ref)
	for _, d := range devices {
		err = errors.Join(err, c.line(exportedDevice{"device", d.ID, d.Label, d.Created, d.Used}))
	}
	return err
}

func (f *Flow) exportThreads(ctx context.Context, c Call, p people.Person, _ []gateway.PersonRef) error {
	return f.Threads.EachOf(ctx, p.Ref, func(t thread.Thread) error {
		l := threadLine{Kind: "thread", ID: t.ID.String(), Created: t.Created, Staff: []string{}}
		for _, a := range t.Everybody() {
			l.Staff = append(l.Staff, a.Wire())
		}
		return c.line(l)
	})
}

// exportReceived lists what was sent to the person, mails with codes too.
func (f *Flow) exportReceived(ctx context.Context, c Call, _ people.Person, refs []gateway.PersonRef) error {
	var all []gateway.Envelope
	err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
		if slices.Contains(refs, e.Person) {
			all = append(all, *e)
		}
	})
	for i := range all {
		if err != nil {
			return err
		}
		e := &all[i]
		var m *gateway.Message
		if m, err = f.message(ctx, e.ID.Message); err != nil {
			return err
		}
		l := exportedMessage{
			Kind: "message", ID: m.ID.String(), Thread: shownThread(m.Thread), At: m.Accepted, From: m.From.Wire(), Subject: m.Subject.Reveal(),
			Bytes: m.Body.Size, State: string(e.State), Opened: e.Opened, Answered: e.Answered, Reminded: e.Reminded, Recalled: e.Recalled, Retain: m.Retain,
		}
		if !e.Recalled.IsZero() {
			l.Subject = "" // taken back is taken back
		}
		err = c.line(l)
	}
	return err
}

// exportWritten lists what the person wrote.
func (f *Flow) exportWritten(ctx context.Context, c Call, p people.Person, refs []gateway.PersonRef) error {
	var lines []exportedMessage
	err := each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		if slices.Contains(refs, m.Author) { // not what only claims to be theirs
			lines = append(lines, exportedMessage{
				Kind: "message", ID: m.ID.String(), Thread: shownThread(m.Thread), Wrote: true, At: m.Accepted, From: shownTo(p.Address),
				Subject: m.Subject.Reveal(), Bytes: m.Body.Size, Retain: m.Retain,
			})
		}
	})
	for _, l := range lines {
		err = errors.Join(err, c.line(l))
	}
	return err
}

func shownThread(id gateway.ThreadID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func (f *Flow) exportEvidence(ctx context.Context, c Call, _ people.Person, refs []gateway.PersonRef) error {
	if _, err := f.Audit.Fold(ctx); err != nil {
		return err
	}
	return f.Audit.Each(ctx, func(e audit.Entry) error {
		if !slices.ContainsFunc(e.Persons, func(r gateway.PersonRef) bool { return slices.Contains(refs, r) }) {
			return nil
		}
		return c.line(evidenceLine{"evidence", e.Seq, e.At, e.Event, e.Actor, e.Message, e.Envelope, e.Thread, e.Link, e.Detail})
	})
}

// contactErase forgets a person.
func (f *Flow) contactErase(ctx context.Context, c Call) error {
	a, err := f.personArg(c)
	if err != nil {
		return err
	}
	if a.In(f.set().Domains) {
		return usage("that is an address of the organization: user disable ends its log-ins, and its mail stays staff's")
	}
	if err := f.eraseTelephone(ctx, a, c.Actor); err != nil {
		return err
	}
	done, err := f.erase(ctx, a, c.Actor)
	if errors.Is(err, people.ErrUnknown) {
		return notFound("contact")
	}
	if err != nil {
		return err
	}
	return c.line(done)
}

// eraseTelephone forgets the telephone that is a contact's alone. It goes
// first: whoever repeats what was cut off finds the contact still.
func (f *Flow) eraseTelephone(ctx context.Context, a gateway.Address, actor string) error {
	p, err := f.People.Find(ctx, a)
	if errors.Is(err, people.ErrUnknown) || err == nil && p.Phone == "" {
		return nil
	}
	if err != nil {
		return err
	}
	phone, err := gateway.PhoneAddress(p.Phone.Reveal())
	if err != nil {
		return nil
	}
	is, err := f.People.Find(ctx, phone)
	if errors.Is(err, people.ErrUnknown) || err == nil && is.Second.Key() != a.Key() {
		return nil
	}
	if err == nil {
		_, err = f.erase(ctx, phone, actor)
	}
	return err
}
