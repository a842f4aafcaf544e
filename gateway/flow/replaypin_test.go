package flow

import (
	"context"
	"net/url"
	"testing"
)

// TestRestoredBackupRevivesNoPIN that was replaced or removed after it, and
// keeps the one that is still in force.
func TestRestoredBackupRevivesNoPIN(t *testing.T) {
	for name, after := range map[string]func(context.Context, *Flow, *visiting) error{
		"nothing": func(context.Context, *Flow, *visiting) error { return nil },
		"replaced": func(ctx context.Context, f *Flow, r *visiting) error {
			_, err := f.ChoosePIN(ctx, r.secret, r.v, "864209")
			return err
		},
		"dropped": func(ctx context.Context, f *Flow, r *visiting) error { return f.DropPIN(ctx, r.secret, r.v) },
		"dropped by staff": func(ctx context.Context, f *Flow, r *visiting) error {
			_, err := operation(ctx, f, "contact.drop_pin", url.Values{"name": {r.to}}, "")
			return err
		},
	} {
		w, kv, r := newWorld(t), emptyStore(), new(visiting)
		r.inside("")(t, w, kv)
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			_, err := f.ChoosePIN(ctx, r.secret, r.v, "739154")
			return err
		})
		backup := kv.Copy()
		w.must(t, kv, func(ctx context.Context, f *Flow) error { return after(ctx, f, r) })
		want := 1
		if name == "nothing" {
			want = 0
		}
		w.must(t, backup, func(ctx context.Context, f *Flow) error {
			done, err := w.replayed(ctx, f)
			if done.PINs != want {
				t.Errorf("%s: %+v", name, done)
			}
			return err
		})
		r.opens(t, w, backup, "739154", want == 0)
		w.must(t, backup, func(ctx context.Context, f *Flow) error {
			done, err := w.replayed(ctx, f)
			if done.PINs != 0 {
				t.Errorf("%s, again: %+v", name, done)
			}
			return err
		})
		w.sound(t, backup)
	}
}
