package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// A sealed store value:
//
//	version (1), epoch (4), salt (16), nonce (12), AES-256-GCM
//
// under HKDF(metadata key of the epoch, salt), with the record's key (whose
// first octet is the table) as AAD. Every process, and every process again
// after valuesPerSalt values, takes a new salt: nonces are random, and 96 bits
// would be too few for all values of a busy year under one key.
const (
	valueVersion  = 1
	saltSize      = 16
	valueHeader   = 1 + 4 + saltSize + nonceSize
	valueOverhead = valueHeader + tagSize
	valuesPerSalt = 1 << 24
	keptSalts     = 256
	labelValue    = "gatepost store value 1"
)

type salt [saltSize]byte

// values derives and keeps the ciphers of one metadata epoch.
type values struct {
	secret *secret

	mu      sync.RWMutex
	bySalt  map[salt]cipher.AEAD
	current salt
	sealing cipher.AEAD
	left    int // values that current may still seal
}

func newValues(s *secret) *values {
	return &values{secret: s, bySalt: make(map[salt]cipher.AEAD)}
}

// forSealing returns the cipher and salt for n more values.
func (v *values) forSealing(n int, random io.Reader) (cipher.AEAD, salt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left < n {
		var next salt
		if _, err := io.ReadFull(random, next[:]); err != nil {
			return nil, salt{}, fmt.Errorf("making a salt: %w", err)
		}
		aead, err := v.derive(next)
		if err != nil {
			return nil, salt{}, err
		}
		v.current, v.sealing, v.left = next, aead, max(n, valuesPerSalt)
	}
	v.left -= n
	return v.sealing, v.current, nil
}

// forOpening returns the cipher of a salt that was used once.
func (v *values) forOpening(s salt) (cipher.AEAD, error) {
	v.mu.RLock()
	aead := v.bySalt[s]
	v.mu.RUnlock()
	if aead != nil {
		return aead, nil
	}
	aead, err := v.derive(s)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for other := range v.bySalt {
		if len(v.bySalt) < keptSalts {
			break
		}
		delete(v.bySalt, other)
	}
	v.bySalt[s] = aead
	return aead, nil
}

func (v *values) derive(s salt) (cipher.AEAD, error) {
	raw, err := hkdf.Key(sha256.New, v.secret[:], s[:], labelValue, keySize)
	if err != nil {
		return nil, fmt.Errorf("deriving a value key: %w", err)
	}
	defer clear(raw)
	return (*secret)(raw).aead()
}

// valueSealer seals the values of one batch.
type valueSealer struct {
	epoch uint32
	salt  salt
	aead  cipher.AEAD
}

// valueSealer returns what seals n values.
func (k *Keyring) valueSealer(n int) (valueSealer, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return valueSealer{}, ErrClosed
	}
	e := k.metadata.current
	aead, s, err := e.values.forSealing(n, k.o.Rand)
	return valueSealer{epoch: e.n, salt: s, aead: aead}, err
}

// seal appends the sealed form of value to to.
func (s *valueSealer) seal(to, nonce, key, value []byte) []byte {
	to = append(to, valueVersion)
	to = binary.BigEndian.AppendUint32(to, s.epoch)
	to = append(to, s.salt[:]...)
	to = append(to, nonce...)
	return s.aead.Seal(to, nonce, value, key)
}

// openValue opens a sealed value; the clear value is appended to to, which may
// be sealed[valueHeader:valueHeader] to open in place.
func (k *Keyring) openValue(to, key, sealed []byte) ([]byte, error) {
	if len(sealed) < valueOverhead || sealed[0] != valueVersion {
		return nil, ErrOpen
	}
	aead, err := k.valueOpener(binary.BigEndian.Uint32(sealed[1:]), salt(sealed[5:5+saltSize]))
	if err != nil {
		return nil, err
	}
	value, err := aead.Open(to, sealed[valueHeader-nonceSize:valueHeader], sealed[valueHeader:], key)
	if err != nil {
		return nil, ErrOpen
	}
	return value, nil
}

// valueOpener returns the cipher of an epoch and salt. Beside a running writer
// an epoch can be newer than what was read at Open.
func (k *Keyring) valueOpener(epoch uint32, s salt) (cipher.AEAD, error) {
	aead, err := k.valueCipher(epoch, s)
	if err == nil || k.lock != nil {
		return aead, err
	}
	if err := k.loadEpochs(); err != nil {
		return nil, err
	}
	return k.valueCipher(epoch, s)
}

func (k *Keyring) valueCipher(epoch uint32, s salt) (cipher.AEAD, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return nil, ErrClosed
	}
	e, err := k.metadata.find(epoch)
	if err != nil {
		return nil, err
	}
	return e.values.forOpening(s)
}
