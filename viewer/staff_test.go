package viewer

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatepost/gateway"
)

func (c *clinic) staffAnswer() (gateway.MessageID, string) {
	id := c.says(gateway.Turn{At: c.time(), Mine: true}, &gateway.Mail{
		Subject: "Re: Your blood test results", From: "pat@out.example", Text: "What does it mean?", Files: []gateway.File{file("x-ray.txt", "text/plain", "", []byte("bone"))},
	})
	return id, "/staff/" + id.String()
}

func (b *browser) login(page answer, name, password string) answer {
	b.t.Helper()
	form := page.forms()[0]
	path := form.Get("")
	form.Del("")
	form.Set("name", name)
	form.Set("password", password)
	return b.do("POST", path, form, nil)
}

func TestStaffReadAnAnswer(t *testing.T) {
	c := newClinic(t)
	_, path := c.staffAnswer()
	b := c.visit(true)
	page := b.get(path)
	if page.StatusCode != 200 || strings.Contains(page.body, "What does it mean") || !strings.Contains(page.body, `autocomplete="current-password"`) {
		t.Fatalf("before the login: %d", page.StatusCode)
	}
	if wrong := b.login(page, "ann", "nonsense"); wrong.StatusCode != 403 || !strings.Contains(wrong.body, "Name or password is wrong") || strings.Contains(wrong.body, "nonsense") {
		t.Errorf("a wrong password: %d", wrong.StatusCode)
	}
	read := b.login(page, staffName, staffPassword)
	if read.StatusCode != 200 || read.Request.URL.Path != path || !strings.Contains(read.body, "What does it mean?") || strings.Contains(read.body, "<textarea") || strings.Contains(read.body, "/m/") {
		t.Fatalf("after the login: %d\n%s", read.StatusCode, read.body)
	}
	if saved := b.get(path + "/file/0"); saved.body != "bone" || saved.Header.Get("Content-Disposition") == "" {
		t.Errorf("its file: %d", saved.StatusCode)
	}
	if printed := b.get(path + "/print"); !strings.Contains(printed.body, "What does it mean?") {
		t.Errorf("for paper: %d", printed.StatusCode)
	}
	if want := []string{"staff 0801/-1", "staff 0801/0", "staff 0801/-1"}; strings.Join(c.turned, ",") != strings.Join(want, ",") {
		t.Errorf("evidence %v", c.turned)
	}
	gone := b.submit(read, "token", "")
	if !strings.Contains(gone.body, `name="password"`) {
		t.Errorf("after leaving: %d", gone.StatusCode)
	}
	if again := b.get(path); strings.Contains(again.body, "What does it mean") {
		t.Error("after leaving it is open")
	}
}

func TestStaffDoorIsGuarded(t *testing.T) {
	c := newClinic(t)
	_, path := c.staffAnswer()
	b := c.visit(true)
	page := b.get(path)
	good := url.Values{"name": {staffName}, "password": {staffPassword}, "token": {page.forms()[0].Get("token")}}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for name, header := range map[string]http.Header{"cross-site": {"Sec-Fetch-Site": {"cross-site"}}, "origin": {"Origin": {"https://evil.example"}}} {
		if a := b.do("POST", path+"/login", good, header); a.StatusCode != 403 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if a := b.do("POST", path+"/login", url.Values{"name": good["name"], "password": good["password"]}, nil); a.StatusCode != 403 || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("without a token: %d", a.StatusCode)
	}
	if a := b.do("POST", "/staff/x/login", good, nil); a.StatusCode != 404 {
		t.Errorf("no id: %d", a.StatusCode)
	}
	for range 4 {
		b.login(page, "ann", "wrong")
	}
	if a := b.login(page, "ann", "wrong"); a.StatusCode != 429 || !strings.Contains(a.body, "too many tries") {
		t.Errorf("after many tries: %d", a.StatusCode)
	}
	a := b.do("POST", path+"/login", good, nil)
	if !regexp.MustCompile(`^__Host-gatepost-staff=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`).MatchString(a.Header.Get("Set-Cookie")) {
		t.Errorf("cookie %q", a.Header.Get("Set-Cookie"))
	}
	// A correspondent's session opens no staff page, and the other way round.
	correspondent := b.another()
	correspondent.client.CheckRedirect = nil
	c.enter(correspondent)
	if page := correspondent.get(path); strings.Contains(page.body, "What does it mean") {
		t.Error("a correspondent reads the staff page")
	}
	if page := b.get(c.path()); strings.Contains(page.body, "Haemoglobin") {
		t.Error("staff read the correspondent's page")
	}
	if logs := c.log.String(); strings.Contains(logs, staffPassword) || strings.Contains(logs, path) {
		t.Error("a secret in the log")
	}
}

// TestStaffFormsAreOfTheirSession: the form for leaving that one session was
// shown does not end another.
func TestStaffFormsAreOfTheirSession(t *testing.T) {
	c := newClinic(t)
	_, path := c.staffAnswer()
	b := c.visit(true)
	mine := b.login(b.get(path), staffName, staffPassword)
	other := b.another()
	theirs := other.login(other.get(path), staffName, staffPassword)
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(theirs.body)
	if mine.StatusCode != 200 || token == nil {
		t.Fatal(mine.StatusCode)
	}
	if a := b.do("POST", path+"/leave", url.Values{"token": {token[1]}}, nil); a.StatusCode != 403 {
		t.Errorf("with the form of another session: %d", a.StatusCode)
	}
	if again := b.get(path); !strings.Contains(again.body, "What does it mean") {
		t.Error("another's form ended the session")
	}
}
