package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"gatepost/gateway/config"
	"gatepost/gateway/mailauth"
)

// doctorCmd looks at the installation the way its neighbours see it. It
// changes nothing and sends no mail.
type doctorCmd struct{}

// finding is one thing that doctor looked at.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warn or fail
	Text  string `json:"text"`
}

const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

// lookTime bounds each thing that doctor asks of the network.
const lookTime = 5 * time.Second

type doctor struct {
	c     *config.Config
	show  func(finding) error
	fails int
	err   error

	noKeys bool // a DKIM key is missing: there is nothing to publish yet
}

func (doctorCmd) Run(ctx context.Context, env environment) error {
	c, err := loadConfig(env)
	if err != nil {
		return err
	}
	d := &doctor{c: c, show: func(f finding) error {
		if env.json {
			return json.NewEncoder(env.out).Encode(f)
		}
		_, err := fmt.Fprintf(env.out, "%-4s  %-22s  %s\n", f.State, f.Check, f.Text)
		return err
	}}
	d.configuration()
	d.policy()
	d.certificate()
	d.listeners(ctx)
	d.ready(ctx)
	d.queue(ctx)
	d.routes(ctx)
	d.answers()
	d.sms(ctx)
	d.records(ctx)
	if !env.json && !d.noKeys {
		fmt.Fprintln(env.out, "\nRecords to publish:")
		d.err = errors.Join(d.err, printRecords(env.out, c))
	}
	if d.err == nil && d.fails > 0 {
		return exit{exitUnavailable, fmt.Errorf("%d checks failed", d.fails)}
	}
	return d.err
}

func (d *doctor) say(check, state, format string, args ...any) {
	if state == stateFail {
		d.fails++
	}
	d.err = errors.Join(d.err, d.show(finding{check, state, fmt.Sprintf(format, args...)}))
}

func (d *doctor) configuration() {
	for _, w := range d.c.Warnings() {
		d.say("configuration", stateWarn, "%s", w)
	}
	info, err := os.Stat(d.c.KeyDir)
	lost := keysLost(d.c)
	switch {
	case lost != nil:
		d.say("key_dir", stateFail, "%v", lost)
	case err != nil:
		d.say("key_dir", stateFail, "%s cannot be read: run gatepost init or serve first", d.c.KeyDir)
	case info.Mode().Perm()&0o077 != 0:
		d.say("key_dir", stateFail, "%s is open to others (mode %04o): chmod 700", d.c.KeyDir, info.Mode().Perm())
	default:
		d.say("key_dir", stateOK, "%s is private", d.c.KeyDir)
	}
}

func (d *doctor) certificate() {
	cert, key, own := certPaths(d.c)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		d.say("certificate", stateFail, "%s cannot be used: %v", cert, err)
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		d.say("certificate", stateFail, "%s cannot be parsed", cert)
		return
	}
	left := time.Until(leaf.NotAfter)
	switch {
	case left < 0:
		d.say("certificate", stateFail, "expired on %s", leaf.NotAfter.Format(time.DateOnly))
	case left < 14*24*time.Hour:
		d.say("certificate", stateWarn, "expires on %s", leaf.NotAfter.Format(time.DateOnly))
	case own:
		d.say("certificate", stateWarn, "self-signed: browsers of correspondents will refuse it; set tls.cert and tls.key")
	default:
		d.say("certificate", stateOK, "valid until %s", leaf.NotAfter.Format(time.DateOnly))
	}
	if u, err := url.Parse(d.c.Viewer.URL); err == nil && leaf.VerifyHostname(u.Hostname()) != nil {
		d.say("certificate", stateWarn, "not for %s, the name in viewer.url", u.Hostname())
	}
}

func (d *doctor) ready(ctx context.Context) {
	if d.c.Listen.Admin == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(d.c.Listen.Admin)+"/readyz", nil)
	if err != nil {
		d.say("readyz", stateFail, "%v", err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.say("readyz", stateFail, "no answer")
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil || resp.StatusCode != http.StatusOK {
		d.say("readyz", stateFail, "not ready: %s", strings.Join(strings.Fields(string(body)), " "))
		return
	}
	d.say("readyz", stateOK, "ready")
}

// queue asks the server over its socket; without one, other checks speak.
func (d *doctor) queue(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	q, err := askState(ctx, d.c)
	switch {
	case errors.Is(err, errNoServer):
	case err != nil:
		d.say("queue", stateWarn, "the server could not be asked: %v", err)
	case q.Paused:
		d.say("queue", stateWarn, "paused: mail is accepted and nothing is delivered (gatepost queue resume)")
	default:
		d.say("queue", stateOK, "delivers")
	}
}

func (d *doctor) routes(ctx context.Context) {
	if len(d.c.Routes) == 0 {
		d.say("routes", stateWarn, "none: what cannot be routed waits")
	}
	for i, r := range d.c.Routes {
		name := fmt.Sprintf("routes[%d]", i)
		if r.Via == config.ViaMX {
			d.say(name, stateOK, "%s by its MX records", r.Domain)
			continue
		}
		text, err := knock(ctx, r.Via, visit{resolver: resolver(d.c.DNS.Server)})
		if err == nil && !strings.HasPrefix(text, "220") {
			err = fmt.Errorf("greets with %q: it does not take mail from this machine", text)
		}
		if err != nil {
			d.say(name, stateFail, "%s %s", r.Via, whyNot(err))
			continue
		}
		d.say(name, stateOK, "%s answers %s", r.Via, text)
	}
}

// records compares what the DNS says with what it should.
func (d *doctor) records(ctx context.Context) {
	dns := resolver(d.c.DNS.Server)
	ctx, cancel := context.WithTimeout(ctx, 4*lookTime)
	defer cancel()
	if addrs, err := dns.LookupHost(ctx, d.c.Hostname); err != nil || len(addrs) == 0 {
		d.say("DNS hostname", stateWarn, "%s does not resolve: next hops that look names up refuse mail from it", d.c.Hostname)
	} else {
		d.say("DNS hostname", stateOK, "%s: %s", d.c.Hostname, strings.Join(addrs, " "))
	}
	reply := d.c.Replies.Domain
	mx, err := dns.LookupMX(ctx, reply)
	if d.published("DNS MX", "no MX for "+reply+": answers and bounces cannot come back", err, len(mx)) {
		d.say("DNS MX", stateOK, "%s: %s", reply, strings.TrimSuffix(mx[0].Host, "."))
		d.handsOn(ctx, dns, mx)
	}
	texts, err := dns.LookupTXT(ctx, reply)
	texts = slices.DeleteFunc(texts, func(s string) bool { return s != "v=spf1" && !strings.HasPrefix(s, "v=spf1 ") })
	if d.published("DNS SPF", "no SPF for "+reply+": notices may be taken for spam", err, len(texts)) {
		d.say("DNS SPF", stateOK, "%s: %s", reply, texts[0])
	}
	if u, err := url.Parse(d.c.Viewer.URL); err == nil && net.ParseIP(u.Hostname()) == nil {
		addrs, err := dns.LookupHost(ctx, u.Hostname())
		if d.published("DNS viewer", u.Hostname()+" does not resolve: links cannot be opened", err, len(addrs)) {
			d.say("DNS viewer", stateOK, "%s: %s", u.Hostname(), strings.Join(addrs, " "))
		}
	}
	for _, domain := range d.c.Organization.Domains {
		d.dkim(ctx, dns, domain)
	}
}

// published reports whether the DNS had an answer; if not, it says whether
// there is none or whether the DNS could not be asked.
func (d *doctor) published(check, absent string, err error, n int) bool {
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed) && !failed.IsNotFound:
		d.say(check, stateFail, "the DNS server does not answer")
	case err != nil || n == 0:
		d.say(check, stateFail, "%s", absent)
	default:
		return true
	}
	return false
}

func (d *doctor) dkim(ctx context.Context, dns *net.Resolver, domain string) {
	check := "DKIM " + domain
	want, err := dkimRecord(d.c, domain)
	if err != nil {
		d.noKeys = true
		d.say(check, stateFail, "no key here yet: run gatepost init or serve")
		return
	}
	got, err := dns.LookupTXT(ctx, dkimSelector+"._domainkey."+domain)
	switch {
	case !d.published(check, "record is not published: notices will not pass DMARC", err, len(got)):
	case !slices.ContainsFunc(got, func(s string) bool { return publicKey(s) == publicKey(want) }):
		d.say(check, stateFail, "the published key is another one")
	default:
		d.say(check, stateOK, "published")
	}
}

// publicKey is the p= of a DKIM record.
func publicKey(record string) string {
	for tag := range strings.SplitSeq(record, ";") {
		if p, ok := strings.CutPrefix(strings.TrimSpace(tag), "p="); ok {
			return strings.Join(strings.Fields(p), "")
		}
	}
	return ""
}

func dkimRecord(c *config.Config, domain string) (string, error) {
	key, err := mailauth.LoadKey(dkimPath(c, domain))
	if err != nil {
		return "", err
	}
	return mailauth.DNSRecord(key.Public()), nil
}

// printRecords prints what the DNS must say, as lines of a zone file.
func printRecords(w io.Writer, c *config.Config) error {
	var b strings.Builder
	host := c.Hostname
	fmt.Fprintf(&b, "  %s.  A    the address from which Gatepost sends\n", host)
	fmt.Fprintf(&b, "  %s.  MX   10 %s.\n", c.Replies.Domain, host)
	fmt.Fprintf(&b, "  %s.  TXT  \"v=spf1 a:%s -all\"\n", c.Replies.Domain, host)
	if u, err := url.Parse(c.Viewer.URL); err == nil && net.ParseIP(u.Hostname()) == nil {
		fmt.Fprintf(&b, "  %s.  A    the address of %s\n", u.Hostname(), host)
	}
	for _, domain := range c.Organization.Domains {
		text, err := dkimRecord(c, domain)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %s._domainkey.%s.  TXT  %s\n", dkimSelector, domain, mailauth.ZoneText(text))
	}
	printMailClients(&b, c)
	_, err := io.WriteString(w, b.String())
	return err
}
