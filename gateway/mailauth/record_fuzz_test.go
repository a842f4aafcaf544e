package mailauth

import (
	"crypto/ed25519"
	"crypto/rsa"
	"strings"
	"testing"
)

// FuzzRecords: whatever stands in the DNS as a key or a policy, a key that is
// taken is of the kind that was asked for and within its bounds, a tag stands
// where it is said to, and a policy is one of three.
func FuzzRecords(f *testing.F) {
	const rsa1024 = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
	for _, s := range []string{
		rsa1024, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=; t=s:y", "p=", "p=AA==; h=sha1", " v = DKIM1 ; p = M I G f ; s=email:*",
		"v=DMARC1; p=reject; sp=none; adkim=s; aspf=r", "v=DMARC1; rua=mailto:x@y.example", "v=DMARC1;p=quarantine;p=none", "a=b;;c=d; =x", strings.Repeat("a=b;", maxTags+1),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if tags, ok := parseTags(s); ok {
			for _, x := range tags {
				if x.from < 1 || x.to < x.from || x.to > len(s) || strings.Trim(s[x.from:x.to], fws) != x.value || s[x.from-1] != '=' || !isTagName(x.name) {
					t.Fatalf("%q: %+v", s, x)
				}
			}
		}
		for algorithm, kind := range map[string]string{"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"} {
			r, problem := readRecord(s, algorithm)
			if (r == nil) == (problem == nil) {
				t.Fatalf("%q: %+v, %+v", s, r, problem)
			}
			if r == nil {
				continue
			}
			key, isRSA := r.key.(*rsa.PublicKey)
			short, isEd := r.key.(ed25519.PublicKey)
			if isRSA != (kind == "rsa") || isEd != (kind == "ed25519") || isEd && len(short) != ed25519.PublicKeySize || isRSA && key.N.BitLen() != r.bits {
				t.Fatalf("%q as %s: %T of %d bits", s, algorithm, r.key, r.bits)
			}
			if bad := r.refusal("a.example", "a.example"); isRSA && (bad == nil) != (r.bits >= leastBits && r.bits <= mostBits) {
				t.Fatalf("a key of %d bits: %+v", r.bits, bad)
			}
			if r.verified(make([]byte, 32), make([]byte, 64)) && isRSA {
				t.Fatalf("%q verifies nothing", s)
			}
		}
		if p := (dmarcAnswer{domain: "a.example", record: s}).policy(); p != nil {
			for _, asked := range []string{p.domain, p.sub} {
				if asked != "none" && asked != "quarantine" && asked != "reject" {
					t.Fatalf("%q asks for %q", s, asked)
				}
			}
		}
	})
}
