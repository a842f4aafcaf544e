package flow

import (
	"context"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/consent"
	"gatepost/gateway/people"
	"gatepost/store"
)

// personArg is the mailbox or telephone that an operator names.
func (f *Flow) personArg(c Call) (gateway.Address, error) {
	name := c.Args.Get("name")
	if name != "" && strings.Trim(name, "+0123456789 -./()") == "" {
		return f.phoneArg(c)
	}
	return addressArg(c)
}

// phoneArg is the telephone that an operator names, spelled as messages to it
// and from it are.
func (f *Flow) phoneArg(c Call) (gateway.Address, error) {
	a, err := f.set().SMS.typed(c.Args.Get("name"))
	if err != nil {
		return a, usage("a whole telephone number is expected, such as +15551234567; one without its country code needs sms.country")
	}
	return a, nil
}

// lineArg is the line that an operator names, as the configuration spells it;
// zero for every line. A stop of a line that no account has would stop nothing.
func (f *Flow) lineArg(c Call, stops bool) (gateway.Line, error) {
	text := strings.TrimSpace(c.Args.Get("line"))
	if text == "" {
		return gateway.Line{}, nil
	}
	set := f.set().SMS
	l, err := gateway.ParseLine(text)
	if digits := unmarked(text); strings.Trim(digits, "+0123456789") == "" {
		l, err = gateway.ParseLine(digits)
	}
	if err != nil {
		return l, usage("--line names a source address, such as 15550001111 or CLINIC")
	}
	own, ok := set.own(l)
	if !ok && stops && !set.anySender() {
		return l, usage("--line names none of the organization's source addresses: sms.accounts and sms.sender list them")
	}
	return own, nil
}

// consentLine is one word of the ledger as operators see it.
type consentLine struct {
	Phone    string    `json:"phone"` // "" for a person who was erased
	Line     string    `json:"line"`  // "" for every line
	State    string    `json:"state"`
	Word     string    `json:"word"`
	Language string    `json:"language"`
	At       time.Time `json:"at"`
	Message  string    `json:"message,omitempty"`
	Ref      string    `json:"ref,omitempty"` // as evidence names the person
}

// consentList lists the ledger, of one telephone or of all.
func (f *Flow) consentList(ctx context.Context, c Call) error {
	var only gateway.Address
	if c.Args.Get("name") != "" {
		var err error
		if only, err = f.phoneArg(c); err != nil {
			return err
		}
	}
	write := func(l consentLine) error { return c.line(l) }
	if c.Args.Get("format") == "csv" {
		out := csv.NewWriter(c.Out)
		_ = out.Write([]string{"phone", "line", "state", "word", "language", "at", "message", "ref"}) // Flush tells its error
		write = func(l consentLine) error {
			return out.Write([]string{l.Phone, l.Line, l.State, l.Word, l.Language, l.At.UTC().Format(time.RFC3339), l.Message, l.Ref})
		}
		defer out.Flush()
	}
	return f.consents.Each(ctx, f.set().SMS.lines(), func(e consent.Entry) error {
		l, phone, err := f.consentOf(ctx, e)
		if err != nil || !only.IsNull() && phone != only {
			return err
		}
		return write(l)
	})
}

func (f *Flow) consentOf(ctx context.Context, e consent.Entry) (l consentLine, phone gateway.Address, err error) {
	l = consentLine{Line: e.Line.Key(), State: e.State.String(), Word: e.Word, Language: e.Language, At: e.At}
	if !e.Every && l.Line == "" {
		l.Line = "unknown"
	}
	if !e.Message.IsZero() {
		l.Message = e.Message.String()
	}
	if e.Person.IsZero() {
		return l, phone, nil
	}
	l.Ref = e.Person.String()
	p, err := f.People.Resolve(ctx, e.Person)
	if errors.Is(err, people.ErrUnknown) {
		return l, phone, nil
	}
	l.Phone = p.Address.Phone().Reveal()
	return l, p.Address, err
}

// lines are the lines that the organization has.
func (s *SMSSettings) lines() (all []gateway.Line) {
	if s == nil {
		return nil
	}
	for i := range s.Accounts {
		all = append(all, s.Accounts[i].Senders...)
	}
	if !s.Sender.IsZero() {
		all = append(all, s.Sender)
	}
	return slices.Clip(all)
}

// own is the line of the organization that l spells, in the configuration's
// spelling; ok is false, and l as it is, where it is none.
func (s *SMSSettings) own(l gateway.Line) (own gateway.Line, ok bool) {
	lines := s.lines()
	if i := slices.IndexFunc(lines, l.Same); i >= 0 {
		return lines[i], true
	}
	number, err := s.number(l)
	if err != nil {
		return l, false
	}
	for _, x := range lines {
		if a, err := s.number(x); err == nil && a == number {
			return x, true
		}
	}
	return l, false
}

// addressed is the line of ours that the carrier names: the configuration's,
// where that is spelled with its country code and the carrier's is not. A STOP
// to one must be a STOP of the other.
func (s *SMSSettings) addressed(l gateway.Line) gateway.Line {
	if own, ok := s.own(l); ok && !own.Same(l) {
		return own
	}
	return l
}

// anySender reports whether an account may send from any source address.
func (s *SMSSettings) anySender() bool {
	return s != nil && slices.ContainsFunc(s.Accounts, func(a SMSAccount) bool { return a.AnySender })
}

func (f *Flow) consentStop(ctx context.Context, c Call) error {
	return f.consentSet(ctx, c, consent.Stop)
}

func (f *Flow) consentResume(ctx context.Context, c Call) error {
	return f.consentSet(ctx, c, consent.Start)
}

// subscriber refuses digits that only a carrier understands: nobody asks by letter
// that a service gets no more messages, and who mistypes a number must not believe
// that it is stopped. What such a service stopped itself can be resumed.
func (f *Flow) subscriber(ctx context.Context, phone gateway.Address, what consent.Meaning) error {
	if strings.HasPrefix(phone.Phone().Reveal(), "+") {
		return nil
	}
	if what == consent.Start {
		if _, err := f.People.Find(ctx, phone); !errors.Is(err, people.ErrUnknown) {
			return err
		}
	}
	return usage("so few digits are a short code, the number of a service, and no telephone of a person; a whole telephone number is expected, such as +15551234567")
}

// ConsentSet is what consent.stop and consent.resume answer.
type ConsentSet struct {
	Phone   string `json:"phone"` // as messages to it spell it
	Line    string `json:"line"`  // "" for every line
	Changed bool   `json:"changed"`
}

// consentSet says a word in the place of a telephone, for who asked by other
// means.
func (f *Flow) consentSet(ctx context.Context, c Call, what consent.Meaning) error {
	phone, err := f.phoneArg(c)
	if err != nil {
		return err
	}
	if err := f.subscriber(ctx, phone, what); err != nil {
		return err
	}
	line, err := f.lineArg(c, what == consent.Stop)
	if err != nil {
		return err
	}
	refs, err := f.People.Ensure(ctx, phone)
	if err != nil {
		return err
	}
	err = store.ErrConflict
	var change consent.Change
	for try := 0; try < commitTries && errors.Is(err, store.ErrConflict); try++ {
		b := new(store.Batch)
		change, err = f.consents.Stage(ctx, b, consent.Act{Line: line, Phone: phone, Person: refs[0], Word: consent.ByOperator(what), Actor: c.Actor})
		if err == nil && change.Changed && what == consent.Stop {
			err = f.stagePurge(b, refs[0], phone, line)
		}
		if err == nil {
			err = store.Write(ctx, f.Store, b)
		}
	}
	if err != nil {
		return err
	}
	return c.line(ConsentSet{Phone: phone.Phone().Reveal(), Line: line.Key(), Changed: change.Changed})
}
