package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/seal"
)

// TestDevicesAreWorthTheirProof: a link that demands more stays shut, and one
// that was taken back or reported does not open either.
func TestDevicesAreWorthTheirProof(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.inside("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		r.v.Device, err = f.Remember(ctx, r.secret, r.v)
		return err
	})
	enters := func(want bool) {
		t.Helper()
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			page, err := f.Visit(ctx, r.secret, gateway.Visitor{Device: r.v.Device})
			if err != nil {
				return err
			}
			session, p, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: r.v.Device})
			if page.Device != want || p.Passed != want || want && err != nil || !want && !errors.Is(err, gateway.ErrNotProven) {
				t.Errorf("page says %v, entered %v, %v", page.Device, p.Passed, err)
			}
			if !want {
				return nil
			}
			_, err = f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
			return err
		})
	}
	enters(true)
	for _, pin := range []string{"contact", "standing", "other_channel", "sender"} {
		r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN = pin })
		enters(false)
	}
	r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN = "same_channel" })
	enters(true)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		return f.Report(ctx, r.secret, gateway.Visitor{}, gateway.NotForMe)
	})
	enters(false)
	other := &visiting{to: "t@secure.example"}
	other.secret, _ = w.secured(t, kv, other.to)
	r.secret = other.secret // of another person
	enters(false)
}

// TestRestoredBackupForgetsDevices that were revoked after it.
func TestRestoredBackupForgetsDevices(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.inside("")(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		r.v.Device, err = f.Remember(ctx, r.secret, r.v)
		return err
	})
	backup := kv.Copy()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		if err := f.Report(ctx, r.secret, gateway.Visitor{}, gateway.NotForMe); err != nil {
			return err
		}
		_, err := operation(ctx, f, "contact.revoke", url.Values{"name": {r.to}}, "")
		return err
	})
	w.must(t, backup, func(ctx context.Context, f *Flow) error {
		done, err := f.Replay(ctx, func(visit func(seal.Entry) error) error { _, err := w.keys.Journal().Replay(visit); return err })
		if err != nil || done.Revoked != 1 || done.Frozen != 1 {
			t.Errorf("%+v, %v", done, err)
		}
		if _, err := f.Open(ctx, r.secret, r.v, -1); !errors.Is(err, gateway.ErrNotProven) {
			t.Errorf("a reported link opens: %v", err)
		}
		_, page, err := f.SendCode(ctx, r.secret, gateway.Visitor{})
		if page.State != gateway.LinkFrozen || page.SelfThaw {
			t.Errorf("%+v", page)
		}
		return err
	})
}

func TestDeviceLabel(t *testing.T) {
	for agent, want := range map[string]string{
		"": "Browser", "curl/8.0": "Browser", "<script>alert(1)</script>": "Browser",
		"Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0":                                                                    "Firefox, Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari, iPhone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":           "Edge, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36":                   "Chrome, macOS",
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36":        "Samsung Internet, Android",
	} {
		if got := deviceLabel(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func FuzzDeviceLabel(f *testing.F) {
	f.Add("Mozilla/5.0 (Windows NT 10.0) Firefox/132.0")
	f.Fuzz(func(t *testing.T, agent string) {
		if label := deviceLabel(agent); len(label) > 30 || strings.ContainsAny(label, "<>&\"\r\n") {
			t.Errorf("%q", label)
		}
	})
}
