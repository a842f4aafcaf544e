package mailauth_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"gatepost/gateway/mailauth"
)

const letter = "From: \"Dr. Ann\" <ann@clinic.example>\r\nTo: <pat@out.example>\r\nSubject: Secure message\r\nDate: Wed, 04 Mar 2026 12:30:00 +0000\r\n" +
	"Message-ID: <a@clinic.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHello  you\r\n\r\n\r\n"

func key(t *testing.T) (path string) {
	t.Helper()
	k, err := mailauth.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "dkim.pem")
	if err := mailauth.SaveKey(path, k); err != nil {
		t.Fatal(err)
	}
	return path
}

// signed is letter under a new key, and the key's record.
func signed(t *testing.T, path string) (raw []byte, record string) {
	t.Helper()
	k, err := mailauth.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mailauth.NewSigner("clinic.example", "gatepost", k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = s.Sign([]byte(letter))
	if err != nil {
		t.Fatal(err)
	}
	return raw, mailauth.DNSRecord(k.Public())
}

func verify(t *testing.T, raw []byte, record string) error {
	t.Helper()
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name != "gatepost._domainkey.clinic.example" {
			t.Errorf("asked for %s", name)
		}
		return []string{record}, nil
	}})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d signatures, %v", len(found), err)
	}
	return found[0].Err
}

func TestSign(t *testing.T) {
	raw, record := signed(t, key(t))
	if !bytes.HasSuffix(raw, []byte(letter)) || !bytes.HasPrefix(raw, []byte("DKIM-Signature: ")) {
		t.Fatal("the message itself was changed")
	}
	if err := verify(t, raw, record); err != nil {
		t.Fatal(err)
	}
	signature := strings.ReplaceAll(string(raw[:len(raw)-len(letter)]), "\r\n", "")
	if strings.Contains(signature, " l=") || !strings.Contains(signature, "c=relaxed/relaxed") || !strings.Contains(signature, "a=rsa-sha256") {
		t.Errorf("%s", signature)
	}
	for name, changed := range map[string]string{
		"second From":    "From: eve@evil.example\r\n" + string(raw),
		"second Subject": "Subject: You won\r\n" + string(raw),
		"added Reply-To": "Reply-To: eve@evil.example\r\n" + string(raw),
		"added Cc":       "Cc: eve@evil.example\r\n" + string(raw),
		"other text":     strings.Replace(string(raw), "Hello", "Hullo", 1),
		"more text":      string(raw) + "more\r\n",
	} {
		if verify(t, []byte(changed), record) == nil {
			t.Errorf("%s: still verifies", name)
		}
	}
	relaxed := strings.Replace(string(raw), "Subject: Secure message", "SUBJECT:   Secure \t message", 1)
	if err := verify(t, []byte(strings.Replace(relaxed, "Hello  you", "Hello you ", 1)), record); err != nil {
		t.Errorf("white space broke it: %v", err)
	}
}

func TestSignerRefuses(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mailauth.NewSigner("clinic.example", "s", weak); !errors.Is(err, mailauth.ErrWeakKey) {
		t.Errorf("1024 bits: %v", err)
	}
	_, strong, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][2]string{{"", "s"}, {"a.example", ""}, {"a.example; l=0", "s"}} {
		if _, err := mailauth.NewSigner(bad[0], bad[1], strong); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	s, err := mailauth.NewSigner("clinic.example", "s", strong)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "Subject: x\r\n\r\n", "\r\nFrom: a@b\r\n"} {
		if _, err := s.Sign([]byte(bad)); err == nil {
			t.Errorf("%q was signed", bad)
		}
	}
	if r := mailauth.DNSRecord(strong.Public()); !strings.HasPrefix(r, "v=DKIM1; k=ed25519; p=") {
		t.Error(r)
	}
}

func TestKeyFile(t *testing.T) {
	path := key(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	k, err := mailauth.LoadKey(path)
	if err != nil || k.Public().(*rsa.PublicKey).N.BitLen() != 2048 {
		t.Fatal(err)
	}
	if err := mailauth.SaveKey(path, k); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing key: %v", err)
	}
	for _, bad := range []string{"", "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"} {
		other := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(other, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mailauth.LoadKey(other); !errors.Is(err, mailauth.ErrBadKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestZoneText(t *testing.T) {
	record := "v=DKIM1; k=rsa; p=" + strings.Repeat("A", 392)
	text := mailauth.ZoneText(record)
	if !regexp.MustCompile(`^"[^"]{255}" "[^"]{155}"$`).MatchString(text) || strings.ReplaceAll(text[1:len(text)-1], `" "`, "") != record {
		t.Error(text)
	}
}

// Another implementation, in another language, agrees.

func TestPerlVerifiesSignature(t *testing.T) {
	needPerl(t, "Mail::DKIM::Verifier")
	raw, record := signed(t, key(t))
	const script = `use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey; use Mail::DKIM::DNS;
		my $record = shift; my $text = do { local $/; <STDIN> };
		{ no warnings; *Mail::DKIM::Signature::get_public_key = sub { Mail::DKIM::PublicKey->parse($record) }; }
		my $d = Mail::DKIM::Verifier->new(); $d->PRINT($text); $d->CLOSE(); print $d->result_detail;`
	cmd := exec.Command("perl", "-e", script, record)
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "pass" {
		t.Errorf("Mail::DKIM says %q, %v", out, err)
	}
}

// TestSignatureOfAStream: however a message is cut into writes, its signature
// holds; and nothing is signed whose writing fails.
func TestSignatureOfAStream(t *testing.T) {
	path := key(t)
	k, err := mailauth.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mailauth.NewSigner("clinic.example", "gatepost", k)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step < len(letter); step += 13 {
		field, err := s.Signature(func(w io.Writer) error {
			for rest := letter; rest != ""; rest = rest[min(step, len(rest)):] {
				if _, err := io.WriteString(w, rest[:min(step, len(rest))]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || !strings.HasSuffix(field, "\r\n") {
			t.Fatalf("in steps of %d: %v", step, err)
		}
		if err := verify(t, []byte(field+letter), mailauth.DNSRecord(k.Public())); err != nil {
			t.Fatalf("in steps of %d: %v", step, err)
		}
	}
	for name, write := range map[string]func(io.Writer) error{
		"nothing": func(io.Writer) error { return nil },
		"no From": func(w io.Writer) error { _, err := io.WriteString(w, "To: x\r\n\r\n"); return err },
		"torn":    func(w io.Writer) error { _, _ = io.WriteString(w, letter); return io.ErrClosedPipe },
		"endless": func(w io.Writer) error {
			for {
				if _, err := io.WriteString(w, "X-Field: value\r\n"); err != nil {
					return err
				}
			}
		},
	} {
		if field, err := s.Signature(write); err == nil || field != "" {
			t.Errorf("%s was signed", name)
		}
	}
}
