package viewer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/proof"
	"gatepost/store/storetest"
)

// What the clinic of FuzzRequest keeps: what opens it, and what it must not
// show to anybody else.
const (
	heldSession = "a-session-that-has-proven-the-link-00000000"
	heldStaff   = "a-session-of-staff-that-is-logged-in-000000"
	heldDevice  = "device-secret-00000000000000000000000000077"
	heldPIN     = "739105"
	heldWord    = "zebraquartz"
)

// reset makes the clinic what it was before the first request.
func (c *clinic) reset() {
	c.store = storetest.NewMemory()
	c.book = proof.New(c.store, proof.Config{}, testMAC, noEvidence{}, c.time, randomReader{})
	c.household = newHousehold()
	c.codes, c.opened, c.state = nil, nil, ""
	c.log.Reset()
	c.known(heldSession, gateway.OtherChannel)
	c.known(heldStaff, "staff")
	c.devices[heldDevice] = gateway.Device{ID: "77", Label: "Firefox, Android", Created: c.time(), Used: c.time()}
	c.pin = heldPIN
	c.mail = &gateway.Mail{
		Subject: heldWord, From: "Dr Ann Miller <ann@clinic.example>", To: "pat@out.example", Date: c.time(),
		Text: heldWord + " https://clinic.example/tests?x=1.", HTML: heldWord + `<b>bold</b><img src="cid:chart@clinic.example"><script>alert(1)</script>`,
		Files: []gateway.File{
			file("chart.png", "image/png", "chart@clinic.example", []byte("\x89PNG\r\n\x1a\n"+heldWord)),
			file(heldWord+".html", "text/html", "", []byte("<script>alert(2)</script>"+heldWord)),
		},
	}
	c.says(gateway.Turn{At: c.time(), From: ann.Address}, &gateway.Mail{Subject: heldWord, Text: heldWord})
}

// shown is what the clinic gave out, and acts are what was done to it.
func (c *clinic) shown() int { return len(c.granted()) + len(c.turned) }

func (c *clinic) acts() string {
	return fmt.Sprint(len(c.codes), len(c.taken), len(c.concerns), len(c.devices), c.pin, len(c.sessions), c.logins, c.state)
}

// posed is a request as it reached the viewer.
type posed struct{ method, path string }

// noting is a handler that notes what is posed of it.
type noting struct {
	http.Handler
	list []posed
}

// ServeHTTP implements http.Handler.
func (n *noting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.list = append(n.list, posed{r.Method, r.URL.Path})
	n.Handler.ServeHTTP(w, r)
}

// replies takes what the server said apart. method is that of each request.
func replies(raw []byte, list []posed) (all []answer, err error) {
	in := bufio.NewReader(bytes.NewReader(raw))
	for {
		if _, err := in.Peek(1); err == io.EOF {
			return all, nil
		}
		q := &http.Request{Method: http.MethodGet}
		if len(all) < len(list) {
			q.Method = list[len(all)].method
		}
		res, err := http.ReadResponse(in, q)
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return all, err
		}
		if res.StatusCode >= 200 {
			all = append(all, answer{res, string(body)})
		}
	}
}

var (
	script     = regexp.MustCompile(`(?i)<script[^>]*>`)
	ownScript  = regexp.MustCompile(`^<script src="/static/viewer\.js\?v=[0-9a-f]+" defer></script>$|^<script [a-z]*\s*src="/static/[^"]+"[^>]*>$`)
	localPath  = regexp.MustCompile(`^/([^/\\]|$)`)
	ownCookie  = regexp.MustCompile(`^gatepost(-device|-public|-staff)?=[A-Za-z0-9._-]*; Path=/;.* HttpOnly; SameSite=Lax$`)
	serverOwns = []int{400, 417, 431, 501, 505} // said by net/http about what is no request
)

// checkReply looks at one answer of the viewer.
func checkReply(t *testing.T, q posed, a answer) {
	t.Helper()
	h := a.Header
	if a.StatusCode >= 500 {
		t.Errorf("%s %.80q: %s", q.method, q.path, a.Status)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
		if h.Get(name) != want {
			t.Errorf("%s %.80q: %s: %s is %q", q.method, q.path, a.Status, name, h.Get(name))
		}
	}
	csp := h.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe-eval") {
		t.Errorf("%s %.80q: policy %q", q.method, q.path, csp)
	}
	lasting := strings.HasPrefix(q.path, "/static/") || strings.HasPrefix(q.path, "/brand/")
	if cache := h.Get("Cache-Control"); cache != "no-store" && !lasting {
		t.Errorf("%s %.80q: Cache-Control %q", q.method, q.path, cache)
	}
	if to := h.Get("Location"); to != "" && !localPath.MatchString(to) {
		t.Errorf("%s %.80q: leads to %q", q.method, q.path, to)
	}
	for _, cookie := range h.Values("Set-Cookie") {
		if !ownCookie.MatchString(cookie) {
			t.Errorf("%s %.80q: cookie %q", q.method, q.path, cookie)
		}
	}
	if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		for _, tag := range script.FindAllString(a.body, -1) {
			if !ownScript.MatchString(tag) {
				t.Errorf("%s %.80q: a page with %s", q.method, q.path, tag)
			}
		}
	}
}

// loosely undoes percent-encoding wherever it stands.
func loosely(b []byte) string {
	return regexp.MustCompile(`%[0-9a-fA-F]{2}`).ReplaceAllStringFunc(string(b), func(s string) string {
		n, _ := strconv.ParseUint(s[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

// holdsProof reports whether octets hold anything that opens the message.
func holdsProof(octets []byte) bool {
	text := loosely(octets)
	chunked := strings.Contains(strings.ToLower(text), "chunked") // may stand in pieces
	return chunked || slices.ContainsFunc([]string{heldSession, heldStaff, heldDevice, heldPIN, url.QueryEscape(staffPassword), staffPassword}, func(s string) bool { return strings.Contains(text, s) })
}

// FuzzRequest gives octets to the whole viewer, as net/http reads them. Each
// request is answered once, never with a fault of ours; each answer carries
// its headers, leads nowhere else and runs no script; nothing of the message
// is shown without a proof; who only looks changes nothing; and the log holds
// nothing of it.
func FuzzRequest(f *testing.F) {
	c := newClinic(f)
	server := NewServer(ServerConfig{Logger: nil}, c.handler("https://secure.clinic.example", false))
	note := &noting{Handler: server.Handler}
	server.Handler = note
	var open sync.WaitGroup
	f.Cleanup(open.Wait)
	for _, octets := range requestSeeds(c) {
		f.Add([]byte(octets))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		if len(octets) > 64<<10 {
			return
		}
		c.reset()
		note.list = nil
		before := c.acts()
		said, ended := speak(server, octets, &open)
		if !ended {
			t.Fatal("the connection does not end")
		}
		all, err := replies(said, note.list)
		if err != nil {
			t.Fatalf("an answer that cannot be read: %v\n%q", err, said)
		}
		for n, a := range all {
			if n == len(note.list) && n == len(all)-1 && slices.Contains(serverOwns, a.StatusCode) {
				continue
			}
			if n >= len(note.list) {
				t.Fatalf("%d answers to %d requests: %s", len(all), len(note.list), a.Status)
			}
			checkReply(t, note.list[n], a)
		}
		if len(all) < len(note.list) {
			t.Errorf("%d answers to %d requests", len(all), len(note.list))
		}
		checkClinic(t, c, octets, said, before, note.list)
	})
}

// checkClinic looks at what became of the clinic.
func checkClinic(t *testing.T, c *clinic, octets, said []byte, before string, list []posed) {
	t.Helper()
	if c.shown() > 0 && !holdsProof(octets) {
		t.Error("something was opened without a proof")
	}
	if c.shown() == 0 && bytes.Contains(said, []byte(heldWord)) && !bytes.Contains(bytes.ToLower(octets), []byte(heldWord)) {
		t.Error("the message was shown, and nobody granted that")
	}
	posted := slices.ContainsFunc(list, func(q posed) bool { return q.method == http.MethodPost })
	if after := c.acts(); after != before && !posted {
		t.Errorf("looking changed %q to %q", before, after)
	}
	log := c.log.String()
	for _, secret := range []string{c.secret.Path(), heldSession, heldStaff, heldDevice, heldPIN, heldWord, "panicked"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
}

// requestSeeds are requests of every kind.
func requestSeeds(c *clinic) (seeds []string) {
	const head = " HTTP/1.1\r\nHost: secure.clinic.example\r\n"
	path := c.path()
	sum := testMAC("viewer: form", c.secret[:])
	token := "token=" + base64.RawURLEncoding.EncodeToString(sum[:16])
	turn := gateway.MessageID{8, 1}.String()
	staff := "/staff/" + turn
	staffToken := func(session string) string {
		sum := testMAC("viewer: staff form", []byte(staff), []byte(session))
		return "token=" + base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	cookie := "Cookie: gatepost=" + heldSession + "\r\n"
	get := func(path, more string) string { return "GET " + path + head + more + "\r\n" }
	post := func(path, form, more string) string {
		return "POST " + path + head + more + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n\r\n" + form
	}
	for _, p := range []string{"", "/mail", "/print", "/all", "/file/0", "/file/1", "/show/0", "/show/1", "/new", "/devices", "/pin", "/report", "/turn/" + turn, "/turn/" + turn + "/mail", "?sent", "?left", "?idle", "/file/-1", "."} {
		seeds = append(seeds, get(path+p, ""), get(path+p, cookie))
	}
	for _, p := range []string{"/", "/keys", "/robots.txt", "/static/viewer.css", "/brand/x", "//evil.example/", "/..%2f..%2fetc/passwd", staff, staff + "/mail", "/m/x", "/m/%00"} {
		seeds = append(seeds, get(p, "Cookie: gatepost-staff="+heldStaff+"\r\nAccept-Language: de-DE,de;q=0.5\r\n"))
	}
	for _, form := range []string{"code=1", "pin=" + heldPIN, "pin=000000", "device=1", "pin=" + strings.Repeat("9", 300)} {
		seeds = append(seeds, post(path, token+"&"+form, ""), post(path, form, cookie+"Sec-Fetch-Site: cross-site\r\n"))
	}
	for p, form := range map[string]string{"/leave": "", "/stay": "", "/devices": "&forget=77", "/pin": "&chosen=482913&again=482913", "/report": "&concern=not_for_me"} {
		seeds = append(seeds, post(path+p, token+form, cookie+"Origin: https://secure.clinic.example\r\n"))
	}
	seeds = append(seeds,
		post(path+"/devices", token+"&remember=1", cookie), post(path, token+"&device=1", "Cookie: gatepost-device="+heldDevice+"\r\n"),
		post(staff+"/login", staffToken("")+"&name="+staffName+"&password="+url.QueryEscape(staffPassword), ""),
		post(staff+"/leave", staffToken(heldStaff), "Cookie: gatepost-staff="+heldStaff+"\r\n"))
	parcel := "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + strings.TrimPrefix(token, "token=") + "\r\n--b\r\nContent-Disposition: form-data; name=\"reply\"\r\n\r\nhello\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nx\r\n--b--\r\n"
	form := "Content-Type: multipart/form-data; boundary=b\r\n"
	answered := "POST " + path + head + cookie + form + "Content-Length: " + strconv.Itoa(len(parcel)) + "\r\n\r\n" + parcel
	return append(seeds, answered, strings.Replace(answered, path, path+"/new", 1), strings.Replace(answered, cookie, "", 1), answered[:len(answered)-20],
		"POST "+path+head+"Transfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n7\r\n"+token[:7]+"\r\n0\r\nX: y\r\n\r\n",
		get(path+"/file/1", cookie+"Range: bytes=1-3,5-\r\nIf-Range: x\r\n"), get(path, cookie+"Purpose: prefetch\r\n"), "HEAD"+get(path, cookie)[3:],
		get(path, "")+get("/", "")+post(path, token+"&pin=1", ""), "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://evil.example/ HTTP/1.1\r\nHost: secure.clinic.example\r\n\r\n",
		"PUT "+path+head+"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", post(path, token+"&pin=1", "")[:160], "POST "+path+head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "EHLO x\r\n",
		get(path, "Cookie: gatepost=\""+heldSession+"\"; gatepost=x\r\nX-Forwarded-For: 127.0.0.1\r\n"), "CONNECT secure.clinic.example:443"+head+"\r\n")
}
