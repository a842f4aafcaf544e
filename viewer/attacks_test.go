package viewer

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	logdomain "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"gatepost/gateway"
)

// attacks are mails that try to run a script, to fetch something or to lead
// the reader's window elsewhere: ours, and the collected ones of others when
// they are there.
func attacks(t *testing.T) []string {
	t.Helper()
	mails := []string{
		letterHTML,
		`<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>`,
		`<img src="https://track.example/pixel.gif"><link rel=stylesheet href="https://track.example/a.css"><style>@import "https://track.example/b.css";p{background:url(https://track.example/c.png)}</style><p style="background:url(//track.example/d.png)">a</p>`,
		`<meta http-equiv=refresh content="0;url=https://track.example/away"><base href="https://track.example/"><img src=relative.png>`,
		`<iframe src="https://track.example/frame"></iframe><object data="https://track.example/o"></object><embed src="https://track.example/e"><video poster="https://track.example/p" src="https://track.example/v" autoplay></video>`,
		`<form action="https://track.example/form"><input autofocus onfocus="alert(4);this.form.submit()"></form><link rel=preconnect href="https://track.example"><link rel=prefetch href="https://track.example/f">`,
		`<a href="javascript:alert(5)" autofocus>a</a><a href="/m/AAAAAAAAAAAAAAAAAAAAAA/leave">b</a><img src="/m/own/file/0">`,
		`<img src="http://plain.example/pixel.gif"><iframe src="http://plain.example/frame"></iframe><link rel=stylesheet href="http://plain.example/a.css">`,
		`<picture><source srcset="https://track.example/s.png"><img srcset="https://track.example/1.png 1x" alt=a></picture><table background="https://track.example/t.gif"><tr><td>a</td></tr></table>`,
	}
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Log("GATEPOST_TESTDATA is unset: ONLY OUR OWN ATTACKS are tried in the browser")
		return mails
	}
	for _, set := range []string{"html-xss-bluemonday", "html-xss-dompurify"} {
		cases := readCases(t, filepath.Join(dir, set, "data", "cases.jsonl"))
		if len(cases) < 50 {
			t.Fatalf("%s: only %d cases", set, len(cases))
		}
		for _, c := range cases {
			mails = append(mails, c.HTML)
		}
	}
	return mails
}

// trap is every host of the world but the viewer's: a proxy that notes what it
// was asked for.
type trap struct {
	mu    sync.Mutex
	asked []string
}

// ServeHTTP implements http.Handler.
func (p *trap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host+" "+r.URL.Path)
	p.mu.Unlock()
	w.WriteHeader(http.StatusBadGateway)
}

// caught empties the trap. What the browser asks for on its own account is
// not of a mail.
func (p *trap) caught() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.DeleteFunc(p.asked, func(s string) bool { return strings.Contains(s, "google") || strings.Contains(s, "gvt1.com") })
	p.asked = nil
	return out
}

// stage is a page that shows many mails at once, each in a frame of its own,
// and notes what else is asked of the viewer's host.
type stage struct {
	trap   // what was asked of the host beside the page
	mu     sync.Mutex
	policy string
	body   string
}

// ServeHTTP implements http.Handler.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/stage" {
		s.trap.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.policy != "" {
		w.Header().Set("Content-Security-Policy", s.policy)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>stage</title><link rel="icon" href="data:,"><body>%s</body></html>`, s.body)
}

// watched is what a browser had to do with the mails that it showed.
type watched struct {
	ran     []string // what scripts said
	blocked []string // what the browser refused, by sandbox or policy
}

// watch begins to note what happens in w.
func (w *window) watch() func() watched {
	w.t.Helper()
	var mu sync.Mutex
	var seen watched
	tell(w, logdomain.Enable, cdp.Empty{})
	tell(w, runtime.AddBinding, runtime.AddBindingParams{Name: "ranHere"})
	tell(w, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = (x) => ranHere(name + " " + x);`})
	if err := chromedp.Listen(w.ctx, func(e any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case *logdomain.EventEntryAdded:
			seen.blocked = append(seen.blocked, e.Entry.Text)
		case *runtime.EventBindingCalled:
			seen.ran = append(seen.ran, e.Payload)
		}
	}); err != nil {
		w.t.Fatal(err)
	}
	return func() watched {
		mu.Lock()
		defer mu.Unlock()
		out := seen
		seen = watched{}
		return out
	}
}

var (
	frameOfMail = regexp.MustCompile(`(?s)<iframe [^>]*srcdoc="([^"]*)"[^>]*></iframe>`)
	hashOfSheet = regexp.MustCompile(` 'sha256-[^']+'`)
)

// framed is what the viewer makes of a mail: the frame as it stands on the
// message page, and the policy of that page. "" when it shows no HTML of it.
func framed(t *testing.T, c *clinic, b *browser, source string) (frame, policy string) {
	t.Helper()
	c.mail = &gateway.Mail{Subject: "a", HTML: gateway.Sensitive(source)}
	a := b.get(c.path())
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%.80q: status %d", source, a.StatusCode)
	}
	checkNothingActive(t, a.body, source)
	return frameOfMail.FindString(a.body), a.Header.Get("Content-Security-Policy")
}

// batch is a number of frames for one page, and the policy that allows the
// style sheets of all of them.
func batch(t *testing.T, c *clinic, b *browser, mails []string) (body, policy string) {
	t.Helper()
	var frames, hashes []string
	for _, source := range mails {
		frame, p := framed(t, c, b, source)
		if frame == "" {
			continue
		}
		frames = append(frames, frame)
		hashes = append(hashes, hashOfSheet.FindAllString(p, -1)...)
		policy = hashOfSheet.ReplaceAllString(p, "")
	}
	slices.Sort(hashes)
	return strings.Join(frames, "\n"), strings.Replace(policy, "style-src 'self'", "style-src 'self'"+strings.Join(slices.Compact(hashes), ""), 1)
}

// TestAttacksInRealBrowser opens the mails of attackers in a real browser, as
// the message page shows them, many at once. Nothing is asked of any host, no
// script runs, and there was nothing that the browser had to refuse: the
// sanitiser had taken it out. Then the same mails as they came, in the same
// frames: sandbox and policy alone hold. And, so that it is known that the
// test would see it, with neither.
func TestAttacksInRealBrowser(t *testing.T) {
	world := &trap{}
	proxy := httptest.NewServer(world)
	defer proxy.Close()
	here := &stage{}
	server := httptest.NewServer(here)
	defer server.Close()
	// Sandboxed frames stay in the window's process, so that what they do is
	// told to its listener.
	ctx := chromium(t, chromedp.ProxyServer(proxy.URL), chromedp.Flag("disable-features", "site-per-process,Translate,IsolateSandboxedIframes"))
	c := newClinic(t)
	b := c.visit(false)
	c.enter(b)
	w := c.window(ctx, server.URL)
	seen := w.watch()

	show := func(body, policy string) (watched, []string, []string) {
		here.mu.Lock()
		here.body, here.policy = body, policy
		here.mu.Unlock()
		w.open("/stage")
		w.do("waiting for what comes late", chromedp.Sleep(300*time.Millisecond))
		return seen(), world.caught(), here.caught()
	}
	mails := attacks(t)
	const atOnce = 60
	for part := range slices.Chunk(mails, atOnce) {
		body, policy := batch(t, c, b, part)
		if n := strings.Count(body, "<iframe"); n < len(part)*3/4 {
			t.Fatalf("only %d of %d mails have a frame", n, len(part))
		}
		w1, away, home := show(body, policy)
		if len(w1.ran) > 0 || len(w1.blocked) > 0 || len(away) > 0 || len(home) > 0 {
			t.Errorf("of %.80q and %d others\n ran %q\n blocked %q\n asked others for %q\n asked us for %q", part[0], len(part)-1, w1.ran, w1.blocked, away, home)
		}
	}
	checkTheFrameAlone(t, c, b, mails, show)
}

// checkTheFrameAlone shows the mails as they came.
func checkTheFrameAlone(t *testing.T, c *clinic, b *browser, mails []string, show func(body, policy string) (watched, []string, []string)) {
	t.Helper()
	frame, policy := framed(t, c, b, "<p>a</p>")
	var raw, open []string
	for n, source := range mails {
		if n >= 100 && n%5 > 0 { // enough of them to know
			continue
		}
		held := strings.Replace(frame, frameOfMail.FindStringSubmatch(frame)[1], htmlEscape(source), 1)
		raw = append(raw, held)
		open = append(open, strings.NewReplacer(` sandbox="`, ` title="`).Replace(held))
	}
	ran, blocked, away := 0, 0, 0
	for part := range slices.Chunk(raw, 60) {
		w, asked, _ := show(strings.Join(part, "\n"), policy)
		// Of a frame or a sheet that the policy forbids, Chromium still opens
		// the connection ahead (CONNECT). That is why the sanitiser is first.
		asked = slices.DeleteFunc(asked, func(s string) bool { return strings.HasPrefix(s, "CONNECT ") })
		if len(w.ran) > 0 || len(asked) > 0 {
			t.Errorf("frame and policy alone let run %q and asked others for %q", w.ran, asked)
		}
		blocked += len(w.blocked)
	}
	if blocked < 5 {
		t.Errorf("the browser refused only %d things of the mails as they came", blocked)
	}
	for part := range slices.Chunk(open[:min(len(open), 60)], 60) {
		w, asked, _ := show(strings.Join(part, "\n"), "")
		ran, away = ran+len(w.ran), away+len(asked)
	}
	if ran < 3 || away < 3 {
		t.Errorf("without any protection only %d scripts ran and %d requests left: this test would not see an attack", ran, away)
	}
	t.Logf("of %d mails: %d things refused by frame and policy alone; with neither, %d scripts ran and %d requests left", len(raw), blocked, ran, away)
}

func htmlEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;").Replace(s)
}
