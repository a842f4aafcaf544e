package mailauth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// TestHostileShapes: mails made to cost, each of which is linear work here. The
// limit is far above what that takes on a slow machine, and far below what
// quadratic work would.
func TestHostileShapes(t *testing.T) {
	const size = 8 << 20
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	var five strings.Builder
	for i, c := range []string{"relaxed/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed/simple", "relaxed/relaxed"} {
		five.WriteString(h.sign(t, strings.Replace(plainTags, "relaxed/relaxed", c, 1)+fmt.Sprintf(" l=%d;", size-i)))
	}
	top, _, _ := strings.Cut(answerText, "\r\n\r\n")
	names := strings.Repeat("a:", 100<<10)
	for name, raw := range map[string]string{
		"empty lines":        five.String() + top + "\r\n\r\n" + strings.Repeat("\r\n", size/2) + "x",
		"blanks":             five.String() + top + "\r\n\r\n" + strings.Repeat(" \t", size/2) + "x",
		"lines of blanks":    five.String() + top + "\r\n\r\n" + strings.Repeat(" \r\n", size/3),
		"folds":              "DKIM-Signature: x" + strings.Repeat("\r\n y", size/4) + "\r\n" + top + "\r\n\r\n",
		"folds within limit": "DKIM-Signature: x" + strings.Repeat("\r\n y", 250<<8) + "\r\n" + top + "\r\n\r\n",
		"fields":             strings.Repeat("a:\r\n", size/4) + answerText,
		"no line end":        strings.Repeat("a", size),
		"signatures":         strings.Repeat("DKIM-Signature: v=1; d=out.example; h=a; b=AAAA; bh=AAAA\r\n", 900) + answerText,
		"tags":               "DKIM-Signature: " + strings.Repeat("a=;", 80<<10) + "\r\n" + answerText,
		"names in h=":        h.sign(t, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=from:"+names+"from;") + strings.Repeat("a:\r\n", 900) + answerText,
		"From":               "From: " + strings.Repeat("(", 200<<10) + "\r\n\r\n",
		"From of many":       "From: " + strings.Repeat("a@b.example,", 20<<10) + "\r\n\r\n",
		"results":            strings.Repeat("Authentication-Results: gate.example\r\n", size/64) + "\r\n",
		"comments":           "Authentication-Results: " + strings.Repeat("(", size) + "\r\n\r\n",
	} {
		start := time.Now()
		a := mailauth.NewVerifier(dns(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}}), now).Verify(t.Context(), []byte(raw), outPeer())
		mailauth.ForeignResults([]byte(raw), "gate.example")
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: %s", name, took)
		}
		for _, s := range a.Signatures {
			if s.Result == gateway.AuthPass {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// TestRecordIsBounded: what is kept of a mail has a form and a size, whatever
// its signatures say.
func TestRecordIsBounded(t *testing.T) {
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	var names strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&names, ":x-%d", i)
	}
	h.fields = h.fields[:1]
	tags := "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=from" + names.String() + ":" + strings.Repeat("y", 1000) + "; x=99999999999999999999999;"
	a := check(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}}, strings.Repeat(h.sign(t, tags), 5)+answerText)
	if s := a.Signatures[0]; s.Result != gateway.AuthPass || len(s.Covered) != 100 || s.Expires.Year() != 9999 {
		t.Errorf("%s (%s), covers %d fields, expires %s", s.Result, s.Reason, len(s.Covered), s.Expires)
	}
	if kept, err := json.Marshal(a); err != nil || len(kept) > 10<<10 {
		t.Errorf("%d octets, %v", len(kept), err)
	}
}
