package main

import (
	"net"
	"net/netip"
	"strings"

	"gatepost/gateway/config"
)

// answers says whether the words of an answer can reach staff: they travel
// over loopback or verified TLS only, else staff get a notice and read behind
// their password.
func (d *doctor) answers() {
	for _, domain := range d.c.Organization.Domains {
		const check = "answers"
		r, ok := routeOf(d.c, domain)
		switch {
		case !ok:
			d.say(check, stateWarn, "no route for %s: answers of correspondents wait in the queue", domain)
		case onLoopback(r.Via), r.TLS == config.TLSVerify:
			d.say(check, stateOK, "answers to %s travel to %s", domain, r.Via)
		case r.TLS == config.TLSOpportunistic:
			d.say(check, stateWarn, "answers to %s travel to %s only while its certificate verifies; else staff get a notice (tls: verify makes sure)", domain, r.Via)
		default:
			d.say(check, stateWarn, "the route of %s to %s is not protected: staff get a notice and read answers behind their password (tls: verify)", domain, r.Via)
		}
	}
}

// routeOf is the first route that matches a domain.
func routeOf(c *config.Config, domain string) (config.Route, bool) {
	for _, r := range c.Routes {
		if matches(r.Domain, domain) {
			return r, true
		}
	}
	return config.Route{}, false
}

// matches reports whether the pattern of a route is for domain.
func matches(pattern, domain string) bool {
	below, wild := strings.CutPrefix(pattern, "*.")
	return pattern == "*" || pattern == domain || wild && strings.HasSuffix(domain, "."+below)
}

func onLoopback(via string) bool {
	host, _, err := net.SplitHostPort(via)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
