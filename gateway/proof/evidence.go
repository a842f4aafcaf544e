package proof

import (
	"context"
	"errors"
	"fmt"

	"gatepost/gateway"
	"gatepost/store"
)

// about begins the evidence of an act on link: the link's own record says
// which message and which person it belongs to. A link without a record is
// named by itself.
func (k *Book) about(ctx context.Context, link gateway.LinkID) (gateway.Record, error) {
	r := gateway.Record{Actor: "correspondent", Link: link}
	known, _, err := store.GetRecord[gateway.Link](ctx, k.store, store.Key(store.Links, link[:]))
	if errors.Is(err, store.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("reading a link: %w", err)
	}
	r.Message, r.Envelope = known.Envelope.Message, known.Envelope.String()
	if !known.Person.IsZero() {
		r.Persons = []gateway.PersonRef{known.Person}
	}
	return r, nil
}

// stage puts evidence of event into b.
func (k *Book) stage(b *store.Batch, about gateway.Record, event gateway.Event, detail map[string]string) error {
	about.At, about.Event, about.Detail = k.now(), event, detail
	if err := k.evidence.Stage(b, about); err != nil {
		return fmt.Errorf("staging evidence: %w", err)
	}
	return nil
}

// write commits b; doing says what for.
func (k *Book) write(ctx context.Context, b *store.Batch, doing string) error {
	if err := store.Write(ctx, k.store, b); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
