package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDemo: within seconds a newcomer sees every way that a mail can go, and
// the commands that are told work.
func TestDemo(t *testing.T) {
	out, errs := new(buffer), new(buffer)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan int, 1)
	dir := filepath.Join(t.TempDir(), "kept")
	begin := time.Now()
	go func() { done <- run(ctx, []string{"demo", "--dir", dir}, environment{out: out, err: errs}) }()
	eventually(t, "the demo speaks", func() bool { return strings.Contains(out.String(), "Ctrl-C") })
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("a newcomer waits %s", took)
	}
	text := out.String()
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 120 && !strings.Contains(line, "--config") {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	page := regexp.MustCompile(`arrived outside: +(http://127\.0\.0\.1:\d+)`).FindStringSubmatch(text)[1]
	code, box := fetch(t, http.DefaultClient, page)
	if code != 200 || strings.Count(box, "<article>") < expectedOutside || !strings.Contains(box, "Open the secure message") || strings.Contains(box, "benign") {
		t.Errorf("the mailbox page: %d\n%s", code, box)
	}
	var link []string
	for article := range strings.SplitSeq(box, "<article>") {
		if hit := regexp.MustCompile(`<a href="([^"]+/m/[^"]+)">Open`).FindStringSubmatch(article); hit != nil && strings.Contains(article, "<small>to pat@out.example ") {
			link = hit
		}
	}
	if link == nil {
		t.Fatalf("no secure message to pat@out.example:\n%s", box)
	}
	if _, gate := fetch(t, http.DefaultClient, link[1]); !strings.Contains(gate, "p•••@h•••.example") {
		t.Errorf("the page does not say that the code goes to another address than the link:\n%s", gate)
	}
	checkPhones(t, page, box)
	mail := regexp.MustCompile(`IMAP (\S+) without TLS, as\n(\S+) with the password (\S+)\. `).FindStringSubmatch(text)
	if mail == nil {
		t.Fatalf("no word of the mail client:\n%s", text)
	}
	client := imapDial(t, mail[1], false)
	client.ok("LOGIN " + mail[2] + " " + mail[3])
	eventually(t, "Ann's folders are filled", func() bool { return !strings.Contains(client.ok("STATUS Secured/Unopened (MESSAGES)"), "MESSAGES 0") })
	tried, said := 0, ""
	for _, m := range regexp.MustCompile(`(?m)--config (\S+) (.+)$`).FindAllStringSubmatch(text, -1) {
		tried++
		var o, e bytes.Buffer
		if code := run(t.Context(), append([]string{"--config", m[1]}, strings.Fields(m[2])...), environment{out: &o, err: &e}); code != 0 || o.Len() == 0 || o.String() == "none\n" {
			t.Errorf("%s: exit %d\n%s%s", m[2], code, o.String(), e.String())
		}
		said += o.String()
	}
	if tried != 8 {
		t.Errorf("%d commands were told, not 8", tried)
	}
	for _, want := range []string{"rules=stop", " stopped ", "opens_by=other_channel"} {
		if !strings.Contains(said, want) {
			t.Errorf("the commands do not show %q", want)
		}
	}
	end()
	if code := <-done; code != 0 {
		t.Errorf("the demo ended with %d\n%s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
		t.Error("the data is not where --dir said")
	}
	again := new(buffer)
	if code := run(t.Context(), []string{"demo", "--once", "--dir", dir}, environment{out: again, err: errs}); code != 0 {
		t.Errorf("the demo again over its own data: %d\n%s", code, errs)
	}
	checkOver(t, again.String())
}

// checkOver runs the commands that are told when the demo has ended, and finds
// no word of what only a running one has.
func checkOver(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "Ctrl-C") || strings.Contains(text, "Look at what") || !strings.Contains(text, "ends here (--once)") {
		t.Errorf("the demo has ended and says:\n%s", text)
	}
	told := regexp.MustCompile(`(?m)--config (\S+) (.+)$`).FindAllStringSubmatch(text, -1)
	for _, m := range told {
		var o, e bytes.Buffer
		if code := run(t.Context(), append([]string{"--config", m[1]}, strings.Fields(m[2])...), environment{out: &o, err: &e}); code != 0 || o.Len() == 0 || o.String() == "none\n" {
			t.Errorf("%s: exit %d\n%s%s", m[2], code, o.String(), e.String())
		}
	}
	if len(told) != 4 {
		t.Errorf("%d commands were told, not 4", len(told))
	}
}

// TestDemoOnceRelative: a directory as people type it.
func TestDemoOnceRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	if code := run(t.Context(), []string{"demo", "--once", "--dir", "demo data"}, environment{out: io.Discard, err: os.Stderr}); code != 0 {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat("demo data/data/store"); err != nil {
		t.Error(err)
	}
}

// TestDemoNeedsItsListeners: without the listeners nothing is shown to work.
func TestDemoNeedsItsListeners(t *testing.T) {
	for name, spoil := range map[string]func(d *demo){
		"no relay":      func(d *demo) { d.config.Listen.Relay = "" },
		"no submission": func(d *demo) { d.config.Listen.Submission = "" },
	} {
		d, err := newDemo(t.TempDir(), environment{out: io.Discard, err: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		d.patience, d.once = 500*time.Millisecond, true
		spoil(d)
		var e exit
		if err := d.run(t.Context(), environment{out: io.Discard, err: io.Discard}); !errors.As(err, &e) || e.code != exitSoftware || !strings.Contains(err.Error(), "did not go as told") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
