package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seeds are words that stand nowhere but in one mail and its correspondent.
var seeds = map[string]string{
	"subject":        "quillwort-subject-4711",
	"body":           "bogbean-body-word-4712",
	"name":           "Zelphira Quandamooka",
	"address":        "zelphira.seed4713@out.example",
	"second address": "hidden.seed4714@other.example",
	"file name":      "spleenwort-file-4715",
	"sender":         "ann.seed4716@clinic.example",
	"html":           "liverwort-html-4717",
	"held":           "stonewort-held-4718",
	"refused":        "ragwort-refused-4719",
}

// TestSeededSecretsAppearNowhere: after whole journeys (secured and read,
// held, refused, bounced, deferred, wrong PINs, wrong commands) none of the
// words, nor PIN, token and link, stands in a log, a metric, an error, or a
// file under data_dir, in a backup or in the names of files.
func TestSeededSecretsAppearNowhere(t *testing.T) {
	outside := startSink(t, nil)
	g := newGate(t, settings{
		policy: "policy: seeds\ndefault: secure\non_error: hold\nrules:\n  - {id: h, reason: h, when: recipient.domain == \"held.example\", then: hold}\n  - {id: r, reason: r, when: recipient.domain == \"refused.example\", then: reject}\n",
		routes: []string{
			fmt.Sprintf("{domain: dead.example, via: %q, tls: none}", freeAddr(t)),
			fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr),
		},
		more: []string{"pins: {tries: 5, pause: 1s, freeze: 10, resend: 1s}"},
	}).start()
	g.contacts("email,email2,language,name,patient", fmt.Sprintf("%s,%s,en,%s,true", seeds["address"], seeds["second address"], seeds["name"]))
	secrets := seededJourney(t, g, outside)
	said := seededMistakes(t, g, secrets)
	backup := filepath.Join(g.dir, "backup")
	g.must("backup", backup)
	_, metrics := g.get("/metrics")
	_, ready := g.get("/readyz")
	said["metrics"], said["readyz"] = metrics, ready
	// An export names the persons, for those who may read it; nothing else.
	content := maps.Clone(secrets)
	for _, address := range []string{"address", "second address", "sender", "held", "refused"} {
		delete(content, address)
	}
	search(t, content, "evidence as JSON", []byte(g.must("audit", "export")))
	search(t, content, "evidence as RFC 5424", []byte(g.must("audit", "export", "--format", "rfc5424")))
	said["keys of the store"] = g.must("store", "dump")
	g.stop()
	said["log"] = g.log()
	for where, text := range said {
		search(t, secrets, where, []byte(text))
	}
	files := 0
	for _, dir := range []string{g.data, backup, g.keys} {
		files += searchFiles(t, secrets, dir)
	}
	if files < 10 {
		t.Errorf("only %d files were looked at", files)
	}
}

// seededJourney sends the seeded mails, reads the secured one and returns
// everything that must not be found, with what became known on the way.
func seededJourney(t *testing.T, g *gate, outside *sink) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	for k, v := range seeds {
		secrets[k] = v
	}
	m := multipart("mixed", "seed",
		mimePart{kind: "text/plain; charset=utf-8", text: "Dear Zelphira, " + seeds["body"] + ".\r\n"},
		mimePart{kind: "text/html; charset=utf-8", text: "<p>" + seeds["html"] + "</p>\r\n"},
		mimePart{kind: "text/plain; name=" + seeds["file name"] + ".txt", disposition: "attachment; filename=" + seeds["file name"] + ".txt", raw: []byte(seeds["body"])})
	mail := append(mailText(seeds["sender"], fmt.Sprintf("%q <%s>", seeds["name"], seeds["address"]), seeds["subject"], "", "MIME-Version: 1.0", "Content-Type: "+m.kind), m.text...)
	accepted(t, g.relay, seeds["sender"], []string{seeds["address"], "x@dead.example"}, mail)
	accepted(t, g.relay, seeds["sender"], []string{seeds["held"] + "@held.example"}, mail)
	if r := sendOne(t, g.relay, seeds["sender"], []string{seeds["refused"] + "@refused.example"}, mail); r.code != 550 {
		t.Errorf("the refused mail was answered %v", r)
	}
	link := outside.wait(t, seeds["address"], 1).link(t)
	secrets["link"] = link[strings.LastIndexByte(link, '/')+1:]
	b := newBrowser(t)
	code := codeFrom(t, outside, seeds["second address"])
	asked := b.submit(b.get(link), "code", "")
	pin := code()
	secrets["PIN"] = pin
	wrong := fmt.Sprintf("%06d", (atoi(t, pin)+1)%1_000_000)
	b.submit(asked, "pin", wrong)
	opened := b.submit(asked, "pin", pin)
	if !strings.Contains(opened.body, seeds["body"]) {
		t.Fatalf("the message did not open:\n%s", opened.body)
	}
	for _, f := range opened.files(t) {
		b.get(f)
	}
	for _, c := range b.client.Jar.Cookies(opened.url) {
		secrets["session"] = c.Value
	}
	if len(secrets["session"]) < 16 {
		t.Error("no session cookie was seen")
	}
	notice := outside.to(seeds["address"])[0]
	secrets["bounce token"], _, _ = strings.Cut(notice.from, "@")
	reply := notice.header(t, "Reply-To")
	if at := strings.IndexByte(reply, '@'); at > 0 {
		secrets["reply token"] = strings.TrimLeft(reply[:at], "<")
	}
	return secrets
}

// seededMistakes provokes errors about the seeded things and returns what was
// said about them.
func seededMistakes(t *testing.T, g *gate, secrets map[string]string) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, args := range [][]string{{"queue", "show", "nonsense"}, {"message", "show", "nonsense"}, {"link", "thaw", "nonsense"}, {"audit", "verify"}, {"key", "list"}, {"user", "list"}} {
		out, errs, _ := g.run(args...)
		said["gatepost "+strings.Join(args, " ")] = out + errs
	}
	c := dialSMTP(t, g.relay)
	defer c.quit()
	said["SMTP errors"] = c.say("MAIL FROM:<%s", seeds["address"]).String() + c.say("VRFY %s", seeds["address"]).String()
	stranger := dialSMTP(t, g.inbound)
	defer stranger.quit()
	stranger.say("MAIL FROM:<%s>", seeds["address"])
	stranger.say("RCPT TO:<%s@reply.clinic.example>", secrets["reply token"])
	b := newBrowser(t)
	for _, path := range []string{"/m/" + secrets["link"] + "x", "/nothing/" + seeds["body"], "/m/" + secrets["link"] + "/file/9999"} {
		p := b.get("http://" + g.viewer + path)
		said["viewer error "+path[:3]] += strings.ReplaceAll(p.body, "/m/"+secrets["link"], "")
	}
	time.Sleep(1500 * time.Millisecond) // a second attempt at the dead next hop
	return said
}

// forms are the ways in which a word could stand in a file.
func forms(word string) map[string]string {
	all := map[string]string{"as it is": word, "hex": hex.EncodeToString([]byte(word)), "URL encoded": url.QueryEscape(word)}
	var wide []byte
	for _, c := range []byte(word) {
		wide = append(wide, c, 0)
	}
	all["UTF-16"] = string(wide)
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		all[fmt.Sprintf("base64 at %d", shift)] = text[min(len(text), 4):max(4, len(text)-2)]
	}
	return all
}

// search looks for every secret in every form. Six digits alone may stand by
// chance in a number; they are looked for between other characters.
func search(t *testing.T, secrets map[string]string, where string, text []byte) {
	t.Helper()
	lower := bytes.ToLower(text)
	for what, word := range secrets {
		if word == "" {
			t.Errorf("the %s is not known", what)
			continue
		}
		for form, shape := range forms(word) {
			if what == "PIN" && form != "as it is" {
				continue
			}
			at := bytes.Index(lower, []byte(strings.ToLower(shape)))
			if at < 0 || what == "PIN" && insideNumber(text, at) {
				continue
			}
			t.Errorf("%s holds the %s (%s): …%q…", where, what, form, text[max(0, at-60):min(len(text), at+80)])
		}
	}
}

// insideNumber: the digits are part of a longer number or of sealed octets.
func insideNumber(text []byte, at int) bool {
	word := func(i int) bool {
		if i < 0 || i >= len(text) {
			return false
		}
		c := text[i]
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-' || c >= 0x80 || c < 0x20 && c != '\n'
	}
	return word(at-1) || word(at+6)
}

func searchFiles(t *testing.T, secrets map[string]string, dir string) int {
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
		rel, _ := filepath.Rel(filepath.Dir(dir), path)
		search(t, secrets, "file "+rel, raw)
		search(t, secrets, "the name of a file", []byte(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheSearchFinds shows that the search would find what it looks for.
func TestTheSearchFinds(t *testing.T) {
	t.Parallel()
	word := seeds["subject"]
	for form, shape := range forms(word) {
		text := "some octets " + shape + " and more"
		if !bytes.Contains([]byte(text), []byte(shape)) || len(shape) < len(word)/2 {
			t.Errorf("%s: %q would not be found", form, shape)
		}
	}
	for _, v := range []struct {
		text   string
		inside bool
	}{{"code 123456.", true}, {"code 123456\n", false}, {"=123456 ", false}, {"9123456", true}, {"\"123456\"", false}} {
		if at := strings.Index(v.text, "123456"); insideNumber([]byte(v.text), at) != v.inside {
			t.Errorf("%q: inside a number is not %v", v.text, v.inside)
		}
	}
}
