package flow

import (
	"context"
	"errors"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// aboutCaller begins the evidence of what a correspondent does.
func (f *Flow) aboutCaller(c *caller) gateway.Record {
	return gateway.Record{
		Actor: "correspondent", Message: c.link.Envelope.Message, Envelope: c.link.Envelope.String(), Link: c.link.ID,
		Persons: []gateway.PersonRef{c.link.Person},
	}
}

// Remember enrols the visitor's browser for the correspondent and returns the
// cookie for it: 180 days, or until it is unused for 90. The device is worth
// what the session has proven; what a sender's PIN proves counts least, since
// it is no secret of the correspondent, and so does a PIN that was chosen after
// a code to the mailbox: it may be replaced, and the device stays. A session
// that a device made keeps that device. gateway.ErrNotProven without a proof.
func (f *Flow) Remember(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (device string, err error) {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return "", err
	}
	if c.device {
		return v.Device, nil
	}
	how := c.how
	if how == gateway.SenderPIN || how == gateway.StandingPIN && rank(c.person.ChosenBy) <= rank(gateway.SameChannel) {
		how = gateway.SameChannel
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	return f.Proof.Remember(ctx, f.aboutCaller(c), c.link.Person, v.Device, deviceLabel(v.Agent), how)
}

// Devices lists the remembered devices of the correspondent, the one used last
// first. gateway.ErrNotProven without a proof.
func (f *Flow) Devices(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) ([]gateway.Device, error) {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return nil, err
	}
	this, err := f.Proof.FindDevice(ctx, c.link.Person, v.Device)
	if err != nil {
		return nil, err
	}
	kept, err := f.Proof.Devices(ctx, c.link.Person)
	if err != nil {
		return nil, err
	}
	devices := make([]gateway.Device, len(kept))
	for i, d := range kept {
		devices[i] = gateway.Device{ID: d.ID, Label: d.Label, Created: d.Created, Used: d.Used, This: this != nil && this.ID == d.ID}
	}
	return devices, nil
}

// ForgetDevice revokes a device of the correspondent, all with id "". One that
// does not exist is forgotten already. gateway.ErrNotProven without a proof.
func (f *Flow) ForgetDevice(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, id string) error {
	c, err := f.caller(ctx, s, v)
	if err != nil {
		return err
	}
	_, err = f.forgetDevices(ctx, f.aboutCaller(c), c.link.Person, id)
	return err
}

// forgetDevices revokes devices and keeps beside the keyring that it did.
func (f *Flow) forgetDevices(ctx context.Context, about gateway.Record, person gateway.PersonRef, id string) (int, error) {
	ctx, cancel := recording(ctx)
	defer cancel()
	gone, err := f.Proof.ForgetDevice(ctx, about, person, id)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	entries := make([]seal.Entry, len(gone))
	for i, id := range gone {
		entries[i] = seal.Entry{Kind: seal.JournalRevoked, ID: id, Data: []byte(person.String())}
	}
	return len(gone), f.Journal.Append(entries...)
}

// deviceLabel names a browser by words of a closed list: what a browser says
// of itself is foreign text, and more of it would tell people apart.
func deviceLabel(agent string) string {
	browser, system := "Browser", ""
	for _, b := range [][2]string{
		{"SamsungBrowser", "Samsung Internet"}, {"Edg", "Edge"}, {"OPR", "Opera"}, {"Firefox", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"Chrome", "Chrome"}, {"Safari", "Safari"},
	} {
		if strings.Contains(agent, b[0]) {
			browser = b[1]
			break
		}
	}
	for _, s := range [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(agent, s[0]) {
			system = s[1]
			break
		}
	}
	if system == "" {
		return browser
	}
	return browser + ", " + system
}

// contactArg is the person that an operator names.
func (f *Flow) contactArg(ctx context.Context, c Call) (people.Person, error) {
	a, err := f.personArg(c)
	if err != nil {
		return people.Person{}, err
	}
	p, err := f.People.Find(ctx, a)
	if errors.Is(err, people.ErrUnknown) {
		return p, notFound("contact")
	}
	return p, err
}

// contactRevoke forgets a device of a correspondent, all without an id.
func (f *Flow) contactRevoke(ctx context.Context, c Call) error {
	p, err := f.contactArg(ctx, c)
	if err != nil {
		return err
	}
	id := c.Args.Get("id")
	n, err := f.forgetDevices(ctx, gateway.Record{Actor: c.Actor, Persons: []gateway.PersonRef{p.Ref}}, p.Ref, id)
	if err != nil {
		return err
	}
	if n == 0 && id != "" {
		return notFound("device of that contact")
	}
	return c.line(map[string]int{"revoked": n})
}

// contactDropPIN removes the PIN that a correspondent chose and forgot: they
// choose another after a code.
func (f *Flow) contactDropPIN(ctx context.Context, c Call) error {
	p, err := f.contactArg(ctx, c)
	if err != nil {
		return err
	}
	if p.Chosen == nil {
		return notFound("PIN chosen by that contact")
	}
	err = f.People.Amend(ctx, p.Address, func(b *store.Batch, p *people.Person) error {
		dropChosen(p)
		if err := f.Proof.StageThawPIN(ctx, b, p.Ref); err != nil {
			return err
		}
		return f.Audit.Stage(b, gateway.Record{At: f.Now(), Event: gateway.EventPINRemoved, Actor: c.Actor, Persons: []gateway.PersonRef{p.Ref}})
	})
	if err != nil {
		return err
	}
	f.journalThawedPIN(p.Ref)
	return f.journalPIN(p.Ref, nil)
}
