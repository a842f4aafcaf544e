package e2e

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"path/filepath"
	"testing"

	"gatepost/deploy/e2e/opendkim"
)

// signWithOpenDKIM is raw as the mail server of a correspondent sends it: with
// a signature of the real OpenDKIM in front. raw has CRLF line ends and a From
// of the domain; the key is RSA or Ed25519. Message-ID is signed too, which
// OpenDKIM leaves to its operator.
func signWithOpenDKIM(t *testing.T, raw []byte, domain, selector string, key crypto.Signer) []byte {
	t.Helper()
	s := opendkim.Signing{Domain: domain, Selector: selector, Key: key, Canonicalization: "relaxed/simple", Also: []string{"Message-ID"}}
	if _, ok := key.(ed25519.PrivateKey); ok {
		s.Algorithm = "ed25519-sha256"
	}
	return opendkim.Sign(t, raw, s)
}

// TestOpenDKIMSigns is the control of signWithOpenDKIM: another verifier, which
// asks a real DNS, believes what it signs, and no longer when it was changed.
func TestOpenDKIMSigns(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dns := newSenderKey(t)
	dns.publish(t, "mail._domainkey.out.example.", key.Public())
	raw := []byte("From: Pat <pat@out.example>\r\nTo: <ann@clinic.example>\r\nSubject: Re: your visit\r\nDate: Wed, 04 Mar 2026 12:30:00 +0000\r\n" +
		"Message-ID: <1@out.example>\r\n\r\nThank you,  Doctor.\r\n")
	good := signWithOpenDKIM(t, raw, "out.example", "mail", key)
	bad := bytes.Replace(good, []byte("<1@out"), []byte("<2@out"), 1)
	p := &postfix{maildir: workDir(t)}
	write(t, filepath.Join(p.maildir, "new", "good"), string(bytes.ReplaceAll(good, []byte("\r\n"), []byte("\n"))))
	write(t, filepath.Join(p.maildir, "new", "bad"), string(bytes.ReplaceAll(bad, []byte("\r\n"), []byte("\n"))))
	if got := dns.verified(t, p); got["pass"] != 1 || got["fail"] != 1 {
		t.Errorf("%v", got)
	}
}
