package mailauth

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// minBits is the least RSA key that is signed with (RFC 8301 section 3.2
// demands 1024 and asks for 2048).
const minBits = 2048

// ErrWeakKey is returned for a key that is not worth signing with.
var ErrWeakKey = errors.New("DKIM key is neither RSA of at least 2048 bits nor Ed25519")

// Signer signs for one domain. It is immutable and safe for concurrent use.
type Signer struct {
	domain, selector string
	key              crypto.Signer
}

// NewSigner returns a signer for domain, whose public key is published under
// selector.
func NewSigner(domain, selector string, key crypto.Signer) (*Signer, error) {
	if domain == "" || selector == "" || strings.ContainsAny(domain+selector, " ;\r\n\t") {
		return nil, errors.New("DKIM needs a domain and a selector")
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < minBits {
			return nil, ErrWeakKey
		}
	case ed25519.PublicKey:
	default:
		return nil, ErrWeakKey
	}
	return &Signer{domain: domain, selector: selector, key: key}, nil
}

// Sign returns raw with a DKIM-Signature in front. raw is a whole message with
// CRLF line ends and is not changed. It fails when raw has no From.
func (s *Signer) Sign(raw []byte) ([]byte, error) {
	keys, from := signedFields(raw)
	if !from {
		return nil, errors.New("message without From cannot be signed")
	}
	w, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: s.domain, Selector: s.selector, Signer: s.key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: keys,
	})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	_, err = w.Write(raw)
	if cerr := w.Close(); err == nil { // Close also ends the library's goroutine
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	signature := w.Signature()
	return append(append(make([]byte, 0, len(signature)+len(raw)), signature...), raw...), nil
}

// oversigned are the fields that nobody may add to a signed message (RFC 6376
// section 8.15): each is named once more than it occurs.
func oversigned() []string {
	return []string{
		"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Language",
	}
}

// signedFields names the fields to sign, and says whether there is a From.
func signedFields(raw []byte) (keys []string, from bool) {
	count := make(map[string]int)
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	if bytes.HasPrefix(raw, []byte("\r\n")) {
		head = nil
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if name, _, ok := bytes.Cut(line, []byte(":")); ok {
			count[strings.ToLower(strings.TrimRight(string(name), " \t"))]++
		}
	}
	for _, name := range oversigned() {
		for range count[strings.ToLower(name)] + 1 {
			keys = append(keys, name)
		}
	}
	return keys, count["from"] > 0
}
