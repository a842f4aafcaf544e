package mailauth_test

import (
	"bytes"
	"crypto"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gatepost/deploy/e2e/opendkim"
	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// fromOpenDKIM is what Verify says of answerText signed by OpenDKIM, changed,
// and looked at after a while.
func fromOpenDKIM(t *testing.T, s opendkim.Signing, change func(string) string, later time.Duration) gateway.Signature {
	t.Helper()
	s.Domain, s.Selector, s.Also = "out.example", "s1", []string{"Message-ID"}
	raw := string(opendkim.Sign(t, []byte(answerText), s))
	if change != nil {
		changed := change(raw)
		if changed == raw {
			t.Fatal("the case changes nothing")
		}
		raw = changed
	}
	v := mailauth.NewVerifier(dns(t, zone{"TXT s1._domainkey.out.example": {record(t, s.Key)}}), func() time.Time { return time.Now().Add(later) })
	a := v.Verify(t.Context(), []byte(raw), outPeer())
	if len(a.Signatures) != 1 {
		t.Fatalf("%d signatures in %s", len(a.Signatures), raw)
	}
	if a.Signatures[0].Aligned != (a.Domain == "out.example") {
		t.Errorf("%+v", a)
	}
	return a.Signatures[0]
}

// TestOpenDKIM: what most correspondents' mail servers sign with verifies here,
// and what it signs weakly is known as weak.
func TestOpenDKIM(t *testing.T) {
	strong, ed := rsaKey(t, 2048), edKey(t)
	for name, c := range map[string]struct {
		signing opendkim.Signing
		change  func(string) string
		later   time.Duration
		result  gateway.AuthResult
		reason  string
	}{
		"by default":      {signing: opendkim.Signing{Key: strong}, result: gateway.AuthPass},
		"relaxed":         {signing: opendkim.Signing{Key: strong, Canonicalization: "relaxed/relaxed"}, result: gateway.AuthPass},
		"relaxed, simple": {signing: opendkim.Signing{Key: strong, Canonicalization: "relaxed/simple"}, result: gateway.AuthPass},
		"simple, relaxed": {signing: opendkim.Signing{Key: strong, Canonicalization: "simple/relaxed"}, result: gateway.AuthPass},
		"1024 bits":       {signing: opendkim.Signing{Key: rsaKey(t, 1024)}, result: gateway.AuthPass},
		"ed25519":         {signing: opendkim.Signing{Key: ed, Algorithm: "ed25519-sha256", Canonicalization: "relaxed/relaxed"}, result: gateway.AuthPass},
		"sha1":            {signing: opendkim.Signing{Key: strong, Algorithm: "rsa-sha1"}, result: gateway.AuthPolicy, reason: "rsa-sha1 is not accepted"},
		"l=":              {signing: opendkim.Signing{Key: strong, BodyLength: true}, result: gateway.AuthPass},
		"l=, prolonged":   {signing: opendkim.Signing{Key: strong, BodyLength: true}, change: func(s string) string { return s + "Send money.\r\n" }, result: gateway.AuthPass},
		"x= to come":      {signing: opendkim.Signing{Key: strong, TTL: time.Hour}, result: gateway.AuthPass},
		"x= over":         {signing: opendkim.Signing{Key: strong, TTL: time.Hour}, later: 2 * time.Hour, result: gateway.AuthFail, reason: "signature has expired"},
		"prolonged":       {signing: opendkim.Signing{Key: ed, Algorithm: "ed25519-sha256", Canonicalization: "relaxed/relaxed"}, change: func(s string) string { return s + "Send money.\r\n" }, result: gateway.AuthFail, reason: "body was changed"},
		"second From":     {signing: opendkim.Signing{Key: strong}, change: swap("\r\nFrom: ", "\r\nFrom: pat@out.example\r\nFrom: "), result: gateway.AuthFail, reason: "signed fields were changed or the key is another"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fromOpenDKIM(t, c.signing, c.change, c.later)
			if s.Result != c.result || s.Reason != c.reason || s.Partial != c.signing.BodyLength {
				t.Errorf("%+v", s)
			}
			if got := strings.Join(s.Covered, " "); got != "from to subject date message-id" && name != "second From" {
				t.Errorf("covers %s", got)
			}
		})
	}
}

// TestOpenDKIMByDefault: what it signs when nobody configured more.
func TestOpenDKIMByDefault(t *testing.T) {
	k := edKey(t)
	raw := opendkim.Sign(t, []byte(answerText), opendkim.Signing{Domain: "out.example", Selector: "s1", Key: k, Algorithm: "ed25519-sha256", Canonicalization: "relaxed/simple"})
	s := ourVerdict(t, k, raw)
	if got := strings.Join(s.Covered, " "); s.Result != gateway.AuthPass || got != "from to subject date" {
		t.Errorf("%s, covers %s", s.Result, got)
	}
}

// TestOpenDKIMVerifiesOurs: what Gatepost signs is believed elsewhere.
func TestOpenDKIMVerifiesOurs(t *testing.T) {
	raw, record := signed(t, key(t))
	keys := map[string]string{"gatepost._domainkey.clinic.example": record}
	if field := opendkim.Check(t, raw, keys); !strings.Contains(field, "dkim=pass") || !strings.Contains(field, "header.d=clinic.example") {
		t.Errorf("OpenDKIM says %q", field)
	}
	changed := bytes.Replace(raw, []byte("Hello"), []byte("Hullo"), 1)
	if field := opendkim.Check(t, changed, keys); !strings.Contains(field, "dkim=fail") {
		t.Errorf("of a changed body OpenDKIM says %q", field)
	}
}

// TestOpenDKIMSignsAnything: mails full of white space and folding, which the
// canonicalizations exist for.
func TestOpenDKIMSignsAnything(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(5, 6))}
	strong := rsaKey(t, 2048)
	for _, c := range []string{"simple/simple", "relaxed/relaxed", "simple/relaxed", "relaxed/simple"} {
		var k crypto.Signer = strong
		for range 5 {
			raw := m.mail()
			for !bytes.HasSuffix(raw, []byte("\r\n")) { // a mail server ends the last line
				raw = m.mail()
			}
			signed := opendkim.Sign(t, raw, opendkim.Signing{Domain: "out.example", Selector: "s1", Key: k, Canonicalization: c})
			if s := ourVerdict(t, k, signed); s.Result != gateway.AuthPass {
				t.Errorf("%s: %s (%s): %q", c, s.Result, s.Reason, signed)
			}
		}
	}
}
