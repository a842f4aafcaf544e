package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/gateway/thread"
)

// Refusals of the reply domain.
var (
	faultDead      = gateway.NewFault(550, "5.1.1", "This reply address is not in use; please write to the person directly")
	faultNoReader  = gateway.NewFault(550, "5.1.1", "Mail to this address is not accepted")
	faultOneThread = gateway.NewFault(452, "4.5.3", "Too many recipients: one conversation at a time")
	faultDNS       = gateway.NewFault(451, "4.4.3", "The signature of this message could not be checked: its key could not be looked up")
	faultAuthors   = gateway.NewFault(550, "5.7.1", "A message to this address needs exactly one author in exactly one From")
	faultDMARC     = gateway.NewFault(550, "5.7.1", "The author's domain asks to refuse messages that fail DMARC, and this one does")
)

// replyRecipient decides about RCPT to the reply domain: capabilities and
// bounce tokens exist, nothing else does.
func (f *Flow) replyRecipient(ctx context.Context, s *gateway.Submission, to gateway.Address) error {
	if _, err := f.Threads.Bounced(ctx, to.Local()); err == nil {
		if !s.From.IsNull() {
			return faultNoReader // bounces come from the null sender, RFC 5321 section 4.5.5
		}
		return nil
	} else if !errors.Is(err, thread.ErrUnknown) {
		return storage(err)
	}
	c, err := f.Threads.Capability(ctx, to.Local())
	if errors.Is(err, thread.ErrUnknown) {
		return faultDead
	}
	if err == nil {
		err = f.alive(ctx, c)
	}
	if err == nil {
		err = f.oneThread(ctx, s, c)
	}
	return storage(err)
}

// alive answers whom to write to when nothing is left of what a capability
// answers: its conversation or its correspondent was erased, or the newest
// message to them has reached the end of its retention.
func (f *Flow) alive(ctx context.Context, c thread.Capability) error {
	set := f.set()
	_, err := f.Threads.Get(ctx, c.Thread)
	if err == nil {
		_, err = f.People.Resolve(ctx, c.Person)
	}
	if errors.Is(err, thread.ErrUnknown) || errors.Is(err, people.ErrUnknown) {
		return dead(set, c)
	}
	if err != nil {
		return err
	}
	newest, err := f.Threads.Newest(ctx, c.Thread, c.Person)
	if errors.Is(err, thread.ErrUnknown) {
		return nil // an answer that begins: nothing was sent to them yet
	}
	if err == nil && !f.Now().Before(retainDay(newest.At, set.Retain)) {
		return dead(set, c)
	}
	return err
}

// dead is the refusal that names whom to write to instead.
func dead(set *Settings, c thread.Capability) error {
	if c.Staff.IsNull() || !c.Staff.IsASCII() || !c.Staff.In(set.Domains) {
		return faultDead
	}
	return gateway.NewFault(faultDead.Code, faultDead.Status, "This conversation is over; please write to "+c.Staff.Wire())
}

// oneThread lets a transaction hold capabilities of one conversation only: a
// mail has one place. The client sends the others again by themselves (RFC
// 5321 section 4.5.3.1.10).
func (f *Flow) oneThread(ctx context.Context, s *gateway.Submission, c thread.Capability) error {
	for _, r := range s.Recipients {
		if r.Address.Domain() != f.set().ReplyDomain {
			continue
		}
		other, err := f.Threads.Capability(ctx, r.Address.Local())
		if errors.Is(err, thread.ErrUnknown) {
			continue
		}
		if err == nil && other.Thread != c.Thread {
			return faultOneThread
		}
		return err
	}
	return nil
}
