package mailauth_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// needPerl skips a test loudly where a module of Perl is absent, and fails it
// where the peers were said to be there.
func needPerl(t *testing.T, module string) {
	t.Helper()
	if exec.Command("perl", "-M"+module, "-e1").Run() == nil {
		return
	}
	if os.Getenv("GATEPOST_PEERS") == "required" {
		t.Fatalf("no %s here, and GATEPOST_PEERS=required", module)
	}
	t.Skipf("SKIPPED: no %s here: we are NOT compared with it (deploy/test.sh --install installs the peers)", module)
}

// maker writes mails that canonicalization has to do with, the same for the
// same seed.
type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) words(n int) string {
	var b strings.Builder
	for range m.IntN(n) + 1 {
		b.WriteString(m.pick("Dear", "Doctor", "x", "Gr\xc3\xbc\xc3\x9fe", "=", ".", "a;b", "b=c", "p:q") + m.pick(" ", "  ", "\t", " \t "))
	}
	return b.String()
}

func (m maker) mail() []byte {
	var b strings.Builder
	fold := func() string { return m.pick(" ", "  ", "\t", "\r\n ", "\r\n\t  ", "") }
	for _, name := range []string{"Received", "From", "To", "Cc", "Subject", "Date", "Message-ID", "Received"} {
		value := map[string]string{"From": "Pat <pat@out.example>", "To": "<r.abc@reply.clinic.example>"}[name]
		if value == "" {
			value = m.words(3) + fold() + m.words(3)
		}
		b.WriteString(m.pick(name, strings.ToUpper(name), strings.ToLower(name)) + ":" + fold() + value + m.pick("", " ", "\t") + "\r\n")
	}
	b.WriteString("\r\n")
	for range m.IntN(12) {
		b.WriteString(m.pick(m.words(6), m.words(6), "", "", " ", "\t ") + "\r\n")
	}
	b.WriteString(m.pick("", "", "end", "end ", "\r\n\r\n"))
	return []byte(b.String())
}

// spoil changes one octet, moves white space or leaves the mail as it is.
func (m maker) spoil(raw []byte) []byte {
	raw = bytes.Clone(raw)
	at := bytes.Index(raw, []byte("\r\n")) + 1
	switch m.IntN(5) {
	case 0:
		for i := m.IntN(len(raw)-at) + at; i < len(raw); i++ {
			if raw[i] > ' ' && raw[i] < 0x7f && raw[i] != ':' {
				raw[i] ^= 1
				break
			}
		}
	case 1:
		raw = bytes.Replace(raw, []byte("  "), []byte(" \t "), 1)
	case 2:
		raw = append(raw, "\r\n"...)
	case 3:
		raw = bytes.Replace(raw, []byte("\r\nTo:"), []byte("\r\nX: y\r\nTo:"), 1)
	}
	return raw
}

// signedMail is a mail under a signature of the library in any
// canonicalization, and spoilt or not.
func (m maker) signedMail(t *testing.T, k crypto.Signer) []byte {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(m.mail()), &dkim.SignOptions{
		Domain: "out.example", Selector: "s1", Signer: k,
		HeaderCanonicalization: dkim.Canonicalization(m.pick("simple", "relaxed")),
		BodyCanonicalization:   dkim.Canonicalization(m.pick("simple", "relaxed")),
		HeaderKeys:             strings.Fields(m.pick("From", "From Subject To Date", "from to subject date message-id from received received received cc x-none")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m.spoil(out.Bytes())
}

func ourVerdict(t *testing.T, k crypto.Signer, raw []byte) gateway.Signature {
	t.Helper()
	v := mailauth.NewVerifier(dns(t, zone{"TXT s1._domainkey.out.example": {record(t, k)}}), time.Now)
	a := v.Verify(t.Context(), raw, mailauth.Peer{})
	if len(a.Signatures) != 1 {
		t.Fatalf("%d signatures of %q", len(a.Signatures), raw)
	}
	return a.Signatures[0]
}

// TestLibraryAgrees: go-msgauth comes to the same result by its own way.
func TestLibraryAgrees(t *testing.T) {
	k := edKey(t)
	m := maker{rand.New(rand.NewPCG(1, 2))}
	passed := 0
	const mails = 3000
	for range mails {
		raw := m.signedMail(t, k)
		ours := ourVerdict(t, k, raw)
		theirs, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{record(t, k)}, nil }})
		if err != nil || len(theirs) != 1 {
			t.Fatalf("%v of %q", err, raw)
		}
		if (theirs[0].Err == nil) != (ours.Result == gateway.AuthPass) {
			t.Errorf("ours %s (%s), theirs %v: %q", ours.Result, ours.Reason, theirs[0].Err, raw)
		}
		if ours.Result == gateway.AuthPass {
			passed++
		}
	}
	if passed < mails/4 || passed > mails*9/10 {
		t.Errorf("%d of %d passed: the mails show nothing", passed, mails)
	}
}

// TestPerlAgrees: Mail::DKIM too, which has nothing in common with either.
func TestPerlAgrees(t *testing.T) {
	needPerl(t, "Mail::DKIM::Verifier")
	k := rsaKey(t, 2048) // older releases of it know no ed25519
	m := maker{rand.New(rand.NewPCG(3, 4))}
	dir := t.TempDir()
	var want strings.Builder
	const mails = 200
	for i := range mails {
		raw := m.signedMail(t, k)
		for !bytes.HasSuffix(raw, []byte("\r\n")) { // it adds no line end for the simple canonicalization
			raw = m.signedMail(t, k)
		}
		result := "fail"
		if ourVerdict(t, k, raw).Result == gateway.AuthPass {
			result = "pass"
		}
		fmt.Fprintln(&want, i, result)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const script = `use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey; my ($record, $dir, $n) = @ARGV;
		{ no warnings; *Mail::DKIM::Signature::get_public_key = sub { Mail::DKIM::PublicKey->parse($record) }; }
		for my $i (0 .. $n - 1) { open(my $in, '<:raw', "$dir/$i") or die; my $text = do { local $/; <$in> };
			my $d = Mail::DKIM::Verifier->new(); $d->PRINT($text); $d->CLOSE(); print "$i ", $d->result =~ s/invalid/fail/r, "\n"; }`
	out, err := exec.Command("perl", "-e", script, record(t, k), dir, fmt.Sprint(mails)).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Log(string(exit.Stderr))
		}
		t.Fatal(err)
	}
	theirs, ours := strings.Split(string(out), "\n"), strings.Split(want.String(), "\n")
	if len(theirs) != len(ours) {
		t.Fatalf("%d results", len(theirs))
	}
	for i := range ours {
		if ours[i] != theirs[i] {
			raw, _ := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)))
			t.Errorf("ours %q, theirs %q: %q", ours[i], theirs[i], raw)
		}
	}
}
