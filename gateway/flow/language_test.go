package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/seal"
	"gatepost/store"
)

// What goes to staff, and to a correspondent whose language nobody knows, is in
// the organization's language.
func TestOrganizationLanguage(t *testing.T) {
	w := newWorld(t)
	const to = "s@secure.example"
	err := w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		settings := w.settings()
		settings.Language = "de"
		f.Configure(settings, testJudge())
		sentTo(ctx, t, f, to)
		live(ctx, f, 100*time.Hour)
		w.prove(ctx, t, f, to)
		for address, least := range map[string]int{to: 5, "ann@clinic.example": 1} { // notice, three reminders, code
			mails := w.hop.mail(address)
			if len(mails) < least {
				t.Errorf("%d mails, not %d", len(mails), least)
			}
			for _, mail := range mails {
				if !strings.Contains(mail, "Content-Language: de\r\n") {
					t.Errorf("another language: %.600s", mail)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A code mail says what its code does: whoever did not ask for that knows that
// somebody else did.
func TestCodeSaysWhatItIsFor(t *testing.T) {
	for want, arrange := range map[string]func(t *testing.T, w *world, kv store.Store, r *visiting) string{
		"Your code for the secure message": func(t *testing.T, w *world, kv store.Store, r *visiting) string {
			r.secured("")(t, w, kv)
			return r.to
		},
		"Your code to renew the expired link": func(t *testing.T, w *world, kv store.Store, r *visiting) string {
			r.secured("")(t, w, kv)
			r.change(t, w, kv, func(l *gateway.Link) { l.Expires = l.Created.Add(-time.Hour) })
			return r.to
		},
		"Your code to unlock the locked link": func(t *testing.T, w *world, kv store.Store, r *visiting) string {
			r.secured(withOther)(t, w, kv)
			w.must(t, kv, func(ctx context.Context, f *Flow) error { return f.Proof.Freeze(ctx, seal.LinkID(r.secret)) })
			return "other@out.example"
		},
	} {
		w, kv, r := newWorld(t), emptyStore(), visiting{}
		to := arrange(t, w, kv, &r)
		r.asked(t, w, kv, to)
		mails := w.hop.mail(to)
		if len(mails) == 0 || !strings.Contains(mails[len(mails)-1], want) {
			t.Errorf("%s: %d mails", want, len(mails))
		}
	}
}
