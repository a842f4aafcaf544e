package seal

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"time"

	"gatepost/gateway"
)

// Limits of one encapsulation to a group. Encapsulating costs as much as all
// else that is done to accept a message, and one a message buys nothing against
// a thief of disk or keys: all wraps of a group fall with the group's private
// key. It bounds what the memory of the running process opens: the wraps that
// this process made since, all of whose bodies it had in the clear.
const (
	contextLasts = time.Second
	contextWraps = 64
	keptContexts = 256 // for opening, of all groups together
)

// encapsulated is the size of an encapsulated key of MLKEM768X25519.
const encapsulated = 1120

// labelContext is the info of a context (RFC 9180 section 5.1).
const labelContext = "gatepost group context 2"

// senderContext is an encapsulation to a group, from which the keys of a few
// wraps are exported. The zero one begins with the first wrap. It is safe for
// concurrent use.
type senderContext struct {
	mu     sync.Mutex // guards what follows
	sender *hpke.Sender
	enc    []byte
	began  time.Time
	wraps  int
	count  uint64 // of contexts, for the clock that ends one
}

// wrap seals text to the group, bound to what is in aad. The key is the
// context's for aad; a wrap of the same aad again has another nonce.
func (g *group) wrap(random io.Reader, aad, text []byte, now time.Time) ([]byte, error) {
	enc, key, err := g.shared.export(g.public, aad, now)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	aead, err := key.aead()
	if err != nil {
		return nil, err
	}
	small, err := sealSmall(random, aead, text, aad)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, 1+len(enc)+len(small))
	return append(append(append(sealed, groupVersion), enc...), small...), nil
}

// export returns the encapsulated key and the context's key for aad.
func (c *senderContext) export(to hpke.PublicKey, aad []byte, now time.Time) ([]byte, *secret, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.began); c.sender == nil || c.wraps >= contextWraps || age < 0 || age >= contextLasts {
		if err := c.beginLocked(to, now); err != nil {
			return nil, nil, err
		}
	}
	c.wraps++
	raw, err := c.sender.Export(string(aad), keySize)
	if err != nil {
		return nil, nil, fmt.Errorf("exporting a key: %w", err)
	}
	key, err := toSecret(raw)
	return c.enc, key, err
}

// beginLocked makes a new context, which ends by the clock even if nothing is
// wrapped any more.
func (c *senderContext) beginLocked(to hpke.PublicKey, now time.Time) error {
	enc, sender, err := hpke.NewSender(to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(labelContext))
	if err != nil {
		return fmt.Errorf("encapsulating a key: %w", err)
	}
	c.sender, c.enc, c.began, c.wraps = sender, enc, now, 0
	c.count++
	count := c.count
	time.AfterFunc(contextLasts, func() { c.end(count) })
	return nil
}

func (c *senderContext) end(count uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == count {
		c.sender, c.enc = nil, nil
	}
}

// sharedKey names a context of a group, for opening.
type sharedKey struct {
	group string
	enc   [sha256.Size]byte
}

// unwrap opens the outer layer of a wrap of either version. The errors say
// nothing of why.
func (g *groups) unwrap(private hpke.PrivateKey, w gateway.Wrap, aad []byte) ([]byte, error) {
	switch {
	case w.Sealed[0] == wrapVersion:
		return hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), aad, w.Sealed[1:])
	case w.Sealed[0] != groupVersion || len(w.Sealed) < 1+encapsulated+nonceSize+tagSize:
		return nil, ErrOpen
	}
	shared, err := g.recipient(private, w.Group, w.Sealed[1:1+encapsulated])
	if err != nil {
		return nil, err
	}
	raw, err := shared.Export(string(aad), keySize)
	if err != nil {
		return nil, err
	}
	key, err := toSecret(raw)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	aead, err := key.aead()
	if err != nil {
		return nil, err
	}
	rest := w.Sealed[1+encapsulated:]
	return aead.Open(nil, rest[:nonceSize], rest[nonceSize:], aad)
}

// recipient is the context of enc, kept for the group's next wraps while its
// private key is: it opens nothing that this does not.
func (g *groups) recipient(private hpke.PrivateKey, id string, enc []byte) (*hpke.Recipient, error) {
	key := sharedKey{group: id, enc: sha256.Sum256(enc)}
	g.mu.Lock()
	kept := g.shared[key]
	g.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	made, err := hpke.NewRecipient(bytes.Clone(enc), private, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(labelContext))
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.private[id] == nil { // dropped meanwhile
		return made, nil
	}
	if g.shared == nil {
		g.shared = make(map[sharedKey]*hpke.Recipient)
	}
	for other := range g.shared {
		if len(g.shared) < keptContexts {
			break
		}
		delete(g.shared, other)
	}
	g.shared[key] = made
	return made, nil
}
