package flow

import (
	"context"
	"errors"

	"gatepost/gateway"
	"gatepost/gateway/people"
)

// names finds the names of staff, each once.
type names struct {
	flow  *Flow
	found map[string]gateway.Sensitive // by Address.Key
}

func (f *Flow) names() *names { return &names{flow: f, found: make(map[string]gateway.Sensitive)} }

// of is the name of an address, "" when nobody told us one.
func (n *names) of(ctx context.Context, a gateway.Address) (gateway.Sensitive, error) {
	if name, ok := n.found[a.Key()]; ok {
		return name, nil
	}
	p, err := n.flow.People.Find(ctx, a)
	if err != nil && !errors.Is(err, people.ErrUnknown) {
		return "", err
	}
	n.found[a.Key()] = p.Name
	return p.Name, nil
}

func (n *names) known(ctx context.Context, staff []gateway.Address) ([]gateway.Known, error) {
	all := make([]gateway.Known, 0, len(staff))
	for _, a := range staff {
		name, err := n.of(ctx, a)
		if err != nil {
			return nil, err
		}
		all = append(all, gateway.Known{Address: a, Name: name})
	}
	return all, nil
}
