package mailauth

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
)

// Why a signature is not taken: constant phrases for people and for
// Authentication-Results.
const (
	whyTags      = "malformed DKIM-Signature"
	whyHeader    = "malformed header"
	whyVersion   = "unknown version"
	whyAlgorithm = "unknown algorithm"
	whySHA1      = "rsa-sha1 is not accepted"
	whyCanonical = "unknown canonicalization"
	whyQuery     = "unknown query method"
	whyIdentity  = "i= is not of d="
	whyNoFrom    = "From is not signed"
	whyExpired   = "signature has expired"
	whyFuture    = "signed in the future"
	whyLength    = "l= is longer than the body"
	whyBody      = "body was changed"
	whyFields    = "signed fields were changed or the key is another"
	whyDNS       = "key could not be looked up"
	whyNoKey     = "no key in the DNS"
	whyManyKeys  = "several keys under one selector"
	whyKey       = "malformed key record"
	whyRevoked   = "key was revoked"
	whyOtherKey  = "key is not for such signatures"
	whyShortKey  = "key is shorter than 1024 bits"
	whyLongKey   = "key is longer than 8192 bits"
	whyStrict    = "i= differs from d= under a strict key"
	whyTesting   = "domain is only testing DKIM"
)

// skew is how far a signer's clock may be ahead of ours.
const skew = time.Hour

// problem is a result that is not pass, and why.
type problem struct {
	result gateway.AuthResult
	reason string
}

// signature is one DKIM-Signature field, read but not verified.
type signature struct {
	field   field
	tags    tagList
	names   []string // h=, lower case, as often as it stands there
	relaxed struct{ head, body bool }
	limit   int64  // l=; -1 without
	user    string // domain of i=
	body    []byte // bh=
	sig     []byte // b=
	problem *problem
	gateway.Signature
}

// readSignature reads a field; what is wrong with it stands in problem. now is
// the time at which it is to hold.
func readSignature(f field, now time.Time) *signature {
	s := &signature{field: f, limit: -1}
	var ok bool
	s.tags, ok = parseTags(f.raw[f.value:])
	if !ok {
		s.fail(gateway.AuthPermError, whyTags)
		return s
	}
	s.Domain = hostname(s.tags.solid("d"))
	if selector := strings.ToLower(s.tags.solid("s")); inDNS(selector) && nameOctets(selector) {
		s.Selector = selector
	}
	if a := s.tags.solid("a"); len(a) <= 32 && nameOctets(a) {
		s.Algorithm = a
	}
	for _, name := range s.tags.items("h") {
		s.names = append(s.names, strings.ToLower(name))
	}
	s.octets()
	s.numbers(now)
	s.check()
	return s
}

// fail keeps the first problem.
func (s *signature) fail(result gateway.AuthResult, reason string) {
	if s.problem == nil {
		s.problem = &problem{result, reason}
	}
}

// octets reads what is base64.
func (s *signature) octets() {
	var err1, err2 error
	s.body, err1 = base64.StdEncoding.DecodeString(s.tags.solid("bh"))
	s.sig, err2 = base64.StdEncoding.DecodeString(s.tags.solid("b"))
	if err1 != nil || err2 != nil || len(s.body) == 0 || len(s.sig) == 0 {
		s.fail(gateway.AuthPermError, whyTags)
		return
	}
	hash := sha256.Sum256(s.sig) // of the octets: their spelling is not signed
	s.Hash = hash[:]
}

// numbers reads l=, t= and x=.
func (s *signature) numbers(now time.Time) {
	if n, ok := s.number("l"); ok {
		s.limit, s.Partial = n, true
	}
	if n, ok := s.number("t"); ok {
		s.Signed = time.Unix(n, 0).UTC()
	}
	if n, ok := s.number("x"); ok {
		s.Expires = time.Unix(n, 0).UTC()
		if !s.Signed.IsZero() && !s.Expires.After(s.Signed) { // RFC 6376 section 3.5
			s.fail(gateway.AuthPermError, whyTags)
		}
		if now.After(s.Expires) {
			s.fail(gateway.AuthFail, whyExpired)
		}
	}
	if s.Signed.After(now.Add(skew)) {
		s.fail(gateway.AuthFail, whyFuture)
	}
}

// lastSecond is that of the year 9999: later times have no RFC 3339 form, in
// which records keep them. As a length it is more than any mail has.
const lastSecond = 253402300799

// number reads a tag of digits, of which RFC 6376 section 3.5 lets l= have 76.
func (s *signature) number(name string) (n int64, ok bool) {
	if _, ok := s.tags.get(name); !ok {
		return 0, false
	}
	v := s.tags.solid(name)
	if v == "" || strings.Trim(v, "0123456789") != "" {
		s.fail(gateway.AuthPermError, whyTags)
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n > lastSecond {
		n = lastSecond
	}
	return n, true
}

// check does what RFC 6376 section 6.1.1 demands before the key is asked for.
func (s *signature) check() {
	if v, _ := s.tags.get("v"); v != "1" {
		s.fail(gateway.AuthPermError, whyVersion)
	}
	if s.Domain == "" || s.Selector == "" || len(s.names) == 0 {
		s.fail(gateway.AuthPermError, whyTags)
	}
	switch s.Algorithm {
	case "rsa-sha256", "ed25519-sha256":
	case "rsa-sha1": // RFC 8301 section 3.1
		s.fail(gateway.AuthPolicy, whySHA1)
	default:
		s.fail(gateway.AuthPermError, whyAlgorithm)
	}
	if !slices.Contains(s.names, "from") {
		s.fail(gateway.AuthPermError, whyNoFrom)
	}
	if q := s.tags.items("q"); q != nil && !slices.Contains(q, "dns/txt") {
		s.fail(gateway.AuthPermError, whyQuery)
	}
	s.canonicalization()
	s.identity()
}

func (s *signature) canonicalization() {
	c, ok := s.tags.get("c")
	if !ok {
		return // simple/simple
	}
	header, body, _ := strings.Cut(withoutSpace(c), "/")
	s.relaxed.head, s.relaxed.body = header == "relaxed", body == "relaxed"
	if !s.relaxed.head && header != "simple" || !s.relaxed.body && body != "simple" && body != "" {
		s.fail(gateway.AuthPermError, whyCanonical)
	}
}

// identity checks i=, which must be of d= or below.
func (s *signature) identity() {
	s.user = s.Domain
	i, ok := s.tags.get("i")
	if !ok {
		return
	}
	at := strings.LastIndexByte(i, '@')
	s.user = hostname(withoutSpace(i[at+1:]))
	if at < 0 || s.Domain == "" || s.user != s.Domain && !strings.HasSuffix(s.user, "."+s.Domain) {
		s.fail(gateway.AuthPermError, whyIdentity)
	}
}

// Bounds of what is told of h=: it goes into records.
const (
	mostCovered = 100 // names
	longestName = 64  // octets
)

// covered are the names of h= that stand there at least as often as they occur
// in the header: nobody added such a field behind the signer's back.
func (s *signature) covered(h head) []string {
	left := make(map[string]int)
	for _, f := range h.fields {
		left[f.name]++
	}
	for _, name := range s.names {
		left[name]--
	}
	var list []string
	seen := make(map[string]bool)
	for _, name := range s.names {
		if !seen[name] && left[name] <= 0 && isName([]byte(name)) && len(name) <= longestName && len(list) < mostCovered {
			list = append(list, name)
		}
		seen[name] = true
	}
	return list
}
