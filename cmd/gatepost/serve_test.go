package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hup reloads the server of r and waits for what the log says of it.
func (r *rig) hup(want string) {
	r.t.Helper()
	before := strings.Count(r.log.String(), want)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, want, func() bool { return strings.Count(r.log.String(), want) > before })
}

const (
	taken   = `"msg":"reloaded"`
	refused = `"msg":"reload refused`
)

// smtpSerial is the serial number of the certificate behind STARTTLS.
func (r *rig) smtpSerial() string {
	r.t.Helper()
	c, err := smtp.Dial(r.submission)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		r.t.Fatal(err)
	}
	state, _ := c.TLSConnectionState()
	return serial(state)
}

func (r *rig) httpsSerial() string {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.viewer, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	return serial(c.ConnectionState())
}

func serial(s tls.ConnectionState) string { return s.PeerCertificates[0].SerialNumber.String() }

// TestReload: what SIGHUP takes over, and that it takes all or nothing.
func TestReload(t *testing.T) {
	box, next := outside(t)
	r := newRig(t, next)
	r.more = "tls: {cert: new.crt, key: new.key}\n"
	r.newCertificate("new")
	r.write()
	r.start()

	first := r.smtpSerial()
	if r.httpsSerial() != first {
		t.Fatal("two listeners, two certificates")
	}
	r.newCertificate("new")
	if r.smtpSerial() != first {
		t.Fatal("the certificate changed without a reload")
	}
	r.hup(taken)
	if now := r.smtpSerial(); now == first || r.httpsSerial() != now {
		t.Error("the new certificate is not on both listeners")
	}

	if answer := r.sent("ann@clinic.example", "x@late.example", plainMail); !strings.HasPrefix(answer, "250") {
		t.Fatal(answer)
	}
	r.policy = strings.Replace(testRules, "reject.example", "late.example", 1)
	r.write()
	r.hup(taken)
	if answer := r.sent("ann@clinic.example", "x@late.example", plainMail); !strings.HasPrefix(answer, "550") {
		t.Errorf("the new policy does not act: %s", answer)
	}

	r.mode = "observe"
	r.write()
	r.hup(taken)
	r.send("ann@clinic.example", "y@secure.example", plainMail)
	if got := box.to(t, "y@secure.example"); !strings.Contains(got.Raw, "See you on Tuesday.") {
		t.Error("observe changed the mail")
	}
	other, next := outside(t)
	was := r.next
	r.next = next
	r.write()
	r.hup(taken)
	r.send("ann@clinic.example", "rerouted@out.example", plainMail)
	other.to(t, "rerouted@out.example")
	r.next = was
	r.write()
	r.reconfigure(func(s string) string { return strings.Replace(s, "127.0.0.0/8", "192.0.2.0/24", 1) })
	r.hup(taken)
	if answer := r.sent("ann@clinic.example", "y@out.example", plainMail); !strings.HasPrefix(answer, "550") {
		t.Errorf("a peer that is trusted no more: %s", answer)
	}
	r.write()
	r.hup(taken)
	r.refusesReload()
}

// reconfigure rewrites the configuration file.
func (r *rig) reconfigure(change func(string) string) {
	r.t.Helper()
	raw, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	writeFile(r.t, r.config, change(string(raw)))
}

// refusesReload breaks the configuration in many ways; the running one stays.
func (r *rig) refusesReload() {
	r.t.Helper()
	good, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	was := r.smtpSerial()
	for _, bad := range []string{
		strings.Replace(string(good), "mode: observe", "mode: enforce\nmode: observe", 1),
		strings.Replace(string(good), "mode: observe", "mode: enforce\nnonsense: 1", 1),
		strings.Replace(string(good), r.relay, "127.0.0.1:1", 1),
		strings.Replace(string(good), "data_dir: data", "data_dir: other", 1),
		strings.Replace(string(good), "mode: observe", "mode: enforce\npins: {tries: 4}", 1),
		strings.Replace(string(good), "clinic.example]", "clinic.example, x.example]\nmode: enforce", 1),
		strings.Replace(string(good), "[clinic.example]", "[first.example, clinic.example]", 1),
		strings.Replace(strings.Replace(string(good), "mode: observe", "mode: enforce", 1), "policy.yaml", "absent.yaml", 1),
		strings.Replace(strings.Replace(string(good), "mode: observe", "mode: enforce", 1), "new.crt", "absent.crt", 1),
	} {
		if bad == string(good) {
			r.t.Fatal("the configuration was not changed: this case tests nothing")
		}
		writeFile(r.t, r.config, bad)
		r.hup(refused)
	}
	writeFile(r.t, r.config, string(good))
	writeFile(r.t, filepath.Join(r.dir, "policy.yaml"), "policy: broken\nrules:\n  - {id: x, when: nonsense(, then: pass}\n")
	r.hup(refused)
	writeFile(r.t, filepath.Join(r.dir, "policy.yaml"), r.policy)
	if r.smtpSerial() != was {
		r.t.Error("a refused reload changed the certificate")
	}
	if answer := r.sent("ann@clinic.example", "z@late.example", plainMail); !strings.HasPrefix(answer, "250") {
		r.t.Errorf("a refused reload changed the mode: %s", answer)
	}
	if !strings.Contains(r.log.String(), "restart") {
		r.t.Error("the log does not say what needs a restart")
	}
	if events := r.must("audit", "export"); strings.Count(events, `"config.loaded"`) != 6 {
		r.t.Errorf("evidence of %d reloads, not 6", strings.Count(events, `"config.loaded"`))
	}
	writeFile(r.t, r.config, strings.Replace(string(good), "clinic.example]", "clinic.example, second.example]", 1))
	r.hup(taken)
	if _, err := os.Stat(filepath.Join(r.keys, "dkim-second.example.pem")); err != nil {
		r.t.Errorf("a new domain has no DKIM key: %v", err)
	}
}

// newCertificate writes a certificate and key of its own into the rig.
func (r *rig) newCertificate(name string) {
	r.t.Helper()
	c, err := loadCertConfig(r.t)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, ext := range []string{"crt", "key"} {
		raw, err := os.ReadFile(filepath.Join(c, "tls."+ext))
		if err != nil {
			r.t.Fatal(err)
		}
		writeFile(r.t, filepath.Join(r.dir, name+"."+ext), string(raw))
	}
}

// TestDrain: on SIGTERM a running session finishes its mail, new ones are not
// taken, and what was accepted is there at the next start.
func TestDrain(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next).start()
	conn, err := net.Dial("tcp", r.relay)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(line, want string) string {
		t.Helper()
		if line != "" {
			fmt.Fprint(conn, line+"\r\n")
		}
		for {
			got, err := in.ReadString('\n')
			if err != nil || !strings.HasPrefix(got, want) {
				t.Fatalf("%s: %q, %v", line, got, err)
			}
			if got[3] == ' ' {
				return got
			}
		}
	}
	say("", "220")
	say("EHLO client.example", "250")
	say("MAIL FROM:<ann@clinic.example>", "250")
	say("RCPT TO:<x@hold.example>", "250")
	say("DATA", "354")
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }()
	eventually(t, "draining", func() bool { return strings.Contains(r.log.String(), `"msg":"draining"`) })
	eventually(t, "the listener is closed", func() bool {
		c, err := net.DialTimeout("tcp", r.relay, time.Second)
		if err != nil {
			return true
		}
		_ = c.Close()
		return false
	})
	id := queuedAs.FindStringSubmatch(say("Subject: last\r\n\r\nstill here\r\n.", "250"))
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if id == nil || !strings.Contains(r.log.String(), `"msg":"stopped"`) {
		t.Fatal("the session was not finished, or the end not logged")
	}
	if _, _, code := r.run("held", "list"); code != exitUnavailable {
		t.Errorf("held list without a server: exit %d", code)
	}
	r.start()
	if held := r.must("held", "list"); !strings.Contains(held, id[1]) {
		t.Errorf("the last mail is not there:\n%s", held)
	}
}

// TestAdmin: the three pages, and readiness that follows the parts.
func TestAdmin(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	env := environment{in: strings.NewReader(""), out: r.log, err: r.log, config: r.config}
	c, err := loadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := openSystem(t.Context(), c, env, forServer)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.close()
	s := &server{system: sys, env: env}
	ctx, end := context.WithCancel(t.Context())
	if err := s.start(ctx); err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) { return fetch(t, http.DefaultClient, "http://"+r.admin+path) }
	if code, body := get("/livez"); code != 200 {
		t.Error(code, body)
	}
	code, body := get("/readyz")
	if code != 200 {
		t.Error(code, body)
	}
	for _, part := range []string{"store", "blobs", "queue"} {
		if !strings.Contains(body, `"`+part+`":"ok"`) {
			t.Errorf("readyz does not ask %s: %s", part, body)
		}
	}
	r.send("ann@clinic.example", "x@out.example", plainMail)
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, "gatepost_build_info") || strings.Contains(body, ".example") {
		t.Errorf("metrics: %d, %d octets", code, len(body))
	}
	for _, path := range []string{"/", "/debug/pprof/", "/op/queue.list"} {
		if code, _ := get(path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	broken := fmt.Errorf("it broke")
	s.queueFailed.Store(&broken)
	if code, body := get("/readyz"); code != 503 || !strings.Contains(body, `"queue":"it broke"`) {
		t.Error("a queue that stopped is ready:", code, body)
	}
	if code, _ := get("/livez"); code != 200 {
		t.Error("livez follows readyz")
	}
	s.drain(end)
}

// loadCertConfig makes a fresh self-signed pair and returns its directory.
func loadCertConfig(t *testing.T) (string, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "c.yaml")
	writeFile(t, path, "organization: {domains: [clinic.example]}\nkey_dir: .\ndata_dir: ../d\n")
	c, err := loadConfig(environment{config: path})
	if err != nil {
		return "", err
	}
	return dir, makeCertificate(c)
}

// TestCertificateNames: the certificate that is made fits the names by which
// this installation is reached.
func TestCertificateNames(t *testing.T) {
	dir, err := loadCertConfig(t)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secure.clinic.example", "reply.clinic.example", "localhost", "127.0.0.1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "tls.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key: %v, %v", info.Mode(), err)
	}
}
