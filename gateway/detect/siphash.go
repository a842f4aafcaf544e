package detect

import (
	"encoding/binary"
	"math/bits"
)

// sipHash is SipHash-2-4 (Aumasson and Bernstein, 2012) of v under key: equal
// values get equal hashes, and without the key nobody can try values out.
func sipHash(key [16]byte, v []byte) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])
	a, b, c, d := k0^0x736f6d6570736575, k1^0x646f72616e646f6d, k0^0x6c7967656e657261, k1^0x7465646279746573
	tail := uint64(len(v)) << 56
	for ; len(v) >= 8; v = v[8:] {
		m := binary.LittleEndian.Uint64(v)
		a, b, c, d = sipRound(sipRound(a, b, c, d^m))
		a ^= m
	}
	for i, x := range v {
		tail |= uint64(x) << (8 * i)
	}
	a, b, c, d = sipRound(sipRound(a, b, c, d^tail))
	a, b, c, d = sipRound(sipRound(a^tail, b, c^0xff, d))
	a, b, c, d = sipRound(sipRound(a, b, c, d))
	return a ^ b ^ c ^ d
}

func sipRound(a, b, c, d uint64) (uint64, uint64, uint64, uint64) {
	a += b
	b = bits.RotateLeft64(b, 13) ^ a
	a = bits.RotateLeft64(a, 32)
	c += d
	d = bits.RotateLeft64(d, 16) ^ c
	a += d
	d = bits.RotateLeft64(d, 21) ^ a
	c += b
	b = bits.RotateLeft64(b, 17) ^ c
	return a, b, bits.RotateLeft64(c, 32), d
}
