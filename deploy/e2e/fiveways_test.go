package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// fiveWays decides by recipient alone, so that one mail goes every way there
// is.
const fiveWays = `policy: five-ways
default: pass
on_error: hold
rules:
  - {id: to-tls, reason: Forced TLS, when: recipient.domain == "lab.example" || recipient.domain == "plain.example", then: tls}
  - {id: to-secure, reason: Link, when: recipient.domain == "patients.example", then: secure}
  - {id: to-hold, reason: Review, when: recipient.address == "held@out.example", then: hold}
  - {id: to-reject, reason: Refused, when: recipient.address == "refused@out.example", then: reject}
`

// TestOneMailGoesFiveWays: one message, seven recipients, five verdicts; the
// second of secure and of tls show that links are not shared and that a next
// hop without TLS turns tls into secure.
func TestOneMailGoesFiveWays(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	ca := newAuthority(t, dir)
	cert, _, _ := ca.issue(t, 2)
	outside, lab, inside := startSink(t, nil), startSink(t, &cert), startSink(t, nil)
	g := newGate(t, settings{policy: fiveWays, routes: []string{
		fmt.Sprintf("{domain: clinic.example, via: %q, tls: none}", inside.addr),
		fmt.Sprintf("{domain: lab.example, via: %q, tls: verify, ca: %q, enforces_tls: true}", lab.addr, ca.file),
		fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr),
	}}).start()
	to := []string{"passed@out.example", "results@lab.example", "pat@patients.example", "sam@patients.example", "held@out.example", "refused@out.example", "notls@plain.example"}
	mail := mailText("ann@clinic.example", strings.Join(to, ", "), "Minutes of the quince meeting", "The words kumquat and persimmon stand here.\n")
	id := accepted(t, g.relay, "ann@clinic.example", to, mail)

	passed, tls := outside.wait(t, "passed@out.example", 1), lab.wait(t, "results@lab.example", 1)
	for name, m := range map[string]received{"pass": passed, "tls": tls} {
		if !bytes.HasSuffix(m.raw, mail) {
			t.Errorf("%s: the mail was changed:\n%s", name, m.raw)
		}
		if linkPattern.Match(m.raw) {
			t.Errorf("%s: the copy holds a link", name)
		}
	}
	if !tls.tls {
		t.Error("tls: the mail went over a connection without TLS")
	}
	links := map[string]string{}
	for _, a := range []string{"pat@patients.example", "sam@patients.example", "notls@plain.example"} {
		m := outside.wait(t, a, 1)
		link := m.link(t)
		if other, twice := links[link]; twice {
			t.Errorf("%s and %s got the same link", a, other)
		}
		links[link] = a
		for _, word := range []string{"quince", "kumquat", "persimmon"} {
			if strings.Contains(m.text(), word) {
				t.Errorf("the notice for %s holds %q", a, word)
			}
		}
		for _, other := range to {
			if other != a && strings.Contains(m.text(), other) {
				t.Errorf("the notice for %s names %s", a, other)
			}
		}
	}
	report := inside.wait(t, "ann@clinic.example", 1)
	reportsOnly(t, report, "refused@out.example", to)
	theHeldOneWaits(t, g, outside, id, mail)
}

// reportsOnly: the report names who was refused, holds no link and not the
// mail's words.
func reportsOnly(t *testing.T, report received, refused string, all []string) {
	t.Helper()
	if report.from != "" {
		t.Errorf("the report has the envelope sender %q", report.from)
	}
	text := report.text()
	if !strings.Contains(text, "Final-Recipient") || !strings.Contains(text, refused) {
		t.Errorf("the report does not name %s:\n%s", refused, text)
	}
	if linkPattern.MatchString(text) {
		t.Error("the report holds a link")
	}
	for _, a := range all {
		if a != refused && strings.Contains(text, "Final-Recipient: rfc822; "+a) {
			t.Errorf("the report is about %s too", a)
		}
	}
	for _, word := range []string{"kumquat", "persimmon"} {
		if strings.Contains(text, word) {
			t.Errorf("the report quotes the body: %q", word)
		}
	}
}

func theHeldOneWaits(t *testing.T, g *gate, outside *sink, id string, mail []byte) {
	t.Helper()
	held := g.list("held", "list")
	if len(held) != 1 || held[0].text("recipient") != "held@out.example" || !strings.HasPrefix(held[0].text("id"), id) {
		t.Fatalf("held list: %v", held)
	}
	if n := len(outside.to("held@out.example")); n != 0 {
		t.Fatal("the held mail left")
	}
	g.must("held", "release", held[0].text("id"), "--reason", "looked at it")
	if m := outside.wait(t, "held@out.example", 1); !bytes.HasSuffix(m.raw, mail) {
		t.Errorf("the released mail was changed:\n%s", m.raw)
	}
	if n := len(outside.to("refused@out.example")); n != 0 {
		t.Error("the refused recipient got something")
	}
	eventually(t, 30*time.Second, func() string {
		if left := g.list("queue", "list"); len(left) > 0 {
			return fmt.Sprint("unfinished: ", left)
		}
		return ""
	})
	g.must("audit", "verify")
}

// TestAllRefusedIsRefusedAtOnce: when no recipient may have it, the peer hears
// 550 and nothing is kept.
func TestAllRefusedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	outside := startSink(t, nil)
	g := newGate(t, settings{policy: fiveWays, routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}}).start()
	r := sendOne(t, g.relay, "ann@clinic.example", []string{"refused@out.example"}, mailText("ann@clinic.example", "refused@out.example", "Hello", "Hello.\n"))
	if r.code != 550 || !strings.HasPrefix(r.text, "5.7.1") {
		t.Errorf("answered %v", r)
	}
	if left := g.list("queue", "list"); len(left) != 0 {
		t.Errorf("queued: %v", left)
	}
	if len(g.evidence("message.refused")) != 1 {
		t.Error("the refusal left no evidence")
	}
}
