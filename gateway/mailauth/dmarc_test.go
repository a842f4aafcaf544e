package mailauth_test

import (
	"slices"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// dmarcCase is a mail of pat@<from> with a signature of d (none when empty),
// handed in for MAIL FROM bounce@<sender>, under the records of a zone.
type dmarcCase struct {
	from, d, sender string
	zone            zone

	result  gateway.AuthResult
	policy  string
	aligned bool
}

func (c dmarcCase) run(t *testing.T) {
	t.Helper()
	k := edKey(t)
	raw := "From: pat@" + c.from + "\r\n\r\nHello\r\n"
	z := zone{}
	for name, records := range c.zone {
		z[name] = records
	}
	if c.d != "" {
		h := hand{key: k, body: "Hello\r\n", fields: []string{"from:pat@" + c.from + "\r\n"}}
		raw = h.sign(t, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d="+c.d+"; s=s1; h=from;") + raw
		if name := "TXT s1._domainkey." + c.d; z[name] == nil {
			z[name] = []string{record(t, k)}
		}
	}
	peer := outPeer()
	peer.From = gateway.MustAddress("bounce@" + c.sender)
	a := mailauth.NewVerifier(dns(t, z), now).Verify(t.Context(), []byte(raw), peer)
	if a.DMARC != c.result || a.Policy != c.policy {
		t.Errorf("dmarc %s, policy %q; want %s, %q: %+v", a.DMARC, a.Policy, c.result, c.policy, a)
	}
	if c.d != "" && a.Signatures[0].Aligned != c.aligned {
		t.Errorf("aligned: %t", a.Signatures[0].Aligned)
	}
}

func TestDMARC(t *testing.T) {
	const (
		pass, fail, none = gateway.AuthPass, gateway.AuthFail, gateway.AuthNone
		temp, perm       = gateway.AuthTempError, gateway.AuthPermError
		here, above      = "TXT _dmarc.mail.out.example", "TXT _dmarc.out.example"
		spf              = "TXT out.example"
	)
	reject := []string{"v=DMARC1; p=reject"}
	for name, c := range map[string]dmarcCase{
		"by DKIM":                      {d: "mail.out.example", zone: zone{here: reject}, result: pass, policy: "reject", aligned: true},
		"by DKIM of the organization":  {d: "out.example", zone: zone{here: reject}, result: pass, policy: "reject", aligned: true},
		"by DKIM of a sister":          {d: "shop.out.example", zone: zone{here: reject}, result: pass, policy: "reject", aligned: true},
		"DKIM of another":              {d: "list.example", zone: zone{here: reject}, result: fail, policy: "reject"},
		"DKIM of a public suffix":      {from: "pat.co.uk", d: "co.uk", zone: zone{"TXT _dmarc.pat.co.uk": reject}, result: fail, policy: "reject"},
		"DKIM under a public suffix":   {from: "pat.co.uk", d: "eve.co.uk", zone: zone{"TXT _dmarc.pat.co.uk": reject}, result: fail, policy: "reject"},
		"a neighbour by its spelling":  {from: "out.example", d: "xout.example", zone: zone{above: reject}, result: fail, policy: "reject"},
		"strict DKIM":                  {d: "mail.out.example", zone: zone{here: {"v=DMARC1; p=none; adkim=s"}}, result: pass, policy: "none", aligned: true},
		"strict DKIM, organization":    {d: "out.example", zone: zone{here: {"v=DMARC1; p=none; adkim=s"}}, result: fail, policy: "none"},
		"strict DKIM, inherited":       {d: "out.example", zone: zone{above: {"v=DMARC1; p=none; adkim=S"}}, result: fail, policy: "none"},
		"by SPF":                       {sender: "mail.out.example", zone: zone{here: reject, "TXT mail.out.example": {"v=spf1 ip4:192.0.2.7 -all"}}, result: pass, policy: "reject"},
		"by SPF of the organization":   {sender: "out.example", zone: zone{here: reject, spf: {"v=spf1 ip4:192.0.2.7 -all"}}, result: pass, policy: "reject"},
		"strict SPF":                   {sender: "out.example", zone: zone{here: {"v=DMARC1;p=quarantine;aspf=S"}, spf: {"v=spf1 ip4:192.0.2.7 -all"}}, result: fail, policy: "quarantine"},
		"SPF of another":               {sender: "list.example", zone: zone{here: reject, "TXT list.example": {"v=spf1 +all"}}, result: fail, policy: "reject"},
		"SPF fails":                    {sender: "out.example", zone: zone{here: reject, spf: {"v=spf1 -all"}}, result: fail, policy: "reject"},
		"SPF softfails":                {sender: "out.example", zone: zone{here: reject, spf: {"v=spf1 ~all"}}, result: fail, policy: "reject"},
		"nothing":                      {zone: zone{here: reject}, result: fail, policy: "reject"},
		"policy of the organization":   {d: "out.example", zone: zone{above: {"v=DMARC1; p=reject"}}, result: pass, policy: "reject", aligned: true},
		"policy for subdomains":        {zone: zone{above: {"v=DMARC1; p=reject; sp=none"}}, result: fail, policy: "none"},
		"sp= at its own domain":        {from: "out.example", zone: zone{above: {"v=DMARC1; p=reject; sp=none"}}, result: fail, policy: "reject"},
		"own record, not the parent's": {zone: zone{here: {"v=DMARC1; p=none"}, above: reject}, result: fail, policy: "none"},
		"pct= is for senders":          {zone: zone{here: {"v=DMARC1; p=reject; pct=0"}}, result: fail, policy: "reject"},
		"no record":                    {d: "mail.out.example", zone: zone{}, result: none, aligned: true},
		"other texts":                  {zone: zone{here: {"hello", "v=spf1 -all", "v=DMARC10; p=reject"}, above: reject}, result: fail, policy: "reject"},
		"two records":                  {d: "mail.out.example", zone: zone{here: {"v=DMARC1; p=none", "v=DMARC1; p=reject"}, above: reject}, result: none, aligned: true},
		"spaces and unknown tags":      {zone: zone{here: {"v = DMARC1 ; zz=1;p= Reject ;"}}, result: fail, policy: "reject"},
		"no policy":                    {d: "mail.out.example", zone: zone{here: {"v=DMARC1"}}, result: perm, aligned: true},
		"no policy, but reports":       {zone: zone{here: {"v=DMARC1; rua=mailto:d@out.example"}}, result: fail, policy: "none"},
		"unknown policy, but reports":  {zone: zone{here: {"v=DMARC1; p=drop; rua=MAILTO:d@out.example"}}, result: fail, policy: "none"},
		"unknown policy":               {zone: zone{here: {"v=DMARC1; p=drop; rua=http://out.example"}}, result: perm},
		"malformed":                    {zone: zone{here: {"v=DMARC1; p=reject; p=none"}}, result: perm},
		"unknown adkim=":               {d: "out.example", zone: zone{here: {"v=DMARC1; p=reject; adkim=x"}}, result: pass, policy: "reject", aligned: true},
		"DNS of the record":            {d: "mail.out.example", zone: zone{here: {"temp"}, above: reject}, result: temp, aligned: true},
		"DNS of the parent's record":   {d: "mail.out.example", zone: zone{above: {"temp"}}, result: temp, aligned: true},
		"DNS of the key":               {d: "out.example", zone: zone{here: reject, "TXT s1._domainkey.out.example": {"temp"}}, result: temp, policy: "reject", aligned: true},
		"DNS of the key, strict":       {d: "out.example", zone: zone{here: {"v=DMARC1; p=reject; adkim=s"}, "TXT s1._domainkey.out.example": {"temp"}}, result: fail, policy: "reject"},
		"DNS of another's key":         {d: "list.example", zone: zone{here: reject, "TXT s1._domainkey.list.example": {"temp"}}, result: fail, policy: "reject"},
		"DNS of SPF":                   {sender: "out.example", zone: zone{here: reject, spf: {"temp"}}, result: temp, policy: "reject"},
		"DNS of the key, SPF passes": {
			d: "out.example", sender: "out.example", result: pass, policy: "reject", aligned: true,
			zone: zone{here: reject, "TXT s1._domainkey.out.example": {"temp"}, spf: {"v=spf1 ip4:192.0.2.7 -all"}},
		},
	} {
		if c.from == "" {
			c.from = "mail.out.example"
		}
		if c.sender == "" {
			c.sender = "elsewhere.example"
		}
		t.Run(name, c.run)
	}
}

// TestSeveralAuthors: a signature over one of two From fields authenticates
// nobody, whatever DMARC of the domain says.
func TestSeveralAuthors(t *testing.T) {
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	raw := h.sign(t, plainTags) + answerText
	z := zone{"TXT s1._domainkey.out.example": {record(t, k)}, "TXT _dmarc.out.example": {"v=DMARC1; p=none"}}
	if a := check(t, z, raw); a.DMARC != gateway.AuthPass || !a.Signatures[0].Aligned {
		t.Fatalf("%+v", a)
	}
	for _, more := range []string{"From: eve@evil.example\r\n", "From: pat@out.example\r\n", "from :\r\n eve@evil.example\r\n"} {
		a := check(t, z, more+raw)
		if a.Domain != "" || a.DMARC != gateway.AuthPermError || a.Policy != "" || a.Signatures[0].Aligned || slices.Contains(a.Signatures[0].Covered, "from") {
			t.Errorf("%q: %+v", more, a)
		}
	}
}
