package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"gatepost/gateway/config"
	"gatepost/viewer/autoconfig"
)

// clientSettings is what mail clients of staff are told when they set
// themselves up.
func clientSettings(c *config.Config) autoconfig.Config {
	s := autoconfig.Config{Organization: c.Organization.Name, Domains: c.Organization.Domains}
	if u, err := url.Parse(c.Viewer.URL); err == nil {
		s.Host = strings.ToLower(u.Hostname())
	}
	imap, submission := c.MailClients()
	if imap != nil {
		s.IMAP = autoconfig.Endpoint(*imap)
	}
	if submission != nil {
		s.SMTP = autoconfig.Endpoint(*submission)
	}
	return s
}

// printMailClients prints the records by which mail clients find their servers
// (RFC 6186, RFC 8314 section 5.1). They stand under the viewer's name: the
// organization's own belongs to its own mail server.
func printMailClients(w io.Writer, c *config.Config) {
	s := clientSettings(c)
	if s.IMAP.IsZero() || s.Host == "" || net.ParseIP(s.Host) != nil || net.ParseIP(s.IMAP.Host) != nil {
		return
	}
	record := func(plain, tls string, e autoconfig.Endpoint) {
		service := plain
		if e.TLS {
			service = tls
		}
		fmt.Fprintf(w, "  _%s._tcp.%s.  SRV  0 1 %d %s.\n", service, s.Host, e.Port, e.Host)
	}
	record("imap", "imaps", s.IMAP)
	if !s.SMTP.IsZero() && net.ParseIP(s.SMTP.Host) == nil {
		record("submission", "submissions", s.SMTP)
	}
}
