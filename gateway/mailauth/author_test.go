package mailauth_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/gateway/mailauth"
	"gatepost/gateway/mailmsg"
)

// oneAuthor checks a From field against the reader of mails: the address that
// becomes a participant is of the domain that was authenticated, or one of the
// two finds no single author.
func oneAuthor(t *testing.T, from string) (agreed bool) {
	t.Helper()
	raw := []byte("From:" + from + "\r\nDate: x\r\n\r\nHello\r\n")
	a := mailauth.NewVerifier(oneAnswer{}, now).Verify(t.Context(), raw, mailauth.Peer{})
	r := mailmsg.Read(raw)
	if a.Domain == "" || len(r.From) != 1 {
		return false
	}
	if r.From[0].IsASCII() && strings.ToLower(r.From[0].Domain()) != a.Domain {
		t.Errorf("%q: authenticated %s, read %s", from, a.Domain, r.From[0].Wire())
	}
	return true
}

func TestReaderAndVerifierAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	tokens := []string{
		"pat@out.example", "eve@evil.example", "<pat@out.example>", "<eve@evil.example>", "Pat", `"Pat"`, `"pat@out.example"`, "(c)", "(pat@out.example)",
		",", ";", ":", "<", ">", "@", `"`, `\`, "(", ")", " ", "\t", "\r\n ", "=?utf-8?q?pat=40out.example?=", "=?utf-8?q?=2C?=", "@evil.example:", "\xe4", "ä", "\x00", ".", "[", "]", "%", "!",
	}
	agreed := 0
	for range 20000 {
		var b strings.Builder
		for range r.IntN(6) + 1 {
			b.WriteString(tokens[r.IntN(len(tokens))])
		}
		if oneAuthor(t, b.String()) {
			agreed++
		}
	}
	if agreed < 200 {
		t.Errorf("only %d had one author: the fields show nothing", agreed)
	}
}

func FuzzAuthor(f *testing.F) {
	for _, s := range []string{" Pat <pat@out.example>", " \"a@b\"@out.example", " team: pat@out.example;", "<@x.example:pat@out.example>", " pat@out.example (eve@evil.example)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, from string) {
		if strings.Contains(from, "\n") {
			t.Skip() // another field, or none
		}
		oneAuthor(t, from)
	})
}
