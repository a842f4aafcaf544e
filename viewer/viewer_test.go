package viewer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
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
	if strings.Contains(gate.body, "<button name") || strings.Contains(gate.body, "<script") {
		t.Error("a named button or a script")
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

func TestHeadersOfEveryAnswer(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	stranger := b.another()
	answers := map[string]answer{
		"gate": stranger.get(c.path()), "message": b.get(c.path()), "unknown": b.get("/m/x"), "mail": b.get(c.path() + "/mail"), "root": b.get("/"), "none": b.get("/x/y"),
		"file": b.get(c.path() + "/file/1"), "show": b.get(c.path() + "/show/0"), "pdf": b.get(c.path() + "/show/1"), "head": b.do("HEAD", c.path(), nil, nil),
		"refused": b.do("POST", c.path(), url.Values{"pin": {"1"}}, nil), "put": b.do("PUT", c.path(), nil, nil), "robots": b.get("/robots.txt"),
		"style": b.get(stylePath(t, b.get("/"))), "icon": b.get("/static/icon.svg"), "foreign": b.do("GET", "/", nil, http.Header{"Host": {"evil.example"}}),
	}
	for name, a := range answers {
		h := a.Header
		want := map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Strict-Transport-Security": "max-age=63072000",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		}
		if name == "style" || name == "icon" {
			want["Cache-Control"] = "public, max-age=86400"
		}
		for header, value := range want {
			if h.Get(header) != value {
				t.Errorf("%s: %s is %q", name, header, h.Get(header))
			}
		}
		if !strings.Contains(h.Get("X-Robots-Tag"), "noindex") || !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("%s: robots %q, permissions %q", name, h.Get("X-Robots-Tag"), h.Get("Permissions-Policy"))
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "base-uri 'none'") || strings.Contains(csp, "unsafe-eval") {
			t.Errorf("%s: policy %q", name, csp)
		}
		if strings.HasPrefix(h.Get("Content-Type"), "text/html") && (strings.Contains(csp, "unsafe") || strings.Contains(csp, "http")) {
			t.Errorf("%s: a page with policy %q", name, csp)
		}
		if h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
			t.Errorf("%s names its software", name)
		}
	}
	for name, opener := range map[string]string{"gate": "same-origin", "message": "same-origin", "mail": ""} {
		if got := answers[name].Header.Get("Cross-Origin-Opener-Policy"); got != opener {
			t.Errorf("%s: opener policy %q", name, got)
		}
	}
	if csp := answers["mail"].Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox allow-popups") || strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("mail: %q", csp)
	}
	if answers["foreign"].StatusCode != http.StatusMisdirectedRequest || answers["put"].StatusCode/100 != 4 {
		t.Errorf("foreign host %d, PUT %d", answers["foreign"].StatusCode, answers["put"].StatusCode)
	}
	plain := newClinic(t)
	if h := plain.visit(false).get("/").Header; h.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS without TLS")
	}
}

func stylePath(t *testing.T, a answer) string {
	t.Helper()
	m := regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)">`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatal("no style sheet")
	}
	return m[1]
}

func TestHostNames(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	for host, want := range map[string]int{
		"secure.clinic.example": 200, "Secure.Clinic.Example:8443": 200, "localhost": 200, "127.0.0.1:1": 200, "[::1]:8443": 200, "secure.clinic.example.": 200,
		"evil.example": 421, "secure.clinic.example.evil.example": 421, "192.0.2.1": 421, "localhost.evil.example": 421,
	} {
		if a := b.do("GET", "/", nil, http.Header{"Host": {host}}); a.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, a.StatusCode, want)
		}
	}
}

func TestForgedForms(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	gate := b.get(c.path())
	good := gate.forms()[0]
	good.Del("")
	if good.Get("token") == "" {
		t.Fatal("no token")
	}
	other := url.Values{"code": {"1"}, "token": {(&viewer{config: Config{MAC: testMAC}}).token(link{secret: gateway.LinkSecret{5}})}}
	cases := map[string]struct {
		form   url.Values
		header http.Header
		want   int
	}{
		"no token":            {url.Values{"code": {"1"}}, nil, 403},
		"token of other link": {other, nil, 403},
		"cross-site":          {good, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"same-site":           {good, http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"foreign origin":      {good, http.Header{"Origin": {"https://evil.example"}}, 403},
		"origin not a URL":    {good, http.Header{"Origin": {"::"}}, 403},
		"wrong kind":          {good, http.Header{"Content-Type": {"text/plain"}}, 415},
		"too large":           {url.Values{"token": good["token"], "pin": {strings.Repeat("1", 20<<10)}}, nil, 413},
		"neither form":        {url.Values{"token": good["token"]}, nil, 400},
	}
	for name, k := range cases {
		if a := b.do("POST", c.path(), k.form, k.header); a.StatusCode != k.want {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, k.want)
		}
		a := b.do("POST", c.path()+"/leave", k.form, k.header)
		if name != "neither form" && a.StatusCode != k.want {
			t.Errorf("leaving, %s: %d, want %d", name, a.StatusCode, k.want)
		}
	}
	if len(c.codes) != 0 {
		t.Fatalf("forged forms sent %d codes", len(c.codes))
	}
	for name, header := range map[string]http.Header{
		"own origin": {"Origin": {b.base}}, "null origin, same-origin": {"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}}, "null origin": {"Origin": {"null"}}, "neither": nil,
	} {
		if a := b.do("POST", c.path(), good, header); a.StatusCode != 200 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
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

func TestErrorsShowNothing(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.fail = errors.New("zebraquartz: disk at /var/lib")
	page := b.get(c.path())
	if page.StatusCode != 503 || strings.Contains(page.body, "zebraquartz") || page.Header.Get("Retry-After") == "" {
		t.Errorf("failure: %d", page.StatusCode)
	}
	c.fail = nil
	sent := b.submit(b.get(c.path()), "code", "")
	c.mail = nil
	if page := b.submit(sent, "pin", c.lastCode()); page.StatusCode != 503 || strings.Contains(page.body, "damaged") {
		t.Errorf("a damaged message: %d", page.StatusCode)
	}
	c.panics = true
	page = b.get(c.path())
	if page.StatusCode != 500 || strings.Contains(page.body, "zebraquartz") || strings.Contains(page.body, "goroutine") {
		t.Errorf("panic: %d", page.StatusCode)
	}
	logs := c.log.String()
	if !strings.Contains(logs, "viewer handler panicked") || !strings.Contains(logs, "clinic).Visit") {
		t.Errorf("the log does not say where: %s", logs)
	}
	if strings.Contains(logs, c.secret.Path()) || strings.Contains(logs, c.lastCode()) || strings.Contains(strings.ReplaceAll(logs, "zebraquartz: disk", ""), "zebraquartz") {
		t.Errorf("a secret in the log: %s", logs)
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

func TestDownloads(t *testing.T) {
	c := newClinic(t)
	c.mail.Files = append(c.mail.Files,
		file("../../etc/p\u00e4sswd \"x\"\r\nSet-Cookie: a=b.html", "text/html", "", []byte("<script>alert(1)</script>")),
		file("evil.svg", "image/svg+xml", "", []byte("<svg onload=alert(1)>")),
		file("fake.png", "image/png", "", []byte("<html><script>alert(1)</script>")),
		file("fake.pdf", "application/pdf", "", []byte("<html><script>alert(1)</script>")),
		file("fake.mp3", "audio/mpeg", "", []byte("<html><script>alert(1)</script>")),
	)
	b := c.visit(true)
	c.enter(b)
	got := b.get(c.path() + "/file/3")
	if got.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.Header.Get("Content-Security-Policy"), "sandbox;") {
		t.Errorf("HTML as a file: %v", got.Header)
	}
	if d := got.Header.Get("Content-Disposition"); d != `attachment; filename="p_sswd _x_ Set-Cookie_ a=b.html"; filename*=UTF-8''p%C3%A4sswd%20_x_%20Set-Cookie_%20a%3Db.html` {
		t.Errorf("disposition %q", d)
	}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for n := 3; n <= 7; n++ {
		if show := b.get(fmt.Sprintf("%s/show/%d", c.path(), n)); show.StatusCode != 303 || show.Header.Get("Location") != fmt.Sprintf("%s/file/%d", c.path(), n) {
			t.Errorf("showing file %d: %d", n, show.StatusCode)
		}
	}
	if show := b.get(c.path() + "/show/0"); show.StatusCode != 200 || show.Header.Get("Content-Type") != "image/png" || !strings.HasPrefix(show.Header.Get("Content-Disposition"), "inline;") {
		t.Errorf("showing a picture: %d %v", show.StatusCode, show.Header)
	}
	for _, n := range []string{"8", "-1", "99999999999999999999", "x", "%2e%2e"} {
		if a := b.get(c.path() + "/file/" + n); a.StatusCode != 404 {
			t.Errorf("file %s: %d", n, a.StatusCode)
		}
	}
	if !slices.Contains(c.granted(), 3) {
		t.Error("no evidence for the file")
	}
	for _, path := range []string{"/file/0", "/show/0", "/mail"} {
		if a := b.another().get(c.path() + path); a.StatusCode != 303 || a.Header.Get("Location") != c.path() {
			t.Errorf("%s without proof: %d", path, a.StatusCode)
		}
	}
}

func TestRanges(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	for spec, want := range map[string]struct {
		status int
		size   int
		span   string
	}{
		"bytes=0-3": {206, 4, "bytes 0-3/1300010"}, "bytes=1300000-": {206, 10, "bytes 1300000-1300009/1300010"}, "bytes=-5": {206, 5, "bytes 1300005-1300009/1300010"},
		"bytes=2000000-": {416, -1, "bytes */1300010"}, "": {200, 1300010, ""},
	} {
		for _, route := range []string{"file", "show"} {
			header := http.Header{}
			if spec != "" {
				header.Set("Range", spec)
			}
			a := b.do("GET", c.path()+"/"+route+"/2", nil, header)
			if a.StatusCode != want.status || want.size >= 0 && len(a.body) != want.size || a.Header.Get("Content-Range") != want.span || a.Header.Get("Accept-Ranges") != "bytes" && want.status != 416 {
				t.Errorf("%s %s: %d, %d octets, %q", route, spec, a.StatusCode, len(a.body), a.Header.Get("Content-Range"))
			}
		}
	}
}

// TestRangesInPieces: several ranges in one answer, and going on with a
// download that broke off, but only of the same file.
func TestRangesInPieces(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	ask := func(path string, pairs ...string) answer {
		header := http.Header{}
		for n := 0; n < len(pairs); n += 2 {
			header.Set(pairs[n], pairs[n+1])
		}
		return b.do("GET", c.path()+path, nil, header)
	}
	several := ask("/file/2", "Range", "bytes=0-1,10-19")
	if several.StatusCode != 206 || !strings.HasPrefix(several.Header.Get("Content-Type"), "multipart/byteranges; boundary=") || strings.Count(several.body, "Content-Range: bytes ") != 2 {
		t.Errorf("two ranges: %d %v", several.StatusCode, several.Header)
	}
	whole := ask("/file/2")
	tag := whole.Header.Get("ETag")
	if len(tag) < 10 || tag == ask("/file/1").Header.Get("ETag") || tag != ask("/show/2").Header.Get("ETag") {
		t.Fatalf("tag %q", tag)
	}
	for name, k := range map[string]struct {
		pairs  []string
		status int
	}{
		"same file":       {[]string{"Range", "bytes=5-9", "If-Range", tag}, 206},
		"another file":    {[]string{"Range", "bytes=5-9", "If-Range", `"other"`}, 200},
		"a date":          {[]string{"Range", "bytes=5-9", "If-Range", "Sat, 21 Nov 2026 14:00:00 GMT"}, 200},
		"known":           {[]string{"If-None-Match", tag}, 304},
		"beyond":          {[]string{"Range", "bytes=1300010-"}, 416},
		"nonsense":        {[]string{"Range", "bytes=9-5"}, 416},
		"more than whole": {[]string{"Range", "bytes=" + strings.TrimSuffix(strings.Repeat("0-,", 50), ",")}, 200},
	} {
		if a := ask("/file/2", k.pairs...); a.StatusCode != k.status {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, k.status)
		}
	}
	if a := b.another().do("GET", c.path()+"/file/2", nil, http.Header{"If-None-Match": {tag}, "Range": {"bytes=0-1"}}); a.Request.URL.Path != c.path() {
		t.Errorf("without proof a tag answers %d", a.StatusCode)
	}
}

// TestReadsOfOneVisitorLookAlike: the port of a connection is no part of who
// somebody is.
func TestReadsOfOneVisitorLookAlike(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.1:5000": "192.0.2.1", "[2001:db8::1]:5000": "2001:db8::1", "pipe": "pipe"} {
		if got := hostOf(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestNaughtyInput(t *testing.T) {
	c := newClinic(t)
	first := c.visit(false)
	for _, s := range naughty(t) {
		c.advance(20 * time.Minute)
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

func TestWordsAreComplete(t *testing.T) {
	raw, err := wordFiles.ReadFile("words/en.json")
	if err != nil {
		t.Fatal(err)
	}
	english := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &english); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	sources := sourceFiles(t)
	for _, text := range sources {
		for _, m := range regexp.MustCompile(`\.T "([a-z_.]+)"|\.T\("([a-z_.]+)"`).FindAllStringSubmatch(text, -1) {
			used[m[1]+m[2]] = true
		}
	}
	for id := range used {
		if _, ok := english[id]; !ok && !strings.HasSuffix(id, ".") {
			t.Errorf("no English for %q", id)
		}
	}
	all := strings.Join(sources, "\n")
	for id := range english {
		if !used[id] && !strings.HasPrefix(id, "kind.") && !strings.Contains(all, `"`+strings.TrimSuffix(id, ".nohelp")+`"`) {
			t.Errorf("%q is said nowhere", id)
		}
	}
	if len(used) < 60 {
		t.Errorf("only %d texts found in use", len(used))
	}
}

// TestLanguagesSayTheSame: every language has every text, with the same things
// put in and the same forms for numbers.
func TestLanguagesSayTheSame(t *testing.T) {
	names, err := fs.Glob(wordFiles, "words/*.json")
	if err != nil || len(names) < 5 {
		t.Fatalf("languages %v, %v", names, err)
	}
	read := func(name string) map[string]any {
		raw, err := wordFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]any{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return texts
	}
	english := read("words/en.json")
	for _, name := range names {
		texts, same := read(name), 0
		for id, text := range texts {
			if puts(text) != puts(english[id]) {
				t.Errorf("%s: %s puts in %s, English %s", name, id, puts(text), puts(english[id]))
			}
			if reflect.DeepEqual(text, english[id]) {
				same++
			}
		}
		if len(texts) != len(english) || name != "words/en.json" && same > 8 {
			t.Errorf("%s has %d texts of %d, %d of them English", name, len(texts), len(english), same)
		}
	}
}

// puts lists what is put into a text, for each form for numbers.
func puts(text any) string {
	if forms, ok := text.(map[string]any); ok {
		return fmt.Sprint(len(forms), puts(forms["one"]), puts(forms["other"]))
	}
	if text == nil || text == "" {
		return "nothing at all"
	}
	found := regexp.MustCompile(`\{\{\.[A-Za-z]+\}\}`).FindAllString(fmt.Sprint(text), -1)
	slices.Sort(found)
	return strings.Join(slices.Compact(found), "")
}

func TestLanguageAndDirection(t *testing.T) {
	c, err := loadWords(wordFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range [][2]string{{"en", ""}, {"en-GB", "fr"}, {"", "xx;q=2,,,"}, {"not a tag", ""}, {"", ""}} {
		if w := c.in(time.UTC, k[0], k[1]); w.Lang != "en" || w.Dir != "ltr" {
			t.Errorf("%v: %s %s", k, w.Lang, w.Dir)
		}
	}
	for tag, want := range map[string]string{"ar": "rtl", "he-IL": "rtl", "fa": "rtl", "ur": "rtl", "de": "ltr", "az-Arab": "rtl", "pa": "ltr"} {
		if got := direction(mustTag(tag)); got != want {
			t.Errorf("%s is written %s", tag, got)
		}
	}
	noon := time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC)
	for tag, want := range map[string]string{"en": "Sunday, 1\u00a0March 2026, 2:05\u00a0pm\u00a0UTC", "de-AT": "Sonntag, 1.\u00a0M\u00e4rz 2026, 14:05\u00a0Uhr\u00a0UTC",
		"fr": "dimanche 1\u00a0mars 2026, 14:05\u00a0UTC", "it": "domenica 1\u00a0marzo 2026, 14:05\u00a0UTC", "es-MX": "domingo 1\u00a0de marzo de 2026, 14:05\u00a0UTC"} {
		if got := c.in(time.UTC, tag, "").Day(noon); got != want {
			t.Errorf("%s: %q", tag, got)
		}
	}
	if got := c.in(time.UTC, "", "de-CH, en;q=0.5").Size(1_340_000); got != "1,3 MB" {
		t.Errorf("German size: %q", got)
	}
	w := c.in(time.UTC, "en", "")
	if got := w.T("error.left", "Count", 1); got != "You have 1 try left, then there is a short break." {
		t.Errorf("singular: %q", got)
	}
	for n, want := range map[int64]string{1: "1 byte", 900: "900 bytes", 1500: "2 KB", 1_340_000: "1.3 MB"} {
		if got := w.Size(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}

func TestHelpLinks(t *testing.T) {
	for text, want := range map[string]string{
		"help@clinic.example": "mailto:help@clinic.example", "+1 (555) 000-1111": "tel:+15550001111", "Ask at the desk": "", "javascript:alert(1)": "",
		"a?subject=x@clinic.example": "", " 112 ": "tel:112", "12": "",
	} {
		if h := helpFrom(text); h == nil || string(h.Href) != want {
			t.Errorf("%q: %+v", text, h)
		}
	}
	if helpFrom(" ") != nil {
		t.Error("help from nothing")
	}
}
