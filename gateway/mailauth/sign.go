package mailauth

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minBits is the least RSA key that is signed with (RFC 8301 section 3.2
// demands 1024 and asks for 2048).
const minBits = 2048

// ErrWeakKey is returned for a key that is not worth signing with.
var ErrWeakKey = errors.New("DKIM key is neither RSA of at least 2048 bits nor Ed25519")

// Signer signs for one domain. It is immutable and safe for concurrent use.
type Signer struct {
	domain, selector string
	algorithm        string // a= of RFC 6376 section 3.5
	key              crypto.Signer
}

// What is signed with (RFC 8301, RFC 8463).
const (
	algorithmRSA     = "rsa-sha256"
	algorithmEd25519 = "ed25519-sha256"
)

// NewSigner returns a signer for domain, whose public key is published under
// selector.
func NewSigner(domain, selector string, key crypto.Signer) (*Signer, error) {
	if domain == "" || selector == "" || strings.ContainsAny(domain+selector, " ;\r\n\t") {
		return nil, errors.New("DKIM needs a domain and a selector")
	}
	s := &Signer{domain: domain, selector: selector, key: key}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < minBits {
			return nil, ErrWeakKey
		}
		s.algorithm = algorithmRSA
	case ed25519.PublicKey:
		s.algorithm = algorithmEd25519
	default:
		return nil, ErrWeakKey
	}
	return s, nil
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
// malformed or longer than 256 KiB, and with the error of write.
func (s *Signer) Signature(write func(io.Writer) error) (string, error) {
	hash := sha256.New()
	p := &pending{body: newRelaxed(hash)}
	err := write(p)
	if err == nil {
		err = p.body.Close()
	}
	var field string
	if err == nil {
		field, err = s.sign(split(p.head), hash.Sum(nil))
	}
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return field, nil
}

// pending takes a message apart: it holds the header, and hashes the body.
type pending struct {
	head []byte
	body *relaxed
	past bool // the header is whole
}

func (p *pending) Write(b []byte) (int, error) {
	if p.past {
		return p.body.Write(b)
	}
	from := max(len(p.head)-3, 0)
	p.head = append(p.head, b...)
	end := bytes.Index(p.head[from:], []byte("\r\n\r\n"))
	switch {
	case bytes.HasPrefix(p.head, []byte("\r\n")):
		return len(b), p.passOn(len("\r\n"))
	case end >= 0:
		return len(b), p.passOn(from + end + len("\r\n\r\n"))
	case len(p.head) > mostHeader:
		return 0, errLongHeader
	}
	return len(b), nil
}

var errLongHeader = errors.New("header is too long")

// passOn ends the header after so many octets; what follows is body.
func (p *pending) passOn(end int) error {
	if end > mostHeader {
		return errLongHeader
	}
	p.past = true
	_, err := p.body.Write(p.head[end:])
	p.head = p.head[:end]
	return err
}

// sign returns the field that signs a header and the hash of its body (RFC 6376
// section 3.7).
func (s *Signer) sign(h head, body []byte) (string, error) {
	switch {
	case !h.sound:
		return "", errors.New("malformed header")
	case len(h.named("from")) == 0:
		return "", errors.New("message without From cannot be signed")
	}
	hash := sha256.New()
	var names []string
	for _, name := range oversigned() {
		fields := h.named(strings.ToLower(name))
		for _, f := range slices.Backward(fields) {
			_, _ = io.WriteString(hash, canonicalField(f.raw, f.value, true)) // a hash takes everything
			names = append(names, name)
		}
		names = append(names, name)
	}
	field := s.unsigned(names, body)
	_, _ = io.WriteString(hash, strings.TrimSuffix(canonicalField(field, len(signatureName), true), "\r\n"))
	options := crypto.SHA256
	if s.algorithm == algorithmEd25519 {
		options = 0 // RFC 8463 section 3: the hash is signed as a message is
	}
	signature, err := s.key.Sign(rand.Reader, hash.Sum(nil), options)
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString(signature)
	for ; len(text) > mostOnLine; text = text[mostOnLine:] {
		field += text[:mostOnLine] + "\r\n "
	}
	return field + text + "\r\n", nil
}

const (
	signatureName = "DKIM-Signature:"
	mostOnLine    = 72 // octets of a folded tag
)

// unsigned is the field with an empty b= at its end.
func (s *Signer) unsigned(names []string, body []byte) string {
	var b strings.Builder
	b.WriteString(signatureName + " v=1; a=" + s.algorithm + "; c=relaxed/relaxed; d=" + s.domain + ";\r\n s=" + s.selector +
		"; t=" + strconv.FormatInt(time.Now().Unix(), 10) + ";\r\n h=")
	used := 0
	for i, name := range names {
		if i > 0 {
			b.WriteByte(':')
		}
		if used+len(name) > mostOnLine {
			b.WriteString("\r\n  ")
			used = 0
		}
		b.WriteString(name)
		used += len(name) + 1
	}
	b.WriteString(";\r\n bh=" + base64.StdEncoding.EncodeToString(body) + ";\r\n b=")
	return b.String()
}

// oversigned are the fields that nobody may add to a signed message (RFC 6376
// section 8.15): each is named once more than it occurs.
func oversigned() []string {
	return []string{
		"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Language",
	}
}
