package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strconv"
	"strings"
)

func (k *checker) listeners() {
	if k.DNS.Server != "" {
		if err := checkAddr(k.DNS.Server); err != nil {
			k.bad("dns.server", "%v", err)
		}
	}
	seen := map[string]string{}
	walk(reflect.ValueOf(&k.Listen).Elem(), "listen", func(path string, _ reflect.StructField, v reflect.Value) {
		addr := v.String()
		if addr == "" {
			return
		}
		if err := checkAddr(addr); err != nil {
			k.bad(path, "%v", err)
			return
		}
		if other, ok := seen[addr]; ok && !strings.HasSuffix(addr, ":0") {
			k.bad(path, "is the address of %s too", other)
		}
		seen[addr] = path
	})
	if !k.TLS.Viewer && k.Listen.Viewer != "" && !isLoopback(k.Listen.Viewer) {
		k.bad("tls.viewer", "false sends messages and PINs in the clear: allowed only when listen.viewer is a loopback address")
	}
	if (k.TLS.Cert == "") != (k.TLS.Key == "") {
		k.bad("tls", "needs both cert and key, or neither")
	}
}

// checkAddr accepts host:port, where the host may be empty.
func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s is no address (write 127.0.0.1:2525 or [::1]:2525)", quote(addr))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%s is no port (0 to 65535)", quote(port))
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !isDomain(host) {
		return fmt.Errorf("%s is neither a host name nor a network address", quote(host))
	}
	return nil
}

// isLoopback reports whether addr, a host:port, can be reached from this
// machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (k *checker) certificates() {
	if k.TLS.Cert == "" || k.TLS.Key == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(k.TLS.Cert, k.TLS.Key); err != nil {
		k.bad("tls.cert", "certificate and key cannot be used: %v", err)
	}
}

func (k *checker) relay() {
	for i, p := range k.Relay.Trusted {
		if p.Bits() == 0 && k.Listen.Relay != "" && !isLoopback(k.Listen.Relay) {
			k.bad(fmt.Sprintf("relay.trusted[%d]", i), "trusts the whole world: an open relay")
		}
	}
	if k.Relay.ClientCA != "" {
		if _, err := loadRoots(k.Relay.ClientCA); err != nil {
			k.bad("relay.client_ca", "%v", err)
		}
	}
	if k.Relay.MaxMessage == 0 {
		k.bad("relay.max_message", "must not be 0")
	}
}

func loadRoots(file string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New("holds no PEM certificate")
	}
	return pool, nil
}

// Roots returns the certificates that verify r's hosts; nil: the system's.
func (r Route) Roots() (*x509.CertPool, error) {
	if r.CA == "" {
		return nil, nil
	}
	return loadRoots(r.CA)
}

func (k *checker) route(i int) {
	r, path := k.Routes[i], fmt.Sprintf("routes[%d]", i)
	if r.Domain != "*" && !isDomain(strings.TrimPrefix(r.Domain, "*.")) {
		k.bad(path+".domain", "%s is no domain (write clinic.example, *.clinic.example or \"*\")", quote(r.Domain))
	}
	if r.Via != ViaMX {
		if err := checkAddr(r.Via); err != nil {
			k.bad(path+".via", "%v, or mx", err)
		} else if host, port, _ := net.SplitHostPort(r.Via); host == "" || port == "0" {
			k.bad(path+".via", "needs a host and a port")
		}
	}
	if r.Port < 1 || r.Port > 65535 {
		k.bad(path+".port", "%d is no port", r.Port)
	}
	if _, err := r.Roots(); err != nil {
		k.bad(path+".ca", "%v", err)
	}
	if r.Auth == nil {
		return
	}
	if r.Auth.User == "" || r.Auth.Password.IsZero() {
		k.bad(path+".auth", "needs user and password")
	}
	if r.TLS != TLSVerify && !isLoopback(r.Via) {
		k.bad(path+".auth", "would hand the password to whoever answers: needs tls: verify")
	}
}

func (k *checker) imap() {
	for _, a := range []struct{ key, addr string }{{"imap.address", k.IMAP.Address}, {"imap.submission", k.IMAP.Submission}} {
		if a.addr == "" {
			continue
		}
		if err := checkAddr(a.addr); err != nil {
			k.bad(a.key, "%v", err)
		} else if host, port, _ := net.SplitHostPort(a.addr); host == "" || port == "0" {
			k.bad(a.key, "needs the host and the port that mail clients use")
		}
	}
}
