package mailauth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"hash"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// now is the time of these tests.
func now() time.Time { return time.Date(2026, 3, 4, 12, 31, 0, 0, time.UTC) }

// answerText is what a correspondent writes.
const answerText = "From: Pat <pat@out.example>\r\nTo: <r.abc@reply.clinic.example>\r\nSubject: Re: your visit\r\nDate: Wed, 04 Mar 2026 12:30:00 +0000\r\n" +
	"Message-ID: <1@out.example>\r\nMIME-Version: 1.0\r\n\r\nThank you,  Doctor.  \r\nPat\r\n\r\n"

const allFields = "from:to:subject:date:message-id"

// hand signs by hand, so that it can sign what no signer would: tags are those
// of the field but bh= and b=, from "v=1" on, body what bh= is of. Relaxed
// canonicalization only, of fields that need none but that of their names.
type hand struct {
	key    crypto.Signer
	sha1   bool
	body   string
	fields []string // as canonical, in the order of h=
}

func (h hand) sign(t *testing.T, tags string) string {
	t.Helper()
	kind := crypto.SHA256
	newHash := sha256.New
	if h.sha1 {
		kind, newHash = crypto.SHA1, sha1.New
	}
	sum := func(s string) []byte { var w hash.Hash = newHash(); w.Write([]byte(s)); return w.Sum(nil) }
	field := "dkim-signature:" + tags + " bh=" + base64.StdEncoding.EncodeToString(sum(h.body)) + "; b="
	if _, ok := h.key.(ed25519.PrivateKey); ok {
		kind = 0
	}
	sig, err := h.key.Sign(rand.Reader, sum(strings.Join(h.fields, "")+field), kind)
	if err != nil {
		t.Fatal(err)
	}
	return field + base64.StdEncoding.EncodeToString(sig) + "\r\n"
}

// relaxedAnswer is answerText as relaxed canonicalization has it.
func relaxedAnswer() hand {
	return hand{body: "Thank you, Doctor.\r\nPat\r\n", fields: []string{
		"from:Pat <pat@out.example>\r\n", "to:<r.abc@reply.clinic.example>\r\n", "subject:Re: your visit\r\n",
		"date:Wed, 04 Mar 2026 12:30:00 +0000\r\n", "message-id:<1@out.example>\r\n",
	}}
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	if bits < 1024 {
		t.Setenv("GODEBUG", "rsa1024min=0")
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// record is the key record of any key, also of one that we would not sign with.
func record(t *testing.T, k crypto.Signer) string {
	t.Helper()
	if public, ok := k.Public().(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// outPeer hands in mail of out.example.
func outPeer() mailauth.Peer {
	return mailauth.Peer{IP: netip.MustParseAddr("192.0.2.7"), Helo: "mx.out.example", From: gateway.MustAddress("pat@out.example")}
}

func check(t *testing.T, z zone, raw string) gateway.Authentication {
	t.Helper()
	return mailauth.NewVerifier(dns(t, z), now).Verify(t.Context(), []byte(raw), outPeer())
}

func TestVerifyPass(t *testing.T) {
	for name, k := range map[string]crypto.Signer{"rsa": rsaKey(t, 2048), "ed25519": edKey(t)} {
		field := relaxedAnswer()
		field.key = k
		raw := field.sign(t, "v=1; a="+name+"-sha256; c=relaxed/relaxed; d=out.example; s=s1; h="+allFields+":from; t=1772627400;") + answerText
		a := check(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}}, raw)
		if len(a.Signatures) != 1 || a.Domain != "out.example" {
			t.Fatalf("%s: %+v", name, a)
		}
		s := a.Signatures[0]
		if s.Result != gateway.AuthPass || !s.Aligned || s.Partial || s.Domain != "out.example" || s.Selector != "s1" || s.Algorithm != name+"-sha256" {
			t.Errorf("%s: %+v", name, s)
		}
		if want := map[string]int{"rsa": 2048}[name]; s.Bits != want {
			t.Errorf("%s: %d bits", name, s.Bits)
		}
		if fmt.Sprint(s.Covered) != "[from to subject date message-id]" || !s.Signed.Equal(time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)) || len(s.Hash) != 32 {
			t.Errorf("%s: %+v", name, s)
		}
		if a.SPF != gateway.AuthNone || a.DMARC != gateway.AuthNone || a.Policy != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// longModulus is the key of an RSA record with a modulus of so many bits, that
// nobody needs to factor.
func longModulus(t *testing.T, bits uint) string {
	t.Helper()
	n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}
