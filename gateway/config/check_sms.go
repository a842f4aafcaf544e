package config

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/gateway"
)

func (k *checker) sms() {
	if k.SMS == nil {
		return
	}
	if k.SMS.Domain != "" && !isDomain(k.SMS.Domain) {
		k.bad("sms.domain", "%s is no domain", quote(k.SMS.Domain))
	}
	if k.SMS.Domain != "" && (k.SMS.Domain == k.Replies.Domain || slices.Contains(k.Organization.Domains, k.SMS.Domain)) {
		k.bad("sms.domain", "%s has mailboxes: numbers need a domain of their own", quote(k.SMS.Domain))
	}
	if c := k.SMS.Country; c != "" && (len(c) != 2 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		k.bad("sms.country", "%s is no country: two capital letters, such as US or DE", quote(c))
	}
	if k.SMS.Sender != "" {
		k.smsSender("sms.sender", k.SMS.Sender)
	}
	seen := map[string]bool{}
	for i, a := range k.SMS.Accounts {
		path := fmt.Sprintf("sms.accounts[%d]", i)
		k.smsLogin(path, a.SystemID, a.Password)
		if seen[a.SystemID] {
			k.bad(path+".system_id", "%s is there already", quote(a.SystemID))
		}
		seen[a.SystemID] = true
		if len(a.Senders) == 0 {
			k.bad(path+".senders", "is missing: name the source addresses, or [\"*\"] for any")
		}
		for j, sender := range a.Senders {
			if sender != AnySender {
				k.smsSender(fmt.Sprintf("%s.senders[%d]", path, j), sender)
			}
		}
		if addr, err := gateway.ParseAddress(a.Inbox); err != nil || addr.IsNull() {
			k.bad(path+".inbox", "needs the mail address of a member of staff")
		} else if !addr.In(k.Organization.Domains) {
			k.bad(path+".inbox", "is in no domain of organization.domains: answers would leave the organization")
		}
		for _, n := range []struct {
			name  string
			value int
		}{{"window", a.Window}, {"sessions", a.Sessions}} {
			if n.value < 1 || n.value > 10_000 {
				k.bad(path+"."+n.name, "must be 1 to 10000")
			}
		}
		if a.Rate < 0 {
			k.bad(path+".rate", "must not be negative")
		}
	}
	if u := k.SMS.Upstream; u != nil {
		k.smsLogin("sms.upstream", u.SystemID, u.Password)
		if err := checkAddr(u.Addr); err != nil {
			k.bad("sms.upstream.addr", "%v", err)
		}
		if u.Window < 1 || u.Window > 10_000 {
			k.bad("sms.upstream.window", "must be 1 to 10000")
		}
		if u.Rate < 0 {
			k.bad("sms.upstream.rate", "must not be negative")
		}
		if u.CA != "" && u.TLS != TLSVerify {
			k.bad("sms.upstream.ca", "needs tls: verify")
		}
	}
}

// smsSender checks a source address.
func (k *checker) smsSender(path, sender string) {
	if _, err := gateway.ParseLine(sender); err != nil {
		k.bad(path, "%s is no source address: digits, \"+\" and digits, or a name of at most 11 characters", quote(sender))
	}
}

// maxSMPPPassword is what peers that go beyond the 8 octets of SMPP v3.4
// section 5.2.2 take and send.
const maxSMPPPassword = 64

// smsLogin keeps to the field size of SMPP v3.4 section 4.1.1, which counts a
// final NUL, for the name; passwords may be longer than there.
func (k *checker) smsLogin(path, systemID string, password Secret) {
	if systemID == "" || len(systemID) > 15 {
		k.bad(path+".system_id", "needs 1 to 15 characters (SMPP v3.4 section 5.2.1)")
	}
	if password.IsZero() {
		k.bad(path+".password", "is missing: {file: NAME} or {env: NAME}")
	} else if len(password.Reveal()) > maxSMPPPassword {
		k.bad(path+".password", "is longer than %d octets", maxSMPPPassword)
	} else if strings.ContainsRune(password.Reveal(), 0) {
		k.bad(path+".password", "holds a NUL, which ends the field (SMPP v3.4 section 3.1)")
	}
}
