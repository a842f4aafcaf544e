package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// MAC is HMAC-SHA-256 under a key of this keyring that never changes, for
// index keys, pepper and marks. purpose separates uses from each other. Each
// part is hashed behind its length, so that no two lists of parts hash alike.
func (k *Keyring) MAC(purpose string, parts ...[]byte) [sha256.Size]byte {
	h, ok := k.macs.Get().(hash.Hash)
	if ok {
		h.Reset()
	} else {
		h = hmac.New(sha256.New, k.macKey[:])
	}
	defer k.macs.Put(h)
	var length [8]byte
	write := func(part []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	write([]byte(purpose))
	for _, part := range parts {
		write(part)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}
