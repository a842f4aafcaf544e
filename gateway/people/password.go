package people

import (
	"crypto/subtle"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
)

// Password is a password or a standing PIN as it is stored: argon2id (RFC
// 9106) over HMAC(pepper, secret), with the parameters beside the hash so
// that they can be raised later. Without the keyring no guess can be tried.
type Password struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
	Salt    []byte
	Hash    []byte
}

// Parameters of new hashes: some 50 ms and 19 MiB on one core, OWASP's first
// recommendation for argon2id.
const (
	hashTime    = 2
	hashMemory  = 19 * 1024
	hashThreads = 1
)

func (d *Directory) hash(secret string) (*Password, error) {
	p := &Password{Time: hashTime, Memory: hashMemory, Threads: hashThreads, Salt: make([]byte, 16)}
	if _, err := io.ReadFull(d.random, p.Salt); err != nil {
		return nil, fmt.Errorf("making a salt: %w", err)
	}
	p.Hash = d.derive(p, secret)
	return p, nil
}

func (d *Directory) derive(p *Password, secret string) []byte {
	d.hashing <- struct{}{}
	defer func() { <-d.hashing }()
	peppered := d.mac("password", []byte(secret))
	return argon2.IDKey(peppered[:], p.Salt, p.Time, p.Memory, p.Threads, 32)
}

// matches takes the same time for a nil Password, so that a user who does not
// exist is not told from a wrong password.
func (d *Directory) matches(p *Password, secret string) bool {
	known := p != nil
	if !known {
		p = &Password{Time: hashTime, Memory: hashMemory, Threads: hashThreads, Salt: make([]byte, 16), Hash: make([]byte, 32)}
	}
	return subtle.ConstantTimeCompare(d.derive(p, secret), p.Hash) == 1 && known
}
