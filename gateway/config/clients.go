package config

import (
	"net"
	"net/url"
	"strconv"
)

// Client is a server as mail clients of staff reach it.
type Client struct {
	Host string
	Port int
	TLS  bool // implicit; false is STARTTLS
}

// ports by convention (RFC 8314 section 3.3; RFC 9051; RFC 6409).
const (
	portIMAP, portIMAPS             = 143, 993
	portSubmission, portSubmissions = 587, 465
)

// MailClients returns where mail clients find IMAP and where they send; nil for
// what this installation does not offer.
func (c *Config) MailClients() (imap, submission *Client) {
	if c.Listen.IMAP+c.Listen.IMAPS == "" {
		return nil, nil
	}
	imap = c.client(c.IMAP.Address, c.Listen.IMAPS, c.Listen.IMAP)
	return imap, c.client(c.IMAP.Submission, c.Listen.Submissions, c.Listen.Submission)
}

// client is the server at an address, if one is given, else at the listener
// with implicit TLS, or the one with STARTTLS.
func (c *Config) client(address, implicit, start string) *Client {
	listener, tls := implicit, true
	if listener == "" {
		listener, tls = start, false
	}
	if address == "" {
		u, err := url.Parse(c.Viewer.URL)
		_, port, splits := net.SplitHostPort(listener)
		if err != nil || splits != nil {
			return nil
		}
		address = net.JoinHostPort(u.Hostname(), port)
	}
	host, text, err := net.SplitHostPort(address)
	port, number := strconv.Atoi(text)
	if err != nil || number != nil {
		return nil
	}
	switch port { // what is in front of the listener may end TLS
	case portIMAPS, portSubmissions:
		tls = true
	case portIMAP, portSubmission:
		tls = false
	}
	return &Client{Host: host, Port: port, TLS: tls}
}
