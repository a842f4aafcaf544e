package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// TestActsSayWhatTheyDid: in one line, and as JSON not at all, but for those that may
// find everything so already.
func TestActsSayWhatTheyDid(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next).start()
	said := func(want string, args ...string) {
		t.Helper()
		if out := r.must(args...); out != want+"\n" {
			t.Errorf("%v: %q, want %q", args, out, want)
		}
	}
	said("The queue was not paused: nothing is changed", "queue", "resume")
	said("The queue is paused (gatepost queue resume)", "queue", "pause")
	said("The queue was paused before (gatepost queue resume)", "queue", "pause")
	mail := func(to string) string { return r.send("ann@clinic.example", to, plainMail) + ".0" }
	id := mail("pat@out.example")
	said(id+" is tried again now", "queue", "retry", id)
	said(id+" is held until it is released", "queue", "hold", id)
	said(id+" is released", "held", "release", id, "--reason", "checked with Ann")
	for _, args := range [][]string{{"queue", "show", id}, {"message", "show", strings.TrimSuffix(id, ".0")}} {
		if out := r.must(args...); !strings.Contains(out, "review: checked with Ann\n") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	said(id+" is given up", "queue", "drop", id)
	held := mail("pat@hold.example")
	said(held+" is refused", "held", "refuse", held, "--reason", "no")
	said("The queue delivers again", "queue", "resume")
	for _, act := range []string{"pause", "resume"} {
		for _, want := range []string{"true", "false"} {
			if out := r.must("queue", act, "--json"); out != `{"changed":`+want+"}\n" {
				t.Errorf("%s as JSON: %q, want %s", act, out, want)
			}
		}
	}
	if out := r.must("held", "refuse", mail("pat@hold.example"), "--reason", "no", "--json"); out != "" {
		t.Errorf("as JSON: %q", out)
	}
	if out, errs, code := r.runWith("correct horse battery\n", "user", "add", "ann@clinic.example", "--password-file", "-"); code != 0 || out != "User ann@clinic.example is added\n" {
		t.Errorf("%d %q %s", code, out, errs)
	}
	const ann = "ann@clinic.example"
	said("User "+ann+" is admin from the next log-in; IMAP and viewer sessions under that name are ended", "user", "role", ann, "admin")
	said("User "+ann+" was admin before: nothing is changed", "user", "role", ann, "admin")
	said("User "+ann+" cannot log in any more", "user", "disable", ann)
	said("User "+ann+" was disabled before: nothing is changed", "user", "disable", ann)
	if out := r.must("audit", "verify"); !strings.HasPrefix(out, "verified: ") || !strings.Contains(out, " records\n") {
		t.Errorf("audit verify:\n%s", out)
	}
}

// TestTextLeavesInternalsOut: zero values are for programs.
func TestTextLeavesInternalsOut(t *testing.T) {
	const line = `{"id":"x","at":"2026-11-21T23:25:42.965278482Z","options":{"expires":86400000000000,"pin":""},"attempts":0,"shadow":false,"retain_until":"0001-01-01T00:00:00Z","rules":[],"last":{"code":0},` +
		`"results":[{"id":"r","met":false,"error":""}],"findings":[{"masked":"1**","part":0}]}`
	var out strings.Builder
	if err := brief(&out, strings.NewReader(line)); err != nil {
		t.Fatal(err)
	}
	want := "at: 2026-11-21T23:25:42Z\nfindings:\n  - 1\n    masked: 1**\nid: x\noptions:\n  expires: 24h0m0s\nresults:\n  - 1\n    id: r\n    met: false\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", &out, want)
	}
	out.Reset()
	if err := verified(&out, strings.NewReader(`{"records":3,"problems":[{"kind":"root","what":"changed"}]}`)); err != nil || !strings.HasPrefix(out.String(), "NOT verified\n") {
		t.Errorf("%v %s", err, &out)
	}
}

// TestWrongArgumentsNameTheHelpOfTheirCommand: what to read next is the help of the
// command that was meant.
func TestWrongArgumentsNameTheHelpOfTheirCommand(t *testing.T) {
	for line, want := range map[string]string{
		"queue drop": "(see gatepost queue drop --help)", "held release x --why": "(see gatepost held release --help)",
		"queue nothing": "(see gatepost queue --help)", "nothing": "(see gatepost --help)",
	} {
		var errs bytes.Buffer
		if code := run(context.Background(), strings.Fields(line), environment{in: strings.NewReader(""), out: io.Discard, err: &errs}); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: %d %s", line, code, errs.String())
		}
	}
}

// TestAMissingConfigurationNamesAllPlaces: where it was looked for, unless somebody
// said where it is.
func TestAMissingConfigurationNamesAllPlaces(t *testing.T) {
	if there(systemConfig) || there(sendmailConfig) {
		t.Skip("this machine has a configuration of its own")
	}
	t.Chdir(t.TempDir())
	t.Setenv("GATEPOST_CONFIG", "") // is as it was afterwards
	_ = os.Unsetenv("GATEPOST_CONFIG")
	said := func(args ...string) string {
		var errs bytes.Buffer
		if code := run(context.Background(), args, environment{in: strings.NewReader(""), out: io.Discard, err: &errs}); code == 0 {
			t.Errorf("%v went well", args)
		}
		return errs.String()
	}
	if got := said("queue", "list"); !strings.Contains(got, "looked in gatepost.yaml, then /etc/gatepost/gatepost.yaml; --config") {
		t.Error(got)
	}
	if got := said("queue", "list", "--config", "elsewhere.yaml"); strings.Contains(got, "looked in") || !strings.Contains(got, "elsewhere.yaml") {
		t.Error(got)
	}
}
