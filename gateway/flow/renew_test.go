package flow

import (
	"context"
	"net/url"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// TestRenewal: an expired link works again by a code while its message exists,
// not by a PIN that stands; one that was taken back never does.
func TestRenewal(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured(withPIN)(t, w, kv)
	expired := func(l *gateway.Link) { l.Expires = l.Created.Add(-time.Hour) }
	r.change(t, w, kv, expired)
	l, page := r.link(t, w, kv)
	if page.State != gateway.LinkExpired || !page.Renewable || !page.CodeAllowed || page.PIN != gateway.PINNone {
		t.Fatalf("%+v", page)
	}
	r.opens(t, w, kv, "739154", false)
	if _, page := r.link(t, w, kv); page.State != gateway.LinkExpired {
		t.Fatal("a PIN renews")
	}
	r.renews(t, w, kv, time.Minute)
	if renewed, page := r.link(t, w, kv); page.State != gateway.LinkActive || renewed.Expires.Sub(l.Created) < 29*24*time.Hour || renewed.Expires.Sub(l.Created) > 31*24*time.Hour {
		t.Errorf("%+v until %v", page, renewed.Expires)
	}
	r.change(t, w, kv, func(l *gateway.Link) { expired(l); l.Options.Expires = time.Hour })
	r.renews(t, w, kv, 10*time.Minute)
	if renewed, _ := r.link(t, w, kv); renewed.Expires.Sub(l.Created) > 2*time.Hour {
		t.Errorf("a rule's span grew: %v", renewed.Expires)
	}
	r.change(t, w, kv, expired)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := operation(ctx, f, "message.recall", url.Values{"id": {l.Envelope.Message.String()}}, "")
		return err
	})
	if _, page := r.link(t, w, kv); page.State != gateway.LinkRecalled || page.Renewable || page.CodeAllowed {
		t.Errorf("recalled: %+v", page)
	}
	r.opens(t, w, kv, "739154", false)
}

// renews fails unless a code opens their link, some time after the world began.
func (r *visiting) renews(t *testing.T, w *world, kv store.Store, after time.Duration) {
	t.Helper()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		time.Sleep(after)
		r.renewed(ctx, t, w, f)
		return nil
	})
}

// renewed fails unless a code opens their link, and returns its page then.
func (r *visiting) renewed(ctx context.Context, t *testing.T, w *world, f *Flow) gateway.LinkPage {
	t.Helper()
	session, _, err := f.SendCode(ctx, r.secret, gateway.Visitor{})
	if err != nil {
		t.Fatal(err)
	}
	deliverAll(ctx, f, 10*time.Second)
	mails := w.hop.mail(r.to)
	_, p, err := f.Prove(ctx, r.secret, gateway.Visitor{Session: session}, codeIn(mails[len(mails)-1]))
	if err != nil || !p.Passed || p.Page.State != gateway.LinkActive {
		t.Fatalf("not renewed: %+v, %v", p, err)
	}
	return p.Page
}

// TestWhatRenews: the PIN that a sender set makes its link work again, there is
// no code for it; where a rule wants a PIN that stands and there is no other
// channel, nothing does, and the page says so.
func TestWhatRenews(t *testing.T) {
	for pin, want := range map[string]bool{"sender": true, "contact": false} {
		w, kv, r := newWorld(t), emptyStore(), new(visiting)
		r.secured(withPIN)(t, w, kv)
		var hashed *gateway.Hashed
		w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
			hashed, err = f.People.HashPIN(ctx, "739154")
			return err
		})
		r.change(t, w, kv, func(l *gateway.Link) { l.Options.PIN, l.PIN = pin, hashed })
		if _, page := r.link(t, w, kv); page.PIN == gateway.PINNone {
			t.Errorf("%s: %+v", pin, page)
		}
		r.change(t, w, kv, func(l *gateway.Link) { l.Expires = l.Created.Add(-time.Hour) })
		if _, page := r.link(t, w, kv); page.State != gateway.LinkExpired || page.Renewable != want || page.CodeAllowed || (page.PIN != gateway.PINNone) != want {
			t.Errorf("%s, expired: %+v", pin, page)
		}
		r.opens(t, w, kv, "739154", want)
	}
}

// TestRenewalEndsWithRetention.
func TestRenewalEndsWithRetention(t *testing.T) {
	w, kv, r := newWorld(t), emptyStore(), new(visiting)
	r.secured(withPIN)(t, w, kv)
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		time.Sleep(100 * 24 * time.Hour)
		r.renewed(ctx, t, w, f)
		time.Sleep(70 * 24 * time.Hour)
		if page := r.renewed(ctx, t, w, f); !page.Expires.Before(f.Now().Add(12 * 24 * time.Hour)) {
			t.Errorf("%+v", page)
		}
		time.Sleep(15 * 24 * time.Hour)
		page, err := f.Visit(ctx, r.secret, gateway.Visitor{})
		if page.State != gateway.LinkExpired || page.Renewable {
			t.Errorf("%+v", page)
		}
		return err
	})
}
