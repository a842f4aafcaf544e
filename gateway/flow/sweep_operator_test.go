package flow

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// acted is a journey of one operator command about the only envelope to a
// recipient.
func acted(op, to, mail string, args url.Values, then gateway.State) journey {
	return journey{
		name: op + " " + to, covers: []string{"op " + op},
		prepare: func(t *testing.T, w *world, kv store.Store) { w.acceptInto(t, kv, submissionTo(to), mail) },
		run: func(ctx context.Context, t *testing.T, w *world, f *Flow) error {
			var id string
			if err := each(ctx, f.Store, store.Prefix(store.Envelopes), func(e *gateway.Envelope) { id = e.ID.String() }); err != nil {
				return err
			}
			given := maps.Clone(args)
			if given == nil {
				given = url.Values{}
			}
			given.Set("id", id)
			_, err := operation(ctx, f, op, given, "")
			return err
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			if e := envelopes(t, w, kv)[to]; answer == nil && e.State != then {
				t.Errorf("%s is %s", to, e.State)
			}
			w.settle(t, kv)
		},
	}
}

func operatorJourneys() []journey {
	why := url.Values{"reason": {"looked at it"}}
	var id gateway.MessageID
	return []journey{
		acted("held.release", "h@hold.example", testMail, why, gateway.Queued),
		acted("held.release", "b@both.example", testMail, why, gateway.Queued),
		acted("held.refuse", "h@hold.example", testMail, why, gateway.Refused),
		acted("queue.hold", "p@pass.example", testMail, nil, gateway.Held),
		acted("queue.retry", "p@pass.example", testMail, nil, gateway.Queued),
		acted("queue.drop", "s@secure.example", testMail, nil, gateway.Dropped),
		acted("queue.show", "s@secure.example", testMail, nil, gateway.Queued),
		acted("held.show", "h@hold.example", testMail, nil, gateway.Held),
		{
			name: "looking", covers: []string{"op queue.list", "op held.list", "op message.show", "op message.judged", "op audit.show", "op contact.show", "op queue.pause", "op queue.resume"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				id = w.acceptInto(t, kv, submissionTo("h@hold.example"), testMail)
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				about := url.Values{"id": {id.String()}, "name": {"h@hold.example"}}
				for _, op := range []string{"queue.list", "held.list", "message.show", "message.judged", "audit.show", "contact.show"} {
					out, err := operation(ctx, f, op, about, "")
					if err == nil && !strings.Contains(out, "h@hold.example") {
						err = errors.New(op + " shows nothing")
					}
					if err != nil {
						return err
					}
				}
				_, err := operation(ctx, f, "queue.pause", nil, "")
				if err == nil {
					_, err = operation(ctx, f, "queue.resume", nil, "")
				}
				return err
			},
		},
		{
			name: "import contacts", covers: []string{"op contact.import"},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := operation(ctx, f, "contact.import", nil, "email,email2,language\na@out.example,b@out.example,de\nc@out.example,,en\n")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					p, err := f.People.Find(ctx, gateway.MustAddress("a@out.example"))
					if answer == nil && (err != nil || p.Second.Wire() != "b@out.example") {
						t.Errorf("imported %+v, %v", p, err)
					}
					return nil
				})
			},
		},
		thawJourney(),
	}
}

func thawJourney() journey {
	var secret gateway.LinkSecret
	return journey{
		name: "thaw", covers: []string{"op link.thaw"},
		prepare: func(t *testing.T, w *world, kv store.Store) {
			secret, _ = w.secured(t, kv, "s@secure.example")
			if err := w.in(t, kv, func(ctx context.Context, f *Flow) error { return f.Proof.Freeze(ctx, seal.LinkID(secret)) }); err != nil {
				t.Fatal(err)
			}
		},
		run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
			_, err := operation(ctx, f, "link.thaw", url.Values{"id": {seal.LinkID(secret).String()}}, "")
			return err
		},
		check: func(t *testing.T, w *world, kv store.Store, answer error) {
			_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
				page, err := f.Visit(ctx, secret, gateway.Visitor{})
				if err != nil || (answer == nil) && page.State != gateway.LinkActive {
					t.Errorf("answer %v, link is %s, %v", answer, page.State, err)
				}
				return nil
			})
		},
	}
}
