package viewer

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// answerOf is the form for an answer of a page, filled in.
func answerOf(t testing.TB, page answer, text string, files ...uploadFile) upload {
	t.Helper()
	form := regexp.MustCompile(`(?s)<form class="answer".*?</form>`).FindString(page.body)
	if form == "" {
		t.Fatalf("no form for an answer on a page of status %d", page.StatusCode)
	}
	u := upload{files: files}
	for _, name := range []string{"token", "once"} {
		m := regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(form)
		if m == nil {
			t.Fatalf("no %s in %s", name, form)
		}
		u.fields = append(u.fields, [2]string{name, html.UnescapeString(m[1])})
	}
	u.fields = append(u.fields, [2]string{"reply", text})
	return u
}

func (u upload) with(name, value string) upload {
	out := upload{files: u.files}
	for _, f := range u.fields {
		if f[0] != name {
			out.fields = append(out.fields, f)
		}
	}
	out.fields = append(out.fields, [2]string{name, value})
	return out
}

func TestAnswerArrives(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	if !strings.Contains(page.body, "Your answer goes to:") || !strings.Contains(page.body, "Dr Ann Miller") {
		t.Error("the page does not say who gets the answer")
	}
	sent := b.send(c.path(), answerOf(t, page, "Thank you.\r\n\r\nPat", uploadFile{"", "application/octet-stream", zeros(0)}, uploadFile{"x-ray.jpg", "image/jpeg", strings.NewReader("jpeg")}), nil)
	if sent.StatusCode != 200 || sent.Request.Method != "GET" || !strings.Contains(sent.body, "Your answer was sent.") || !strings.Contains(sent.body, "Haemoglobin") {
		t.Fatalf("after sending: %s %d", sent.Request.Method, sent.StatusCode)
	}
	got := c.answers()
	if len(got) != 1 || got[0].Text.Reveal() != "Thank you.\n\nPat" || len(got[0].files) != 1 || got[0].files[0].name != "x-ray.jpg" || got[0].files[0].size != 4 || !got[0].To.IsNull() {
		t.Fatalf("arrived %+v", got)
	}
	if !strings.Contains(sent.body, "1 later message") || !strings.Contains(sent.body, "/turn/") {
		t.Error("the answer does not stand in the conversation")
	}
	if script := b.send(c.path(), answerOf(t, sent, "By script"), http.Header{"X-Gatepost-Script": {"1"}}); script.StatusCode != 201 || script.Header.Get("Location") != c.path()+"?done=answered" || script.body != "" {
		t.Errorf("to a script: %d %q", script.StatusCode, script.Header.Get("Location"))
	}
}

// TestSameFormTwiceIsOneAnswer: a finger that presses twice sends once; who
// goes back and writes something else sends something else.
func TestSameFormTwiceIsOneAnswer(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	for _, text := range []string{"one", "one", "two"} {
		if sent := b.send(c.path(), answerOf(t, page, text), nil); !strings.Contains(sent.body, "Your answer was sent.") {
			t.Errorf("%s: %d", text, sent.StatusCode)
		}
	}
	if again := b.send(c.path(), answerOf(t, b.get(c.path()), "one"), nil); !strings.Contains(again.body, "Your answer was sent.") {
		t.Error(again.StatusCode)
	}
	if got := c.answers(); len(got) != 3 {
		t.Errorf("%d answers of one, one, two and one from a new form", len(got))
	}
}

// TestAnswerThatIsNotTakenIsNotLost: every refusal shows the text again and
// says why.
func TestAnswerThatIsNotTakenIsNotLost(t *testing.T) {
	const text = "A long story <b>& \"more\""
	for name, k := range map[string]struct {
		refuse error
		status int
		say    string
	}{
		"too large": {fmt.Errorf("sealing: %w", gateway.ErrAnswerTooLarge), 413, "That is too much"},
		"empty":     {gateway.ErrAnswerEmpty, 422, "Please write something"},
		"nobody":    {gateway.ErrNoStaff, 422, "Nobody can take an answer here"},
		"closed":    {&gateway.LinkClosedError{State: gateway.LinkFrozen}, 403, "takes no answers now"},
		"idle":      {gateway.ErrNotProven, 403, "The message was closed while you wrote"},
		"too much":  {&gateway.TooSoonError{At: time.Date(2026, 3, 4, 15, 30, 0, 0, time.UTC)}, 429, "Very much was sent within a short time"},
		"disk":      {errors.New("zebraquartz"), 503, "Something went wrong on our side"},
	} {
		c := newClinic(t)
		b := c.visit(true)
		page := c.enter(b)
		c.refuse = k.refuse
		back := b.send(c.path(), answerOf(t, page, text, uploadFile{"a.txt", "text/plain", strings.NewReader("x")}), nil)
		if back.StatusCode != k.status || !strings.Contains(back.body, k.say) || !strings.Contains(back.body, html.EscapeString(text)) && !strings.Contains(html.UnescapeString(back.body), text) {
			t.Errorf("%s: %d\n%s", name, back.StatusCode, back.body)
		}
		if strings.Contains(back.body, "<b>&") || strings.Contains(back.body, "zebraquartz") || strings.Contains(c.log.String(), "long story") {
			t.Errorf("%s: the text is not escaped, or in the log", name)
		}
		if !strings.Contains(back.body, "choose your files again") {
			t.Errorf("%s: nobody says that the files are gone", name)
		}
		c.refuse = nil
		if k.refuse == gateway.ErrNotProven {
			if !strings.Contains(back.body, `target="_blank"`) {
				t.Errorf("%s: no way to prove again", name)
			}
		}
		if sent := b.send(c.path(), answerOf(t, back, text), nil); !strings.Contains(sent.body, "Your answer was sent.") || len(c.answers()) != 1 {
			t.Errorf("%s: sending it again: %d", name, sent.StatusCode)
		}
	}
}

// TestAnswerOfAnEndedSession: the whole way, with a session that really ended.
func TestAnswerOfAnEndedSession(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	c.advance(time.Hour)
	back := b.send(c.path(), answerOf(t, page, "I was at the door."), nil)
	if back.StatusCode != 403 || !strings.Contains(back.body, "I was at the door.") || len(c.answers()) != 0 {
		t.Fatalf("%d", back.StatusCode)
	}
	c.enter(b) // in another window
	if sent := b.send(c.path(), answerOf(t, back, "I was at the door."), nil); !strings.Contains(sent.body, "Your answer was sent.") || len(c.answers()) != 1 {
		t.Errorf("after coming back: %d", sent.StatusCode)
	}
}

func TestLimitsOfAnAnswer(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	long := strings.Repeat("\u00e4", gateway.MaxAnswerText/2+1)
	if back := b.send(c.path(), answerOf(t, page, long), nil); back.StatusCode != 413 || !strings.Contains(back.body, long) {
		t.Errorf("a long text: %d, kept %v", back.StatusCode, strings.Contains(back.body, long))
	}
	var many []uploadFile
	for n := range gateway.MaxAnswerFiles + 1 {
		many = append(many, uploadFile{fmt.Sprint(n), "text/plain", strings.NewReader("x")})
	}
	if back := b.send(c.path(), answerOf(t, page, "many", many...), nil); back.StatusCode != 413 || !strings.Contains(back.body, ">\nmany</textarea>") {
		t.Errorf("many files: %d", back.StatusCode)
	}
	if back := b.send(c.path(), answerOf(t, page, " \r\n "), nil); back.StatusCode != 422 || !strings.Contains(back.body, `aria-invalid="true"`) {
		t.Errorf("nothing: %d", back.StatusCode)
	}
	if len(c.answers()) != 0 {
		t.Errorf("arrived %d", len(c.answers()))
	}
}

// stream sends a form without holding it.
func (b *browser) stream(path string, u upload) answer {
	b.t.Helper()
	r, w := io.Pipe()
	kind, write := u.write(w)
	go func() { _ = w.CloseWithError(write()) }()
	req, err := http.NewRequest("POST", b.base+path, r)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	return answer{res, string(raw)}
}

// TestLargeAnswers go through the server as the product has it: as much as is
// allowed arrives, one octet more is told so.
func TestLargeAnswers(t *testing.T) {
	c := newClinic(t)
	address, _ := c.serve(ServerConfig{}, 0)
	b := &browser{t: t, client: newClient(), base: "http://" + address}
	page := c.enter(b)
	sent := b.stream(c.path(), answerOf(t, page, "film", uploadFile{"film.mp4", "video/mp4", zeros(gateway.MaxAnswerSize)}))
	if !strings.Contains(sent.body, "Your answer was sent.") || len(c.answers()) != 1 || c.answers()[0].files[0].size != gateway.MaxAnswerSize {
		t.Fatalf("%d octets: %d", gateway.MaxAnswerSize, sent.StatusCode)
	}
	back := b.stream(c.path(), answerOf(t, page, "longer film", uploadFile{"film.mp4", "video/mp4", zeros(gateway.MaxAnswerSize + 1)}))
	if back.StatusCode != 413 || !strings.Contains(back.body, "longer film") || !strings.Contains(back.body, "That is too much") {
		t.Errorf("one octet more: %d", back.StatusCode)
	}
	// What is far too much is not read to its end.
	if got := exchange(t, address, "POST "+c.path()+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000000\r\n\r\n--b"); got != "HTTP/1.1 413 Request Entity Too Large" {
		t.Errorf("a gigabyte: %q", got)
	}
}

func TestForgedAnswers(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	good := answerOf(t, page, "forged")
	for name, k := range map[string]struct {
		form   upload
		header http.Header
		want   int
	}{
		"no token":    {upload{fields: good.fields[1:]}, nil, 403},
		"other token": {good.with("token", "x"), nil, 403},
		"cross-site":  {good, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"same-site":   {good, http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"origin":      {good, http.Header{"Origin": {"https://evil.example"}}, 403},
		"field":       {good.with("x", "y"), nil, 400},
	} {
		for _, path := range []string{c.path(), c.path() + "/new"} {
			if a := b.send(path, k.form, k.header); a.StatusCode != k.want {
				t.Errorf("%s to %s: %d, want %d", name, path[len(c.path()):], a.StatusCode, k.want)
			}
		}
	}
	if a := b.another().send(c.path(), good, nil); a.StatusCode != 403 {
		t.Errorf("without a session: %d", a.StatusCode)
	}
	if a := b.do("POST", c.path()+"/new", url.Values{"token": {"x"}}, nil); a.StatusCode != 404 {
		t.Errorf("another kind of form: %d", a.StatusCode)
	}
	if len(c.answers()) != 0 {
		t.Errorf("%d forged answers arrived", len(c.answers()))
	}
}

func TestNewConversation(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	if page := b.get(c.path() + "/new"); page.Request.URL.Path != c.path() {
		t.Errorf("without a proof: %s", page.Request.URL.Path)
	}
	message := c.enter(b)
	if !strings.Contains(message.body, c.path()+"/new") {
		t.Error("no way to a new conversation")
	}
	page := b.get(c.path() + "/new")
	if !strings.Contains(page.body, `<option value="ben@clinic.example">ben@clinic.example</option>`) || !strings.Contains(page.body, ">Dr Ann Miller</option>") {
		t.Fatalf("%d\n%s", page.StatusCode, page.body)
	}
	form := answerOf(t, page, "May I come earlier?").with("to", "ben@clinic.example").with("subject", "My\r\nappointment")
	stranger := b.send(c.path()+"/new", form.with("to", "eve@clinic.example"), nil)
	if stranger.StatusCode != 422 || !strings.Contains(stranger.body, "May I come earlier?") || len(c.answers()) != 0 {
		t.Errorf("to a stranger: %d", stranger.StatusCode)
	}
	sent := b.send(c.path()+"/new", form, nil)
	got := c.answers()
	if !strings.Contains(sent.body, "Your message was sent.") || len(got) != 1 || got[0].To.Key() != "ben@clinic.example" || got[0].Subject.Reveal() != "Myappointment" {
		t.Errorf("%d, %+v", sent.StatusCode, got)
	}
	c.talk.Known = nil
	if page := b.get(c.path() + "/new"); strings.Contains(page.body, "<textarea") || !strings.Contains(page.body, "Nobody can take") {
		t.Error("a form for nobody")
	}
	c.talk.Staff = nil
	if page := b.get(c.path()); strings.Contains(page.body, "<textarea") || !strings.Contains(page.body, "Nobody can take") {
		t.Error("a form for nobody on the message")
	}
}

func TestConversationIsListedAndRead(t *testing.T) {
	c := newClinic(t)
	early := c.time().Add(-48 * time.Hour)
	c.talk.Turns[0].At = early.Add(time.Hour)
	first := c.says(gateway.Turn{At: early, From: ann.Address, Name: ann.Name}, &gateway.Mail{Subject: "An older one", From: "ann@clinic.example", Text: "Older text", Files: []gateway.File{file("a.txt", "text/plain", "", []byte("aaa"))}})
	mine := c.says(gateway.Turn{At: early.Add(2 * time.Hour), Mine: true}, &gateway.Mail{Subject: "Re", Text: "What I wrote"})
	for n, closed := range []gateway.TurnState{gateway.TurnElsewhere, gateway.TurnRecalled, gateway.TurnExpired} {
		c.says(gateway.Turn{At: early.Add(time.Duration(3+n) * time.Hour), From: ben.Address, Closed: closed}, &gateway.Mail{})
	}
	b := c.visit(true)
	page := c.enter(b)
	order := []string{"1 earlier message", "Dr Ann Miller", "New", "Your blood test results", "4 later messages", "You", "Open it with the link that came for it", "The sender took it back", "The time to read it is over", "Write an answer"}
	at := 0
	for _, want := range order {
		i := strings.Index(page.body[at:], want)
		if i < 0 {
			t.Fatalf("%q does not follow on %q", want, page.body[max(0, at-80):at])
		}
		at += i
	}
	turn := b.get(c.path() + "/turn/" + first.String())
	if turn.StatusCode != 200 || !strings.Contains(turn.body, "Older text") || !strings.Contains(turn.body, "Back to the message") || strings.Contains(turn.body, "<textarea") {
		t.Errorf("a turn: %d", turn.StatusCode)
	}
	if saved := b.get(c.path() + "/turn/" + first.String() + "/file/0"); saved.body != "aaa" {
		t.Errorf("its file: %d", saved.StatusCode)
	}
	if own := b.get(c.path() + "/turn/" + mine.String()); !strings.Contains(own.body, "What I wrote") {
		t.Errorf("my turn: %d", own.StatusCode)
	}
	if want := fmt.Sprintf("%x/-1", first[:2]); c.turned[0] != want {
		t.Errorf("evidence %v", c.turned)
	}
	if page := b.get(c.path()); strings.Contains(page.body, `class="unread"`) {
		t.Error("what was read is new")
	}
	for _, path := range []string{"/turn/" + first.String(), "/turn/" + first.String() + "/file/0", "/turn/" + first.String() + "/print", "/turn/" + first.String() + "/all", "/print", "/all", "/devices", "/pin", "/new"} {
		if a := b.another().get(c.path() + path); a.Request.URL.Path != c.path() || strings.Contains(a.body, "Older") {
			t.Errorf("%s without a proof: %s", path, a.Request.URL.Path)
		}
		if a := b.do("HEAD", c.path()+path, nil, nil); a.Request.URL.Path != c.path() {
			t.Errorf("HEAD %s: %s", path, a.Request.URL.Path)
		}
	}
	if a := b.get(c.path() + "/turn/x"); a.StatusCode != 404 {
		t.Errorf("no id: %d", a.StatusCode)
	}
}

// TestStaying: a form keeps the session alive while somebody writes.
func TestStaying(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	page := c.enter(b)
	token := page.forms()[0].Get("token")
	for range 5 {
		c.advance(10 * time.Minute)
		if a := b.do("POST", c.path()+"/stay", url.Values{"token": {token}}, nil); a.StatusCode != 204 {
			t.Fatalf("staying: %d", a.StatusCode)
		}
	}
	if a := b.do("POST", c.path()+"/stay", url.Values{"token": {"x"}}, nil); a.StatusCode != 403 {
		t.Errorf("forged: %d", a.StatusCode)
	}
	c.advance(time.Hour)
	if a := b.do("POST", c.path()+"/stay", url.Values{"token": {token}}, nil); a.StatusCode != 403 {
		t.Errorf("too late: %d", a.StatusCode)
	}
	before := len(c.granted())
	if a := b.get(c.path() + "?idle"); a.StatusCode != 200 || !strings.Contains(a.body, "The message was closed") || len(c.granted()) != before {
		t.Errorf("the page after that: %d", a.StatusCode)
	}
}

// TestPrefetchedTurnsLeaveNoEvidence: loading ahead is no reading.
func TestPrefetchedTurnsLeaveNoEvidence(t *testing.T) {
	c := newClinic(t)
	id := c.says(gateway.Turn{At: c.time().Add(-time.Hour), From: ann.Address}, &gateway.Mail{Text: "x"})
	b := c.visit(true)
	c.enter(b)
	b.do("GET", c.path()+"/turn/"+id.String(), nil, http.Header{"Sec-Purpose": {"prefetch"}})
	if len(c.turned) != 0 {
		t.Errorf("evidence %v", c.turned)
	}
}

func TestPrintView(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	page := b.get(c.path() + "/print")
	if page.StatusCode != 200 || !strings.Contains(page.body, "normal range") || strings.Contains(page.body, "<iframe") || strings.Contains(page.body, "<textarea") || !strings.Contains(page.body, "Laboratory report") {
		t.Errorf("%d\n%s", page.StatusCode, page.body)
	}
	c.mail.Text = ""
	if page := b.get(c.path() + "/print"); !strings.Contains(page.body, "<iframe") {
		t.Error("a mail of HTML alone prints nothing")
	}
	if !bytes.Contains(pageSheet, []byte("@media print")) {
		t.Error("no style for paper")
	}
}
