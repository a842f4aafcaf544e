package flow

import (
	"context"
	"errors"
	"testing"

	"gatepost/gateway"
	"gatepost/store"
)

// TestTooSoonMakesNoSession: who asks again and again without a cookie leaves
// one record.
func TestTooSoonMakesNoSession(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		var soon *gateway.TooSoonError
		for n := range 5 {
			session, _, err := f.SendCode(ctx, r.secret, gateway.Visitor{})
			if n > 0 && (session != "" || !errors.As(err, &soon) || !soon.At.After(f.Now())) || n == 0 && err != nil {
				t.Errorf("number %d: %v", n, err)
			}
		}
		sessions := 0
		err := f.Store.Scan(ctx, store.Prefix(store.Sessions), func(store.Item) bool { sessions++; return true })
		if sessions != 1 {
			t.Errorf("%d sessions", sessions)
		}
		return err
	})
}
