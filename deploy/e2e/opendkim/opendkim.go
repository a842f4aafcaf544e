// Package opendkim lets tests ask the real OpenDKIM, as it runs beside the mail
// server of a correspondent: to sign, and to verify. The daemon is started with
// a configuration of its own on a loopback port, and is spoken to in the milter
// protocol, as Postfix and Sendmail do. It shares no code with Gatepost.
package opendkim

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Signing is how mails are to be signed.
type Signing struct {
	Domain, Selector string
	Key              crypto.Signer // RSA or Ed25519
	// Algorithm is rsa-sha256, rsa-sha1 or ed25519-sha256; empty means the first.
	Algorithm string
	// Canonicalization is that of header and body, "relaxed/simple"; empty means
	// the default of OpenDKIM. Ed25519 needs relaxed header fields: release
	// 2.11.0 beta 2 signs its own field folded otherwise than it then writes it.
	Canonicalization string
	// Also are fields to sign beside those that OpenDKIM signs by default, which
	// leaves Message-ID out.
	Also       []string
	TTL        time.Duration // 0: no x=
	BodyLength bool          // sign with l=
}

// recipient is named to OpenDKIM, which decides by it about l=.
const recipient = "somebody@example.net"

// Sign returns raw (CRLF line ends, with a From of the domain) with the
// DKIM-Signature field that OpenDKIM puts in front. A test without OpenDKIM is
// skipped, or fails under GATEPOST_PEERS=required.
func Sign(t testing.TB, raw []byte, s Signing) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.Key)
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t)
	d.conf("Mode s", "OversignHeaders From", "Domain "+s.Domain, "Selector "+s.Selector,
		"KeyFile "+d.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))))
	if s.Algorithm != "" {
		d.conf("SignatureAlgorithm " + s.Algorithm)
	}
	if s.Canonicalization != "" {
		d.conf("Canonicalization " + s.Canonicalization)
	}
	if len(s.Also) > 0 {
		d.conf("SignHeaders *,+" + strings.Join(s.Also, ",+"))
	}
	if s.TTL > 0 {
		d.conf(fmt.Sprintf("SignatureTTL %d", int(s.TTL.Seconds())))
	}
	if s.BodyLength {
		d.conf("BodyLengthDB file:" + d.file("lengths", recipient+"\n"))
	}
	field := d.ask(raw, "sender@"+s.Domain)
	if !strings.HasPrefix(field, "DKIM-Signature:") {
		t.Fatalf("OpenDKIM did not sign: %q", field)
	}
	return append([]byte(field), raw...)
}

// Check returns the Authentication-Results field, of the host checker.example,
// in which OpenDKIM says what it thinks of the signatures of raw. keys are the
// key records by name, without final dot.
func Check(t testing.TB, raw []byte, keys map[string]string) string {
	t.Helper()
	d := newDaemon(t)
	var list strings.Builder
	for name, record := range keys {
		fmt.Fprintln(&list, name, record)
	}
	d.conf("Mode v", "AuthservID checker.example", "AlwaysAddARHeader yes", "TestPublicKeys "+d.file("keys", list.String()))
	return d.ask(raw, "sender@example.org")
}

// daemon is an OpenDKIM that is being configured.
type daemon struct {
	t     testing.TB
	dir   string
	addr  string
	lines []string
}

func newDaemon(t testing.TB) *daemon {
	t.Helper()
	if _, err := exec.LookPath("opendkim"); err != nil {
		if os.Getenv("GATEPOST_PEERS") == "required" {
			t.Fatal("opendkim is not installed, and GATEPOST_PEERS=required")
		}
		t.Skip("SKIPPED: opendkim is not installed (deploy/test.sh --install installs the peers)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &daemon{t: t, dir: t.TempDir(), addr: l.Addr().String()}
	host, port, _ := net.SplitHostPort(d.addr)
	// Directories of tests lie below one that others may write to.
	d.conf("RequireSafeKeys no", "Syslog no", "Background no", "InternalHosts 127.0.0.1", "TemporaryDirectory "+d.dir, "Socket inet:"+port+"@"+host)
	return d
}

func (d *daemon) conf(lines ...string) { d.lines = append(d.lines, lines...) }

func (d *daemon) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// ask runs the daemon until the test ends, and returns what it wants to have in
// front of raw.
func (d *daemon) ask(raw []byte, sender string) (fields string) {
	d.t.Helper()
	cmd := exec.Command("opendkim", "-f", "-x", d.file("opendkim.conf", strings.Join(d.lines, "\n")+"\n"))
	said := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", d.addr); err == nil {
			m := milter{conn: conn}
			defer m.close()
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			fields, err = m.hand(raw, sender)
			if err != nil {
				d.t.Fatalf("OpenDKIM: %v", err)
			}
			return fields
		}
		select {
		case err := <-ended:
			ended <- err
			d.t.Fatalf("opendkim ended: %v: %s", err, said)
		default:
		}
	}
	d.t.Fatal("opendkim does not listen")
	return ""
}
