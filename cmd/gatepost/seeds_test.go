package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// Words that stand nowhere but in the mails, persons and secrets of
// TestSeeds.
var seedWords = map[string]string{
	"subject":        "quillwort-subject",
	"body":           "bogbean-body-word",
	"passed body":    "adderwort-passed-word",
	"name":           "Zelphira Quandamooka",
	"recipient":      "zelphira.seed@secure.example",
	"second address": "hidden.seed@other.example",
	"sender":         "annseed@clinic.example",
	"deferred":       "laterseed@late.example",
	"bounced":        "goneseed@gone.example",
	"held":           "heldseed@hold.example",
	"refused":        "refusedseed@reject.example",
	"file":           "spleenwort-file",
	"password":       "stonewort-password-of-ann",
	"wrong password": "liverwort-password",
	"user":           "userseed@clinic.example",
	"reason":         "milkwort-reason",
	"foreign reply":  "ragwort-reply",
	"message id":     "figwort-message-id",
	"phone":          "15550147719",
	"answer":         "sundew-answer-word",
	"answered file":  "butterwort-upload",
	"answered words": "pitcherplant-upload-word",
}

// grumpy is a next hop that quotes what it refuses.
type grumpy struct{ delivery }

func (g *grumpy) Rcpt(to string, o *smtp.RcptOptions) error {
	code := map[bool]int{true: 451, false: 550}[strings.Contains(to, "late.example")]
	if strings.Contains(to, "late.example") || strings.Contains(to, "gone.example") {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no such user <" + to + "> ragwort-reply"}
	}
	return g.delivery.Rcpt(to, o)
}

type grumpyBackend struct{ box *mailbox }

func (b grumpyBackend) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &grumpy{delivery{box: b.box}}, nil
}

// TestSeeds drives a whole system whose log redacts nothing, and then looks
// for every word in the log, the metrics, what commands say on standard error,
// every file under data_dir and the backup.
func TestSeeds(t *testing.T) {
	box := new(mailbox)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hop := smtp.NewServer(grumpyBackend{box})
	go func() { _ = hop.Serve(l) }()
	t.Cleanup(func() { _ = hop.Close() })
	r := newRig(t, l.Addr().String())
	r.handler = slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})
	r.start()
	secrets := map[string]string{}
	for k, v := range seedWords {
		secrets[k] = v
	}
	r.seededPeople()
	r.seededMail()
	r.seededReading(box, secrets)
	said := r.seededErrors()
	backup := filepath.Join(r.dir, "backup")
	r.must("backup", backup)
	_, said["metrics"] = fetch(t, http.DefaultClient, "http://"+r.admin+"/metrics")
	_, said["readyz"] = fetch(t, http.DefaultClient, "http://"+r.admin+"/readyz")
	said["keys of the store"] = r.must("store", "dump")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	said["log"] = r.log.String()
	if strings.Count(said["log"], "\n") < 5 {
		t.Errorf("the log holds next to nothing:\n%s", said["log"])
	}
	for where, text := range said {
		lookFor(t, secrets, where, text)
	}
	n := 0
	for _, dir := range []string{r.data, backup, r.keys} {
		n += lookInFiles(t, secrets, dir)
	}
	if n < 10 {
		t.Errorf("only %d files were looked at", n)
	}
}

func (r *rig) seededPeople() {
	r.t.Helper()
	if _, errs, code := r.runWith(seedWords["password"], "user", "add", seedWords["user"], "--password-file", "-"); code != 0 {
		r.t.Fatal(errs)
	}
	csv := fmt.Sprintf("email,email2,phone,language,name,patient\n%s,%s,+%s,en,%s,true\n", seedWords["recipient"], seedWords["second address"], seedWords["phone"], seedWords["name"])
	if _, errs, code := r.runWith(csv, "contact", "import", "-"); code != 0 {
		r.t.Fatal(errs)
	}
	c, err := loadConfig(environment{config: r.config})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, password := range []string{seedWords["wrong password"], seedWords["password"]} {
		client := dial(r.t, r.submission)
		_ = sample{from: seedWords["user"]}.loginWith(client, c, password)
		_ = client.Close()
	}
}

func (r *rig) seededMail() {
	r.t.Helper()
	head := func(body string) string {
		return "Subject: " + seedWords["subject"] + "\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <" + seedWords["message id"] + "@clinic.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" +
			body + "\n--b\nContent-Disposition: attachment; filename=" + seedWords["file"] + ".txt\n\n" + body + "\n--b--\n"
	}
	r.send(seedWords["sender"], seedWords["recipient"], head(seedWords["body"]))
	r.send(seedWords["sender"], seedWords["held"], head(seedWords["body"]))
	r.send(seedWords["sender"], seedWords["deferred"], head(seedWords["passed body"]))
	r.send(seedWords["sender"], seedWords["bounced"], head(seedWords["passed body"]))
	if answer := r.sent(seedWords["sender"], seedWords["refused"], head(seedWords["body"])); !strings.HasPrefix(answer, "550") {
		r.t.Errorf("refused: %s", answer)
	}
	r.send(seedWords["sender"], "large@late.example", head(strings.Repeat(seedWords["passed body"]+"\n", 40_000))) // a body in a file of its own
}

func (r *rig) seededReading(box *mailbox, secrets map[string]string) {
	r.t.Helper()
	notice := box.to(r.t, seedWords["recipient"])
	secrets["link"] = notice.Link[strings.LastIndexByte(notice.Link, '/')+1:]
	secrets["bounce address"] = notice.From
	b := newBrowser(r.t)
	page, pin := b.ask(notice.Link, box, seedWords["second address"])
	wrong := "000000"
	if wrong == pin {
		wrong = "000001"
	}
	secrets["PIN"] = pin
	for range 2 {
		_, page = b.post(notice.Link, page, "pin", wrong)
	}
	if _, message := b.post(notice.Link, page, "pin", pin); !strings.Contains(message, seedWords["body"]) {
		r.t.Fatalf("the message does not open:\n%s", message)
	}
	u, err := url.Parse(notice.Link)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		secrets["session"] = c.Value
	}
	b.get("http://" + r.viewer + "/" + secrets["link"] + "/" + seedWords["body"])
	eventually(r.t, "the bounce", func() bool { return strings.Contains(box.to(r.t, seedWords["sender"]).Raw, seedWords["bounced"]) })
	r.seededAnswer(b, box, notice.Link, secrets)
	for _, e := range r.objects("held", "list") {
		r.must("held", "refuse", e["id"].(string), "--reason", seedWords["reason"])
	}
}

// seededAnswer sends an answer with an attachment that goes through a file, and
// one that is refused, and waits until staff have it.
func (r *rig) seededAnswer(b *browser, box *mailbox, link string, secrets map[string]string) {
	r.t.Helper()
	for _, words := range []int{1, 10_000} { // the second is above the limit of a text
		_, page := b.get(link)
		code, after := b.answer(link, page, strings.Repeat(seedWords["answer"]+" ", words), seedWords["answered file"]+".txt", strings.Repeat(seedWords["answered words"]+"\n", 40_000))
		if (code == http.StatusOK) != (words == 1) {
			r.t.Fatalf("an answer of %d words: %d\n%s", words, code, after)
		}
	}
	eventually(r.t, "the answer", func() bool { return strings.Contains(box.to(r.t, seedWords["sender"]).Raw, seedWords["answer"]) })
	_, after, _ := strings.Cut(box.to(r.t, seedWords["sender"]).Raw, "<r.")
	local, _, ok := strings.Cut(after, "@")
	if !ok {
		r.t.Fatal("the answer has no capability")
	}
	secrets["capability"] = local
}

// seededErrors provokes what goes wrong with the seeded things.
func (r *rig) seededErrors() map[string]string {
	r.t.Helper()
	said := map[string]string{}
	for _, c := range []struct {
		in   string
		args []string
	}{
		{seedWords["wrong password"], []string{"user", "add", seedWords["user"], "--password-file", "-"}},
		{"", []string{"contact", "show", seedWords["deferred"]}},
		{"email,phone\n" + seedWords["deferred"] + "," + seedWords["body"] + "\n", []string{"contact", "import", "-"}},
		{"", []string{"audit", "verify"}},
		{"", []string{"queue", "retry", "--all"}},
	} {
		_, errs, _ := r.runWith(c.in, c.args...)
		said[strings.Join(c.args[:2], " ")] = errs
	}
	conn, err := net.Dial("tcp", r.relay)
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(conn, "EHLO %s\r\nMAIL FROM:<%s\r\nVRFY %s\r\nMAIL FROM:<%s> NONSENSE=%s\r\n", seedWords["file"], seedWords["sender"], seedWords["recipient"], seedWords["sender"], seedWords["body"])
	fmt.Fprintf(conn, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: %s\n\r\n.\r\n", seedWords["sender"], seedWords["recipient"], seedWords["subject"])
	_ = conn.Close()
	good, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	inline := strings.Replace(string(good), "tls: none}", "tls: none, auth: {user: u, password: "+seedWords["password"]+"}}", 1)
	if inline == string(good) {
		r.t.Fatal("no route to spoil")
	}
	writeFile(r.t, r.config, inline)
	r.hup("reload refused")
	writeFile(r.t, r.config, string(good))
	return said
}

// shapes are the forms in which a word could stand in a file.
func shapes(word string) map[string]string {
	all := map[string]string{"as it is": strings.ToLower(word), "hex": hex.EncodeToString([]byte(word)), "URL": strings.ToLower(url.QueryEscape(word))}
	all["quoted-printable"] = strings.ToLower(strings.NewReplacer("@", "=40", "-", "=2D", ".", "=2E", " ", "=20").Replace(word))
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		all[fmt.Sprintf("base64 at %d", shift)] = strings.ToLower(text[4 : len(text)-2])
	}
	return all
}

func lookFor(t *testing.T, secrets map[string]string, where, text string) {
	t.Helper()
	text = strings.ToLower(text)
	for what, word := range secrets {
		if len(word) < 6 {
			t.Errorf("the %s is not known", what)
			continue
		}
		for form, shape := range shapes(word) {
			if at := strings.Index(text, shape); at >= 0 && (what != "PIN" || form == "as it is" && alone(text, at, len(shape))) {
				t.Errorf("%s holds the %s (%s): …%q…", where, what, form, text[max(0, at-80):min(len(text), at+80)])
			}
		}
	}
}

// alone: six digits in the middle of a longer number, or of an id, are chance.
func alone(text string, at, n int) bool {
	word := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] >= 'a' && text[i] <= 'z' || text[i] == '.' || text[i] >= 0x80 || text[i] < 0x20)
	}
	return !word(at-1) && !word(at+n)
}

func lookInFiles(t *testing.T, secrets map[string]string, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		rel, err := filepath.Rel(filepath.Dir(dir), path)
		lookFor(t, secrets, "file "+rel, string(raw))
		lookFor(t, secrets, "the name of a file", rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSearchFinds shows that the search finds a word in every form.
func TestSearchFinds(t *testing.T) {
	word := seedWords["recipient"]
	for _, text := range []string{word, strings.ToUpper(word), "xx" + word, "=" + url.QueryEscape(word), hex.EncodeToString([]byte(word)), base64.StdEncoding.EncodeToString([]byte("a line with " + word + " in it"))} {
		found := false
		for _, shape := range shapes(word) {
			found = found || strings.Contains(strings.ToLower(text), shape)
		}
		if !found {
			t.Errorf("%q is not found", text)
		}
	}
}
