package viewer

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

func newClient() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar}
}

// TestKnownDeviceIsOneAction: the link, one button, the message.
func TestKnownDeviceIsOneAction(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	message := c.enter(b)
	if !strings.Contains(message.body, "This is my own device: remember it") {
		t.Fatal("no offer to remember the device")
	}
	remembered := b.submit(message, "remember", "")
	if !strings.Contains(remembered.body, "This device is remembered") || strings.Contains(remembered.body, "This is my own device: remember it") {
		t.Errorf("after choosing it: %d", remembered.StatusCode)
	}
	if left := b.do("POST", c.path()+"/leave", url.Values{"token": {remembered.forms()[0].Get("token")}}, nil); !strings.Contains(left.body, "The message is closed") || strings.Contains(left.body, "new code") {
		t.Errorf("after leaving a known device: %d", left.StatusCode)
	}
	c.advance(24 * time.Hour)
	gate := b.get(c.path())
	if !strings.Contains(gate.body, `name="device"`) || strings.Contains(gate.body, "Haemoglobin") {
		t.Fatalf("the next day: %d", gate.StatusCode)
	}
	before := len(c.codes)
	if opened := b.submit(gate, "device", ""); !strings.Contains(opened.body, "Haemoglobin") || len(c.codes) != before {
		t.Errorf("after one action: %d", opened.StatusCode)
	}
	if stranger := b.another().submit(b.another().get(c.path()), "code", ""); strings.Contains(stranger.body, `name="device"`) {
		t.Error("a stranger's browser is known")
	}
	clear(c.devices) // forgotten on another device meanwhile
	c.advance(time.Hour)
	if back := b.submit(gate, "device", ""); strings.Contains(back.body, "Haemoglobin") || !strings.Contains(back.body, `name="code"`) {
		t.Errorf("forgotten: %d", back.StatusCode)
	}
}

func TestCookieOfADevice(t *testing.T) {
	for tls, want := range map[bool]string{
		true:  `^__Host-gatepost-device=[A-Za-z0-9_-]+; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax$`,
		false: `^gatepost-device=[A-Za-z0-9_-]+; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax$`,
	} {
		c := newClinic(t)
		b := c.visit(tls)
		message := c.enter(b)
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if got := b.submit(message, "remember", "").Header.Get("Set-Cookie"); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("TLS %v: %q", tls, got)
		}
	}
}

// TestProofMakesANewSession: who planted a session in a browser before its
// proof has nothing of it afterwards.
func TestProofMakesANewSession(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	sent := b.submit(b.get(c.path()), "code", "")
	base, _ := url.Parse(b.base)
	planted := b.client.Jar.Cookies(base)
	b.submit(sent, "pin", c.lastCode())
	now := b.client.Jar.Cookies(base)
	if len(planted) != 1 || len(now) != 1 || planted[0].Value == now[0].Value {
		t.Fatalf("%d cookies before, %d after, or the same", len(planted), len(now))
	}
	thief := b.another()
	thief.client.Jar.SetCookies(base, planted)
	if page := thief.get(c.path()); strings.Contains(page.body, "Haemoglobin") {
		t.Error("the planted session reads")
	}
}

func TestPublicComputer(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := b.submit(c.enter(b), "public", "")
	if !strings.Contains(page.body, "We keep nothing on this computer") || strings.Contains(page.body, "This is my own device: remember it") || !strings.Contains(page.body, `data-idle="300"`) {
		t.Errorf("%d", page.StatusCode)
	}
	if len(c.devices) != 0 {
		t.Error("remembered")
	}
}

func TestDevicesAreListedAndForgotten(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	b.submit(c.enter(b), "remember", "")
	other := b.another()
	c.advance(2 * time.Minute)
	sent := other.submit(other.get(c.path()), "code", "")
	other.submit(other.submit(sent, "pin", c.lastCode()), "remember", "")
	list := b.get(c.path() + "/devices")
	if strings.Count(list.body, "Firefox, Android") != 2 || strings.Count(list.body, "(this device)") != 1 {
		t.Fatalf("%d\n%s", list.StatusCode, list.body)
	}
	done := b.submit(list, "forget", "0")
	if !strings.Contains(done.body, "It is forgotten") || len(c.devices) != 1 {
		t.Errorf("%d, %d devices are left", done.StatusCode, len(c.devices))
	}
	base, _ := url.Parse(b.base)
	for _, cookie := range b.client.Jar.Cookies(base) {
		if strings.HasSuffix(cookie.Name, "-device") {
			t.Error("the browser keeps the cookie of a forgotten device")
		}
	}
	b.submit(done, "all", "1")
	if len(c.devices) != 0 {
		t.Error("not all are forgotten")
	}
	if page := b.get(c.path() + "/devices"); !strings.Contains(page.body, "No device is remembered") {
		t.Error(page.StatusCode)
	}
}

func TestPINIsChosenUsedAndRemoved(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	if !strings.Contains(c.enter(b).body, "Choose a PIN") {
		t.Fatal("no offer of a PIN")
	}
	page := b.get(c.path() + "/pin")
	choose := func(one, two string) answer {
		form := page.forms()[0]
		path := form.Get("")
		form.Del("")
		form.Set("chosen", one)
		form.Set("again", two)
		return b.do("POST", path, form, nil)
	}
	for pins, want := range map[[2]string]string{
		{"471193", "471194"}: "not the same", {"4711", "4711"}: "too short", {"123456", "123456"}: "easy to guess", {"", ""}: "too short",
	} {
		if a := choose(pins[0], pins[1]); a.StatusCode != 422 || !strings.Contains(a.body, want) || pins[0] != "" && strings.Contains(a.body, pins[0]) {
			t.Errorf("%v: %d", pins, a.StatusCode)
		}
	}
	if done := choose("471193", "471193"); !strings.Contains(done.body, "Your PIN is set") {
		t.Fatal(done.StatusCode)
	}
	other := b.another()
	c.advance(2 * time.Minute)
	gate := other.get(c.path())
	if !strings.Contains(gate.body, "Enter your PIN") || !strings.Contains(gate.body, `name="code"`) || !strings.Contains(gate.body, `autocomplete="current-password"`) {
		t.Fatalf("gate with a PIN:\n%s", gate.body)
	}
	if wrong := other.submit(gate, "pin", "471190"); strings.Contains(wrong.body, "Haemoglobin") || !strings.Contains(wrong.body, `role="alert"`) {
		t.Error("a wrong PIN")
	}
	codes := len(c.codes)
	if read := other.submit(gate, "pin", "471193"); !strings.Contains(read.body, "Haemoglobin") || len(c.codes) != codes {
		t.Error("the PIN does not open")
	}
	if set := b.get(c.path() + "/pin"); !strings.Contains(set.body, "You have a PIN") {
		t.Error("nobody says that there is one")
	} else if gone := b.submit(set, "drop", "1"); !strings.Contains(gone.body, "Your PIN is removed") || c.pin != "" {
		t.Error("not removed")
	}
}

func TestGateOfEveryPIN(t *testing.T) {
	for kind, want := range map[gateway.PINKind]string{
		gateway.PINStanding: "that you chose", gateway.PINContact: "that you agreed on with Example Clinic", gateway.PINSender: "that the sender at Example Clinic told you",
	} {
		for _, codes := range []bool{true, false} {
			c := newClinic(t)
			c.page.PIN, c.page.CodeAllowed = kind, codes
			gate := c.visit(true).get(c.path())
			if !strings.Contains(gate.body, want) || strings.Contains(gate.body, `name="code"`) != codes || strings.Count(gate.body, `name="pin"`) != 1 {
				t.Errorf("%s, codes %v:\n%s", kind, codes, gate.body)
			}
		}
	}
	c := newClinic(t)
	c.page.CodeAllowed = false
	if gate := c.visit(true).get(c.path()); strings.Contains(gate.body, "<input") || !strings.Contains(gate.body, "we do not know one yet") {
		t.Errorf("no way in:\n%s", gate.body)
	}
}

func TestExpiredAndFrozenComeBackByCode(t *testing.T) {
	for state, want := range map[gateway.LinkState]string{gateway.LinkExpired: "With a new code you can open it again", gateway.LinkFrozen: "you can unlock it yourself"} {
		c := newClinic(t)
		c.state, c.page.Renewable, c.page.SelfThaw = state, true, true
		b := c.visit(true)
		gate := b.get(c.path())
		if gate.StatusCode != 200 || !strings.Contains(gate.body, want) || strings.Contains(gate.body, `name="pin"`) {
			t.Errorf("%s: %d", state, gate.StatusCode)
		}
		if read := b.submit(b.submit(gate, "code", ""), "pin", c.lastCode()); !strings.Contains(read.body, "Haemoglobin") {
			t.Errorf("%s: with the code %d", state, read.StatusCode)
		}
	}
}

// A link that its sender's PIN opens works again by it: there is no code.
func TestExpiredComesBackByThePINOfTheSender(t *testing.T) {
	c := newClinic(t)
	c.state, c.page.Renewable, c.page.CodeAllowed, c.page.PIN = gateway.LinkExpired, true, false, gateway.PINSender
	gate := c.visit(true).get(c.path())
	if gate.StatusCode != 200 || !strings.Contains(gate.body, "The time to open this message is over.") || strings.Contains(gate.body, "With a new code") ||
		strings.Count(gate.body, `name="pin"`) != 1 || strings.Contains(gate.body, `name="code"`) {
		t.Errorf("%d:\n%s", gate.StatusCode, gate.body)
	}
}

func TestRecalledSaysWhen(t *testing.T) {
	c := newClinic(t)
	c.state, c.page.Recalled = gateway.LinkRecalled, c.time()
	if page := c.visit(true).get(c.path()); page.StatusCode != 410 || !strings.Contains(page.body, "took this message back on Saturday, 21\u00a0November 2026") {
		t.Errorf("%d\n%s", page.StatusCode, page.body)
	}
}

func TestReports(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	gate := b.get(c.path())
	if !strings.Contains(gate.body, c.path()+"/report") {
		t.Fatal("no way to report")
	}
	page := b.get(c.path() + "/report")
	forms := page.forms()
	if len(forms) != 2 {
		t.Fatalf("%d forms", len(forms))
	}
	token := forms[0].Get("token")
	for name, form := range map[string]url.Values{"no token": {"concern": {"not_for_me"}}, "no concern": {"token": {token}}, "unknown": {"token": {token}, "concern": {"bored"}}} {
		if a := b.do("POST", c.path()+"/report", form, nil); a.StatusCode/100 != 4 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if len(c.concerns) != 0 {
		t.Fatal("a forged report")
	}
	if a := b.do("POST", c.path()+"/report", url.Values{"token": {token}, "concern": {"suspicious"}}, nil); !strings.Contains(a.body, "looks suspicious to you") {
		t.Error(a.StatusCode)
	}
	c.enter(b)
	if a := b.do("POST", c.path()+"/report", url.Values{"token": {token}, "concern": {"not_for_me"}}, nil); !strings.Contains(a.body, "The link is locked") || !strings.Contains(a.body, "K7RM-2F") {
		t.Error(a.StatusCode)
	}
	if len(c.concerns) != 2 {
		t.Errorf("reported %v", c.concerns)
	}
	if a := b.get(c.path()); !strings.Contains(a.body, "This link is locked") {
		t.Error("the link is open after that")
	}
	if a := b.get("/m/" + gateway.LinkSecret{99}.Path() + "/report"); a.StatusCode != 404 {
		t.Errorf("of an unknown link: %d", a.StatusCode)
	}
}

// TestOwnFormsAreGuarded: every form that changes something wants the token of
// its page, and a proof.
func TestOwnFormsAreGuarded(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	token := c.enter(b).forms()[0].Get("token")
	stranger := b.another()
	stranger.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, form := range map[string]url.Values{
		"/devices": {"remember": {"1"}}, "/devices?": {"forget": {"0"}}, "/devices?a": {"all": {"1"}}, "/pin": {"chosen": {"471193"}, "again": {"471193"}}, "/pin?": {"drop": {"1"}},
	} {
		for _, header := range []http.Header{nil, {"Sec-Fetch-Site": {"cross-site"}}} {
			if a := b.do("POST", c.path()+path, form, header); a.StatusCode != 403 {
				t.Errorf("%s without a token: %d", path, a.StatusCode)
			}
		}
		form.Set("token", token)
		if a := stranger.do("POST", c.path()+path, form, nil); a.StatusCode != 303 || a.Header.Get("Location") != c.path() {
			t.Errorf("%s without a proof: %d", path, a.StatusCode)
		}
		if a := b.do("POST", c.path()+path, form, http.Header{"Sec-Fetch-Site": {"cross-site"}}); a.StatusCode != 403 {
			t.Errorf("%s from elsewhere: %d", path, a.StatusCode)
		}
	}
	if len(c.devices) != 0 || c.pin != "" {
		t.Error("something changed")
	}
	if a := b.do("POST", c.path()+"/devices", url.Values{"token": {token}}, nil); a.StatusCode != 400 {
		t.Errorf("none of the forms: %d", a.StatusCode)
	}
}

func TestDoneSaysOnlyOurWords(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	for _, what := range []string{"<b>", "nonsense", "done.answered", ""} {
		if page := b.get(c.path() + "?done=" + url.QueryEscape(what)); strings.Contains(page.body, `role="status">`) && strings.Contains(page.body, `note good screen`) {
			t.Errorf("%q is said", what)
		}
	}
}

func TestKeyboardHelp(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := b.get("/keys")
	if page.StatusCode != 200 || strings.Count(page.body, "<kbd>Ctrl</kbd> + <kbd>/</kbd>") != 2 {
		t.Errorf("%d", page.StatusCode)
	}
	script := b.get(regexp.MustCompile(`<script src="([^"]+)" defer>`).FindStringSubmatch(page.body)[1])
	if script.StatusCode != 200 || script.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(script.body, "use strict") {
		t.Errorf("the script: %d %s", script.StatusCode, script.Header.Get("Content-Type"))
	}
}

// TestOthersOnOneBrowserStayRemembered: who is forgotten, or is not known at
// this link, takes nobody else's secret along.
func TestOthersOnOneBrowserStayRemembered(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	message := b.submit(c.enter(b), "remember", "")
	base, _ := url.Parse(b.base)
	const others = "another-secret"
	var mine *http.Cookie
	for _, cookie := range b.client.Jar.Cookies(base) {
		if strings.HasSuffix(cookie.Name, deviceCookie) {
			mine = cookie
		}
	}
	if mine == nil {
		t.Fatal("no cookie of a device")
	}
	kept := func() bool {
		for _, cookie := range b.client.Jar.Cookies(base) {
			if cookie.Name == mine.Name && strings.Contains(cookie.Value, others) {
				return true
			}
		}
		return false
	}
	show := func(value string) {
		b.client.Jar.SetCookies(base, []*http.Cookie{{Name: mine.Name, Value: value, Path: "/", Secure: true}})
	}
	token := message.forms()[0].Get("token")
	show(others) // for this link the browser is none
	b.do("POST", c.path(), url.Values{"token": {token}, "device": {"1"}}, nil)
	if !kept() {
		t.Error("a browser that is not known here forgets the others")
	}
	// The world's devices have one secret each: this one has the joined value.
	c.devices[mine.Value+deviceJoin+others] = c.devices[mine.Value]
	delete(c.devices, mine.Value)
	show(mine.Value + deviceJoin + others)
	if done := b.do("POST", c.path()+"/devices", url.Values{"token": {token}, "all": {"1"}}, nil); !strings.Contains(done.body, "It is forgotten") || !kept() {
		t.Errorf("forgetting one: %d, the other is kept: %v", done.StatusCode, kept())
	}
}

// TestWhoChoosesAPIN: what would only be refused is not offered.
func TestWhoChoosesAPIN(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	for how, want := range map[gateway.Assurance]bool{gateway.SameChannel: true, gateway.OtherChannel: true, gateway.SenderPIN: false, gateway.ContactPIN: false} {
		c.homes.Lock()
		for _, s := range c.sessions {
			s.how = how
		}
		c.homes.Unlock()
		page := b.get(c.path())
		if got := strings.Contains(page.body, c.path()+`/pin"`); page.StatusCode != 200 || got != want {
			t.Errorf("after %s: %d, offered %v", how, page.StatusCode, got)
		}
	}
	if ownsPIN(gateway.LinkPage{PIN: gateway.PINContact}, gateway.SameChannel) || !ownsPIN(gateway.LinkPage{PIN: gateway.PINContact}, gateway.OtherChannel) ||
		!ownsPIN(gateway.LinkPage{PIN: gateway.PINStanding}, gateway.StandingPIN) {
		t.Error("not as the journey has it")
	}
}
