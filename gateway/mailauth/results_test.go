package mailauth_test

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
)

func TestResults(t *testing.T) {
	for want, a := range map[string]gateway.Authentication{
		"gate.example; dkim=none; spf=none; dmarc=none": {},
		"gate.example; dkim=pass header.d=out.example header.s=s1 header.a=rsa-sha256; spf=pass smtp.mailfrom=out.example; dmarc=pass (p=reject) header.from=out.example": {
			Domain: "out.example", SPF: gateway.AuthPass, SPFDomain: "out.example", DMARC: gateway.AuthPass, Policy: "reject",
			Signatures: []gateway.Signature{{Domain: "out.example", Selector: "s1", Algorithm: "rsa-sha256", Result: gateway.AuthPass, Bits: 2048}},
		},
		"gate.example; dkim=fail (body was changed) header.d=a.example; dkim=pass (only a part of the body is signed) header.d=b.example; dkim=pass (weak key) header.d=c.example;" +
			" spf=temperror smtp.mailfrom=d.example; dmarc=permerror": {
			SPF: gateway.AuthTempError, SPFDomain: "d.example", DMARC: gateway.AuthPermError,
			Signatures: []gateway.Signature{
				{Domain: "a.example", Result: gateway.AuthFail, Reason: "body was changed", Bits: 1024},
				{Domain: "b.example", Result: gateway.AuthPass, Partial: true, Bits: 1024},
				{Domain: "c.example", Result: gateway.AuthPass, Bits: 1024},
			},
		},
		// What Verify never yields stays out all the same.
		"gate.example; dkim=none; spf=none; dmarc=none header.from=x.example": {Domain: "x.example", SPFDomain: "x;y\r\nBcc: z"},
	} {
		if got := mailauth.Results("gate.example", &a); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestPerlReadsResults: another implementation of RFC 8601 reads what we write,
// folded at each space too.
func TestPerlReadsResults(t *testing.T) {
	needPerl(t, "Mail::AuthenticationResults::Parser")
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	raw := h.sign(t, plainTags) + h.sign(t, strings.Replace(plainTags, "d=out", "d=other", 1)) + answerText
	a := check(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}, "TXT _dmarc.out.example": {"v=DMARC1; p=reject"}}, raw)
	value := mailauth.Results("gate.example", &a)
	const script = `use Mail::AuthenticationResults::Parser; my $text = do { local $/; <STDIN> };
		my $r = Mail::AuthenticationResults::Parser->new()->parse($text); print $r->value->value;
		for my $e (@{$r->children}) { print "|", $e->key, "=", $e->value; for my $c (@{$e->children}) { print ",", ref($c) =~ /Comment/ ? "(" . $c->value . ")" : $c->key . "=" . $c->value; } }`
	for _, text := range []string{value, strings.ReplaceAll(value, " ", "\r\n\t")} {
		cmd := exec.Command("perl", "-e", script)
		cmd.Stdin = strings.NewReader("Authentication-Results: " + text)
		out, err := cmd.CombinedOutput()
		const want = "gate.example|dkim=pass,header.d=out.example,header.s=s1,header.a=ed25519-sha256|dkim=permerror,(no key in the DNS),header.d=other.example,header.s=s1,header.a=ed25519-sha256" +
			"|spf=none,smtp.mailfrom=out.example|dmarc=pass,(p=reject),header.from=out.example"
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
			t.Errorf("%s\nwant %s (%v)", out, want, err)
		}
	}
}

func TestForeignResults(t *testing.T) {
	for field, gone := range map[string]bool{
		"Authentication-Results: gate.example; dkim=pass":                              true,
		"authentication-RESULTS : GATE.example. 1; none":                               true,
		"Authentication-Results:\r\n\t(by (me\\) too))\r\n gate.example;\r\n spf=pass": true,
		"Authentication-Results: \"gate.example\"; spf=pass":                           true,
		"Authentication-Results: \"ga\\te.exa\r\n mple\"; spf=pass":                    false, // "gate.exa mple"
		"Authentication-Results: \" g\\ate.example \"; spf=pass":                       true,
		"Authentication-Results: gate.example(x)":                                      true,
		"Authentication-Results: gate.example":                                         true,
		"Authentication-Results: (":                                                    true,
		"Authentication-Results: \"gate.example":                                       true,
		"Authentication-Results: gate\"x\"":                                            true,
		"Authentication-Results:":                                                      true,
		"Authentication-Results: ; dkim=pass":                                          true,
		"Authentication-Results: mx.gate.example; dkim=pass":                           false,
		"Authentication-Results: other.example; dkim=pass (gate.example)":              false,
		"Authentication-Results: other.example; dkim=pass\r\n gate.example; x":         false,
		"ARC-Authentication-Results: i=1; gate.example; dkim=pass":                     false,
		"X-Authentication-Results: gate.example; dkim=pass":                            false,
	} {
		raw := []byte("Received: x\r\n" + field + "\r\nSubject: y\r\n\r\nAuthentication-Results: gate.example; dkim=pass\r\n")
		edits := mailauth.ForeignResults(raw, "gate.example")
		want := bytes.Clone(raw)
		if gone {
			want = bytes.Replace(raw, []byte(field+"\r\n"), nil, 1)
		}
		if got := apply(t, raw, edits); !bytes.Equal(got, want) {
			t.Errorf("%q: %q", field, got)
		}
	}
}

// TestStamp: what goes on inside bears our results alone, in lines that every
// server takes.
func TestStamp(t *testing.T) {
	a := gateway.Authentication{Domain: "out.example", SPF: gateway.AuthNone, DMARC: gateway.AuthNone}
	for range 5 {
		a.Signatures = append(a.Signatures, gateway.Signature{
			Domain: strings.Repeat("a.", 120) + "example", Selector: strings.Repeat("s", 63), Algorithm: "rsa-sha256", Result: gateway.AuthFail, Reason: "body was changed",
		})
	}
	raw := []byte("Authentication-Results: gate.example; dkim=pass\r\nAuthentication-Results: other.example; dkim=pass\r\nFrom: pat@out.example\r\n\r\nHello\r\n")
	got := string(apply(t, raw, mailauth.Stamp(raw, "gate.example", &a)))
	field, ok := strings.CutSuffix(got, "Authentication-Results: other.example; dkim=pass\r\nFrom: pat@out.example\r\n\r\nHello\r\n")
	if !ok || strings.ReplaceAll(field, "\r\n ", " ") != "Authentication-Results: "+mailauth.Results("gate.example", &a)+"\r\n" {
		t.Fatalf("%q", got)
	}
	for l := range strings.SplitSeq(field, "\r\n") {
		if len(l) > 78 && strings.Contains(strings.TrimPrefix(l, " "), " ") {
			t.Errorf("%d octets: %q", len(l), l)
		}
	}
}

// TestForeignResultsInDisorder: fields are found in a header that nobody should
// have sent, and in one that is all of a mail.
func TestForeignResultsInDisorder(t *testing.T) {
	for raw, want := range map[string]string{
		"Authentication-Results: gate.example; x":                           "",
		"Authentication-Results: gate.example; x\r\n":                       "",
		"no field\r\nAuthentication-Results: gate.example; x\r\n y\r\n\r\n": "no field\r\n\r\n",
		"A: b\r\nAuthentication-Results: a.example\r\nAuthentication-Results: gate.example\r\nAuthentication-Results: gate.example\r\n\r\n": "A: b\r\nAuthentication-Results: a.example\r\n\r\n",
		strings.Repeat("A: b\r\n", 5000) + "Authentication-Results: gate.example\r\n\r\n":                                                   strings.Repeat("A: b\r\n", 5000) + "\r\n",
		"A: b\nAuthentication-Results: gate.example\n\nx":                                                                                   "A: b\nAuthentication-Results: gate.example\n\nx", // one field, A: bare LF never comes in
	} {
		if got := apply(t, []byte(raw), mailauth.ForeignResults([]byte(raw), "gate.example")); string(got) != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

// apply makes edits as the queue does when a message leaves.
func apply(t *testing.T, raw []byte, edits []gateway.Edit) []byte {
	t.Helper()
	out, err := io.ReadAll(mailmsg.Apply(bytes.NewReader(raw), edits))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
