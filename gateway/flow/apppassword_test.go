package flow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/store/storetest"
)

// withAppPassword makes an app password, logs in with it, lists and ends it.
func withAppPassword(ctx context.Context, f *Flow, name url.Values) error {
	args := maps.Clone(name)
	args.Set("label", "phone")
	out, err := operation(ctx, f, "user.app_add", args, "")
	if err != nil {
		return err
	}
	var made struct{ ID, Password string }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		return err
	}
	if _, err := f.Authenticate(ctx, gateway.Peer{}, name.Get("name"), made.Password); err != nil {
		return err
	}
	if out, err = operation(ctx, f, "user.app_list", args, ""); err != nil {
		return err
	}
	if !strings.Contains(out, `"label":"phone"`) || !strings.Contains(out, `"used"`) || strings.Contains(out, made.Password) {
		return errors.New("listed: " + out)
	}
	args.Set("id", made.ID)
	_, err = operation(ctx, f, "user.app_remove", args, "")
	return err
}

// TestAShortPasswordIsForThisMachine: at the submission listener from here, and
// nowhere else, nor on the page, which a proxy here shows to everybody.
func TestAShortPasswordIsForThisMachine(t *testing.T) {
	w, kv := newWorld(t), storetest.NewMemory()
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		if _, err := operation(ctx, f, "user.add", url.Values{"name": {"bob@clinic.example"}, "role": {"staff"}}, "pw"); err != nil {
			return err
		}
		for from, want := range map[string]bool{"127.0.0.1:4000": true, "[::1]:4000": true, "[::ffff:127.0.0.1]:4000": true, "192.0.2.1:4000": false, "[2001:db8::1]:4000": false} {
			_, err := f.Authenticate(ctx, gateway.Peer{Addr: netip.MustParseAddrPort(from)}, "bob", "pw")
			var fault *gateway.Fault
			if want && err != nil || !want && (!errors.As(err, &fault) || fault != faultLogin) {
				t.Errorf("from %s: %v", from, err)
			}
		}
		if _, err := f.StaffLogin(ctx, "bob", "pw", gateway.Visitor{Remote: "127.0.0.1"}); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("on the page: %v", err)
		}
		out, err := operation(ctx, f, "user.list", nil, "")
		if !strings.Contains(out, `"weak":true`) {
			t.Errorf("listed: %s", out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
