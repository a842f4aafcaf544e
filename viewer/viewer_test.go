package viewer

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

func TestFirstOpenIsFourActions(t *testing.T) {
	for _, tls := range []bool{true, false} {
		c := newClinic(t)
		b := c.visit(tls)
		gate := b.get(c.path()) // 1: open the link
		for _, want := range []string{"Example Clinic", "K7RM-2F", "42\u00a017", `name="pin"`, `inputmode="numeric"`, `autocomplete="one-time-code"`, `<label for="pin">`} {
			if gate.StatusCode != 200 || !strings.Contains(gate.body, want) {
				t.Errorf("gate %d lacks %q", gate.StatusCode, want)
			}
		}
		if strings.Contains(gate.body, "blood") || strings.Contains(gate.body, "Miller") {
			t.Error("the gate says something of the message")
		}
		sent := b.submit(gate, "code", "") // 2: ask for a code
		if sent.Request.Method != "GET" || !strings.Contains(sent.body, "We sent a code to") {
			t.Errorf("after asking: %s %d", sent.Request.Method, sent.StatusCode)
		}
		message := b.submit(sent, "pin", c.lastCode()) // 3 and 4: type, send
		if message.StatusCode != 200 || message.Request.URL.Path != c.path() || message.Request.Method != "GET" {
			t.Fatalf("after the PIN: %d %s", message.StatusCode, message.Request.URL.Path)
		}
		for _, want := range []string{"Your blood test results", "Dr Ann Miller", "Haemoglobin", "Laboratory report", `sandbox="allow-popups allow-popups-to-escape-sandbox"`} {
			if !strings.Contains(message.body, want) {
				t.Errorf("message lacks %q", want)
			}
		}
		if got := c.granted(); !reflect.DeepEqual(got, []int{-1}) {
			t.Errorf("evidence of reads %v", got)
		}
		if again := b.get(c.path()); !strings.Contains(again.body, "Haemoglobin") {
			t.Error("the next visit of this device is not one action")
		}
	}
}

func TestTwoFormsOneField(t *testing.T) {
	c := newClinic(t)
	gate := c.visit(true).get(c.path())
	forms := gate.forms()
	if len(forms) != 2 {
		t.Fatalf("%d forms", len(forms))
	}
	for _, f := range forms {
		if f.Has("code") == f.Has("pin") {
			t.Errorf("a form with fields %v", f)
		}
	}
	if n := strings.Count(gate.body, `type="text"`); n != 1 {
		t.Errorf("%d visible fields", n)
	}
	if strings.Contains(gate.body, "<button name") || strings.Count(gate.body, "<script") != 1 {
		t.Error("a named button, or a script that is not ours")
	}
}

func TestCookie(t *testing.T) {
	for tls, want := range map[bool]string{
		true:  `^__Host-gatepost=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`,
		false: `^gatepost=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax$`,
	} {
		c := newClinic(t)
		b := c.visit(tls)
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		gate := b.get(c.path())
		if gate.Header.Get("Set-Cookie") != "" {
			t.Error("a GET sets a cookie")
		}
		sent := b.submit(gate, "code", "")
		if got := sent.Header.Get("Set-Cookie"); sent.StatusCode != 303 || !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("TLS %v: %d, cookie %q", tls, sent.StatusCode, got)
		}
	}
}

func TestWrongPIN(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := b.submit(b.get(c.path()), "code", "")
	for left := 4; left >= 1; left-- {
		page = b.submit(page, "pin", wrong(c))
		if page.StatusCode != 200 || !strings.Contains(page.body, `role="alert"`) || !strings.Contains(page.body, `aria-describedby="problem pin-hint"`) ||
			!strings.Contains(page.body, `aria-invalid="true"`) || !strings.Contains(page.body, fmt.Sprintf("You have %d tr", left)) {
			t.Fatalf("%d left: status %d", left, page.StatusCode)
		}
		if strings.Contains(page.body, wrong(c)) {
			t.Error("the page repeats the PIN")
		}
	}
	page = b.submit(page, "pin", wrong(c))
	if !strings.Contains(page.body, "Please wait a little") || !strings.Contains(page.body, "2:20\u00a0pm") || !strings.Contains(page.body, "about 15 minutes") || strings.Contains(page.body, `name="pin"`) {
		t.Fatalf("paused page: %d\n%s", page.StatusCode, page.body)
	}
	c.advance(16 * time.Minute)
	page = b.submit(b.get(c.path()), "code", "")
	for range 5 {
		page = b.submit(page, "pin", wrong(c))
	}
	if !strings.Contains(page.body, "This link is locked") || !strings.Contains(html.UnescapeString(page.body), `href="tel:+15550001111"`) {
		t.Fatalf("frozen page: %d\n%s", page.StatusCode, page.body)
	}
	if len(c.granted()) != 0 {
		t.Error("something was opened")
	}
}

func wrong(c *clinic) string {
	code := c.lastCode()
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

func TestMalformedPINSpendsNoTry(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := b.submit(b.get(c.path()), "code", "")
	for _, pin := range []string{"12345", "abc", "<script>alert(1)</script>", strings.Repeat("9", 300)} {
		page = b.submit(page, "pin", pin)
		if !strings.Contains(page.body, "Please enter the 6 digits") || strings.Contains(page.body, "<script>") {
			t.Errorf("%.20q: %d", pin, page.StatusCode)
		}
	}
	spaced := c.lastCode()[:3] + " " + c.lastCode()[3:]
	if done := b.submit(page, "pin", spaced); !strings.Contains(done.body, "Haemoglobin") {
		t.Error("a code with a blank is refused")
	}
}

func TestCodeOfAnotherDevice(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	b.submit(b.get(c.path()), "code", "")
	other := b.another()
	page := other.submit(other.get(c.path()), "pin", c.lastCode())
	if !strings.Contains(page.body, "no code for this device") || len(c.granted()) != 0 {
		t.Fatalf("a code from another device: %d", page.StatusCode)
	}
}

func TestAskedTooSoon(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	gate := b.get(c.path())
	b.submit(gate, "code", "")
	page := b.submit(gate, "code", "")
	if page.StatusCode != 200 || !strings.Contains(page.body, "You can ask for a new one at 2:06\u00a0pm") || !strings.Contains(page.body, `name="pin"`) {
		t.Fatalf("too soon: %d %s", page.StatusCode, page.body)
	}
	if len(c.codes) != 1 {
		t.Fatalf("%d codes", len(c.codes))
	}
}

func TestStatesHavePages(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	for state, want := range map[gateway.LinkState][]string{
		gateway.LinkExpired:  {"410", "This link has expired", "K7RM-2F", "tel:+15550001111"},
		gateway.LinkRecalled: {"410", "taken back", "K7RM-2F", "tel:+15550001111"},
		gateway.LinkFrozen:   {"200", "This link is locked", "K7RM-2F", "tel:+15550001111"},
		gateway.LinkUnknown:  {"404", "We cannot find this message"},
		"something new":      {"404", "We cannot find this message"},
	} {
		c.state = state
		page := b.get(c.path())
		if fmt.Sprint(page.StatusCode) != want[0] {
			t.Errorf("%s: %d", state, page.StatusCode)
		}
		for _, w := range want[1:] {
			if !strings.Contains(html.UnescapeString(page.body), w) {
				t.Errorf("%s lacks %q", state, w)
			}
		}
		if strings.Contains(page.body, "<form") {
			t.Errorf("%s has a form", state)
		}
	}
}

func TestUnknownAndMalformedLinksLookTheSame(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	unknown := b.get("/m/" + gateway.LinkSecret{99}.Path())
	c.state = gateway.LinkUnknown
	gone := b.get(c.path())
	for _, other := range []answer{gone, b.get("/m/short"), b.get("/m/" + strings.Repeat("A", 500)), b.get("/m/%00%ff<script>")} {
		if other.StatusCode != 404 || other.body != unknown.body {
			t.Errorf("%d, and differs by %d octets", other.StatusCode, len(other.body)-len(unknown.body))
		}
	}
}

func TestLinkWithTheFullStopOfItsSentence(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	for _, tail := range []string{".", ",", ")", "%3E", ".)"} {
		if page := b.get(c.path() + tail); page.StatusCode != 200 || !strings.Contains(page.body, "K7RM-2F") {
			t.Errorf("%q: %d", tail, page.StatusCode)
		}
	}
}

// TestLookingChangesNothing plays scanner: thousands of GET and HEAD, with and
// without a session, change no record, send no code, open nothing.
func TestLookingChangesNothing(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	b.submit(b.get(c.path()), "code", "")
	before := records(c)
	for _, who := range []*browser{b, b.another()} {
		for range 100 {
			for _, path := range []string{"", "?pin=" + c.lastCode(), "?code=1", "/mail", "/file/0", "/show/1", "/leave", "?left", "?sent"} {
				for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
					who.do(method, c.path()+path, nil, nil)
				}
			}
		}
	}
	if after := records(c); after != before {
		t.Error("looking changed a record")
	}
	if len(c.codes) != 1 || len(c.granted()) != 0 {
		t.Errorf("%d codes, opened %v", len(c.codes), c.granted())
	}
}

// records is all that the store holds.
func records(c *clinic) string {
	var all strings.Builder
	_ = c.store.Scan(context.Background(), rangeOfAll(), visitInto(&all))
	return all.String()
}

func TestOnlyAGETThatReadsLeavesEvidence(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	start := len(c.granted())
	for _, path := range []string{"", "/mail", "/file/0", "/show/0"} {
		b.do("HEAD", c.path()+path, nil, nil)
		for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
			page := b.do("GET", c.path()+path, nil, http.Header{name: {"prefetch;prerender"}})
			if strings.Contains(page.body, "Haemoglobin") {
				t.Errorf("prefetching %q shows the message", path)
			}
		}
	}
	if got := c.granted(); len(got) != start {
		t.Errorf("opened %v", got[start:])
	}
}

func TestLeaving(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	message := c.enter(b)
	var leave url.Values
	for _, f := range message.forms() {
		if strings.HasSuffix(f.Get(""), "/leave") {
			leave = f
		}
	}
	path := leave.Get("")
	leave.Del("")
	closed := b.do("POST", path, leave, nil)
	if closed.StatusCode != 200 || !strings.Contains(closed.body, "The message is closed") {
		t.Fatalf("after leaving: %d", closed.StatusCode)
	}
	if page := b.get(c.path()); strings.Contains(page.body, "Haemoglobin") || !strings.Contains(page.body, `name="pin"`) {
		t.Fatal("the message is open after leaving")
	}
}

func TestIdleSessionEnds(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	c.advance(14 * time.Minute)
	if page := b.get(c.path()); !strings.Contains(page.body, "Haemoglobin") {
		t.Fatal("closed too early")
	}
	c.advance(15 * time.Minute)
	if page := b.get(c.path()); strings.Contains(page.body, "Haemoglobin") {
		t.Fatal("an idle session reads on")
	}
}

func TestFrameOfTheMail(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	m := regexp.MustCompile(`<iframe [^>]*srcdoc="([^"]*)"`).FindStringSubmatch(page.body)
	if m == nil {
		t.Fatal("no frame")
	}
	inner := html.UnescapeString(m[1])
	for _, bad := range []string{"track.example", "onclick", "alert(1)", "style=", "http-equiv", "cid:"} {
		if strings.Contains(inner, bad) {
			t.Errorf("the frame holds %q", bad)
		}
	}
	for _, want := range []string{"data:image/png;base64,", `rel="noopener noreferrer nofollow"`, "normal range"} {
		if !strings.Contains(inner, want) {
			t.Errorf("the frame lacks %q", want)
		}
	}
	csp := page.Header.Get("Content-Security-Policy")
	for _, style := range regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(inner, -1) {
		if !strings.Contains(csp, hashSource(style[1])) {
			t.Error("a style sheet that the policy does not know")
		}
	}
	alone := b.get(c.path() + "/mail")
	if alone.StatusCode != 200 || !strings.Contains(alone.body, "normal range") || !strings.Contains(alone.body, `href="`+c.path()+`"`) {
		t.Errorf("the mail alone: %d", alone.StatusCode)
	}
	if !strings.Contains(page.body, "were not loaded") {
		t.Error("nothing says that pictures are missing")
	}
}

func TestPlainText(t *testing.T) {
	c := newClinic(t)
	c.mail = &gateway.Mail{Text: "a <b>\r\n  two https://x.example/?a=1&b=2). javascript:alert(1) http://u:p@evil.example/ \u202e"}
	page := c.enter(c.visit(true))
	for _, want := range []string{
		"a &lt;b&gt;\n  two", `<a href="https://x.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">https://x.example/?a=1&amp;b=2</a>). `, "Message without a subject",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(page.body, "<iframe") || strings.Contains(page.body, `href="javascript`) || strings.Contains(page.body, `href="http://u`) {
		t.Error("a frame or a dangerous link")
	}
	c.mail = &gateway.Mail{Subject: "Empty"}
	c.advance(time.Minute)
	if page := c.enter(c.visit(true)); !strings.Contains(page.body, "This message is empty") {
		t.Error("an empty message does not say so")
	}
}

func TestNaughtyInput(t *testing.T) {
	c := newClinic(t)
	first := c.visit(false)
	for _, s := range naughty(t) {
		c.advance(3 * time.Hour) // a link has ten codes a day
		c.mail = &gateway.Mail{Subject: gateway.Sensitive(s), From: gateway.Sensitive(s), Text: gateway.Sensitive(s), HTML: gateway.Sensitive("<p title=\"x\">" + s + "</p>"),
			Files: []gateway.File{file(s, s, s, []byte("x"))}}
		b := first.another()
		page := b.submit(b.get(c.path()), "code", "")
		tried := b.submit(page, "pin", s+" ")
		if fits := len(url.QueryEscape(s)) < maxForm-1000; fits && tried.StatusCode != 200 || !fits && tried.StatusCode != 413 {
			t.Fatalf("PIN %q: %d", s, tried.StatusCode)
		}
		page = b.submit(page, "pin", c.lastCode())
		checkNothingActive(t, page.body, s)
		if a := b.get(c.path() + "/file/0"); a.StatusCode != 200 || a.body != "x" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; ") || a.Header.Get("Set-Cookie") != "" {
			t.Fatalf("file name %q: %d %q", s, a.StatusCode, a.Header.Get("Content-Disposition"))
		}
		clean := strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, s)
		header := http.Header{"User-Agent": {clean}, "Accept-Language": {clean}, "Cookie": {"gatepost=" + clean}, "Range": {clean}, "Referer": {clean}, "Purpose": {clean}}
		if a := b.do("GET", c.path(), nil, header); a.StatusCode != 200 {
			t.Fatalf("headers %q: %d", s, a.StatusCode)
		}
	}
}
