package mailauth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"

	"gatepost/gateway"
)

// Bounds of RSA keys, in bits. Below the first RFC 8301 section 3.2 forbids to
// believe; above the second a verification costs too much.
const (
	leastBits = 1024
	mostBits  = 8192
)

// record is a key record (RFC 6376 section 3.6.1).
type record struct {
	key     crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
	bits    int              // of an RSA key
	strict  bool             // t=s
	testing bool             // t=y
}

// readRecord reads a record for a signature by algorithm; nil and the problem
// when it cannot be used.
func readRecord(text, algorithm string) (*record, *problem) {
	bad := func(reason string) (*record, *problem) { return nil, &problem{gateway.AuthPermError, reason} }
	tags, ok := parseTags(text)
	if !ok {
		return bad(whyKey)
	}
	if v, ok := tags.get("v"); ok && (v != "DKIM1" || tags[0].name != "v") {
		return bad(whyKey)
	}
	p, ok := tags.get("p")
	switch {
	case !ok:
		return bad(whyKey)
	case p == "":
		return bad(whyRevoked)
	case !usable(tags, algorithm):
		return bad(whyOtherKey)
	}
	der, err := base64.StdEncoding.DecodeString(withoutSpace(p))
	if err != nil {
		return bad(whyKey)
	}
	flags := tags.items("t")
	r := &record{strict: slices.Contains(flags, "s"), testing: slices.Contains(flags, "y")}
	if !r.parse(der, algorithm) {
		return bad(whyKey)
	}
	return r, nil
}

// usable reports whether a record is for mail, for SHA-256, and for the kind of
// key that the signature names.
func usable(tags tagList, algorithm string) bool {
	if s := tags.items("s"); s != nil && !slices.Contains(s, "email") && !slices.Contains(s, "*") {
		return false
	}
	if h := tags.items("h"); h != nil && !slices.Contains(h, "sha256") {
		return false
	}
	k, ok := tags.get("k")
	if !ok {
		k = "rsa"
	}
	return k+"-sha256" == algorithm
}

func (r *record) parse(der []byte, algorithm string) bool {
	if algorithm == "ed25519-sha256" { // RFC 8463 section 4
		r.key = ed25519.PublicKey(der)
		return len(der) == ed25519.PublicKeySize
	}
	any, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		any, err = x509.ParsePKCS1PublicKey(der) // erratum 3017 of RFC 6376
	}
	key, ok := any.(*rsa.PublicKey)
	if err != nil || !ok {
		return false
	}
	r.key, r.bits = key, key.N.BitLen()
	return true
}

// refusal says why signatures under r do not pass, whatever they are; nil when
// they may. user is the domain of the signature's i=, domain its d=.
func (r *record) refusal(user, domain string) *problem {
	switch {
	case r.bits > 0 && r.bits < leastBits:
		return &problem{gateway.AuthPolicy, whyShortKey}
	case r.bits > mostBits:
		return &problem{gateway.AuthPermError, whyLongKey}
	case r.strict && user != domain:
		return &problem{gateway.AuthPermError, whyStrict}
	}
	return nil
}

// verified reports whether sig is the key's signature over hashed, a SHA-256.
func (r *record) verified(hashed, sig []byte) bool {
	switch key := r.key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, hashed, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, hashed, sig) == nil
	}
	return false
}
