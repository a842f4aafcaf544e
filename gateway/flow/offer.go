package flow

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/store"
)

// CodeChannel carries codes to telephones.
type CodeChannel interface {
	// Carries reports whether a code can go to the number (E.164) now. A number
	// that it does not carry to counts as no channel.
	Carries(phone gateway.Sensitive) bool
	// StageCode adds to b what carries the code. It may run more than once, each
	// time with another batch and another code.
	StageCode(ctx context.Context, b *store.Batch, c PhoneCode) error
}

// PhoneCode is a code on its way to a telephone.
type PhoneCode struct {
	Use          gateway.CodeKind
	To           gateway.Sensitive // E.164
	Code         gateway.Sensitive
	Organization string
	Reference    string // of the link that the code is for
	Language     string // BCP 47; "" is English
}

// way is where a code can go.
type way struct {
	mail  gateway.Address
	phone gateway.Sensitive
	same  bool // it is the address that got the link
	use   gateway.CodeKind
}

func (w way) known() bool { return !w.mail.IsNull() || w.phone != "" }

func (w way) assurance() gateway.Assurance {
	if w.same {
		return gateway.SameChannel
	}
	return gateway.OtherChannel
}

// masked shows enough of where a code goes for its owner to know it again.
func (w way) masked() string {
	if w.phone == "" {
		return mask(w.mail)
	}
	return maskPhone(w.phone.Reveal())
}

func maskPhone(n string) string {
	return "••• ••• " + n[max(0, len(n)-4):max(0, len(n)-2)] + " " + n[max(0, len(n)-2):]
}

// mask shows enough of an address for its owner to know it again.
func mask(a gateway.Address) string {
	if a.IsPhone() {
		return maskPhone(a.Local())
	}
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

// otherWay is another channel than the one that got the link: a second mailbox,
// or a telephone that codes can be carried to.
func (f *Flow) otherWay(l gateway.Link, p people.Person) way {
	if !p.Second.IsNull() && p.Second.Key() != l.Recipient.Key() {
		return way{mail: p.Second}
	}
	if p.Phone != "" && f.Codes != nil && f.Codes.Carries(p.Phone) {
		return way{phone: p.Phone}
	}
	return way{}
}

// ownWay is the channel that got the link.
func (f *Flow) ownWay(l gateway.Link) way {
	if !l.Recipient.IsPhone() {
		return way{mail: l.Recipient, same: true}
	}
	if phone := l.Recipient.Phone(); f.Codes != nil && f.Codes.Carries(phone) {
		return way{phone: phone, same: true}
	}
	return way{}
}

// offer is what a link takes as proof from its person.
type offer struct {
	least gateway.Assurance // the weakest proof that it is content with
	other way               // another channel, if there is one
	code  way               // where a code goes; unknown: it takes no code
	kind  gateway.PINKind
	pin   *gateway.Hashed // nil: it takes no PIN
	// mailbox says that the PIN which the person chose proves no more than the
	// mailbox does.
	mailbox bool
}

// offer works out what a link takes. A rule demands a least proof, and what
// does not reach it is not taken, also when nothing is left then: a link that
// nobody can open protects, and evidence of the notice says so. Where no rule
// demands anything, pins.default says what is asked for if it can be had.
func (f *Flow) offer(l gateway.Link, p people.Person) offer {
	o := offer{other: f.otherWay(l, p)}
	own := f.ownWay(l)
	standard := f.set().DefaultPIN
	o.least = demanded(l.Options.PIN)
	if o.least == "" {
		o.least = preferred(standard, o.other.known(), p)
	}
	if o.least == gateway.SenderPIN {
		if o.pin = l.PIN; o.pin != nil {
			o.kind = gateway.PINSender
		}
		return o
	}
	o.mailbox = (l.Options.PIN != "" || o.other.known()) && !vouched(l, p)
	switch {
	case p.Chosen != nil && o.takes(gateway.StandingPIN):
		o.pin, o.kind = p.Chosen, gateway.PINStanding
	case p.PIN != nil && o.takes(gateway.ContactPIN):
		o.pin, o.kind = p.PIN, gateway.PINContact
	}
	switch {
	case l.Options.PIN == "" && standard == "same_channel":
		o.code = own
	case o.other.known():
		o.code = o.other
	case o.takes(gateway.SameChannel):
		o.code = own
	}
	return o
}

// demanded is the least proof that a rule's pin names, "" for none.
func demanded(pin string) gateway.Assurance {
	switch pin {
	case "":
		return ""
	case "same_channel":
		return gateway.SameChannel
	case "contact":
		return gateway.ContactPIN
	case "standing":
		return gateway.StandingPIN
	case "other_channel":
		return gateway.OtherChannel
	}
	return gateway.SenderPIN // the strictest, also for what nobody knows
}

// preferred is the least proof by pins.default: something better than the
// mailbox that got the link, if the person has it.
func preferred(standard string, other bool, p people.Person) gateway.Assurance {
	_, kind := p.Standing()
	switch {
	case standard == "same_channel":
		return gateway.SameChannel
	case standard == "standing" && kind == gateway.PINStanding:
		return gateway.StandingPIN
	case other, kind != gateway.PINNone && (standard == "standing" || standard == "contact"):
		return gateway.ContactPIN
	}
	return gateway.SameChannel
}

// vouched reports whether the PIN that a person chose says more than a code to
// the mailbox of the link: it was chosen with more, or before the message was
// sent. Else whoever has the mailbox would choose a PIN today and open by it
// what a rule kept from the mailbox yesterday.
func vouched(l gateway.Link, p people.Person) bool {
	if p.Chosen == nil {
		return false
	}
	return rank(p.ChosenBy) > rank(gateway.SameChannel) || !p.ChosenAt.IsZero() && l.Envelope.Message.Time().After(p.ChosenAt)
}

// takes reports whether a proof is as good as the link demands.
func (o *offer) takes(a gateway.Assurance) bool {
	if a == gateway.StandingPIN && o.mailbox {
		a = gateway.SameChannel
	}
	return rank(a) >= rank(o.least)
}

// renews leaves of an offer what makes an expired link work again: a code, or
// the PIN that the sender set for it, but no secret that stands for years.
func (o *offer) renews() {
	if o.kind != gateway.PINSender {
		o.pin, o.kind = nil, gateway.PINNone
	}
}

// none reports whether there is nothing that opens the link.
func (o *offer) none() bool { return !o.code.known() && o.pin == nil }

// opens says in evidence by what the link can be opened.
func (o *offer) opens() string {
	var ways []string
	if o.code.known() {
		ways = append(ways, string(o.code.assurance()))
	}
	if o.pin != nil {
		ways = append(ways, string(assuranceOf(o.kind)))
	}
	if ways == nil {
		return "nothing"
	}
	return strings.Join(ways, " ")
}

// rank orders the assurances as the policy orders its pin.
func rank(a gateway.Assurance) int {
	return slices.Index([]gateway.Assurance{
		"", gateway.SameChannel, gateway.ContactPIN, gateway.StandingPIN, gateway.OtherChannel, gateway.SenderPIN,
	}, a)
}

func assuranceOf(kind gateway.PINKind) gateway.Assurance {
	switch kind {
	case gateway.PINStanding:
		return gateway.StandingPIN
	case gateway.PINContact:
		return gateway.ContactPIN
	}
	return gateway.SenderPIN
}
