package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// letter is a secured mail with one of everything, and what it must never
// show outside.
type letter struct {
	mail    []byte
	files   map[string][]byte // by file name
	picture []byte
	words   []string // none of them may leave
}

func newLetter(t *testing.T, attachment int) letter {
	t.Helper()
	l := letter{picture: picture(t, 1), files: map[string][]byte{
		"tomography-nightjar.mp4":  noise(2, attachment),
		"letter-bullfinch.pdf":     pdf("Findings about the goldcrest"),
		"notes-\u00fcber-wren.txt": []byte("The dunnock stands in an attached text.\r\n"),
	}}
	body := multipart("alternative", "alt",
		mimePart{kind: "text/plain; charset=utf-8", text: "Your biopsy result: the kestrel is benign.\r\n"},
		multipart("related", "rel",
			mimePart{kind: "text/html; charset=utf-8", text: "<p>Your <b>biopsy result</b>: the <i>sparrowhawk</i> is benign.</p><img src=\"cid:scan@clinic\" alt=\"scan\">\r\n"},
			mimePart{kind: "image/png; name=scan-ptarmigan.png", disposition: "inline; filename=scan-ptarmigan.png", id: "scan@clinic", raw: l.picture}))
	parts := []fmt.Stringer{body}
	for _, name := range []string{"tomography-nightjar.mp4", "letter-bullfinch.pdf", "notes-\u00fcber-wren.txt"} {
		kind := map[string]string{"mp4": "video/mp4", "pdf": "application/pdf", "txt": "text/plain"}[name[len(name)-3:]]
		parts = append(parts, mimePart{kind: kind, disposition: mime.FormatMediaType("attachment", map[string]string{"filename": name}), raw: l.files[name]})
	}
	mixed := multipart("mixed", "mix", parts...)
	l.mail = mailText("Dr Ann Miller <ann@clinic.example>", "pat@out.example", "Your result about the capercaillie", "", "MIME-Version: 1.0", "Content-Type: "+mixed.kind)
	l.mail = append(l.mail, mixed.text...)
	l.words = []string{"capercaillie", "kestrel", "sparrowhawk", "goldcrest", "dunnock", "biopsy", "nightjar", "bullfinch", "ber-wren", "ptarmigan", "scan@clinic"}
	for _, raw := range append([][]byte{l.picture}, l.files["tomography-nightjar.mp4"], l.files["letter-bullfinch.pdf"], l.files["notes-\u00fcber-wren.txt"]) {
		text := strings.ReplaceAll(base64Lines(raw), "\r\n", "")
		for i := 0; i+40 <= len(text); i += max(40, len(text)/50) {
			l.words = append(l.words, text[i:i+40])
		}
	}
	return l
}

// secureSite is a gate whose every mail to patients is secured, and the world
// outside.
func secureSite(t *testing.T, pins string) (*gate, *sink) {
	t.Helper()
	outside := startSink(t, nil)
	s := settings{routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}}
	if pins != "" {
		s.more = []string{pins}
	}
	g := newGate(t, s).start()
	g.contacts("email,email2,language,name,patient", "pat@out.example,pat.private@other.example,en,Pat Jones,true")
	return g, outside
}

// TestSecuredMailNeverLeavesAndOpensWhole: text, HTML, an inline image, a
// 30 MB attachment, a PDF and a file with a name beyond ASCII.
func TestSecuredMailNeverLeavesAndOpensWhole(t *testing.T) {
	t.Parallel()
	g, outside := secureSite(t, "")
	l := newLetter(t, 30<<20)
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	notice := outside.wait(t, "pat@out.example", 1)
	b := newBrowser(t)
	opened := b.open(notice.link(t), codeFrom(t, outside, "pat.private@other.example"))

	for _, word := range []string{"capercaillie", "kestrel"} {
		if !strings.Contains(opened.body, word) {
			t.Errorf("the page does not show %q", word)
		}
	}
	frame := opened.document()
	if !strings.Contains(frame, "sparrowhawk") {
		t.Error("the frame does not show the HTML")
	}
	if !strings.Contains(strings.ReplaceAll(frame, "&#43;", "+"), "data:image/png;base64,"+base64.StdEncoding.EncodeToString(l.picture)) {
		t.Error("the inline image is not in the frame, octet by octet")
	}
	downloads(t, b, opened, l)
	ranges(t, b, opened, l)
	nothingLeft(t, outside, l)
	if size := len(outside.octets()); size > 200_000 {
		t.Errorf("%d octets left for a notice and a code", size)
	}
	if n := len(g.evidence("message.opened")); n == 0 {
		t.Error("the reading left no evidence")
	}
	g.must("audit", "verify")
}

func nothingLeft(t *testing.T, outside *sink, l letter) {
	t.Helper()
	seen := strings.ToLower(string(outside.octets()))
	for _, w := range l.words {
		if strings.Contains(seen, strings.ToLower(w)) {
			t.Errorf("outside received %q", w)
		}
	}
}

func downloads(t *testing.T, b *browser, opened page, l letter) {
	t.Helper()
	got := map[string]bool{}
	for _, address := range opened.files(t) {
		file := b.get(address)
		_, params, err := mime.ParseMediaType(file.header.Get("Content-Disposition"))
		if err != nil || file.status != http.StatusOK {
			t.Errorf("a download: status %d, %v", file.status, err)
			continue
		}
		name := params["filename"]
		want, known := l.files[name]
		if !known && name == "scan-ptarmigan.png" {
			want, known = l.picture, true
		}
		if !known {
			t.Errorf("a file %q that was not sent", name)
			continue
		}
		if sha256.Sum256([]byte(file.body)) != sha256.Sum256(want) {
			t.Errorf("%s: %d octets came out, %d went in, digests differ", name, len(file.body), len(want))
		}
		if file.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s comes without nosniff", name)
		}
		got[name] = true
	}
	for name := range l.files {
		if !got[name] {
			t.Errorf("%s cannot be downloaded", name)
		}
	}
}

// ranges: a piece out of the middle of the large file.
func ranges(t *testing.T, b *browser, opened page, l letter) {
	t.Helper()
	want := l.files["tomography-nightjar.mp4"][20_000_003 : 20_000_003+1000]
	for _, address := range opened.files(t) {
		r, err := http.NewRequest("GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Range", "bytes=20000003-20001002")
		resp, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var piece bytes.Buffer
		_, err = piece.ReadFrom(resp.Body)
		_ = resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusPartialContent && bytes.Equal(piece.Bytes(), want) {
			return
		}
	}
	t.Error("no file answers a range with the right octets")
}

// TestLookingChangesNothing: GET and HEAD by the thousand, as scanners of
// links do, write neither records nor evidence, send nothing, and use nothing
// up.
func TestLookingChangesNothing(t *testing.T) {
	g, outside := secureSite(t, "")
	l := newLetter(t, 1000)
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	link := outside.wait(t, "pat@out.example", 1).link(t)
	eventually(t, 30*time.Second, func() string {
		if left := g.list("queue", "list"); len(left) > 0 {
			return fmt.Sprint("unfinished: ", left)
		}
		return ""
	})
	state := func() string { // without the leases, which the queue renews by the clock
		var kept strings.Builder
		for line := range strings.Lines(g.must("store", "dump")) {
			if !strings.HasPrefix(line, "Leases") {
				kept.WriteString(line)
			}
		}
		return kept.String()
	}
	records := len(g.evidence(""))
	eventually(t, 30*time.Second, func() string { // that export is an act, which is folded a moment later
		if strings.Contains(state(), "Staged ") {
			return "evidence is staged"
		}
		return ""
	})
	before := state()
	if len(before) < 200 {
		t.Fatalf("the dump shows nothing: %q", before)
	}
	var workers sync.WaitGroup
	for w := range 8 {
		b := newBrowser(t)
		workers.Go(func() {
			for i := range 250 {
				method := []string{"GET", "HEAD"}[(i+w)%2]
				address := link + []string{"", "/mail", "/file/0", "/show/1", "?sent", "?code=1&pin=123456"}[i%6]
				if p := b.do(method, address, nil); p.status >= 500 || strings.Contains(p.body, "kestrel") {
					t.Errorf("%s: status %d", method, p.status)
				}
			}
		})
	}
	workers.Wait()
	if after := state(); after != before {
		t.Errorf("the store changed:\n%s", changed(before, after))
	}
	if n := len(g.evidence("")); n > records+1 { // the export itself is an act
		t.Errorf("%d records of evidence, were %d", n, records)
	}
	if n := outside.count(); n != 1 {
		t.Errorf("%d mails left, want the notice alone", n)
	}
	newBrowser(t).open(link, codeFrom(t, outside, "pat.private@other.example"))
}

// changed are the lines that stand in one text only.
func changed(before, after string) string {
	var b strings.Builder
	for l := range strings.Lines(before) {
		if !strings.Contains(after, l) {
			b.WriteString("- " + l)
		}
	}
	for l := range strings.Lines(after) {
		if !strings.Contains(before, l) {
			b.WriteString("+ " + l)
		}
	}
	return b.String()
}

// TestTenWrongPINsFreeze: the link is closed, the right code too late, nothing
// is lost, and an operator opens it again.
func TestTenWrongPINsFreeze(t *testing.T) {
	t.Parallel()
	g, outside := secureSite(t, "pins: {tries: 5, pause: 1s, freeze: 10, resend: 1s}")
	l := newLetter(t, 1000)
	id := accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	link := outside.wait(t, "pat@out.example", 1).link(t)
	b := newBrowser(t)
	code := codeFrom(t, outside, "pat.private@other.example")
	asked := b.submit(b.get(link), "code", "")
	right := code()
	for try := 1; try <= 10; try++ {
		if try == 6 { // the pause after five
			if p := b.get(link); strings.Contains(p.body, `name="pin"`) {
				t.Error("no pause after five wrong PINs")
			}
			eventually(t, 30*time.Second, func() string {
				if p := b.get(link); !strings.Contains(p.body, `name="pin"`) {
					return "the pause does not end"
				}
				return ""
			})
		}
		wrong := fmt.Sprintf("%06d", (atoi(t, right)+try)%1_000_000)
		if p := b.submit(asked, "pin", wrong); strings.Contains(p.body, "kestrel") {
			t.Fatal("a wrong PIN opened the message")
		}
	}
	if p := b.submit(asked, "pin", right); strings.Contains(p.body, "kestrel") {
		t.Error("a frozen link was opened by the right PIN")
	}
	if p := b.get(link); strings.Contains(p.body, `name="pin"`) || !strings.Contains(p.body, "locked") {
		t.Errorf("the page of a frozen link:\n%s", p.body)
	}
	if len(g.evidence("link.frozen")) != 1 {
		t.Error("freezing left no evidence")
	}
	g.must("link", "thaw", g.linkID(id))
	opened := newBrowser(t).open(link, codeFrom(t, outside, "pat.private@other.example"))
	if !strings.Contains(opened.body, "kestrel") {
		t.Error("the thawed link does not open the message")
	}
}

// TestAHundredParallelTries: no more of them are compared than are allowed.
func TestAHundredParallelTries(t *testing.T) {
	g, outside := secureSite(t, "pins: {tries: 5, pause: 15m, freeze: 10}")
	l := newLetter(t, 1000)
	accepted(t, g.relay, "ann@clinic.example", []string{"pat@out.example"}, l.mail)
	link := outside.wait(t, "pat@out.example", 1).link(t)
	b := newBrowser(t)
	code := codeFrom(t, outside, "pat.private@other.example")
	asked := b.submit(b.get(link), "code", "")
	right := atoi(t, code())
	token := valuePattern.FindStringSubmatch(asked.body[strings.Index(asked.body, `name="token"`):])[1]
	var workers sync.WaitGroup
	for i := range 100 {
		workers.Go(func() {
			form := url.Values{"token": {html.UnescapeString(token)}, "pin": {fmt.Sprintf("%06d", (right+i+1)%1_000_000)}}
			if p := b.do("POST", link, form); p.status >= 500 {
				t.Errorf("status %d", p.status)
			}
		})
	}
	workers.Wait()
	if n := len(g.evidence("proof.tried")); n == 0 || n > 5 {
		t.Errorf("%d tries were compared, 1 to 5 are expected", n)
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
