package flow

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
)

// Verifier authenticates mail from outside; *mailauth.Verifier is one.
type Verifier interface {
	Verify(ctx context.Context, raw []byte, peer mailauth.Peer) gateway.Authentication
}

// incoming is what an arrival brings to one conversation: an answer from
// outside, a turn of staff, or what only claims to be one.
type incoming struct {
	thread thread.Thread
	// targets are the recipients, by number, that lead to the conversation: with
	// their capability, or with none when the mail refers to the conversation.
	targets map[int]thread.Capability
	first   int               // the recipient whose envelope stands for all of them
	given   gateway.PersonRef // to whom the first capability was given; zero by reference

	facts     thread.Facts
	placement thread.Placement
	author    people.Person // a participant, when facts say so
	before    seenAnswer    // what replay memory knows of its Message-ID
	mail      *toStaff      // what staff get of an attached answer
}

func (in *incoming) has(e *gateway.Envelope) bool {
	if in == nil {
		return false
	}
	_, ok := in.targets[int(e.ID.N)]
	return ok
}

func (in *incoming) is(p thread.Place) bool { return in != nil && in.placement.Place == p }

// receive finds out whether the arrival belongs to a conversation of ours, and
// places it there. Mail from outside is verified on its untouched octets.
func (a *arrival) receive(ctx context.Context) error {
	in, err := a.incoming(ctx)
	if err != nil {
		return err
	}
	if in == nil {
		if a.relaysInside() {
			a.authenticate(ctx)
		}
		return nil
	}
	if a.borrowsName() {
		return faultSender
	}
	a.in, a.conversation = in, in.thread
	if err := a.gather(ctx); err != nil {
		return err
	}
	in.placement = in.facts.Place()
	switch in.placement.Reason {
	case thread.ReasonDead, thread.ReasonAutomatic, thread.ReasonStaff, thread.ReasonAuthors:
		return nil // whatever a signature may say
	}
	if err := a.gatherSignatures(ctx); err != nil {
		return err
	}
	in.placement = in.facts.Place()
	return nil
}

// incoming finds the recipients that lead to a conversation; nil when none does.
func (a *arrival) incoming(ctx context.Context) (*incoming, error) {
	f := a.flow
	in := &incoming{targets: make(map[int]thread.Capability), first: -1}
	for i, r := range a.sub.Recipients {
		if r.Address.Domain() != a.set.ReplyDomain {
			continue
		}
		c, err := f.Threads.Capability(ctx, r.Address.Local())
		if errors.Is(err, thread.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if in.first >= 0 && c.Thread != in.targets[in.first].Thread {
			return nil, faultOneThread // RCPT says so too
		}
		if in.first < 0 {
			in.first, in.given = i, c.Person
		}
		in.targets[i] = c
	}
	if err := a.anchor(ctx, in); err != nil || len(in.targets) == 0 {
		return nil, err
	}
	return in, nil
}

// anchor finds the conversation of an incoming mail, by its first capability,
// or by what it refers to when it goes inside through us.
func (a *arrival) anchor(ctx context.Context, in *incoming) error {
	f := a.flow
	var err error
	if in.first >= 0 {
		in.thread, err = f.Threads.Get(ctx, in.targets[in.first].Thread)
	} else if in.thread = a.conversation; in.thread.ID.IsZero() {
		err = thread.ErrUnknown
	}
	if errors.Is(err, thread.ErrUnknown) {
		in.facts.Dead = in.first >= 0
		return nil
	}
	if err != nil || !a.relaysInside() {
		return err
	}
	if in.first < 0 && a.sub.From.IsNull() && mailmsg.ParseReport(a.taken.raw).Formal {
		return nil // a bounce of what somebody inside wrote: theirs to read
	}
	for i, r := range a.sub.Recipients {
		if r.Address.In(a.set.Domains) {
			in.targets[i] = thread.Capability{}
			if in.first < 0 {
				in.first = i
			}
		}
	}
	return nil
}

// relaysInside reports whether recipients of the organization's domains are
// passed on for a stranger.
func (a *arrival) relaysInside() bool { return !inside(a.sub.Peer) && a.set.InboundRelay }

// speaksForStaff: an account under its own name, or a trusted peer with MAIL
// FROM and From in the organization's domains that hands on no mail from the
// world.
func (a *arrival) speaksForStaff() bool {
	return inside(a.sub.Peer) && a.fromInside() && (a.fromAccount() || a.vouched() && a.sub.From.In(a.set.Domains))
}

// fromInside: everybody in From is of the organization.
func (a *arrival) fromInside() bool {
	outside := func(from gateway.Address) bool { return !from.In(a.set.Domains) }
	return len(a.reading.From) > 0 && !slices.ContainsFunc(a.reading.From, outside)
}

// fromAccount: the one author is the account.
func (a *arrival) fromAccount() bool {
	return a.sub.Peer.Account != "" && len(a.reading.From) == 1 && a.reading.From[0].Key() == a.sub.Peer.Account
}

// vouched: a trusted peer says that the mail was written inside. One of
// relay.hands_on cannot say that.
func (a *arrival) vouched() bool {
	from := a.sub.Peer.Addr.Addr().Unmap()
	return a.sub.Peer.Trusted && !slices.ContainsFunc(a.set.HandsOn, func(n netip.Prefix) bool { return n.Contains(from) })
}

// borrowsName: an account hands in what a colleague is said to have written.
func (a *arrival) borrowsName() bool {
	return inside(a.sub.Peer) && !a.sub.Peer.Trusted && a.fromInside() && !a.fromAccount()
}

// gather collects what the header says and what is known of its author.
func (a *arrival) gather(ctx context.Context) error {
	in, o := a.in, mailmsg.ReadOrigin(a.taken.raw)
	x := &in.facts
	x.Now, x.Froms, x.Authors, x.Repeated, x.Date = a.now, o.Froms, o.Authors, o.Repeated, o.Date
	x.Automatic = a.sub.From.IsNull() || mailmsg.Automatic(a.reading)
	if in.given.IsZero() && !strings.HasPrefix(a.reading.AutoSubmitted, "auto-replied") {
		x.Automatic, x.Program = false, x.Automatic
	}
	x.Staff, x.MessageID = a.speaksForStaff(), a.reading.MessageID != ""
	x.InTo, x.InCc = a.namesTarget(o.To), a.namesTarget(o.Cc)
	if x.Dead || x.Staff || len(a.reading.From) != 1 {
		return nil
	}
	if err := a.seenBefore(ctx); err != nil {
		return err
	}
	var err error
	in.author, x.Participant, err = a.flow.participant(ctx, in, a.reading.From[0])
	return err
}

// namesTarget reports whether one of the list is an address that the mail came
// to: a capability or, when it came by reference, a member of staff.
func (a *arrival) namesTarget(list []gateway.Address) bool {
	byCapability := !a.in.given.IsZero()
	for i, c := range a.in.targets {
		if byCapability && c.Thread.IsZero() {
			continue
		}
		key := a.sub.Recipients[i].Address.Key()
		if slices.ContainsFunc(list, func(b gateway.Address) bool { return b.Key() == key }) {
			return true
		}
	}
	return false
}

// participant finds the correspondent who has this address, and says whether
// they take part in the conversation. The second address of whom a capability
// was given to is theirs too.
func (f *Flow) participant(ctx context.Context, in *incoming, from gateway.Address) (people.Person, bool, error) {
	p, err := f.People.Find(ctx, from)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		return p, false, err
	}
	if err == nil {
		is, err := f.Threads.Participant(ctx, in.thread.ID, p.Ref)
		if is || err != nil {
			return p, is, err
		}
	}
	if in.given.IsZero() {
		return p, false, nil
	}
	p, err = f.People.Resolve(ctx, in.given)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		return p, false, err
	}
	return p, err == nil && !p.Second.IsNull() && p.Second.Key() == from.Key(), nil
}

// authenticate verifies the mail once.
func (a *arrival) authenticate(ctx context.Context) {
	if a.auth != nil {
		return
	}
	p := a.sub.Peer
	got := a.flow.Verifier.Verify(ctx, a.taken.raw, mailauth.Peer{IP: p.Addr.Addr().Unmap(), Helo: p.Helo, From: a.sub.From})
	a.auth = &got
}

// gatherSignatures verifies the mail and looks up which signatures were seen.
func (a *arrival) gatherSignatures(ctx context.Context) error {
	a.authenticate(ctx)
	x := &a.in.facts
	x.Authentication = *a.auth
	if inside(a.sub.Peer) {
		// A server of ours handed it on: SPF says nothing of where it came from,
		// so DMARC's failure is no reason to refuse.
		x.Authentication.Policy = ""
	}
	for _, s := range a.auth.Signatures {
		seen, err := a.flow.seen(ctx, a.flow.signatureKey(s))
		if err != nil {
			return err
		}
		x.SeenSignature = append(x.SeenSignature, !seen.thread.IsZero())
	}
	return nil
}
