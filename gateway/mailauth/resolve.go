package mailauth

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// Resolver asks the DNS. *net.Resolver is one. "There is no such name" and
// "the name has no such record" are a *net.DNSError with IsNotFound; every
// other error is taken as temporary. Names are asked for with a final dot, so
// that no search list applies. It must be safe for concurrent use.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Bounds of what one mail may make us ask.
const (
	dnsTime    = 20 * time.Second // for all lookups of one mail together
	spfLookups = 60               // RFC 7208 section 4.6.4 allows 10 terms, but each MX and PTR has names of its own
)

// asker puts the questions of one mail to a Resolver: absolutely, counted, and
// with errors of two kinds only.
type asker struct {
	dns  Resolver
	left atomic.Int64 // lookups; below 0: there were more
}

func newAsker(dns Resolver, lookups int64) *asker {
	a := &asker{dns: dns}
	a.left.Store(lookups)
	return a
}

var errTooManyLookups = errors.New("too many DNS lookups")

func (a *asker) exhausted() bool { return a.left.Load() < 0 }

// LookupTXT returns the TXT records of name.
func (a *asker) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return ask(ctx, a, name, func() ([]string, error) { return a.dns.LookupTXT(ctx, absolute(name)) })
}

// LookupMX returns the mail exchangers of name.
func (a *asker) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return ask(ctx, a, name, func() ([]*net.MX, error) { return a.dns.LookupMX(ctx, absolute(name)) })
}

// LookupIPAddr returns the addresses of host.
func (a *asker) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	return ask(ctx, a, host, func() ([]net.IPAddr, error) { return a.dns.LookupIPAddr(ctx, absolute(host)) })
}

// LookupAddr returns the names of an IP address.
func (a *asker) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return ask(ctx, a, addr, func() ([]string, error) { return a.dns.LookupAddr(ctx, addr) })
}

func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }

// ask counts and asks. A name that cannot be in the DNS is not there: nobody
// is asked, so that no resolver reads it as something else.
func ask[T any](ctx context.Context, a *asker, name string, lookup func() ([]T, error)) ([]T, error) {
	if a.left.Add(-1) < 0 {
		return nil, &net.DNSError{Err: errTooManyLookups.Error(), IsTemporary: true}
	}
	if !inDNS(name) {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	found, err := lookup()
	var missing *net.DNSError
	switch {
	case err == nil, len(found) > 0: // what a resolver could read counts, though a part was malformed
		return found, nil
	case ctx.Err() == nil && errors.As(err, &missing) && missing.IsNotFound:
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	// Ours or the network's: absence was not shown (and the text of err may
	// hold names, so it goes no further).
	return nil, &net.DNSError{Err: "lookup failed", IsTemporary: true}
}

// inDNS reports whether name fits into a question: RFC 1035 section 2.3.4, and
// nothing that is not printable ASCII.
func inDNS(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// notFound reports that the DNS answered, and that there is nothing.
func notFound(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}
