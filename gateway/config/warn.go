package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
)

// Warnings lists what works but deserves a look. Text is safe to log.
func (c *Config) Warnings() []Problem {
	var found []Problem
	warn := func(on bool, path, format string, args ...any) {
		if on {
			found = append(found, c.problem(path, format, args...))
		}
	}
	_, named := c.at["viewer.url"]
	_, called := c.at["hostname"]
	warn(!called && c.Hostname != c.systemName, "hostname", "is not set, and %s is no name that the DNS can know: next hops are told %s", quote(c.systemName), c.Hostname)
	warn(c.Mode == gateway.Observe, "mode", "observe: verdicts are recorded, everything passes unprotected")
	warn(!named, "viewer.url", "is not set: links will begin with %s", c.Viewer.URL)
	plain := named && strings.HasPrefix(c.Viewer.URL, "http:")
	warn(plain && c.TLS.Viewer, "viewer.url", "links begin with http://, and the viewer speaks TLS only: write https://, or tls.viewer: false behind something that speaks TLS")
	warn(plain && !c.TLS.Viewer, "viewer.url", "links begin with http://: something in front of the viewer must speak TLS")
	warn(c.TLS.Cert == "", "tls.cert", "is not set: a self-signed certificate is used")
	warn(c.Listen.Viewer == "", "listen.viewer", "is not set: links cannot be opened (listen is all or nothing)")
	sends := c.Listen.Submission+c.Listen.Submissions != ""
	warn(c.Listen.Relay == "" && !sends, "listen.relay", "is not set, nor is listen.submission: no mail can be handed over")
	warn(c.Listen.Relay != "" && len(c.Relay.Trusted) == 0 && c.Relay.ClientCA == "", "relay.trusted", "is not set: a mail server that does not log in is answered 550")
	warn(c.Listen.Inbound == "" && len(c.Relay.HandsOn) == 0, "listen.inbound", "is not set: answers by mail and bounces of notices are lost")
	warn(!c.helped(), "organization.help", "is not set: correspondents are told nobody whom they may ask")
	warn(len(c.Routes) == 0, "routes", "are not set: accepted mail waits in the queue")
	warn(c.Links.Expires > c.Retention.Secured, "links.expires", "is longer than retention.secured: links end with the message after %s", FormatDuration(c.Retention.Secured))
	warn(c.Relay.MaxMessage < 64<<10, "relay.max_message", "is below the 64 KiB of RFC 5321 section 4.5.3.1.7")
	c.warnHandsOn(warn)
	c.warnSMS(warn)
	c.warnRetired(warn)
	return append(found, c.wideFiles()...)
}

// warnSMS looks at what the two sides of SMS lack.
func (c *Config) warnSMS(warn func(on bool, path, format string, args ...any)) {
	listens := c.Listen.SMPP+c.Listen.SMPPS != ""
	warn(listens && c.SMS == nil, "sms", "is not set: no application can bind")
	if c.SMS == nil {
		return
	}
	warn(c.SMS.Country == "", "sms.country", "is not set: a number without its country code is another telephone than the same number with it, also for STOP")
	u := c.SMS.Upstream
	warn(u == nil, "sms.upstream", "is not set: messages to telephones wait in the queue")
	warn(!listens && len(c.SMS.Accounts) > 0, "listen.smpp", "is not set: no application can bind")
	warn(c.SMS.Sender == "", "sms.sender", "is not set, and no account names a source address: codes and mail do not reach telephones")
	if u == nil {
		return
	}
	host, err := netip.ParseAddrPort(u.Addr)
	warn(u.TLS == TLSNone && (err != nil || !host.Addr().IsLoopback()), "sms.upstream.tls", "none: the carrier's line carries messages and password in the clear")
	warn(u.Bind == BindTransmitter, "sms.upstream.bind", "transmitter: receipts and answers, STOP among them, do not come back")
	for i, a := range c.SMS.Accounts {
		if len(a.Password.Reveal()) < 8 {
			warn(true, fmt.Sprintf("sms.accounts[%d].password", i), "has fewer than 8 octets")
		}
	}
}

// warnRetired names the keys of the file that nothing reads any more: who wrote
// one must not believe that it does something.
func (c *Config) warnRetired(warn func(on bool, path, format string, args ...any)) {
	walk(reflect.ValueOf(c).Elem(), "", func(path string, f reflect.StructField, _ reflect.Value) {
		_, named := c.at[path]
		retired := f.Tag.Get("retired")
		warn(retired != "" && named, path, "%s", retired)
	})
}

// warnHandsOn compares who is trusted with who hands on mail from the world.
func (c *Config) warnHandsOn(warn func(on bool, path, format string, args ...any)) {
	r := c.Relay
	within := func(p netip.Prefix, list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) })
	}
	for i, p := range r.HandsOn {
		apart := !slices.ContainsFunc(r.Trusted, p.Overlaps)
		warn(apart && r.ClientCA == "", fmt.Sprintf("relay.hands_on[%d]", i), "is in no network of relay.trusted: it changes nothing")
	}
	own := slices.ContainsFunc(r.Trusted, func(p netip.Prefix) bool { return !within(p, r.HandsOn) })
	mute := len(r.HandsOn) > 0 && !own && r.ClientCA == "" && c.Listen.Submission+c.Listen.Submissions == ""
	warn(mute, "relay.hands_on", "covers all of relay.trusted: what staff write to reply addresses is held, and takes nothing back")
	deaf := c.Listen.Relay != "" && c.Listen.Inbound == "" && len(r.HandsOn) == 0 && (len(r.Trusted) > 0 || r.ClientCA != "")
	warn(deaf, "relay.hands_on", "is not set, and nothing listens for the world: a trusted server that hands its mail on lets it speak as staff")
}

// helped reports whether readers of every domain are told whom to ask.
func (c *Config) helped() bool {
	return c.Organization.Help != "" || !slices.ContainsFunc(c.Organization.Domains, func(domain string) bool {
		return !slices.ContainsFunc(c.Brand, func(b Brand) bool { return b.Domain == domain && b.Help != "" })
	})
}

// wideFiles reports secrets that other accounts of the machine can read.
func (c *Config) wideFiles() []Problem {
	var found []Problem
	check := func(path, file string) {
		info, err := os.Stat(file)
		if file == "" || err != nil {
			return
		}
		if wide := info.Mode().Perm() & 0o077; wide != 0 {
			right := fs.FileMode(0o600)
			if info.IsDir() {
				right = 0o700
			}
			found = append(found, c.problem(path, "%s has permissions %04o; others could read it: chmod %04o", file, info.Mode().Perm(), right))
		}
	}
	check("key_dir", c.KeyDir)
	check("tls.key", c.TLS.Key)
	walk(reflect.ValueOf(c).Elem(), "", func(path string, _ reflect.StructField, v reflect.Value) {
		if s, ok := v.Addr().Interface().(*Secret); ok {
			check(path, s.File)
		}
	})
	return found
}

// Change is a value that differs between two configurations.
type Change struct {
	Path    string
	Restart bool // a running server cannot take it over
}

// restart names what a running server has opened or handed out for good. A
// path covers what lies below it.
var restart = [...]string{
	"hostname", "listen", "data_dir", "key_dir", "tls.viewer", "dns", "organization.name", "organization.help", "organization.timezone", "brand",
	"relay.client_ca", "relay.max_message", "viewer", "imap", "queue", "pins", "sms.upstream", "sms.timers",
}

// Changes compares the running configuration with the one that would replace
// it, in the order of the file. Values, which may be secret, are not shown.
func Changes(running, next *Config) []Change {
	before, after := running.flat(), next.flat()
	var changes []Change
	add := func(path string) { changes = append(changes, Change{Path: path, Restart: needsRestart(path)}) }
	for _, path := range after.order {
		if was, ok := before.text[path]; !ok || was != after.text[path] {
			add(path)
		}
	}
	for _, path := range before.order {
		if _, ok := after.text[path]; !ok {
			add(path)
		}
	}
	return changes
}

func needsRestart(path string) bool {
	for _, r := range restart {
		if path == r || len(path) > len(r) && path[:len(r)] == r && (path[len(r)] == '.' || path[len(r)] == '[') {
			return true
		}
	}
	return false
}

type flat struct {
	order []string
	text  map[string]string
}

// flat spells every value; secrets too, since a new password is a change.
func (c *Config) flat() flat {
	f := flat{text: map[string]string{}}
	walk(reflect.ValueOf(c).Elem(), "", func(path string, field reflect.StructField, v reflect.Value) {
		if field.Tag.Get("retired") != "" {
			return
		}
		f.order = append(f.order, path)
		switch x := v.Addr().Interface().(type) {
		case *Secret:
			f.text[path] = x.File + "\x00" + x.Env + "\x00" + x.value
		case *time.Duration:
			f.text[path] = x.String()
		default:
			f.text[path] = fmt.Sprint(v.Interface())
		}
	})
	return f
}
