// Package autoconfig tells mail clients where the IMAP account of staff is:
// Thunderbird's config-v1.1.xml, Outlook's Autodiscover and Apple's
// configuration profile. It knows no users, holds no secret, and says the same
// of every address of a domain.
package autoconfig

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"gatepost/gateway"
)

// Endpoint is a server as mail clients reach it. The zero value is none.
type Endpoint struct {
	Host string
	Port int
	TLS  bool // implicit; false is STARTTLS
}

// IsZero reports whether there is no such server.
func (e Endpoint) IsZero() bool { return e.Host == "" }

// Config is what clients are told.
type Config struct {
	Organization string
	// Host is the name of the viewer. A client that is given an address under it
	// finds its settings without any record in the DNS of the organization's own
	// domain, which may belong to another mail server already.
	Host    string
	Domains []string // of the organization; the first is that of addresses under Host
	IMAP    Endpoint
	SMTP    Endpoint // zero: clients keep the server that they send by
}

// Paths of the documents.
const (
	thunderbirdPath = "/mail/config-v1.1.xml"
	wellKnownPath   = "/.well-known/autoconfig" + thunderbirdPath
	outlookPath     = "/autodiscover/autodiscover.xml"
	ApplePath       = "/setup/apple.mobileconfig"
)

// Handler answers for the documents and hands everything else to next. Without
// an IMAP server to tell of it is next.
func Handler(c Config, next http.Handler) http.Handler {
	if c.IMAP.IsZero() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve := c.document(r)
		if serve == nil || !c.named(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		serve(w, r)
	})
}

// document is what answers a request, nil when it is none of ours.
func (c Config) document(r *http.Request) http.HandlerFunc {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch path := r.URL.Path; {
	case read && (path == thunderbirdPath || path == wellKnownPath):
		return c.thunderbird
	case read && path == ApplePath:
		return c.apple
	case strings.EqualFold(path, outlookPath): // clients differ in its capitals
		return c.outlook
	}
	return nil
}

// named reports whether host is a name under which clients look for settings.
func (c Config) named(host string) bool {
	name := strings.ToLower(host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	for _, prefix := range []string{"autoconfig.", "autodiscover."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name = rest
			break
		}
	}
	return name == c.Host || slices.Contains(c.Domains, name)
}

// account is the user name for an address that somebody typed into a client:
// its own when the domain is the organization's, that of the first domain for
// an address under the viewer's name. ok is false for any other.
func (c Config) account(typed string) (name gateway.Address, ok bool) {
	a, err := gateway.ParseAddress(strings.TrimSpace(typed))
	switch {
	case err != nil || a.IsNull() || a.IsPhone():
		return gateway.Address{}, false
	case a.In(c.Domains):
		return a, true
	case a.Domain() == c.Host:
		a, err = gateway.ParseAddress(a.Local() + "@" + c.Domains[0])
		return a, err == nil
	}
	return gateway.Address{}, false
}
