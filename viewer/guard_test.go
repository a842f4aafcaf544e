package viewer

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatepost/gateway"
)

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

// TestForwardedHeadersAreNotBelieved: what a client says about proxies changes
// neither where forms and links lead nor who is said to have come.
func TestForwardedHeadersAreNotBelieved(t *testing.T) {
	c := newClinic(t)
	const evil = "evil.example\r\nX-Injected: 1"
	for _, value := range []string{"evil.example", "203.0.113.9", "\u202e", strings.Repeat("1.2.3.4, ", 500), strings.TrimSuffix(evil, "\r\nX-Injected: 1") + "%0d%0aX-Injected:%201"} {
		header := http.Header{}
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Original-URL", "X-Rewrite-URL", "X-Host", "X-HTTP-Method-Override"} {
			header.Set(name, value)
		}
		b := c.visit(true)
		plain, forged := b.get(c.path()), b.do("GET", c.path(), nil, header)
		if forged.StatusCode != plain.StatusCode || strings.Contains(forged.body, "evil.example") || strings.Contains(forged.body, "203.0.113.9") || forged.Header.Get("X-Injected") != "" {
			t.Errorf("%.40q: %d instead of %d\n%s", value, forged.StatusCode, plain.StatusCode, forged.body)
		}
		if strings.Contains(c.log.String(), "evil.example") || strings.Contains(c.log.String(), "203.0.113.9") {
			t.Errorf("%.40q stands in the log", value)
		}
		r, err := http.NewRequest("GET", "https://secure.clinic.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.RemoteAddr = header, "192.0.2.7:4000"
		if got := visitorOf(r); got.Remote != "192.0.2.7" {
			t.Errorf("%.40q: the visitor is said to be %s", value, got.Remote)
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
	if !strings.Contains(logs, "viewer handler panicked") || !strings.Contains(logs, "world_test.go:") {
		t.Errorf("the log does not say where: %s", logs)
	}
	if strings.Contains(logs, c.secret.Path()) || strings.Contains(logs, c.lastCode()) || strings.Contains(strings.ReplaceAll(logs, "zebraquartz: disk", ""), "zebraquartz") {
		t.Errorf("a secret in the log: %s", logs)
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
