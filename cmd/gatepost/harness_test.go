package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// buffer is written by a server and read by a test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// outside is the next hop of a test: the demo's mailbox, which shares no code
// with the gateway.
func outside(t *testing.T) (*mailbox, string) {
	t.Helper()
	box := new(mailbox)
	smtp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		box.serve(ctx, smtp, web)
	}()
	t.Cleanup(func() { end(); <-done })
	return box, smtp.Addr().String()
}

// to returns the newest mail for an address, waiting for it.
func (m *mailbox) to(t *testing.T, address string) captured {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, c := range m.list() {
			for _, to := range c.To {
				if to == address {
					return c
				}
			}
		}
	}
	t.Fatalf("nothing arrived for %s", address)
	return captured{}
}

// rig is one installation in a temporary directory and its commands.
type rig struct {
	t                            *testing.T
	dir, config                  string
	relay, submission, viewer    string
	inbound, admin, data, keys   string
	next                         string // host:port of the next hop
	log                          *buffer
	stop                         func() error
	mode, policy, more, viaRoute string
	disk                         vfs.FS
	handler                      slog.Handler
}

const testRules = `policy: test
default: pass
on_error: hold
rules:
  - {id: s, reason: secured, when: recipient.domain == "secure.example", then: secure}
  - {id: n, reason: no copy, when: recipient.domain == "nocopy.example", then: {action: secure, staff_copy: none}}
  - {id: h, reason: a person decides, when: recipient.domain == "hold.example", then: hold}
  - {id: r, reason: never, when: recipient.domain == "reject.example", then: reject}
`

func newRig(t *testing.T, next string) *rig {
	t.Helper()
	dir := t.TempDir()
	ports, err := freePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	r := &rig{
		t: t, dir: dir, config: filepath.Join(dir, "gatepost.yaml"), data: filepath.Join(dir, "data"), keys: filepath.Join(dir, "keys"),
		relay: at(0), submission: at(1), viewer: at(2), inbound: at(3), admin: at(4), next: next, log: new(buffer), mode: "enforce", policy: testRules,
	}
	r.write()
	return r
}

// write writes configuration and policy as the rig's fields say.
func (r *rig) write() {
	r.t.Helper()
	route := r.viaRoute
	if route == "" {
		route = fmt.Sprintf(`{domain: "*", via: %q, tls: none}`, r.next)
	}
	text := fmt.Sprintf(`mode: %s
organization: {name: Example Clinic, domains: [clinic.example]}
data_dir: data
key_dir: keys
policy: policy.yaml
listen: {relay: %q, submission: %q, viewer: %q, inbound: %q, admin: %q}
relay: {trusted: [127.0.0.0/8]}
routes:
  - %s
`, r.mode, r.relay, r.submission, r.viewer, r.inbound, r.admin, route)
	if !strings.Contains(r.more, "viewer:") {
		text += fmt.Sprintf("viewer: {url: \"http://%s\"}\n", r.viewer)
	}
	if !strings.Contains(r.more, "tls:") {
		text += "tls: {viewer: false}\n"
	}
	if !strings.Contains(r.more, "queue:") {
		text += "queue: {first_retry: 1s}\n"
	}
	writeFile(r.t, r.config, text+r.more)
	writeFile(r.t, filepath.Join(r.dir, "policy.yaml"), r.policy)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start serves until the test ends or r.stop is called.
func (r *rig) start() *rig {
	r.t.Helper()
	env := environment{in: strings.NewReader(""), out: io.Discard, err: r.log, config: r.config, disk: r.disk, log: r.handler}
	c, err := loadConfig(env)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- serve(ctx, c, env, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		end()
		r.t.Fatalf("serve: %v\n%s", err, r.log)
	}
	var once sync.Once
	r.stop = func() (err error) {
		once.Do(func() {
			end()
			err = <-done
		})
		return err
	}
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Errorf("serve: %v", err)
		}
	})
	return r
}

// runWith runs one command line with in as its standard input.
func (r *rig) runWith(in string, args ...string) (out, errs string, code int) {
	r.t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), append([]string{"--config", r.config}, args...), environment{in: strings.NewReader(in), out: &o, err: &e})
	return o.String(), e.String(), code
}

func (r *rig) run(args ...string) (out, errs string, code int) { return r.runWith("", args...) }

// must runs a command that has to succeed and returns what it prints.
func (r *rig) must(args ...string) string {
	r.t.Helper()
	out, errs, code := r.run(args...)
	if code != 0 {
		r.t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
	}
	return out
}

// objects runs a command with --json and returns its lines.
func (r *rig) objects(args ...string) []map[string]any {
	r.t.Helper()
	var list []map[string]any
	in := json.NewDecoder(strings.NewReader(r.must(append(args, "--json")...)))
	for {
		var v map[string]any
		err := in.Decode(&v)
		if err == io.EOF {
			return list
		}
		if err != nil {
			r.t.Fatalf("%v: %v", args, err)
		}
		list = append(list, v)
	}
}

var queuedAs = regexp.MustCompile(`queued as ([0-9a-v]{26})`)

// send relays a mail by a client of the standard library and returns the
// queue id.
func (r *rig) send(from, to, body string) string {
	r.t.Helper()
	answer := r.sent(from, to, body)
	hit := queuedAs.FindStringSubmatch(answer)
	if hit == nil {
		r.t.Fatalf("mail for %s: %s", to, answer)
	}
	return hit[1]
}

func (r *rig) sent(from, to, body string) string {
	r.t.Helper()
	m := sample{from: from, to: []string{to}, body: strings.ReplaceAll("From: "+from+"\nTo: "+to+"\n"+body, "\n", "\r\n")}
	env := environment{config: r.config}
	c, err := loadConfig(env)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.send(c)
}

func dial(t *testing.T, addr string) *smtp.Client {
	t.Helper()
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const plainMail = "Subject: Hello\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <m@clinic.example>\n\nSee you on Tuesday.\n"

func fetch(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// eventually waits for a condition of a running server.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("%s: not within 20 s", what)
}
