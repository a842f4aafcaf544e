package flow

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// visiting is a correspondent with a secured message, before a sweep.
type visiting struct {
	to     string
	secret gateway.LinkSecret
	v      gateway.Visitor
	code   string
}

// secured gives them a message, after an import of what is known of them.
func (r *visiting) secured(contacts string) func(*testing.T, *world, store.Store) {
	return func(t *testing.T, w *world, kv store.Store) {
		r.to, r.v, r.code = "s@secure.example", gateway.Visitor{}, ""
		w.imported(t, kv, contacts)
		r.secret, _ = w.secured(t, kv, r.to)
	}
}

func (w *world) imported(t *testing.T, kv store.Store, contacts string) {
	t.Helper()
	if contacts == "" {
		return
	}
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		_, err := operation(ctx, f, "contact.import", nil, contacts)
		return err
	})
}

// must is in for what may not fail.
func (w *world) must(t *testing.T, kv store.Store, act func(ctx context.Context, f *Flow) error) {
	t.Helper()
	if err := w.in(t, kv, act); err != nil {
		t.Fatal(err)
	}
}

// inside lets them prove themselves by a code.
func (r *visiting) inside(contacts string) func(*testing.T, *world, store.Store) {
	return func(t *testing.T, w *world, kv store.Store) {
		r.secured(contacts)(t, w, kv)
		w.must(t, kv, func(ctx context.Context, f *Flow) error {
			r.v = w.proven(ctx, t, f, r.secret, r.to)
			return nil
		})
	}
}

// asked lets them ask for a code, which goes to address.
func (r *visiting) asked(t *testing.T, w *world, kv store.Store, address string) {
	t.Helper()
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		r.v.Session, _, err = f.SendCode(ctx, r.secret, r.v)
		deliverAll(ctx, f, 10*time.Second)
		mails := w.hop.mail(address)
		if err == nil && len(mails) == 0 {
			err = errors.New("no code came")
		}
		if err == nil {
			r.code = codeIn(mails[len(mails)-1])
		}
		return err
	})
}

// opens fails unless somebody who is new here opens the link by digits.
func (r *visiting) opens(t *testing.T, w *world, kv store.Store, digits string, want bool) {
	t.Helper()
	_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
		_, p, err := f.Prove(ctx, r.secret, gateway.Visitor{}, digits)
		if err != nil || p.Passed != want {
			t.Errorf("PIN passed %v, %v: %+v", p.Passed, err, p)
		}
		return nil
	})
}

// link reads the record of their link.
func (r *visiting) link(t *testing.T, w *world, kv store.Store) (l gateway.Link, page gateway.LinkPage) {
	t.Helper()
	w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
		if l, err = f.link(ctx, r.secret); err == nil {
			page, err = f.Visit(ctx, r.secret, gateway.Visitor{})
		}
		return err
	})
	return l, page
}

// change rewrites the record of their link.
func (r *visiting) change(t *testing.T, w *world, kv store.Store, change func(*gateway.Link)) {
	t.Helper()
	w.must(t, kv, func(ctx context.Context, f *Flow) error {
		l, err := f.link(ctx, r.secret)
		if err != nil {
			return err
		}
		change(&l)
		var b store.Batch
		if err := b.PutRecord(linkKey(l.ID), l); err != nil {
			return err
		}
		return store.Write(ctx, f.Store, &b)
	})
}

const (
	withPIN   = "email,pin\ns@secure.example,739154\n"
	withOther = "email,email2\ns@secure.example,other@out.example\n"
)

func proofJourneys() []journey {
	return slices.Concat(pinJourneys(), deviceJourneys(), linkJourneys())
}

func pinJourneys() []journey {
	var r visiting
	return []journey{
		{
			name: "choose a PIN", covers: []string{"ChoosePIN"}, prepare: r.inside(""),
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				problem, err := f.ChoosePIN(ctx, r.secret, r.v, "739 154")
				if problem != gateway.PINTaken && err == nil {
					err = errors.New(string(problem))
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer == nil {
					r.opens(t, w, kv, "739154", true)
				}
			},
		},
		{
			name: "prove by a PIN", covers: []string{"Prove"}, prepare: r.secured(withPIN),
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				session, p, err := f.Prove(ctx, r.secret, gateway.Visitor{}, "739154")
				if err == nil && !p.Passed {
					err = errors.New("not passed")
				}
				if err != nil {
					return err
				}
				_, err = f.Open(ctx, r.secret, gateway.Visitor{Session: session}, -1)
				return err
			},
		},
		{
			name: "drop a PIN", covers: []string{"DropPIN", "op contact.drop_pin"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				r.inside("")(t, w, kv)
				w.must(t, kv, func(ctx context.Context, f *Flow) error {
					_, err := f.ChoosePIN(ctx, r.secret, r.v, "739154")
					return err
				})
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				if err := f.DropPIN(ctx, r.secret, r.v); err != nil {
					return err
				}
				if problem, err := f.ChoosePIN(ctx, r.secret, r.v, "739154"); err != nil || problem != "" {
					return errors.Join(err, errors.New("not chosen again"))
				}
				_, err := operation(ctx, f, "contact.drop_pin", url.Values{"name": {r.to}}, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer == nil {
					r.opens(t, w, kv, "739154", false)
				}
			},
		},
	}
}

func deviceJourneys() []journey {
	var r visiting
	return []journey{
		{
			name: "remember and enter", covers: []string{"Remember", "Enter", "Devices"}, prepare: r.inside(""),
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				device, err := f.Remember(ctx, r.secret, r.v)
				if err != nil {
					return err
				}
				session, p, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: device})
				if err != nil || !p.Passed {
					return errors.Join(err, errors.New("not entered"))
				}
				known, err := f.Devices(ctx, r.secret, gateway.Visitor{Session: session, Device: device})
				if err == nil && (len(known) != 1 || !known[0].This) {
					err = errors.New("the device is not listed")
				}
				return err
			},
		},
		{
			name: "forget a device", covers: []string{"ForgetDevice", "op contact.revoke"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				r.inside("")(t, w, kv)
				w.must(t, kv, func(ctx context.Context, f *Flow) (err error) {
					r.v.Device, err = f.Remember(ctx, r.secret, r.v)
					return err
				})
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				known, err := f.Devices(ctx, r.secret, r.v)
				if err != nil {
					return err
				}
				if err := f.ForgetDevice(ctx, r.secret, r.v, known[0].ID); err != nil {
					return err
				}
				_, err = operation(ctx, f, "contact.revoke", url.Values{"name": {r.to}}, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					_, _, err := f.Enter(ctx, r.secret, gateway.Visitor{Device: r.v.Device})
					if answer == nil && !errors.Is(err, gateway.ErrNotProven) {
						t.Errorf("a revoked device: %v", err)
					}
					return nil
				})
			},
		},
	}
}

func linkJourneys() []journey {
	var r visiting
	return []journey{
		{
			name: "renew", covers: []string{"Prove"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				r.secured("")(t, w, kv)
				r.change(t, w, kv, func(l *gateway.Link) { l.Expires = l.Created.Add(-time.Hour) })
				r.asked(t, w, kv, r.to)
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, p, err := f.Prove(ctx, r.secret, r.v, r.code)
				if err == nil && (!p.Passed || p.Page.State != gateway.LinkActive) {
					err = errors.New("link is " + string(p.Page.State))
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if l, page := r.link(t, w, kv); answer == nil && (page.State != gateway.LinkActive || l.Expires.Sub(l.Created) < 29*24*time.Hour) {
					t.Errorf("after a renewal the link is %s until %v", page.State, l.Expires)
				}
			},
		},
		{
			name: "thaw by the other channel", covers: []string{"SendCode", "Prove"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				r.secured(withOther)(t, w, kv)
				w.must(t, kv, func(ctx context.Context, f *Flow) error { return f.Proof.Freeze(ctx, seal.LinkID(r.secret)) })
				r.asked(t, w, kv, "other@out.example")
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, p, err := f.Prove(ctx, r.secret, r.v, r.code)
				if err == nil && !p.Passed {
					err = errors.New("not thawed: " + string(p.Reason))
				}
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if _, page := r.link(t, w, kv); answer == nil && page.State != gateway.LinkActive {
					t.Errorf("link is %s", page.State)
				}
			},
		},
		{
			name: "report", covers: []string{"Report"}, prepare: r.inside(""),
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				return f.Report(ctx, r.secret, gateway.Visitor{}, gateway.NotForMe)
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				w.settle(t, kv)
				told := 0
				for _, raw := range w.hop.mail("ann@clinic.example") {
					if strings.Contains(raw, "s•••") || strings.Contains(raw, "Auto-Submitted: auto-generated") {
						told++
					}
				}
				_ = w.in(t, kv, func(ctx context.Context, f *Flow) error {
					_, err := f.Open(ctx, r.secret, r.v, -1)
					if closed := errors.Is(err, gateway.ErrNotProven); answer == nil && !closed || (told == 1) != closed {
						t.Errorf("answer %v, told %d times, opens: %v", answer, told, err)
					}
					return nil
				})
			},
		},
		{
			name: "thaw a PIN", covers: []string{"op link.thaw"},
			prepare: func(t *testing.T, w *world, kv store.Store) {
				r.secured(withPIN)(t, w, kv)
				w.must(t, kv, func(ctx context.Context, f *Flow) error {
					l, err := f.link(ctx, r.secret)
					if err != nil {
						return err
					}
					return f.Proof.FreezePIN(ctx, l.Person)
				})
			},
			run: func(ctx context.Context, _ *testing.T, _ *world, f *Flow) error {
				_, err := operation(ctx, f, "link.thaw", url.Values{"name": {r.to}}, "")
				return err
			},
			check: func(t *testing.T, w *world, kv store.Store, answer error) {
				if answer == nil {
					r.opens(t, w, kv, "739154", true)
				}
			},
		},
	}
}
