package e2e

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"
)

// senderKey signs the mails of the organization before they reach Gatepost,
// as its mail server would, and answers for its public half in the DNS.
type senderKey struct {
	key  *rsa.PrivateKey
	port int // of the DNS server

	mu      sync.Mutex
	records map[string]string // TXT records by name
}

// publish puts the public half of an RSA key into the DNS.
func (k *senderKey) publish(t *testing.T, name string, public any) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records[name] = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// publishOf publishes the key with which a gate signs its notices.
func (k *senderKey) publishOf(t *testing.T, g *gate) {
	t.Helper()
	block, _ := pem.Decode([]byte(readFile(t, filepath.Join(g.keys, "dkim-clinic.example.pem"))))
	if block == nil {
		t.Fatal("the DKIM key is not PEM")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		t.Fatalf("the DKIM key is a %T", private)
	}
	k.publish(t, "gatepost._domainkey.clinic.example.", signer.Public())
}

func newSenderKey(t *testing.T) *senderKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	k := &senderKey{key: key, records: map[string]string{}}
	k.publish(t, "before._domainkey.clinic.example.", key.Public())
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		k.mu.Lock()
		record := k.records[strings.ToLower(q.Question[0].Name)]
		k.mu.Unlock()
		if record != "" && q.Question[0].Qtype == dns.TypeTXT {
			m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{record[:200], record[200:]}}}
		} else {
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	k.port = conn.LocalAddr().(*net.UDPAddr).Port
	return k
}

// sign puts a signature on top of every mail. Canonicalization is simple, so
// that a single changed octet in a signed field or the body breaks it.
func (k *senderKey) sign(t *testing.T, mails []outgoing) {
	t.Helper()
	for i := range mails {
		var out bytes.Buffer
		err := dkim.Sign(&out, bytes.NewReader(mails[i].raw), &dkim.SignOptions{
			Domain: "clinic.example", Selector: "before", Signer: k.key,
			HeaderCanonicalization: dkim.CanonicalizationSimple, BodyCanonicalization: dkim.CanonicalizationSimple,
			HeaderKeys: []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Comments", "List-Id"},
		})
		if err != nil {
			t.Fatal(err)
		}
		mails[i].raw = out.Bytes()
	}
}

// verified counts the results of Mail::DKIM over all mails of the Maildir.
func (k *senderKey) verified(t *testing.T, p *postfix) map[string]int {
	t.Helper()
	if exec.Command("perl", "-MMail::DKIM::Verifier", "-e1").Run() != nil {
		missing(t, "Mail::DKIM is not installed")
	}
	files, err := filepath.Glob(filepath.Join(p.maildir, "new", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files to verify: %v", err)
	}
	cmd := exec.Command("perl", "verify_dkim.pl", fmt.Sprint(k.port))
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("verify_dkim.pl: %v\n%s", err, errs.String())
	}
	results := map[string]int{}
	for l := range strings.Lines(string(out)) {
		result, _, _ := strings.Cut(l, " ")
		results[result]++
	}
	return results
}
