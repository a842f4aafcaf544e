package main

import (
	"crypto/x509"
	"testing"
	"time"

	"gatepost/gateway/config"
)

// TestCertificateAndClocks: the certificate that was made by a clock that is a
// day wrong is served and holds by the right one.
func TestCertificateAndClocks(t *testing.T) {
	c := &config.Config{KeyDir: t.TempDir(), Hostname: "gate.clinic.example"}
	if err := makeCertificate(c); err != nil {
		t.Fatal(err)
	}
	var k certificate
	if err := k.Load(c); err != nil {
		t.Fatal(err)
	}
	served, err := k.config(nil).GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(served.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, off := range []time.Duration{-25 * time.Hour, 0, 25 * time.Hour} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: c.Hostname, Roots: roots, CurrentTime: time.Now().Add(off)}); err != nil {
			t.Errorf("%v later: %v", off, err)
		}
	}
}
