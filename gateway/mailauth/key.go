package mailauth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// pemType is the PKCS #8 block of RFC 7468 section 10.
const pemType = "PRIVATE KEY"

// ErrBadKey is returned for a file that holds no private key.
var ErrBadKey = errors.New("file holds no PKCS #8 private key for signatures")

// GenerateKey makes an RSA key of 2048 bits: what every verifier knows (RFC
// 8301) and what fits into the DNS.
func GenerateKey(random io.Reader) (crypto.Signer, error) {
	key, err := rsa.GenerateKey(random, minBits)
	if err != nil {
		return nil, fmt.Errorf("making a DKIM key: %w", err)
	}
	return key, nil
}

// SaveKey writes key to a new file that only its owner may read, and is
// durable when it returns. An existing file is never overwritten: what is
// signed with a lost key can never be verified anew.
func SaveKey(path string, key crypto.Signer) (err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a DKIM key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("saving a DKIM key: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: pemType, Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // half a key must not look like a key
		return fmt.Errorf("saving a DKIM key: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LoadKey reads what SaveKey wrote.
func LoadKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("loading a DKIM key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return nil, fmt.Errorf("loading a DKIM key: %w", ErrBadKey)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("loading a DKIM key: %w", ErrBadKey) // err could quote the key
	}
	return signer, nil
}

// DNSRecord is the text of the TXT record to publish at
// <selector>._domainkey.<domain> (RFC 6376 section 3.6.1), in one piece; "" for
// a key of a kind that NewSigner refuses.
func DNSRecord(public crypto.PublicKey) string {
	switch key := public.(type) {
	case ed25519.PublicKey: // RFC 8463 section 4: the bare key
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key)
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return ""
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
	}
	return ""
}

// ZoneText is a record's text as a zone file holds it: quoted strings of at
// most 255 octets (RFC 1035 section 3.3).
func ZoneText(record string) string {
	const most = 255
	var b strings.Builder
	for len(record) > most {
		b.WriteString(`"` + record[:most] + `" `)
		record = record[most:]
	}
	b.WriteString(`"` + record + `"`)
	return b.String()
}
