package mailauth

import (
	"context"
	"strings"

	"gatepost/gateway"
)

// policy is a DMARC record (RFC 7489 section 6.3).
type policy struct {
	domain, sub string // p=, sp=
	dkim, spf   bool   // adkim=s, aspf=s
}

// dmarcAnswer is what the DNS said about the policy for the domain of a From.
type dmarcAnswer struct {
	domain    string
	record    string             // the one that applies, not yet read
	inherited bool               // it is that of the organizational domain
	result    gateway.AuthResult // when no policy can be read
}

// lookupDMARC finds the policy of domain (RFC 7489 section 6.6.3).
func lookupDMARC(ctx context.Context, dns *asker, domain string) dmarcAnswer {
	d := dmarcAnswer{domain: domain, result: gateway.AuthPermError}
	if domain == "" {
		return d
	}
	records, ok := dmarcRecords(ctx, dns, domain)
	if org := organizational(domain); ok && len(records) == 0 && org != domain {
		records, ok = dmarcRecords(ctx, dns, org)
		d.inherited = true
	}
	switch {
	case !ok:
		d.result = gateway.AuthTempError
	case len(records) != 1: // several count as none
		d.result = gateway.AuthNone
	default:
		d.record = records[0]
	}
	return d
}

// dmarcRecords are the texts at a domain that claim to be DMARC records; ok is
// false when the DNS did not say.
func dmarcRecords(ctx context.Context, dns *asker, domain string) (records []string, ok bool) {
	texts, err := dns.LookupTXT(ctx, "_dmarc."+domain)
	if err != nil {
		return nil, notFound(err)
	}
	for _, t := range texts {
		name, rest, _ := strings.Cut(t, "=")
		version, _, _ := strings.Cut(rest, ";")
		if strings.Trim(name, fws) == "v" && strings.Trim(version, fws) == "DMARC1" {
			records = append(records, t)
		}
	}
	return records, true
}

// policy reads the record; nil when it holds no policy. What is malformed beside
// the policy counts as absent.
func (d dmarcAnswer) policy() *policy {
	tags, ok := parseTags(d.record)
	if !ok || d.record == "" {
		return nil
	}
	p := &policy{domain: action(tags, "p"), sub: action(tags, "sp")}
	p.dkim = strings.EqualFold(tags.solid("adkim"), "s")
	p.spf = strings.EqualFold(tags.solid("aspf"), "s")
	_, asked := tags.get("sp")
	if p.domain == "" || asked && p.sub == "" {
		// Section 6.6.3: with somebody to report to, it monitors.
		if !strings.Contains(strings.ToLower(tags.solid("rua")), "mailto:") {
			return nil
		}
		p.domain, p.sub = "none", "none"
	}
	if p.sub == "" {
		p.sub = p.domain
	}
	return p
}

// action is the value of p= or sp=; "" when it is none.
func action(tags tagList, name string) string {
	switch v := strings.ToLower(tags.solid(name)); v {
	case "none", "quarantine", "reject":
		return v
	}
	return ""
}

// align takes from signatures of the same organization that they speak for the
// From, where its domain wants none but its own (adkim=s).
func (d dmarcAnswer) align(a *gateway.Authentication) {
	p := d.policy()
	for i := range a.Signatures {
		s := &a.Signatures[i]
		s.Aligned = s.Aligned && aligned(s.Domain, d.domain, p != nil && p.dkim)
	}
}

// judge is RFC 7489 section 6.6.2 over what DKIM and SPF said. pct= is not
// looked at: what a domain asks for a part, it asks.
func (d dmarcAnswer) judge(a *gateway.Authentication) (result gateway.AuthResult, action string) {
	p := d.policy()
	if p == nil {
		return d.result, ""
	}
	action = p.domain
	if d.inherited {
		action = p.sub
	}
	result = gateway.AuthFail
	consider := func(domain string, r gateway.AuthResult, strict bool) {
		switch {
		case !aligned(domain, d.domain, strict):
		case r == gateway.AuthPass:
			result = gateway.AuthPass
		case r == gateway.AuthTempError && result == gateway.AuthFail:
			result = gateway.AuthTempError // it could have been a pass
		}
	}
	for _, s := range a.Signatures {
		consider(s.Domain, s.Result, p.dkim)
	}
	consider(a.SPFDomain, a.SPF, p.spf)
	return result, action
}
