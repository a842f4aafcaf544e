package flow

import (
	"context"
	"errors"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
)

// entered is a correspondent in a conversation of two messages, in kv.
type entered struct {
	link gateway.LinkSecret
	v    gateway.Visitor
	ids  []gateway.MessageID
}

func (p *entered) prepare(t *testing.T, w *world, kv store.Store) {
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		p.ids = w.told(ctx, t, f, []string{"s@secure.example"}, "first", "second")
		p.link = w.links(t, "s@secure.example")[0]
		p.v = w.proven(ctx, t, f, p.link, "s@secure.example")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func conversationJourneys() []journey {
	var p entered
	return []journey{
		{
			name: "conversation", covers: []string{"Conversation", "OpenTurn"}, prepare: p.prepare,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				c, err := f.Conversation(ctx, p.link, p.v)
				if err != nil {
					return err
				}
				if len(c.Turns) != 2 || len(c.Staff) != 1 {
					return errors.New("a part of the conversation is missing")
				}
				_, err = f.OpenTurn(ctx, p.link, p.v, p.ids[1], -1)
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				e := gateway.Envelope{}
				err := w.in(t, kv, func(ctx context.Context, f *Flow) (err error) {
					e, err = f.envelope(ctx, gateway.EnvelopeID{Message: p.ids[1]})
					return err
				})
				if err != nil || answer == nil && e.Opened.IsZero() {
					t.Errorf("read, and the envelope does not know: %v", err)
				}
			},
		},
	}
}
