package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// listeners knocks at every address of listen. What answers must be Gatepost:
// an older mail server that kept the port would take the mail unjudged.
func (d *doctor) listeners(ctx context.Context) {
	l := d.c.Listen
	for _, x := range []struct {
		name, addr string
		ask        func(context.Context, string) (string, error)
	}{
		{"relay", l.Relay, d.greeting(false)}, {"inbound", l.Inbound, d.greeting(false)}, {"submission", l.Submission, d.greeting(false)},
		{"submissions", l.Submissions, d.greeting(true)}, {"smpp", l.SMPP, enquires(false)}, {"smpps", l.SMPPS, enquires(true)},
		{"imap", l.IMAP, d.mailGreeting(false)}, {"imaps", l.IMAPS, d.mailGreeting(true)}, {"viewer", l.Viewer, d.viewer}, {"admin", l.Admin, d.admin},
	} {
		if x.addr == "" {
			continue
		}
		text, err := x.ask(ctx, reachable(x.addr))
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			d.say("listen."+x.name, stateFail, "%s %s: is gatepost serve running?", x.addr, whyNot(err))
		case err != nil:
			d.say("listen."+x.name, stateFail, "%s %s", x.addr, whyNot(err))
		default:
			d.say("listen."+x.name, stateOK, "%s answers %s", x.addr, text)
		}
	}
}

// reachable turns a wildcard address into one that can be dialled.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

// greeting returns a question to one of our SMTP listeners.
func (d *doctor) greeting(tls bool) func(context.Context, string) (string, error) {
	return func(ctx context.Context, addr string) (string, error) {
		line, err := knock(ctx, addr, visit{tls: tls})
		switch own := "220 " + d.c.Hostname + " ESMTP Gatepost"; {
		case err != nil || line == own:
			return line, err
		case strings.HasPrefix(line, "421"):
			return "", fmt.Errorf("turns connections away: %q", line)
		default:
			return "", fmt.Errorf("is answered by another server (%q, not %q): it holds the port, or runs with another hostname", line, own)
		}
	}
}

// mailGreeting returns a question to one of our IMAP listeners.
func (d *doctor) mailGreeting(tls bool) func(context.Context, string) (string, error) {
	return func(ctx context.Context, addr string) (string, error) {
		line, err := knock(ctx, addr, visit{tls: tls})
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(line, "* OK") && strings.HasSuffix(line, d.c.Hostname+" Gatepost"):
			return "to mail clients", nil
		case strings.HasPrefix(line, "* BYE"):
			return "", fmt.Errorf("turns connections away: %q", line)
		}
		return "", errForeign
	}
}

// handsOn looks for a trusted server that takes the world's mail to the reply
// domain: who wrote what it hands on, it cannot say.
func (d *doctor) handsOn(ctx context.Context, dns *net.Resolver, mx []*net.MX) {
	within := func(list []netip.Prefix, ip netip.Addr) bool {
		return slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
	}
	for _, m := range mx {
		host := strings.TrimSuffix(m.Host, ".")
		if strings.EqualFold(host, d.c.Hostname) {
			continue
		}
		addrs, _ := dns.LookupNetIP(ctx, "ip", host) // a name without an address hands nothing on
		if i := slices.IndexFunc(addrs, func(ip netip.Addr) bool { return within(d.c.Relay.Trusted, ip) && !within(d.c.Relay.HandsOn, ip) }); i >= 0 {
			d.say("relay.hands_on", stateWarn, "%s takes the world's mail to %s and is trusted: forged mail through it speaks as staff; add %s", host, d.c.Replies.Domain, addrs[i].Unmap())
		}
	}
}

// errForeign: what answers is not Gatepost.
var errForeign = errors.New("is answered by another server, which is not Gatepost")

// viewer asks for the page at the root, under the name that viewer.url has.
func (d *doctor) viewer(ctx context.Context, addr string) (string, error) {
	scheme := "http"
	if d.c.TLS.Viewer {
		scheme = "https"
	}
	host := addr
	if u, err := url.Parse(d.c.Viewer.URL); err == nil && u.Host != "" {
		host = u.Host
	}
	body, err := page(ctx, scheme+"://"+addr+"/", host)
	if err == nil && !strings.Contains(body, `href="/static/icon.svg"`) {
		err = errForeign
	}
	return "as the viewer", err
}

func (d *doctor) admin(ctx context.Context, addr string) (string, error) {
	body, err := page(ctx, "http://"+addr+"/livez", addr)
	if err == nil && strings.TrimSpace(body) != `{"process":"ok"}` {
		err = errForeign
	}
	return "as the admin listener", err
}

// page reads the beginning of a page of this machine. Certificates are another
// check.
func page(ctx context.Context, address, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	req.Host = host
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	var op *net.OpError
	switch {
	case err == nil:
	case errors.As(err, &op) && op.Op == "dial":
		return "", err
	case errors.Is(err, context.DeadlineExceeded):
		return "", errors.New("takes connections and does not answer")
	default:
		return "", errForeign
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return string(body), err
}

// visit says how to knock.
type visit struct {
	tls      bool
	resolver *net.Resolver // nil: the system's
}

// knock connects and returns the line that an SMTP server greets with.
func knock(ctx context.Context, addr string, how visit) (string, error) {
	dialer := net.Dialer{Timeout: lookTime, Resolver: how.resolver}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(lookTime))
	if how.tls {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // certificates are another check
	}
	line, err := bufio.NewReader(io.LimitReader(conn, 600)).ReadString('\n')
	var slow net.Error
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		return "", fmt.Errorf("takes connections and sends no greeting within %v", lookTime)
	case err != nil:
		return "", errors.New("takes connections and closes them without a greeting")
	}
	return printable(line), nil
}

// printable keeps what a foreign server says from steering the terminal.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s))
}

// whyNot says in words for operators why nothing came of a connection, to
// stand behind its address.
func whyNot(err error) string {
	var dns *net.DNSError
	var slow net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "cannot be found: the DNS knows no such name"
	case errors.As(err, &dns):
		return "cannot be looked up: the DNS server does not answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses connections"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "cannot be reached: there is no way to that network"
	case errors.As(err, &slow) && slow.Timeout():
		return fmt.Sprintf("does not answer within %v: is a firewall between?", lookTime)
	}
	return err.Error()
}
