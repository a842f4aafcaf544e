package mailauth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// oneAnswer gives the same records whatever the question.
type oneAnswer struct{ key, dmarc, spf string }

func (o oneAnswer) LookupTXT(_ context.Context, name string) ([]string, error) {
	switch {
	case strings.Contains(name, "._domainkey."):
		return []string{o.key}, nil
	case strings.HasPrefix(name, "_dmarc."):
		return []string{o.dmarc}, nil
	}
	return []string{o.spf}, nil
}

func (o oneAnswer) LookupMX(context.Context, string) ([]*net.MX, error) {
	return []*net.MX{{Host: "mx.out.example."}}, nil
}

func (o oneAnswer) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) {
	return []net.IPAddr{{IP: net.ParseIP("192.0.2.7")}}, nil
}

func (o oneAnswer) LookupAddr(context.Context, string) ([]string, error) {
	return []string{"mx.out.example."}, nil
}

// line is what may stand in Authentication-Results: printable, one line.
var line = regexp.MustCompile(`^[ -~]+$`)

func isResult(r gateway.AuthResult) bool {
	return slices.Contains([]gateway.AuthResult{
		gateway.AuthNone, gateway.AuthPass, gateway.AuthFail, gateway.AuthSoftFail, gateway.AuthNeutral, gateway.AuthPolicy, gateway.AuthTempError, gateway.AuthPermError,
	}, r)
}

// sane checks what holds of every outcome.
func sane(t *testing.T, raw []byte, a *gateway.Authentication) {
	t.Helper()
	if len(a.Signatures) > 5 || !isResult(a.SPF) || !isResult(a.DMARC) {
		t.Fatalf("%+v", a)
	}
	for _, s := range a.Signatures {
		passed := s.Result == gateway.AuthPass
		if !isResult(s.Result) || passed != (s.Reason == "") || s.Aligned && a.Domain == "" {
			t.Fatalf("%+v", s)
		}
		if passed && (s.Domain == "" || len(s.Hash) != 32 || s.Bits != 0 && s.Bits < 1024 || s.Algorithm == "rsa-sha1") {
			t.Fatalf("passed: %+v", s)
		}
	}
	if a.Domain == "" && a.DMARC != gateway.AuthPermError {
		t.Fatalf("DMARC %s of nobody", a.DMARC)
	}
	if kept, err := json.Marshal(a); err != nil || len(kept) > 100<<10 {
		t.Fatalf("a record of %d octets, %v", len(kept), err)
	}
	value := mailauth.Results("gate.example", a)
	if !line.MatchString(value) {
		t.Fatalf("%q", value)
	}
	again := append([]byte("Authentication-Results: "+value+"\r\n"), raw...)
	if e := mailauth.ForeignResults(again, "gate.example"); len(e) == 0 || e[0].Offset != 0 {
		t.Fatal("our own field is not found")
	}
}

// libraryPasses counts, by domain, the signatures that go-msgauth passes.
func libraryPasses(t *testing.T, raw []byte, record string) map[string]int {
	t.Helper()
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{record}, nil }})
	if err != nil {
		return nil
	}
	passed := map[string]int{}
	for _, v := range found {
		if v.Err == nil {
			passed[strings.ToLower(v.Domain)]++
		}
	}
	return passed
}

// fuzzKey signs the seeds; the same at each run, so that what is found stays
// found.
func fuzzKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte("s"), 32)) }

func FuzzVerify(f *testing.F) {
	t := &testing.T{} // for helpers of tests that cannot fail here
	h := relaxedAnswer()
	h.key = fuzzKey()
	key := record(t, h.key)
	const dmarc, spf = "v=DMARC1; p=reject; sp=none; adkim=s", "v=spf1 a mx ptr include:%{d2} ip4:192.0.2.0/24 -all"
	f.Add([]byte(h.sign(t, plainTags)+answerText), key, dmarc, spf)
	f.Add([]byte(h.sign(t, tagged("t=1772627400; i=@out.example;"))+answerText), key+"; t=s", "v=DMARC1", "v=spf1 redirect=x.example")
	f.Add([]byte(h.sign(t, strings.Replace(plainTags, "relaxed/relaxed", "relaxed", 1))+answerText+"\r\n"), key, "", "v=spf1 exists:%{ir}.%{l1r+-}.x.example ?all")
	f.Add([]byte("From: a@b.example\r\nFrom: <c@d.example>\r\n\r\n"), "p=", "v=DMARC1; rua=mailto:x", "v=spf1 +all")
	f.Fuzz(func(t *testing.T, raw []byte, key, dmarc, spf string) {
		before := bytes.Clone(raw)
		a := mailauth.NewVerifier(oneAnswer{key, dmarc, spf}, now).Verify(t.Context(), raw, outPeer())
		if !bytes.Equal(before, raw) {
			t.Fatal("the mail was changed")
		}
		sane(t, raw, &a)
		theirs := libraryPasses(t, raw, key)
		for _, s := range a.Signatures {
			own := bytes.Contains(bytes.ToLower(raw), []byte("dkim-signature:dkim-signature")) // it would count itself
			if s.Result == gateway.AuthPass && !s.Partial && s.Expires.IsZero() && !own && theirs[s.Domain] == 0 {
				t.Fatalf("the library does not pass %+v", s)
			}
		}
	})
}

// FuzzSignature varies the field alone, so that the rest of the mail stays one.
func FuzzSignature(f *testing.F) {
	t := &testing.T{}
	h := relaxedAnswer()
	h.key = fuzzKey()
	key := record(t, h.key)
	for _, tags := range []string{
		plainTags, tagged("l=25; x=1772627461;"), tagged("l=0; t=1;"), strings.ReplaceAll(plainTags, "; ", "\r\n\t;\r\n "), tagged("q=dns/txt; i=@mail.out.example; z=a|b;"),
	} {
		f.Add(strings.TrimPrefix(strings.TrimSuffix(h.sign(t, tags), "\r\n"), "dkim-signature:"))
	}
	f.Fuzz(func(t *testing.T, tags string) {
		raw := []byte("DKIM-Signature:" + tags + "\r\n" + answerText)
		a := mailauth.NewVerifier(oneAnswer{key, "", ""}, now).Verify(t.Context(), raw, mailauth.Peer{})
		sane(t, raw, &a)
	})
}

// FuzzForeignResults: what is left claims nothing in our name, and only such
// fields went.
func FuzzForeignResults(f *testing.F) {
	for _, s := range []string{
		"Authentication-Results: gate.example; x\r\n y\r\nA: b\r\n\r\nz", "authentication-results:(\\)) \"gate\\.example\" 1; none", "x\r\n\tAuthentication-Results: gate.example\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		edits := mailauth.ForeignResults(raw, "gate.example")
		at := int64(0)
		for _, e := range edits {
			if e.Offset < at || e.Length <= 0 || e.Offset+e.Length > int64(len(raw)) || e.Text != "" {
				t.Fatalf("%+v", edits)
			}
			if !bytes.EqualFold(raw[e.Offset:e.Offset+22], []byte("Authentication-Results")) {
				t.Fatalf("%q went", raw[e.Offset:e.Offset+e.Length])
			}
			at = e.Offset + e.Length
		}
		if left := mailauth.ForeignResults(apply(t, raw, edits), "gate.example"); len(left) > 0 {
			t.Fatalf("%+v are left", left)
		}
	})
}
