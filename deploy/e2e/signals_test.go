package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func plainSite(t *testing.T, more ...string) (*gate, *sink) {
	t.Helper()
	outside := startSink(t, nil)
	g := newGate(t, settings{routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}, more: more})
	return g, outside
}

// serial is the number of the certificate that STARTTLS shows now.
func serial(t *testing.T, g *gate, ca *authority) int64 {
	t.Helper()
	c := dialSMTP(t, g.submission)
	defer c.conn.Close()
	if r := c.say("STARTTLS"); r.code != 220 {
		t.Fatalf("STARTTLS: %v", r)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	conn := tls.Client(c.conn, &tls.Config{ServerName: "localhost", RootCAs: roots})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestReloadTakesTheNewCertificate: SIGHUP, all or nothing; sessions that were
// open go on.
func TestReloadTakesTheNewCertificate(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	ca := newAuthority(t, dir)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, cert, key := ca.issue(t, 100)
	install(t, certFile, keyFile, cert, key)
	outside := startSink(t, nil)
	g := newGate(t, settings{routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", outside.addr)}})
	text := strings.Replace(readFile(t, g.file), "tls: {viewer: false}", fmt.Sprintf("tls: {viewer: false, cert: %q, key: %q}", certFile, keyFile), 1)
	write(t, g.file, text)
	g.start()
	if n := serial(t, g, ca); n != 100 {
		t.Fatalf("the certificate has number %d", n)
	}
	open := dialSMTP(t, g.relay)
	_, cert, key = ca.issue(t, 200)
	install(t, certFile, keyFile, cert, key)
	g.process.signal(syscall.SIGHUP)
	eventually(t, 20*time.Second, func() string {
		if n := serial(t, g, ca); n != 200 {
			return fmt.Sprintf("the certificate has number %d", n)
		}
		return ""
	})
	if r := open.send("ann@clinic.example", []string{"pat@out.example"}, mailText("ann@clinic.example", "pat@out.example", "open", "Still open.\n")); r.code != 250 {
		t.Errorf("a session from before the reload: %v", r)
	}
	refusedReload(t, g, text, ca)
}

// refusedReload: a configuration that is wrong changes nothing.
func refusedReload(t *testing.T, g *gate, good string, ca *authority) {
	t.Helper()
	write(t, g.file, strings.Replace(good, "mode: enforce", "mode: observe\nno_such_key: 1", 1))
	g.process.signal(syscall.SIGHUP)
	eventually(t, 20*time.Second, func() string {
		if !strings.Contains(g.log(), "reload refused") {
			return "the log does not say that the reload was refused"
		}
		return ""
	})
	if n := serial(t, g, ca); n != 200 {
		t.Errorf("after a refused reload the certificate has number %d", n)
	}
	write(t, g.file, strings.Replace(good, "mode: enforce", "mode: observe", 1))
	g.process.signal(syscall.SIGHUP)
	eventually(t, 20*time.Second, func() string {
		if !strings.Contains(g.log(), `"msg":"reloaded","mode":"observe"`) {
			return "the log does not say that the mode is observe"
		}
		return ""
	})
}

// TestSIGTERMDrains: a transaction that runs ends with its answer, new
// connections are not taken, the process ends with 0, and what was accepted
// is delivered by the next start at the latest.
func TestSIGTERMDrains(t *testing.T) {
	t.Parallel()
	g, outside := plainSite(t)
	g.start()
	c := dialSMTP(t, g.relay)
	for _, l := range []string{"MAIL FROM:<ann@clinic.example>", "RCPT TO:<pat@out.example>"} {
		if r := c.say("%s", l); r.code != 250 {
			t.Fatalf("%s: %v", l, r)
		}
	}
	if r := c.say("DATA"); r.code != 354 {
		t.Fatalf("DATA: %v", r)
	}
	mail := string(mailText("ann@clinic.example", "pat@out.example", "slow", "First half.\nSecond half.\n"))
	half := strings.Index(mail, "Second")
	if _, err := c.conn.Write([]byte(mail[:half])); err != nil {
		t.Fatal(err)
	}
	g.process.signal(syscall.SIGTERM)
	eventually(t, 20*time.Second, func() string {
		if !strings.Contains(g.log(), `"draining"`) {
			return "the log does not say that it drains"
		}
		return ""
	})
	if _, err := c.conn.Write([]byte(mail[half:] + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	if r := c.read(); r.code != 250 {
		t.Errorf("the transaction that ran was answered %v", r)
	}
	if code, ok := g.process.exited(45 * time.Second); !ok || code != 0 {
		t.Fatalf("ended %v with %d", ok, code)
	}
	g.process = nil
	g.start()
	outside.wait(t, "pat@out.example", 1)
	g.must("audit", "verify")
}

// TestKilledServerLosesNothing: every mail that was answered 250 arrives after
// kill -9 at a random moment, three times over; GATEPOST_KILLS is how often
// (deploy/test-long.sh).
func TestKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	g, outside := plainSite(t, "queue: {first_retry: 1s, max_retry: 2s}")
	kills := 3
	if s := os.Getenv("GATEPOST_KILLS"); s != "" {
		kills = atoi(t, s)
	}
	taken := map[string]bool{}
	for round := range kills {
		g.start()
		done := make(chan struct{})
		answered := make(chan string, 1000)
		c := dialSMTP(t, g.relay)
		go func() {
			defer close(done)
			for i := range 300 {
				to := fmt.Sprintf("r%dm%d@out.example", round, i)
				if r := c.send("ann@clinic.example", []string{to}, mailText("ann@clinic.example", to, "news", strings.Repeat("The garden opens at nine.\n", 1+i%400))); r.code == 250 {
					answered <- to
				} else {
					return
				}
			}
		}()
		for len(answered) < 20+40*(round%7) {
			time.Sleep(time.Millisecond)
		}
		g.kill()
		<-done
		close(answered)
		for to := range answered {
			taken[to] = true
		}
	}
	g.start()
	eventually(t, time.Minute, func() string {
		for to := range taken {
			if len(outside.to(to)) == 0 {
				return to + " was answered 250 and has not arrived"
			}
		}
		return ""
	})
	twice := 0
	for to := range taken {
		twice += len(outside.to(to)) - 1
	}
	t.Logf("%d accepted over %d kills, all arrived, %d twice", len(taken), kills, twice)
	if twice > 20*kills {
		t.Errorf("%d mails arrived twice", twice)
	}
	g.must("audit", "verify")
}
