package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"gatepost/gateway/config"
)

// certificate serves the current certificate to all listeners; Load replaces
// it while they run.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

// paths returns where certificate and key are, and whether they are our own
// self-signed ones.
func certPaths(c *config.Config) (cert, key string, own bool) {
	if c.TLS.Cert != "" {
		return c.TLS.Cert, c.TLS.Key, false
	}
	return filepath.Join(c.KeyDir, "tls.crt"), filepath.Join(c.KeyDir, "tls.key"), true
}

// Load reads the certificate and makes it current, or leaves the old one.
func (k *certificate) Load(c *config.Config) error {
	cert, key, _ := certPaths(c)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	k.current.Store(&pair)
	return nil
}

func (k *certificate) config(clientCAs *x509.CertPool) *tls.Config {
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current.Load(), nil },
	}
	if clientCAs != nil {
		t.ClientAuth, t.ClientCAs = tls.VerifyClientCertIfGiven, clientCAs
	}
	return t
}

// makeCertificate writes a self-signed certificate for the names under which
// this installation is reached, when there is none yet. It holds since two days
// ago: the clock that it is made by may be a day ahead.
func makeCertificate(c *config.Config) error {
	cert, key, own := certPaths(c)
	if !own {
		return nil
	}
	if _, err := os.Stat(cert); err == nil {
		return nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "gatepost (self-signed)"},
		NotBefore: now.AddDate(0, 0, -2), NotAfter: now.AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: certNames(c), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	err = writeNew(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return errors.Join(err, writeNew(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func certNames(c *config.Config) []string {
	names := []string{"localhost", c.Hostname}
	if u, err := url.Parse(c.Viewer.URL); err == nil && u.Hostname() != "" && net.ParseIP(u.Hostname()) == nil {
		names = append(names, u.Hostname())
	}
	return append(names, c.Replies.Domain)
}

// writeNew writes a private file durably; it replaces nothing half.
func writeNew(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
