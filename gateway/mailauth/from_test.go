package mailauth_test

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestAuthor: whose domain is authenticated, and when nobody's.
func TestAuthor(t *testing.T) {
	for from, want := range map[string]string{
		"From: pat@out.example":                                                "out.example",
		"From: Pat <pat@OUT.example>":                                          "out.example",
		"FROM : \"Pat, P. <x@y.example>\" <pat@out.example>":                   "out.example",
		"From: Pat (at home) <pat@out.example> (me)":                           "out.example",
		"From:\r\n =?utf-8?q?P=C3=A4t?=\r\n <pat@out.example>":                 "out.example",
		"From: =?iso-2022-jp?b?GyRCMiYbKEI=?= <pat@out.example>":               "out.example",
		"From: P\xe4t <pat@out.example>":                                       "out.example",
		"From: \"a@b\"@out.example":                                            "out.example",
		"From: pat@bücher.example":                                             "xn--bcher-kva.example",
		"From: pat@XN--bcher-KVA.example":                                      "xn--bcher-kva.example",
		"From: team: pat@out.example;":                                         "out.example",
		"From: ":                                                               "",
		"From: pat":                                                            "",
		"From: pat@localhost":                                                  "",
		"From: pat@[192.0.2.7]":                                                "",
		"From: pat@192.0.2.7":                                                  "",
		"From: pat@out.example, eve@evil.example":                              "",
		"From: pat@out.example <eve@evil.example>":                             "",
		"From: <pat@out.example> <eve@evil.example>":                           "",
		"From: pat@out.example\r\n\teve@evil.example":                          "",
		"From: pat@out.example\r\nFrom: pat@out.example":                       "",
		"From: pat@out.example\r\nfrom : eve@evil.example":                     "",
		"Sender: pat@out.example":                                              "",
		"From: pat@out.example\x00":                                            "",
		"From: pat@out.example\nFrom: eve@evil.example":                        "",
		"From: pat@out.example\rFrom: eve@evil.example":                        "",
		" From: pat@out.example":                                               "",
		"From: pat@" + strings.Repeat("a", 64) + ".example":                    "",
		"From: pat@out..example":                                               "",
		"From: pat@out.exam/ple":                                               "",
		"From: pat@out.example\r\n \r\nX: y":                                   "",
		"From: pat@out.example\r\n" + strings.Repeat("X: y\r\n", 999) + "X: y": "",
		"From: pat@out.example\r\nX: " + strings.Repeat("y", 256<<10):          "",
	} {
		a := check(t, zone{}, from+"\r\n\r\nHello\r\n")
		result := gateway.AuthNone
		if want == "" {
			result = gateway.AuthPermError
		}
		if len(from) > 100 {
			from = from[:100]
		}
		if a.Domain != want || a.DMARC != result {
			t.Errorf("%q: %q, dmarc %s", from, a.Domain, a.DMARC)
		}
	}
}

// TestNoHeaderEnd: a mail that is a header alone is signed with an empty body.
func TestNoHeaderEnd(t *testing.T) {
	k := edKey(t)
	h := hand{key: k, fields: []string{"from:pat@out.example\r\n"}}
	for _, c := range []string{"relaxed", "simple"} {
		h.body = map[string]string{"simple": "\r\n"}[c]
		raw := h.sign(t, "v=1; a=ed25519-sha256; c=relaxed/"+c+"; d=out.example; s=s1; h=from;") + "From: pat@out.example\r\n"
		for _, end := range []string{"", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n"} {
			a := check(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}}, raw+end)
			if a.Signatures[0].Result != gateway.AuthPass {
				t.Errorf("%s, %q: %+v", c, end, a.Signatures[0])
			}
		}
	}
	if a := check(t, zone{}, ""); a.Domain != "" || len(a.Signatures) != 0 || a.DMARC != gateway.AuthPermError {
		t.Errorf("%+v", a)
	}
}
