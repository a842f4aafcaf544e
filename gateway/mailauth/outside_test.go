package mailauth_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailauth"
)

// outsideCase is a signed mail of a set that this project did not write, with
// the DNS that answers for it.
type outsideCase struct {
	ID  string
	DNS map[string]struct {
		TXT   string
		Error string
	}
	Expect struct {
		Modern string // "pass", "not-pass"
		Found  int
		States []string
	}
	Message []byte `json:"message_b64"`
}

func outside(t *testing.T, set string) []outsideCase {
	t.Helper()
	dir := os.Getenv("GATEPOST_TESTDATA")
	if dir == "" {
		t.Skip("GATEPOST_TESTDATA is unset: the outside cases of " + set + " are NOT tested")
	}
	f, err := os.Open(filepath.Join(dir, set, "data", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []outsideCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c outsideCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatalf("%s holds no case", set)
	}
	return cases
}

// LookupTXT makes a case a Resolver.
func (c *outsideCase) LookupTXT(_ context.Context, name string) ([]string, error) {
	switch found, ok := c.DNS[strings.TrimSuffix(name, ".")]; {
	case found.Error == "TEMPERROR":
		return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	case !ok, found.Error != "":
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	default:
		return []string{found.TXT}, nil
	}
}

func (c *outsideCase) LookupMX(context.Context, string) ([]*net.MX, error) {
	return nil, errors.New("nobody asked for MX")
}

func (c *outsideCase) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) {
	return nil, errors.New("nobody asked for addresses")
}

func (c *outsideCase) LookupAddr(context.Context, string) ([]string, error) {
	return nil, errors.New("nobody asked for names")
}

// at is the time stated in the case: a minute behind the last of its t=.
func (c *outsideCase) at() time.Time {
	latest := int64(0)
	for _, m := range regexp.MustCompile(`[;\s]t=(\d+)`).FindAllSubmatch(c.Message, -1) {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		latest = max(latest, n)
	}
	return time.Unix(latest, 0).Add(time.Minute)
}

// verdict says for a result what the sets say.
func verdict(r gateway.AuthResult) string {
	switch r {
	case gateway.AuthPass:
		return "SUCCESS"
	case gateway.AuthTempError:
		return "TEMPFAIL"
	}
	return "PERMFAIL"
}

func (c *outsideCase) run(t *testing.T) {
	t.Helper()
	v := mailauth.NewVerifier(c, c.at)
	a := v.Verify(t.Context(), c.Message, mailauth.Peer{})
	var states []string
	passed := false
	for _, s := range a.Signatures {
		states = append(states, verdict(s.Result))
		passed = passed || s.Result == gateway.AuthPass
		if (s.Result == gateway.AuthPass) != (s.Reason == "") {
			t.Errorf("%s with the reason %q", s.Result, s.Reason)
		}
	}
	if passed != (c.Expect.Modern == "pass") {
		t.Errorf("%v, and the set says %s: %+v", states, c.Expect.Modern, a.Signatures)
	}
	if c.Expect.States != nil {
		slices.Sort(states) // ours come in another order: aligned ones first
		slices.Sort(c.Expect.States)
		if !slices.Equal(states, c.Expect.States) {
			t.Errorf("%v, and the set says %v", states, c.Expect.States)
		}
	}
}

func TestMailAuthSet(t *testing.T) {
	for _, c := range outside(t, "dkim-mail-auth") {
		t.Run(c.ID, c.run)
	}
}

// TestChasquidSet: in that set some mails and zones are links to those of other
// cases. A mail that is a link stands as the name of its target; a zone, empty.
func TestChasquidSet(t *testing.T) {
	cases := outside(t, "dkim-chasquid")
	mails := map[string][]byte{}
	all := cases[0].DNS
	for _, c := range cases {
		mails[c.ID+".msg"] = c.Message
		if c.ID == "08-our_signature" {
			all = c.DNS // the keys of all the signers
		}
	}
	for _, c := range cases {
		if target, ok := mails[strings.TrimSpace(string(c.Message))]; ok && c.Expect.Found > 0 {
			c.Message = target
		}
		if len(c.DNS) == 0 {
			c.DNS = all
		}
		t.Run(c.ID, c.run)
	}
}

// TestPartialOutside: the signature with l= of the set passes, and is marked.
func TestPartialOutside(t *testing.T) {
	cases := outside(t, "dkim-chasquid")
	at := func(id string) *outsideCase {
		i := slices.IndexFunc(cases, func(c outsideCase) bool { return c.ID == id })
		if i < 0 {
			t.Fatalf("no case %s", id)
		}
		return &cases[i]
	}
	c := at("09-limited_body")
	c.DNS = at("08-our_signature").DNS
	var marks []string
	for _, s := range mailauth.NewVerifier(c, c.at).Verify(t.Context(), c.Message, mailauth.Peer{}).Signatures {
		if s.Partial {
			marks = append(marks, s.Domain+" "+string(s.Result))
		}
	}
	if want := []string{"example.com pass"}; !slices.Equal(marks, want) {
		t.Errorf("%v", marks)
	}
}
