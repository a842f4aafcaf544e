package gateway

import "time"

// Authentication is what mailauth found about a mail from outside: DKIM (RFC
// 6376), SPF (RFC 7208) and DMARC (RFC 7489) on its untouched octets.
type Authentication struct {
	Domain     string // of the From, lower case, A-labels; "" without exactly one From of one address
	Signatures []Signature
	SPF        AuthResult
	SPFDomain  string // that SPF was asked about: of MAIL FROM, else of HELO
	DMARC      AuthResult
	Policy     string // of the DMARC record that applies: none, quarantine, reject; "" without one
}

// AuthResult is a result as RFC 8601 section 2.7 spells them.
type AuthResult string

// The results.
const (
	AuthNone      AuthResult = "none"
	AuthPass      AuthResult = "pass"
	AuthFail      AuthResult = "fail"
	AuthSoftFail  AuthResult = "softfail"
	AuthNeutral   AuthResult = "neutral"
	AuthPolicy    AuthResult = "policy"    // verified, but in a way that is not accepted here
	AuthTempError AuthResult = "temperror" // the DNS did not answer: not the same as absence
	AuthPermError AuthResult = "permerror"
)

// Signature is one DKIM-Signature and what became of it.
type Signature struct {
	Domain    string // d=
	Selector  string // s=
	Algorithm string // a=
	Result    AuthResult
	Reason    string // constant phrase why it is not pass
	Aligned   bool   // its domain is the From's or shares its organizational domain, unless its DMARC policy says adkim=s
	Bits      int    // of an RSA key; 0 for ed25519
	// Covered are the fields of h=, lower case, without repetitions, that stand
	// there as often as in the header: no field of the name is unsigned. At most
	// 100.
	Covered []string
	Partial bool      // l=: the body may go on behind what was signed
	Signed  time.Time // t=; zero when absent
	Expires time.Time // x=; zero when absent
	// Hash is the SHA-256 of the octets of b=: the same signature again is the
	// same mail again, however b= is spelled. Nil when b= is not readable.
	Hash []byte
}
