package flow

import (
	"context"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestEachDomainHasItsBrand: notice, code and pages bear the name, the help and
// the colour of the sender's domain; a domain without a brand, and what a brand
// leaves open, is as for the organization. The page learns it before any proof.
func TestEachDomainHasItsBrand(t *testing.T) {
	for _, k := range []struct{ domain, name, help, color, brand string }{
		{"clinic.example", "Paediatrics", "+1 555 2222", "background:#7a1f5c;", "clinic.example"},
		{"other.example", "Example Clinic", "", "background:#1a5276;", ""},
	} {
		w, kv := newWorld(t), emptyStore()
		if err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			set := w.settings()
			set.Brands = map[string]gateway.Brand{k.domain: {Domain: k.domain, Name: "Paediatrics", Help: "+1 555 2222", Color: gateway.Color{R: 0x7a, G: 0x1f, B: 0x5c, Set: true}}}
			f.Configure(set, testJudge())
			if _, err := accept(ctx, f, submissionTo("s@secure.example"), testMail); err != nil {
				return err
			}
			deliverAll(ctx, f, time.Minute)
			notice := w.notice(t, "s@secure.example")
			for _, want := range []string{"Subject: Secure message from " + k.name, `From: "` + k.name + `" <`, k.color} {
				if !strings.Contains(notice, want) {
					t.Errorf("%s: the notice has no %q:\n%s", k.domain, want, notice)
				}
			}
			if (k.help != "") != strings.Contains(notice, "+1 555 2222") {
				t.Errorf("%s: the notice says of help: %s", k.domain, notice)
			}
			r := w.prove(ctx, t, f, "s@secure.example")
			mails := w.hop.mail("s@secure.example")
			if code := mails[len(mails)-1]; !strings.Contains(code, k.name) {
				t.Errorf("%s: the code comes from somebody else:\n%s", k.domain, code)
			}
			page, err := f.Visit(ctx, r.secret, gateway.Visitor{})
			if page.Organization != k.name || page.Help != k.help || page.Brand != k.brand {
				t.Errorf("%s: the page is of %q, help %q, brand %q", k.domain, page.Organization, page.Help, page.Brand)
			}
			return err
		}); err != nil {
			t.Errorf("%s: %v", k.domain, err)
		}
	}
}
