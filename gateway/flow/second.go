package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/people"
	"gatepost/store"
)

// onlyForCodes returns the person behind the second mailbox of p when that is
// all we know of them: codes for p went there, and nothing else. nil for
// somebody in their own right, such as a spouse to whom staff write too: what
// is theirs is neither shown nor erased with p.
func (f *Flow) onlyForCodes(ctx context.Context, p people.Person) (*people.Person, store.Version, error) {
	if p.Second.IsNull() || p.Second.Key() == p.Address.Key() || p.Second.In(f.set().Domains) {
		return nil, 0, nil
	}
	second, version, err := f.People.Get(ctx, p.Second)
	if errors.Is(err, people.ErrUnknown) {
		return nil, 0, nil
	}
	if err != nil || second.Known() || second.Chosen != nil {
		return nil, 0, err
	}
	for _, more := range []func(context.Context, people.Person, people.Person) (bool, error){f.converses, f.anothersSecond, f.hasLink, f.hasMail} {
		if is, err := more(ctx, second, p); is || err != nil {
			return nil, 0, err
		}
	}
	return &second, version, nil
}

func (f *Flow) converses(ctx context.Context, second, _ people.Person) (bool, error) {
	threads, err := f.Threads.Of(ctx, second.Ref)
	return len(threads) > 0, err
}

func (f *Flow) anothersSecond(ctx context.Context, second, p people.Person) (bool, error) {
	return f.People.OthersSecond(ctx, second.Address, p.Ref)
}

func (f *Flow) hasLink(ctx context.Context, second, _ people.Person) (is bool, err error) {
	err = each(ctx, f.Store, store.Prefix(store.Links), func(l *gateway.Link) { is = is || l.Person == second.Ref })
	return is, err
}

// hasMail reports whether anything but our own mails was sent to second, or
// anything written by them.
func (f *Flow) hasMail(ctx context.Context, second, _ people.Person) (is bool, err error) {
	got := make(map[gateway.MessageID]bool)
	err = each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) {
		if e.Person == second.Ref {
			got[e.ID.Message] = true
		}
	})
	if err != nil {
		return false, err
	}
	err = each(ctx, f.Store, store.Prefix(store.Messages), func(m *gateway.Message) {
		is = is || m.Author == second.Ref || got[m.ID] && m.Direction != gateway.Internal
	})
	return is, err
}
