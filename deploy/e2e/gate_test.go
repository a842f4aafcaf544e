package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gate is one installation of Gatepost: a directory, a configuration and, while
// it runs, a process.
type gate struct {
	t                                         *testing.T
	dir, data, keys, file, logFile            string
	relay, inbound, submission, viewer, admin string
	smpp, smpps                               string // where applications bind; "" without short messages
	imap                                      string // where mail clients log in; "" without
	process                                   *process
}

// settings are what stories vary; the rest of the configuration is the same.
type settings struct {
	mode   string   // enforce when empty
	routes []string // lines of the list routes
	policy string   // text of the policy file; empty: built in
	more   []string // further lines of the configuration
	data   string   // data_dir; empty: below the directory
	keys   string   // key_dir; empty: below the directory
	smsc   string   // address of a carrier: short messages are on
	imap   bool     // mail clients of the staff may log in, from here without TLS
}

func newGate(t *testing.T, s settings) *gate {
	t.Helper()
	dir := workDir(t)
	g := &gate{
		t: t, dir: dir, data: s.data, keys: filepath.Join(dir, "keys"), file: filepath.Join(dir, "gatepost.yaml"), logFile: filepath.Join(dir, "gatepost.log"),
		relay: freeAddr(t), inbound: freeAddr(t), submission: freeAddr(t), viewer: freeAddr(t), admin: freeAddr(t),
	}
	if g.data == "" {
		g.data = filepath.Join(dir, "data")
	}
	if s.keys != "" {
		g.keys = s.keys
	}
	if s.smsc != "" {
		g.smpp, g.smpps = freeAddr(t), freeAddr(t)
	}
	if s.imap {
		g.imap = freeAddr(t)
	}
	g.configure(s)
	t.Cleanup(g.finish)
	return g
}

// configure writes the configuration for these settings.
func (g *gate) configure(s settings) {
	g.t.Helper()
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if s.mode == "" {
		s.mode = "enforce"
	}
	line("mode: %s", s.mode)
	line("organization: {name: Example Clinic, domains: [clinic.example], timezone: UTC}")
	line("data_dir: %s", g.data)
	line("key_dir: %s", g.keys)
	if s.policy != "" {
		write(g.t, filepath.Join(g.dir, "policy.yaml"), s.policy)
		line("policy: policy.yaml")
	}
	line("listen: {relay: %q, inbound: %q, submission: %q, viewer: %q, admin: %q, smpp: %q, smpps: %q, imap: %q}",
		g.relay, g.inbound, g.submission, g.viewer, g.admin, g.smpp, g.smpps, g.imap)
	if s.imap {
		line("imap: {plaintext_loopback: true}")
	}
	line("tls: {viewer: false}")
	line("relay: {trusted: [127.0.0.0/8]}")
	line("viewer: {url: \"http://%s\"}", g.viewer)
	line("routes:")
	for _, r := range s.routes {
		line("  - %s", r)
	}
	if !strings.Contains(strings.Join(s.more, "\n"), "queue:") {
		line("queue: {first_retry: 1s}")
	}
	if s.smsc != "" {
		g.configureSMS(s.smsc, strings.Join(s.more, "\n"), line)
	}
	for _, m := range s.more {
		line("%s", m)
	}
	write(g.t, g.file, b.String())
}

// Two applications may bind: clinic, with the number of the clinic, and other,
// with another. What a story sets in its own sms: stands instead.
func (g *gate) configureSMS(smsc, more string, line func(string, ...any)) {
	g.t.Helper()
	for name, password := range map[string]string{"clinic": smsPassword, "other": longPassword, "upstream": smsPassword} {
		write(g.t, filepath.Join(g.dir, name+".password"), password+"\n")
	}
	if strings.Contains(more, "sms:") {
		return
	}
	line("sms:")
	line("  domain: sms.clinic.example")
	line("  accounts:")
	line("    - {system_id: clinic, password: {file: clinic.password}, senders: [%q, Clinic, \"12345\"], inbox: frontdesk@clinic.example}", clinicNumber)
	line("    - {system_id: other, password: {file: other.password}, senders: [%q], inbox: billing@clinic.example}", otherNumber)
	line("  upstream: {addr: %q, system_id: gw, password: {file: upstream.password}}", smsc)
	line("  timers: {enquire_link: 5s, response: 5s, redeliver: 1s}")
}

// start runs the server and waits until it is ready.
func (g *gate) start() *gate {
	g.t.Helper()
	log, err := os.OpenFile(g.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "serve", "--config", g.file)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, g.dir
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0")
	g.process = startProcess(g.t, cmd)
	eventually(g.t, 60*time.Second, func() string {
		if code, ended := g.process.exited(0); ended {
			g.t.Fatalf("gatepost serve ended with %d:\n%s", code, g.tail())
		}
		if code, body := g.get("/readyz"); code != http.StatusOK {
			return fmt.Sprintf("readyz: %d %s", code, body)
		}
		return ""
	})
	greeted(g.t, g.relay)
	return g
}

// get asks the admin listener; code 0 when nothing answers.
func (g *gate) get(path string) (int, string) {
	c := &http.Client{Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()
	r, err := c.Get("http://" + g.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(body)
}

// metric adds up the samples whose line begins with name and holds all labels.
func (g *gate) metric(name string, labels ...string) float64 {
	g.t.Helper()
	_, text := g.get("/metrics")
	sum := 0.0
lines:
	for l := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(l, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		for _, x := range labels {
			if !strings.Contains(rest, x) {
				continue lines
			}
		}
		var v float64
		if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &v); err != nil {
			g.t.Fatalf("metric line %q", l)
		}
		sum += v
	}
	return sum
}

// stop drains the server and expects a clean end.
func (g *gate) stop() {
	g.t.Helper()
	g.process.signal(syscall.SIGTERM)
	code, ok := g.process.exited(60 * time.Second)
	if !ok || code != 0 {
		g.t.Fatalf("gatepost serve after SIGTERM: ended %v, code %d\n%s", ok, code, g.tail())
	}
	g.process = nil
}

// kill ends the server the hard way.
func (g *gate) kill() {
	g.process.kill()
	g.process = nil
}

func (g *gate) log() string {
	raw, err := os.ReadFile(g.logFile)
	if err != nil {
		return ""
	}
	return string(raw)
}

func (g *gate) tail() string {
	lines := strings.Split(g.log(), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// finish ends what still runs and looks for what no story may leave behind.
func (g *gate) finish() {
	if g.process != nil && g.t.Failed() {
		queued, _, _ := g.run("queue", "list", "--json")
		g.t.Logf("unfinished envelopes:\n%s", queued)
	}
	if g.process != nil {
		g.process.signal(syscall.SIGTERM)
		if _, ok := g.process.exited(40 * time.Second); !ok {
			g.t.Error("gatepost did not end within 40 s of SIGTERM")
			g.process.kill()
		}
	}
	text := g.log()
	for _, bad := range []string{"WARNING: DATA RACE", "panic:", "panicked", "fatal error:"} {
		if i := strings.Index(text, bad); i >= 0 {
			g.t.Errorf("the server's log holds %q:\n%s", bad, text[i:min(len(text), i+3000)])
		}
	}
	if g.t.Failed() {
		g.t.Logf("the end of the server's log:\n%s", g.tail())
	}
}

// run executes an operator command and returns what it printed and its exit
// code.
func (g *gate) run(args ...string) (stdout, stderr string, code int) {
	g.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(binary, append(args, "--config", g.file)...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, g.dir
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.t.Fatalf("gatepost %s: %v", strings.Join(args, " "), err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return out.String(), errs.String(), code
}

// must runs a command that has to succeed.
func (g *gate) must(args ...string) string {
	g.t.Helper()
	out, errs, code := g.run(args...)
	if code != 0 {
		g.t.Fatalf("gatepost %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// object is a line of JSON output.
type object map[string]any

func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

// list runs a command with --json and reads its lines.
func (g *gate) list(args ...string) []object {
	g.t.Helper()
	return g.lines(g.must(append(args, "--json")...))
}

func (g *gate) lines(text string) []object {
	g.t.Helper()
	var all []object
	for l := range strings.Lines(text) {
		var o object
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			g.t.Fatalf("not JSON: %q", l)
		}
		all = append(all, o)
	}
	return all
}

// evidence returns the exported records of an event, "" for all.
func (g *gate) evidence(event string) []object {
	g.t.Helper()
	var found []object
	for _, o := range g.list("audit", "export") {
		if event == "" || strings.Contains(fmt.Sprint(o), event) {
			found = append(found, o)
		}
	}
	return found
}

// contacts imports correspondents from CSV lines.
func (g *gate) contacts(lines ...string) {
	g.t.Helper()
	g.must("contact", "import", write(g.t, filepath.Join(g.dir, "contacts.csv"), strings.Join(lines, "\n")+"\n"))
}
