package mailauth_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

const plainTags = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=" + allFields + ";"

// signedCase is a mail under one signature by hand, with what differs from the
// ordinary.
type signedCase struct {
	tags   string              // "": plainTags
	change func(*hand)         // before signing
	record func(string) string // of the DNS
	zone   zone                // instead of the record
	mail   func(string) string // after signing

	result  gateway.AuthResult
	reason  string
	partial bool
	covered string // "": all
}

func (c signedCase) run(t *testing.T) {
	t.Helper()
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	if c.change != nil {
		c.change(&h)
	}
	if c.tags == "" {
		c.tags = plainTags
	}
	raw := h.sign(t, c.tags) + answerText
	if c.mail != nil {
		changed := c.mail(raw)
		if changed == raw {
			t.Fatal("the case changes nothing")
		}
		raw = changed
	}
	text := record(t, k)
	if c.record != nil {
		text = c.record(text)
	}
	z := c.zone
	if z == nil {
		z = zone{"TXT s1._domainkey.out.example": {text}}
	}
	a := check(t, z, raw)
	if len(a.Signatures) != 1 {
		t.Fatalf("%d signatures", len(a.Signatures))
	}
	s := a.Signatures[0]
	if s.Result != c.result || s.Reason != c.reason || s.Partial != c.partial {
		t.Errorf("%s (%s), partial %t; want %s (%s), partial %t", s.Result, s.Reason, s.Partial, c.result, c.reason, c.partial)
	}
	want := c.covered
	if want == "" {
		want = strings.ReplaceAll(allFields, ":", " ")
	}
	if got := strings.Join(s.Covered, " "); c.covered != "-" && got != want {
		t.Errorf("covers %s, want %s", got, want)
	}
}

// add makes a change that puts a field on top.
func add(field string) func(string) string {
	return func(raw string) string { return field + "\r\n" + raw }
}

func swap(old, new string) func(string) string {
	return func(raw string) string { return strings.Replace(raw, old, new, 1) }
}

func tagged(more string) string { return plainTags + " " + more }

func TestSignatureTags(t *testing.T) {
	const perm, fail, policy, pass = gateway.AuthPermError, gateway.AuthFail, gateway.AuthPolicy, gateway.AuthPass
	for name, c := range map[string]signedCase{
		"ordinary":              {result: pass},
		"l= of the whole body":  {tags: tagged("l=25;"), result: pass, partial: true},
		"l= of a part":          {tags: tagged("l=10;"), change: func(h *hand) { h.body = h.body[:10] }, result: pass, partial: true},
		"l= and text behind":    {tags: tagged("l=25;"), mail: func(raw string) string { return raw + "Send money.\r\n" }, result: pass, partial: true},
		"l=0":                   {tags: tagged("l=0;"), change: func(h *hand) { h.body = "" }, result: pass, partial: true},
		"l= above the body":     {tags: tagged("l=26;"), result: perm, reason: "l= is longer than the body", partial: true},
		"l= of 76 digits":       {tags: tagged("l=" + strings.Repeat("9", 76) + ";"), result: perm, reason: "l= is longer than the body", partial: true},
		"l= negative":           {tags: tagged("l=-1;"), result: perm, reason: "malformed DKIM-Signature"},
		"l= empty":              {tags: tagged("l=;"), result: perm, reason: "malformed DKIM-Signature"},
		"x= to come":            {tags: tagged("t=1772627400; x=1772627461;"), result: pass},
		"x= now":                {tags: tagged("t=1772627400; x=1772627460;"), result: pass},
		"x= over":               {tags: tagged("t=1772627400; x=1772627459;"), result: fail, reason: "signature has expired"},
		"x= over, without t=":   {tags: tagged("x=1;"), result: fail, reason: "signature has expired"},
		"x= before t=":          {tags: tagged("t=1772627400; x=1772627399;"), result: perm, reason: "malformed DKIM-Signature"},
		"x= far away":           {tags: tagged("x=99999999999999999999;"), result: pass},
		"x= is no number":       {tags: tagged("x=soon;"), result: perm, reason: "malformed DKIM-Signature"},
		"t= a clock ahead":      {tags: tagged("t=1772630000;"), result: pass},
		"t= tomorrow":           {tags: tagged("t=1772713860;"), result: fail, reason: "signed in the future"},
		"i= of the domain":      {tags: tagged("i=pat@out.example;"), result: pass},
		"i= below the domain":   {tags: tagged("i=@mail.out.example;"), result: pass},
		"i= of a neighbour":     {tags: tagged("i=@xout.example;"), result: perm, reason: "i= is not of d="},
		"i= above the domain":   {tags: tagged("i=@example;"), result: perm, reason: "i= is not of d="},
		"i= without @":          {tags: tagged("i=out.example;"), result: perm, reason: "i= is not of d="},
		"q= known":              {tags: tagged("q=other:dns/txt;"), result: pass},
		"q= unknown":            {tags: tagged("q=other;"), result: perm, reason: "unknown query method"},
		"unknown tag":           {tags: tagged("zz=a=b;"), result: pass},
		"tag twice":             {tags: tagged("d=out.example;"), result: perm, reason: "malformed DKIM-Signature", covered: "-"},
		"no tag":                {tags: tagged("what;"), result: perm, reason: "malformed DKIM-Signature", covered: "-"},
		"version 2":             {tags: strings.Replace(plainTags, "v=1", "v=2", 1), result: perm, reason: "unknown version"},
		"no version":            {tags: strings.Replace(plainTags, "v=1; ", "", 1), result: perm, reason: "unknown version"},
		"no domain":             {tags: strings.Replace(plainTags, " d=out.example;", "", 1), result: perm, reason: "malformed DKIM-Signature"},
		"domain of one label":   {tags: strings.Replace(plainTags, "d=out.example", "d=example", 1), result: perm, reason: "malformed DKIM-Signature"},
		"domain with a line":    {tags: strings.Replace(plainTags, "d=out.example", "d=out.example/x", 1), result: perm, reason: "malformed DKIM-Signature"},
		"no selector":           {tags: strings.Replace(plainTags, " s=s1;", "", 1), result: perm, reason: "malformed DKIM-Signature"},
		"no fields":             {tags: strings.Replace(plainTags, " h="+allFields+";", "", 1), result: perm, reason: "malformed DKIM-Signature", covered: "-"},
		"unknown algorithm":     {tags: strings.Replace(plainTags, "ed25519-sha256", "rsa-md5", 1), result: perm, reason: "unknown algorithm"},
		"key of another kind":   {tags: strings.Replace(plainTags, "ed25519-sha256", "rsa-sha256", 1), result: perm, reason: "key is not for such signatures"},
		"unknown c= for fields": {tags: strings.Replace(plainTags, "relaxed/relaxed", "nofws/relaxed", 1), result: perm, reason: "unknown canonicalization"},
		"unknown c= for bodies": {tags: strings.Replace(plainTags, "relaxed/relaxed", "relaxed/nofws", 1), result: perm, reason: "unknown canonicalization"},
		"body simple, unsaid": {
			tags: strings.Replace(plainTags, "relaxed/relaxed", "relaxed", 1), change: func(h *hand) { h.body = "Thank you,  Doctor.  \r\nPat\r\n" }, result: pass,
		},
		"h= without From": {
			tags: strings.Replace(plainTags, "h=from:", "h=", 1), change: func(h *hand) { h.fields = h.fields[1:] },
			result: perm, reason: "From is not signed", covered: "to subject date message-id",
		},
	} {
		t.Run(name, c.run)
	}
}

func TestSignedOctets(t *testing.T) {
	const fail, pass = gateway.AuthFail, gateway.AuthPass
	for name, c := range map[string]signedCase{
		"body changed":            {mail: swap("Thank you", "Thank me"), result: fail, reason: "body was changed"},
		"body prolonged":          {mail: func(raw string) string { return raw + "more\r\n" }, result: fail, reason: "body was changed"},
		"body cut":                {mail: swap("Pat\r\n\r\n", "\r\n"), result: fail, reason: "body was changed"},
		"white space in the body": {mail: swap("Thank you,  Doctor.  \r\n", "Thank \t you, Doctor.\t\r\n"), result: pass},
		"empty lines behind":      {mail: func(raw string) string { return raw + "\r\n \r\n\t\r\n" }, result: pass},
		"no line end behind":      {mail: func(raw string) string { return strings.TrimRight(raw, "\r\n") }, result: pass},
		"subject changed":         {mail: swap("your visit", "my visit"), result: fail, reason: "signed fields were changed or the key is another"},
		"subject folded":          {mail: swap("Re: your visit", "  Re:\r\n\tyour  visit "), result: pass},
		"name in capitals":        {mail: swap("Subject: ", "SUBJECT :"), result: pass},
		"field not signed":        {mail: swap("MIME-Version: 1.0", "MIME-Version: 2.0"), result: pass},
		"order of fields":         {mail: swap("To: <r.abc@reply.clinic.example>\r\nSubject: Re: your visit", "Subject: Re: your visit\r\nTo: <r.abc@reply.clinic.example>"), result: pass},
		"b= folded":               {mail: func(raw string) string { return foldB(raw) }, result: pass},
		"b= last, semicolon":      {mail: swap("\r\nFrom:", ";\r\nFrom:"), result: fail, reason: "signed fields were changed or the key is another"},
		"b= of another": {mail: func(raw string) string {
			i := strings.Index(raw, " b=") + 3
			return raw[:i] + base64.StdEncoding.EncodeToString(make([]byte, 64)) + raw[strings.Index(raw, "\r\n"):]
		}, result: fail, reason: "signed fields were changed or the key is another"},
		"b= is no base64": {mail: swap("; b=", "; b=!"), result: gateway.AuthPermError, reason: "malformed DKIM-Signature"},
		"second From":     {mail: add("From: Eve <eve@evil.example>"), result: pass, covered: "to subject date message-id"},
		"second Subject":  {mail: add("Subject: Urgent"), result: pass, covered: "from to date message-id"},
		"second To":       {mail: add("to : <r.other@reply.clinic.example>"), result: pass, covered: "from subject date message-id"},
		"oversigned, and a second From": {
			tags: strings.Replace(plainTags, "h=from", "h=from:from", 1), mail: add("From: Eve <eve@evil.example>"),
			result: fail, reason: "signed fields were changed or the key is another",
		},
		"oversigned": {tags: strings.Replace(plainTags, allFields, allFields+":from:subject:x-gone", 1), result: pass, covered: "from to subject date message-id x-gone"},
		"h= with signatures, of which there was none": { // RFC 6376 section 3.5: its own is not meant
			tags: strings.Replace(plainTags, allFields, allFields+":dkim-signature", 1), result: pass, covered: "from to subject date message-id dkim-signature",
		},
		"h= in capitals, spaced": {
			tags: strings.Replace(plainTags, allFields, "From : To : Subject : Date : Message-ID", 1), result: pass,
		},
		"line without a colon":  {mail: add("Hello"), result: gateway.AuthPermError, reason: "malformed header"},
		"bare LF in the header": {mail: add("X: a\nFrom: eve@evil.example"), result: gateway.AuthPermError, reason: "malformed header"},
		"bare CR in the header": {mail: add("X: a\rFrom: eve@evil.example"), result: gateway.AuthPermError, reason: "malformed header"},
		"blank folding":         {mail: add("X: a\r\n \t"), result: gateway.AuthPermError, reason: "malformed header"},
		"NUL in the header":     {mail: add("X: \x00"), result: gateway.AuthPermError, reason: "malformed header"},
	} {
		t.Run(name, c.run)
	}
}

// foldB breaks the value of b=, which is not signed.
func foldB(raw string) string {
	i := strings.Index(raw, " b=") + 3
	return raw[:i] + "\r\n\t" + raw[i:i+20] + " \r\n " + raw[i+20:]
}

func TestKeyRecords(t *testing.T) {
	const perm, pass = gateway.AuthPermError, gateway.AuthPass
	more := func(s string) func(string) string { return func(r string) string { return r + "; " + s } }
	always := func(s string) func(string) string { return func(string) string { return s } }
	const name = "TXT s1._domainkey.out.example"
	for what, c := range map[string]signedCase{
		"flags and notes":       {record: more("n=hello; t=s; s=*; h=sha1:sha256"), result: pass},
		"no version":            {record: func(r string) string { return strings.TrimPrefix(r, "v=DKIM1; ") }, result: pass},
		"for mail":              {record: more("s=other:email"), result: pass},
		"not for mail":          {record: more("s=tlsrpt"), result: perm, reason: "key is not for such signatures"},
		"for sha1 alone":        {record: more("h=sha1"), result: perm, reason: "key is not for such signatures"},
		"in test":               {record: more("t=y:s"), result: gateway.AuthPolicy, reason: "domain is only testing DKIM"},
		"strict":                {tags: tagged("i=pat@OUT.example;"), record: more("t=s"), result: pass},
		"strict, i= below":      {tags: tagged("i=pat@mail.out.example;"), record: more("t=s"), result: perm, reason: "i= differs from d= under a strict key"},
		"strict and i= missing": {record: more("t=s"), result: pass},
		"revoked":               {record: always("v=DKIM1; k=ed25519; p="), result: perm, reason: "key was revoked"},
		"without key":           {record: always("v=DKIM1; k=ed25519"), result: perm, reason: "malformed key record"},
		"other version":         {record: func(r string) string { return strings.Replace(r, "DKIM1", "DKIM2", 1) }, result: perm, reason: "malformed key record"},
		"version behind":        {record: func(r string) string { return strings.TrimPrefix(r, "v=DKIM1; ") + "; v=DKIM1" }, result: perm, reason: "malformed key record"},
		"other kind":            {record: swap("k=ed25519; ", ""), result: perm, reason: "key is not for such signatures"},
		"half a key":            {record: always("v=DKIM1; k=ed25519; p=AAAA"), result: perm, reason: "malformed key record"},
		"no base64":             {record: always("v=DKIM1; k=ed25519; p=!"), result: perm, reason: "malformed key record"},
		"not a list":            {record: always("hello"), result: perm, reason: "malformed key record"},
		"nothing there":         {zone: zone{}, result: perm, reason: "no key in the DNS"},
		"two records":           {zone: zone{name: {"v=DKIM1; p=", "v=DKIM1; p="}}, result: perm, reason: "several keys under one selector"},
		"the server fails":      {zone: zone{name: {"temp"}}, result: gateway.AuthTempError, reason: "key could not be looked up"},
		"an error of no kind":   {zone: zone{name: {"odd"}}, result: gateway.AuthTempError, reason: "key could not be looked up"},
		"spaces in the key":     {record: func(r string) string { return r[:40] + " \t" + r[40:] }, result: pass},
	} {
		t.Run(what, c.run)
	}
}

// TestRSAKeys: by their length, and by the hash.
func TestRSAKeys(t *testing.T) {
	for _, c := range []struct {
		bits   int
		sha1   bool
		result gateway.AuthResult
		reason string
	}{
		{bits: 512, result: gateway.AuthPolicy, reason: "key is shorter than 1024 bits"},
		{bits: 1023, result: gateway.AuthPolicy, reason: "key is shorter than 1024 bits"},
		{bits: 1024, result: gateway.AuthPass},
		{bits: 2048, result: gateway.AuthPass},
		{bits: 2048, sha1: true, result: gateway.AuthPolicy, reason: "rsa-sha1 is not accepted"},
	} {
		h := relaxedAnswer()
		h.key, h.sha1 = rsaKey(t, c.bits), c.sha1
		algorithm := "rsa-sha256"
		if c.sha1 {
			algorithm = "rsa-sha1"
		}
		raw := h.sign(t, strings.Replace(plainTags, "ed25519-sha256", algorithm, 1)) + answerText
		s := check(t, zone{"TXT s1._domainkey.out.example": {record(t, h.key)}}, raw).Signatures[0]
		bits := c.bits
		if c.sha1 {
			bits = 0 // nobody asked for the key
		}
		if s.Result != c.result || s.Reason != c.reason || s.Bits != bits || s.Algorithm != algorithm {
			t.Errorf("%d bits, %s: %s (%s), %d bits", c.bits, algorithm, s.Result, s.Reason, s.Bits)
		}
	}
}

// TestLongKey: a key whose use would cost too much is not used.
func TestLongKey(t *testing.T) {
	h := relaxedAnswer()
	h.key = edKey(t)
	raw := h.sign(t, strings.Replace(plainTags, "ed25519", "rsa", 1)) + answerText
	s := check(t, zone{"TXT s1._domainkey.out.example": {"k=rsa; p=" + longModulus(t, 16384)}}, raw).Signatures[0]
	if s.Result != gateway.AuthPermError || s.Reason != "key is longer than 8192 bits" {
		t.Errorf("%s (%s)", s.Result, s.Reason)
	}
}

// TestManySignatures: five are verified, those of the author's domain first,
// wherever they stand.
func TestManySignatures(t *testing.T) {
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	var raw strings.Builder
	for i := range 40 {
		raw.WriteString(h.sign(t, strings.Replace(plainTags, "d=out.example", fmt.Sprintf("d=list%d.example", i), 1)))
	}
	raw.WriteString(h.sign(t, strings.Replace(plainTags, "d=out.example", "d=mail.out.example", 1)))
	raw.WriteString(h.sign(t, plainTags) + answerText)
	z := zone{}
	for _, d := range []string{"out.example", "mail.out.example", "list0.example", "list1.example", "list2.example", "list3.example"} {
		z["TXT s1._domainkey."+d] = []string{record(t, k)}
	}
	server := dns(t, z)
	a := mailauth.NewVerifier(server, now).Verify(t.Context(), []byte(raw.String()), mailauth.Peer{})
	var got []string
	for _, s := range a.Signatures {
		got = append(got, fmt.Sprintf("%s %s %t", s.Domain, s.Result, s.Aligned))
	}
	want := []string{"mail.out.example pass true", "out.example pass true", "list0.example pass false", "list1.example pass false", "list2.example pass false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if n := server.questions(); n != 5+1 { // and one for DMARC
		t.Errorf("%d questions", n)
	}
}

// TestSameSignatureSameHash: the memory of replays must know a signature in
// any spelling.
func TestSameSignatureSameHash(t *testing.T) {
	k := edKey(t)
	h := relaxedAnswer()
	h.key = k
	raw := h.sign(t, plainTags) + answerText
	z := zone{"TXT s1._domainkey.out.example": {record(t, k)}}
	one, two := check(t, z, raw).Signatures[0], check(t, z, foldB(raw)).Signatures[0]
	if two.Result != gateway.AuthPass || !bytes.Equal(one.Hash, two.Hash) {
		t.Errorf("%x and %x", one.Hash, two.Hash)
	}
	other := check(t, z, h.sign(t, tagged("t=1772627400;"))+answerText).Signatures[0]
	if bytes.Equal(one.Hash, other.Hash) {
		t.Error("two signatures have one hash")
	}
}

// TestEightBit: octets above 127 in body and header are signed as they are.
func TestEightBit(t *testing.T) {
	k := edKey(t)
	h := hand{key: crypto.Signer(k), body: "Gr\xfc\xdfe \xff\xfe\r\n", fields: []string{"from:J\xf6rg <pat@out.example>\r\n", "subject:Grüße\r\n"}}
	raw := h.sign(t, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=from:subject;") +
		"From: J\xf6rg <pat@out.example>\r\nSubject: Grüße\r\n\r\nGr\xfc\xdfe  \xff\xfe\r\n"
	a := check(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}}, raw)
	if s := a.Signatures[0]; s.Result != gateway.AuthPass || a.Domain != "out.example" || !s.Aligned {
		t.Errorf("%+v", a)
	}
}
