package config

import (
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Defaults returns the configuration of an empty file. What follows from the
// organization's first domain (reply domain, viewer URL) is filled in by Load.
//
// SMPP and IMAP have no default address: these listeners are started only
// where a file asks for them.
func Defaults() *Config {
	return &Config{
		Organization: Organization{Language: "en"},

		DataDir: "gatepost-data",
		KeyDir:  "gatepost-keys",
		Listen: Listen{
			Relay:      "127.0.0.1:2525",
			Inbound:    "127.0.0.1:2526",
			Submission: "127.0.0.1:2587",
			Viewer:     "127.0.0.1:8443",
			Admin:      "127.0.0.1:9090",
		},
		TLS:    TLS{Viewer: true},
		Relay:  Relay{MaxMessage: 50 << 20},
		Viewer: Viewer{Idle: 15 * time.Minute},
		IMAP:   IMAP{Quota: 1 << 30},
		Queue: Queue{
			FirstRetry: time.Minute, MaxRetry: time.Hour,
			MaxAge: 120 * time.Hour, DelayNotice: 4 * time.Hour,
		},
		Pins: Pins{
			Default: "other_channel", CodeTTL: 10 * time.Minute, Resend: time.Minute,
			Tries: 5, Pause: 15 * time.Minute, Freeze: 10,
		},
		Links: Links{Expires: 30 * day},
		Reminders: Reminders{
			Enabled: true, After: []time.Duration{time.Hour, day, 3 * day}, Urgent: 5 * time.Minute, Unread: 4 * day, Expiry: 3 * day,
		},
		Retention: Retention{Secured: 180 * day},
		Recall:    Recall{Grace: time.Minute, Bulk: 50},
	}
}

// Elements of lists and optional sections get their defaults when the file
// brings them into being.

func (r *Route) setDefaults() { r.Port, r.TLS = 25, TLSOpportunistic }

func (a *SMSAccount) setDefaults() { a.Window, a.Sessions = 100, 20 }

func (u *Upstream) setDefaults() { u.Bind, u.Window, u.TLS = BindTransceiver, 10, TLSNone }

func (s *SMS) setDefaults() {
	s.Timers = Timers{
		SessionInit: 5 * time.Second, EnquireLink: 30 * time.Second, Response: 10 * time.Second,
		Redeliver: 10 * time.Second, PartTimeout: time.Minute,
	}
}

// derive fills in what follows from the organization's first domain.
func (c *Config) derive() {
	if len(c.Organization.Domains) == 0 {
		return
	}
	first := c.Organization.Domains[0]
	for _, v := range []struct {
		value *string
		text  string
	}{
		{&c.Organization.Name, first},
		{&c.Replies.Domain, "reply." + first},
		{&c.Viewer.URL, "https://secure." + first},
	} {
		if *v.value == "" {
			*v.value = v.text
		}
	}
	if c.Hostname == "" {
		c.Hostname = c.Replies.Domain // a name that is published in any case: its MX leads here
		if public(c.systemName) {
			c.Hostname = c.systemName
		}
	}
	if c.SMS != nil {
		c.SMS.derive(first)
	}
}

func (s *SMS) derive(first string) {
	if s.Domain == "" {
		s.Domain = "sms." + first
	}
	for _, a := range s.Accounts {
		for _, sender := range a.Senders {
			if s.Sender == "" && sender != AnySender {
				s.Sender = sender
			}
		}
	}
}

// public reports whether next hops may be told the name: many refuse an EHLO
// that is no fully qualified name (RFC 5321 section 4.1.1.1) or that the DNS
// can never know (RFC 6762, RFC 8375 and what routers invent).
func public(name string) bool {
	private := []string{"localdomain", "local", "lan", "internal", "home", "arpa", "localhost"}
	return fullName(name) && !slices.Contains(private, name[strings.LastIndexByte(name, '.')+1:])
}

// fullName reports whether name is a host name with a domain, as the DNS
// spells it.
func fullName(name string) bool {
	return isDomain(name) && strings.Contains(name, ".") && !strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 || r == '_' })
}
