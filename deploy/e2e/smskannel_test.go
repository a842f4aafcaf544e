package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"
)

// kannelApp is Kannel as applications use it: HTTP to smsbox, which hands to
// bearerbox, which binds; receipts and texts from outside come back by HTTP.
type kannelApp struct {
	t       *testing.T
	dir     string
	sendsms string
	url     string // what it calls

	mu    sync.Mutex
	calls []url.Values // of /dlr
	mos   []smsMO
	sent  int
}

func startKannel(t *testing.T, addr, systemID, password string) smsApp {
	t.Helper()
	return startKannelWith(t, readFile(t, "smspeers/kannel.conf"), addr, systemID, password)
}

// startKannelWith starts Kannel with another configuration of the same words.
func startKannelWith(t *testing.T, conf, addr, systemID, password string) smsApp {
	t.Helper()
	needProgram(t, "bearerbox", "smsbox")
	k := &kannelApp{t: t, dir: workDir(t)}
	heard := httptest.NewServer(http.HandlerFunc(k.hear))
	t.Cleanup(heard.Close)
	k.url = heard.URL
	admin, box, sendsms := freePort(t), freePort(t), freePort(t)
	k.sendsms = fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", sendsms)
	_, port, _ := strings.Cut(addr, ":")
	conf = write(t, filepath.Join(k.dir, "kannel.conf"), strings.NewReplacer("%ADMIN%", fmt.Sprint(admin), "%BOX%", fmt.Sprint(box), "%SENDSMS%", fmt.Sprint(sendsms),
		"%DIR%", k.dir, "%PORT%", port, "%USER%", systemID, "%PASSWORD%", password, "%URL%", k.url).Replace(conf))
	k.run("bearerbox", conf)
	k.online(admin, "carrier")
	k.run("smsbox", conf)
	k.online(admin, "smsbox")
	return k
}

// run starts a box; both are asked to end before the directory goes.
func (k *kannelApp) run(box, conf string) {
	k.t.Helper()
	said, err := os.Create(filepath.Join(k.dir, box+".out"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(box, "-v", "4", conf)
	cmd.Stdout, cmd.Stderr, cmd.Dir = said, said, k.dir
	p := startProcess(k.t, cmd)
	k.t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		if _, ended := p.exited(10 * time.Second); !ended {
			p.kill()
		}
		if k.t.Failed() {
			raw, _ := os.ReadFile(filepath.Join(k.dir, box+".log"))
			k.t.Logf("the end of %s's log:\n%s", box, raw[max(0, len(raw)-6000):])
		}
	})
}

// online waits until bearerbox says that what is on line.
func (k *kannelApp) online(admin int, what string) {
	k.t.Helper()
	eventually(k.t, 60*time.Second, func() string {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/status.txt?password=secret", admin))
		if err != nil {
			return err.Error()
		}
		defer r.Body.Close()
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return err.Error()
		}
		text := string(raw)
		if what == "carrier" && regexp.MustCompile(`carrier.*\(online`).MatchString(text) || what == "smsbox" && regexp.MustCompile(`smsbox:.*\(on-line`).MatchString(text) {
			return ""
		}
		return what + " is not on line:\n" + text
	})
}

// hear takes what Kannel brings: receipts at /dlr, texts at /mo.
func (k *kannelApp) hear(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.URL.Path == "/dlr" {
		k.calls = append(k.calls, q)
		return
	}
	text := q.Get("text")
	if q.Get("coding") == "2" && !strings.EqualFold(q.Get("charset"), "UTF-8") {
		units := make([]uint16, len(text)/2)
		for i := range units {
			units[i] = uint16(text[2*i])<<8 | uint16(text[2*i+1])
		}
		text = string(utf16.Decode(units))
	}
	k.mos = append(k.mos, smsMO{strings.TrimPrefix(q.Get("from"), "+"), strings.TrimPrefix(q.Get("to"), "+"), text})
	w.WriteHeader(http.StatusOK)
}

// Submit implements smsApp. Kannel asks for the receipt of one part only, so
// one id comes back.
func (k *kannelApp) Submit(s smsText) []string {
	k.t.Helper()
	k.mu.Lock()
	k.sent++
	ref := strconv.Itoa(k.sent)
	k.mu.Unlock()
	form := url.Values{"username": {"clinic"}, "password": {"secret"}, "from": {s.from}, "to": {s.to}, "text": {s.text}, "charset": {"UTF-8"},
		"coding": {"0"}, "dlr-mask": {"31"}, "dlr-url": {k.url + "/dlr?ref=" + ref + "&type=%d&id=%F&text=%A"}}
	if s.coding == "ucs2" {
		form.Set("coding", "2")
	}
	r, err := http.Get(k.sendsms + "?" + form.Encode())
	if err != nil {
		k.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusAccepted {
		k.t.Fatalf("sendsms: %s", r.Status)
	}
	var id string
	eventually(k.t, answerPatience, func() string {
		for _, c := range k.told(ref) {
			switch c.Get("type") {
			case "8":
				id = c.Get("id")
				return ""
			case "16":
				k.t.Fatalf("the carrier refused what Kannel submitted: %v", c)
			}
		}
		return "Kannel has not heard an answer to its submit_sm"
	})
	return []string{id}
}

func (k *kannelApp) told(ref string) []url.Values {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []url.Values
	for _, c := range k.calls {
		if ref == "" || c.Get("ref") == ref {
			found = append(found, c)
		}
	}
	return found
}

// Receipts implements smsApp: those that Kannel could match to what it sent,
// with the id that its submit was answered with.
func (k *kannelApp) Receipts() []smsReceipt {
	ids := map[string]string{}
	calls := k.told("")
	for _, c := range calls {
		if c.Get("type") == "8" { // may come after the receipt: Kannel calls for each at once
			ids[c.Get("ref")] = c.Get("id")
		}
	}
	var all []smsReceipt
	for _, c := range calls {
		switch c.Get("type") {
		case "1", "2", "4":
			r := receiptFrom(c.Get("text"), "", 0)
			if state := map[string]string{"1": "DELIVRD", "2": "UNDELIV", "4": "ENROUTE"}[c.Get("type")]; r.state == "" {
				r.state = state
			}
			r.id = ids[c.Get("ref")]
			all = append(all, r)
		}
	}
	return all
}

// MOs implements smsApp.
func (k *kannelApp) MOs() []smsMO {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]smsMO(nil), k.mos...)
}
