package seal

import (
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/mod/sumdb/note"
)

// signerName is the key name in signatures of checkpoints.
const signerName = "gatepost"

// Signer signs checkpoints of the evidence with ed25519, in the form of
// golang.org/x/mod/sumdb/note. It is a note.Signer.
type Signer struct {
	private note.Signer
	public  string
	check   note.Verifier
}

// newSigner makes a key pair in the encoding of package note.
func newSigner(random io.Reader) (private []byte, public string, err error) {
	p, v, err := note.GenerateKey(random, signerName)
	if err != nil {
		return nil, "", fmt.Errorf("making the evidence key: %w", err)
	}
	return []byte(p), v, nil
}

// openSigner reads a key pair and tries it.
func openSigner(k keyFile) (*Signer, error) {
	defer clear(k.Secret)
	private, err := note.NewSigner(string(k.Secret))
	if err != nil { // the error of the package would do no harm, but says nothing either
		return nil, fmt.Errorf("%w: evidence key", ErrDamaged)
	}
	check, err := note.NewVerifier(k.Public)
	if err != nil {
		return nil, fmt.Errorf("%w: evidence key", ErrDamaged)
	}
	text := []byte("trial\n")
	sig, err := private.Sign(text)
	if err != nil || !check.Verify(text, sig) {
		return nil, fmt.Errorf("%w: the halves of the evidence key do not fit", ErrDamaged)
	}
	return &Signer{private: private, public: k.Public, check: check}, nil
}

// Name implements note.Signer.
func (s *Signer) Name() string { return s.private.Name() }

// KeyHash implements note.Signer.
func (s *Signer) KeyHash() uint32 { return s.private.KeyHash() }

// Sign implements note.Signer.
func (s *Signer) Sign(msg []byte) ([]byte, error) { return s.private.Sign(msg) }

// Verifier verifies what s signs.
func (s *Signer) Verifier() note.Verifier { return s.check }

// Public is the verifier's key as text, to be kept where evidence is checked.
// It is no secret.
func (s *Signer) Public() string { return s.public }

// Format implements fmt.Formatter: no verb shows the private key.
func (s *Signer) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (s *Signer) LogValue() slog.Value { return redacted() }
