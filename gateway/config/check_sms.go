package config

import (
	"fmt"

	"gatepost/gateway"
)

func (k *checker) sms() {
	if k.SMS == nil {
		return
	}
	if k.SMS.Domain != "" && !isDomain(k.SMS.Domain) {
		k.bad("sms.domain", "%s is no domain", quote(k.SMS.Domain))
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
		if addr, err := gateway.ParseAddress(a.Inbox); err != nil || addr.IsNull() {
			k.bad(path+".inbox", "needs the mail address of a member of staff")
		}
	}
	if u := k.SMS.Upstream; u != nil {
		k.smsLogin("sms.upstream", u.SystemID, u.Password)
		if err := checkAddr(u.Addr); err != nil {
			k.bad("sms.upstream.addr", "%v", err)
		}
		if u.Window < 1 {
			k.bad("sms.upstream.window", "must be at least 1")
		}
	}
}

// smsLogin keeps to the field sizes of SMPP v3.4 section 4.1.1, which count a
// final NUL.
func (k *checker) smsLogin(path, systemID string, password Secret) {
	if systemID == "" || len(systemID) > 15 {
		k.bad(path+".system_id", "needs 1 to 15 characters (SMPP v3.4 section 5.2.1)")
	}
	if password.IsZero() {
		k.bad(path+".password", "is missing: {file: NAME} or {env: NAME}")
	} else if len(password.Reveal()) > 8 {
		k.bad(path+".password", "is longer than 8 octets (SMPP v3.4 section 5.2.2)")
	}
}
