package mailauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"strings"
	"time"

	"gatepost/gateway"
)

// maxSignatures is how many signatures of one mail are verified.
const maxSignatures = 5

// signatures reads the signatures to verify: those that may speak for from,
// which its DMARC policy decides later, come first, else they stand in the order of the header. The rest is ignored.
func (h head) signatures(from string, now time.Time) []*signature {
	var first, others []*signature
	for _, f := range h.named("dkim-signature") {
		s := readSignature(f, now)
		s.Aligned = aligned(s.Domain, from, false)
		s.Covered = s.covered(h)
		if !h.sound {
			s.fail(gateway.AuthPermError, whyHeader)
		}
		if s.Aligned {
			first = append(first, s)
		} else {
			others = append(others, s)
		}
	}
	list := append(first, others...)
	return list[:min(len(list), maxSignatures)]
}

// keyAnswer is what the DNS said about the key of a signature.
type keyAnswer struct {
	texts []string
	err   error
}

func lookupKey(ctx context.Context, dns *asker, s *signature) (k keyAnswer) {
	k.texts, k.err = dns.LookupTXT(ctx, s.Selector+"._domainkey."+s.Domain)
	return k
}

// record reads the answer (RFC 6376 section 6.1.2).
func (k keyAnswer) record(algorithm string) (*record, *problem) {
	switch {
	case notFound(k.err), k.err == nil && len(k.texts) == 0:
		return nil, &problem{gateway.AuthPermError, whyNoKey}
	case k.err != nil:
		return nil, &problem{gateway.AuthTempError, whyDNS}
	case len(k.texts) > 1: // undefined by section 3.6.2.2
		return nil, &problem{gateway.AuthPermError, whyManyKeys}
	}
	return readRecord(k.texts[0], algorithm)
}

// bodyForm is a way to hash a body.
type bodyForm struct {
	relaxed bool
	limit   int64 // -1: all of it
}

type bodyHash struct {
	sum   [sha256.Size]byte
	short bool // the body has fewer octets than limit
}

func (s *signature) form() bodyForm { return bodyForm{s.relaxed.body, s.limit} }

// bodies hashes a body once in each form that the signatures ask for.
func bodies(body []byte, signatures []*signature) map[bodyForm]bodyHash {
	hashes := make(map[bodyForm]bodyHash)
	for _, s := range signatures {
		if _, done := hashes[s.form()]; !done && s.problem == nil {
			hashes[s.form()] = hashBody(body, s.form())
		}
	}
	return hashes
}

func hashBody(body []byte, form bodyForm) (b bodyHash) {
	hash := sha256.New()
	if form.limit < 0 {
		_ = canonicalBody(hash, body, form.relaxed) // a hash takes everything
	} else {
		w := &firstOctets{w: hash, left: form.limit}
		_ = canonicalBody(w, body, form.relaxed)
		b.short = w.left > 0
	}
	hash.Sum(b.sum[:0])
	return b
}

// verify fills in the result.
func (s *signature) verify(h head, k keyAnswer, hashes map[bodyForm]bodyHash) {
	if s.problem == nil {
		s.problem = s.proof(h, k, hashes[s.form()])
	}
	s.Result = gateway.AuthPass
	if s.problem != nil {
		s.Result, s.Reason = s.problem.result, s.problem.reason
	}
}

// proof is RFC 6376 sections 6.1.2 and 6.1.3; nil when the signature holds.
func (s *signature) proof(h head, k keyAnswer, body bodyHash) *problem {
	r, p := k.record(s.Algorithm)
	if p != nil {
		return p
	}
	s.Bits = r.bits
	if p := r.refusal(s.user, s.Domain); p != nil {
		return p
	}
	switch {
	case body.short:
		return &problem{gateway.AuthPermError, whyLength}
	case subtle.ConstantTimeCompare(body.sum[:], s.body) != 1:
		return &problem{gateway.AuthFail, whyBody}
	case !r.verified(s.signed(h), s.sig):
		return &problem{gateway.AuthFail, whyFields}
	case r.testing: // section 3.6.1: the same as an unsigned mail
		return &problem{gateway.AuthPolicy, whyTesting}
	}
	return nil
}

// signed is the hash of the fields that were signed (RFC 6376 section 3.7),
// from the last of each name upwards.
func (s *signature) signed(h head) []byte {
	hash := sha256.New()
	left := make(map[string][]field)
	for _, f := range h.fields {
		if f.at != s.field.at {
			left[f.name] = append(left[f.name], f)
		}
	}
	for _, name := range s.names {
		if list := left[name]; len(list) > 0 {
			f := list[len(list)-1]
			left[name] = list[:len(list)-1]
			_, _ = io.WriteString(hash, canonicalField(f.raw, f.value, s.relaxed.head))
		}
	}
	own := canonicalField(s.withoutValue(), s.field.value, s.relaxed.head)
	_, _ = io.WriteString(hash, strings.TrimSuffix(own, "\r\n"))
	return hash.Sum(nil)
}

// withoutValue is the field with an empty b=.
func (s *signature) withoutValue() string {
	raw := s.field.raw
	for _, t := range s.tags {
		if t.name == "b" {
			tail := raw[s.field.value+t.to:]
			if tail == "" {
				tail = "\r\n" // b= came last, and its value took the line end along
			}
			return raw[:s.field.value+t.from] + tail
		}
	}
	return raw
}
