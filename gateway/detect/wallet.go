package detect

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"gatepost/gateway"
)

// Lengths of addresses of coins, in octets.
const (
	minWallet = 26
	maxWallet = 62
)

// maxWallets is how many tokens of a view are hashed to see whether they are
// addresses. A text of nothing but such tokens is no mail.
const maxWallets = 64

// wallet reports an address of Bitcoin or Ethereum that is the token
// [start, end). It returns its end, else 0.
func (s *scan) wallet(start, end int) int {
	v := s.b[start:end]
	switch {
	case v[0] == '1' || v[0] == '3':
		if end-start > 35 || s.wallets == maxWallets || !mixed(v) {
			return 0
		}
		if s.wallets++; !base58Check(v) {
			return 0
		}
	case low(v[0]) == 'b':
		if !segwit(v) {
			return 0
		}
	case v[0] == '0' && low(v[1]) == 'x' && end-start == 42:
		return s.ethereum(start, end)
	default:
		return 0
	}
	return s.walletFound(s.d.types.ids["bitcoin"], start, end, gateway.Step{Name: "checksum", Weight: highSum})
}

func (s *scan) walletFound(typ uint16, start, end int, step gateway.Step) int {
	s.endSequence()
	s.numbered, s.quiet = end, end
	s.find(typ, start, end, s.b[start:end], step)
	return end
}

// ethereum reports "0x" and forty hexadecimal digits.
func (s *scan) ethereum(start, end int) int {
	for _, c := range s.b[start+2 : end] {
		if !isHex(c) {
			return 0
		}
	}
	if v := s.b[start+2 : end]; same(v) || !mixed(v) {
		return 0
	}
	return s.walletFound(s.d.types.ids["ethereum"], start, end, gateway.Step{Name: "layout", Weight: mediumSum + 1})
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// base58Check reports whether v is a version, twenty octets and the first four
// of their hash, written to base 58: an address that begins with 1 or 3.
func base58Check(v []byte) bool {
	var limbs [7]uint32 // most significant first; the first one stays below 2^8
	for _, c := range v {
		d := bytes.IndexByte([]byte(base58), c)
		if d < 0 {
			return false
		}
		carry := uint64(d)
		for i := len(limbs) - 1; i >= 0; i-- {
			carry += uint64(limbs[i]) * 58
			limbs[i] = uint32(carry)
			carry >>= 32
		}
		if carry != 0 || limbs[0] > 0xff {
			return false
		}
	}
	var raw [28]byte
	for i, l := range limbs {
		binary.BigEndian.PutUint32(raw[4*i:], l)
	}
	address := raw[3:]
	if version := address[0]; version != 0 && version != 5 {
		return false
	}
	once := sha256.Sum256(address[:21])
	twice := sha256.Sum256(once[:])
	return bytes.Equal(twice[:4], address[21:])
}

const bech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// segwit reports whether v is "bc1" and a witness program with the checksum of
// BIP 173 or BIP 350, in one case.
func segwit(v []byte) bool {
	if len(v) < 14 || low(v[1]) != 'c' || v[2] != '1' {
		return false
	}
	lower, check := v[0] == 'b', uint32(1)
	for _, d := range [5]byte{3, 3, 0, 2, 3} { // "bc", expanded
		check = polymod(check, d)
	}
	for _, c := range v[3:] {
		if class[c] == letter && isUpper(c) == lower {
			return false
		}
		d := bytes.IndexByte([]byte(bech32), low(c))
		if d < 0 {
			return false
		}
		check = polymod(check, byte(d))
	}
	return check == 1 || check == 0x2bc830a3
}

// polymod is one step of the code of BIP 173.
func polymod(check uint32, d byte) uint32 {
	top := check >> 25
	check = (check&0x1ffffff)<<5 ^ uint32(d)
	for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 != 0 {
			check ^= g
		}
	}
	return check
}
