package flow

import (
	"context"
	"strings"
	"testing"
	"time"
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
