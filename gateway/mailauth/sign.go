package mailauth

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
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
	signature, err := s.Signature(func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	return append(append(make([]byte, 0, len(signature)+len(raw)), signature...), raw...), nil
}

// Signature returns the DKIM-Signature field, line end included, for the
// message that write writes: whole, with CRLF line ends. Only its header is
// held in memory. It fails when the message has no From, when its header is
// longer than 512 KiB, and with the error of write.
func (s *Signer) Signature(write func(io.Writer) error) (string, error) {
	p := &pending{signer: s}
	err := write(p)
	if err == nil && p.to == nil {
		err = p.begin() // the message is a header alone
	}
	if p.to != nil {
		if cerr := p.to.Close(); err == nil { // Close also ends the library's goroutine
			err = cerr
		}
	}
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return p.to.Signature(), nil
}

// maxHeader bounds what is held of a message to see which fields it has;
// octets.
const maxHeader = 512 << 10

// pending holds the header of a message back until it is whole: which fields
// are signed depends on which there are.
type pending struct {
	signer *Signer
	head   []byte
	to     *dkim.Signer // nil while the header is not whole
}

func (p *pending) Write(b []byte) (int, error) {
	if p.to != nil {
		return p.to.Write(b)
	}
	from := max(len(p.head)-3, 0)
	p.head = append(p.head, b...)
	switch {
	case bytes.Contains(p.head[from:], []byte("\r\n\r\n")) || bytes.HasPrefix(p.head, []byte("\r\n")):
		return len(b), p.begin()
	case len(p.head) > maxHeader:
		return 0, errors.New("header is too long")
	}
	return len(b), nil
}

// begin hands on what was held back.
func (p *pending) begin() (err error) {
	keys, from := signedFields(p.head)
	if !from {
		return errors.New("message without From cannot be signed")
	}
	p.to, err = dkim.NewSigner(&dkim.SignOptions{
		Domain: p.signer.domain, Selector: p.signer.selector, Signer: p.signer.key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: keys,
	})
	if err != nil {
		return err
	}
	_, err = p.to.Write(p.head)
	p.head = nil
	return err
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
