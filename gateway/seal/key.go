package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// keySize is the size of every symmetric key: AES-256.
const keySize = 32

// secret is a symmetric key in memory. It is handled by pointer, so that
// clearing it clears it everywhere.
type secret [keySize]byte

// Format implements fmt.Formatter: no verb shows a key.
func (s *secret) Format(f fmt.State, _ rune) { redact(f) }

func (s *secret) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(s[:])
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	return gcm, nil
}

// newSecret makes a key from random.
func newSecret(random io.Reader) (*secret, error) {
	s := new(secret)
	if _, err := io.ReadFull(random, s[:]); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return s, nil
}

// Key is the data key of one body, in memory. Copies share the key. The zero
// Key opens and seals nothing. It may be used concurrently for reading.
type Key struct {
	k *dataKey
}

type dataKey struct {
	secret secret
	aead   cipher.AEAD
	used   atomic.Bool // has sealed a body, or may have: never seals again
}

// newKey makes a Key of s, whose octets it copies. used says that the key has
// sealed its body already.
func newKey(s *secret, used bool) (Key, error) {
	aead, err := s.aead()
	if err != nil {
		return Key{}, err
	}
	k := &dataKey{secret: *s, aead: aead}
	k.used.Store(used)
	return Key{k}, nil
}

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.k == nil }

// Destroy wipes the key's octets, in every copy of k; it cannot be wrapped any
// more. The expanded key inside the cipher goes with the garbage.
func (k Key) Destroy() {
	if k.k != nil {
		clear(k.k.secret[:])
		k.k.aead = nil
	}
}

// alive reports whether k can be used.
func (k Key) alive() bool { return k.k != nil && k.k.aead != nil }

// Format implements fmt.Formatter: no verb shows a key.
func (k Key) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return redacted() }
