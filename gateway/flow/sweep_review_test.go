package flow

import (
	"context"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
)

// reviewJourneys are what reviewers do with mail about which they must say why.
func reviewJourneys() []journey {
	held := func(t *testing.T, w *world, kv store.Store) {
		w.healthy(t, kv, func(ctx context.Context, f *Flow) { w.client(ctx, t, f, "eve@clinic.example", "compliance") })
		w.acceptInto(t, kv, submissionTo("h@why.example"), testMail)
		w.healthy(t, kv, func(ctx context.Context, f *Flow) { fileAway(ctx, t, f) })
	}
	move := func(ctx context.Context, f *Flow, from, to gateway.Folder, uid gateway.UID) error {
		a, err := f.MailLogin(ctx, "eve", staffPassword, gateway.Visitor{})
		if err == nil {
			_, err = f.MailMove(ctx, a, from, []gateway.UID{uid}, to)
		}
		return err
	}
	var address string
	waits := func(t *testing.T, w *world, kv store.Store) {
		held(t, w, kv)
		w.healthy(t, kv, func(ctx context.Context, f *Flow) {
			if err := move(ctx, f, gateway.FolderQuarantine, gateway.FolderRelease, 1); err != nil {
				t.Fatal(err)
			}
			address = w.questionTo(ctx, t, f, "eve@clinic.example")
		})
	}
	// stands checks that the mail is held, in the folder that says whether a
	// question is open.
	stands := func(t *testing.T, w *world, kv store.Store) {
		t.Helper()
		w.healthy(t, kv, func(ctx context.Context, f *Flow) {
			fileAway(ctx, t, f)
			eve := w.again(ctx, t, f, "eve")
			in := gateway.FolderQuarantine
			if rowsWith(ctx, t, f, "asked about ") > 0 {
				in = gateway.FolderRelease
			}
			if n := len(eve.entries(ctx, in)); n != 1 {
				t.Errorf("%d in %v: %s", n, in, eve.shows(ctx))
			}
		})
		if e := envelopes(t, w, kv)["h@why.example"]; e.State != gateway.Held {
			t.Errorf("undecided, and %s", e.State)
		}
	}
	return []journey{
		{
			name: "ask for a reason", covers: []string{"MailMove"}, prepare: held,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				return move(ctx, f, gateway.FolderQuarantine, gateway.FolderRelease, 1)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				stands(t, w, kv)
				if n := w.countEvents(t, kv, gateway.EventReasonAsked); answer == nil && n == 0 {
					t.Error("asked without evidence")
				}
			},
		},
		{
			name: "take a question back", covers: []string{"MailMove"}, prepare: waits,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				return move(ctx, f, gateway.FolderRelease, gateway.FolderQuarantine, 1)
			},
			check: func(t *testing.T, w *world, kv store.Store, _ error) { stands(t, w, kv) },
		},
		{
			name: "give a reason", covers: []string{"Accept"}, prepare: waits,
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				return answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "a1", theReason))
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				e := envelopes(t, w, kv)["h@why.example"]
				if answer == nil && e.State == gateway.Held || e.State != gateway.Held && e.Review != theReason {
					t.Errorf("answer %v, and %s because %q", answer, e.State, e.Review.Reveal())
				}
				w.healthy(t, kv, func(ctx context.Context, f *Flow) {
					taken := reasonsKept(ctx, t, f)
					if f.housekeepOnce(ctx); taken && rowsWith(ctx, t, f, askedRow) != 0 {
						t.Error("the answer was taken, and decides nothing")
					}
				})
				var again error
				w.healthy(t, kv, func(ctx context.Context, f *Flow) { // their server sends it again
					again = answerFrom(ctx, f, "eve@clinic.example", address, because("eve@clinic.example", "a1", theReason))
				})
				if e := envelopes(t, w, kv)["h@why.example"]; e.State == gateway.Held || again != nil {
					t.Errorf("sent again: %v, and %s", again, e.State)
				}
			},
		},
	}
}
