package main

import (
	"strings"
	"testing"
)

// smsSection configures an application and a carrier that nobody is.
const smsSection = `sms:
  country: US
  accounts: [{system_id: esme1, password: {file: secret}, senders: ["+12025550100", CLINIC], inbox: desk@clinic.example}]
  upstream: {addr: "127.0.0.1:1", system_id: gw, password: {file: secret}}
`

// TestConsentSaysWhatItDid: text is one line that names the telephone, JSON is
// for programs.
func TestConsentSaysWhatItDid(t *testing.T) {
	r := newRig(t, "127.0.0.1:1")
	r.more = smsSection
	r.write()
	writeFile(t, r.dir+"/secret", "carrierpw\n")
	for _, c := range []struct{ args, out string }{
		{"consent stop 2025550143", "+12025550143: no more messages from any source address\n"},
		{"consent stop +12025550143", "+12025550143: no more messages from any source address, as before\n"},
		{"consent resume 12025550143", "+12025550143: messages again from any source address\n"},
		{"consent stop 2025550143 --line clinic", "+12025550143: no more messages from CLINIC\n"},
		{"consent stop 2025550143 --line CLINIC --json", `{"phone":"+12025550143","line":"CLINIC","changed":false}` + "\n"},
	} {
		if out, errs, code := r.run(strings.Fields(c.args)...); code != 0 || out != c.out {
			t.Errorf("%s: %d %q %s", c.args, code, out, errs)
		}
	}
	if _, errs, code := r.run("consent", "stop", "2025550143", "--line", "CLINC"); code != exitUsage || !strings.Contains(errs, "source addresses") {
		t.Errorf("a line of nobody: %d %s", code, errs)
	}
	for _, word := range []string{"stop", "resume"} {
		if out, errs, code := r.run("consent", word, "12"); code != exitUsage || out != "" || !strings.Contains(errs, "short code") {
			t.Errorf("%s of a short code: %d %q %s", word, code, out, errs)
		}
	}
	if out, errs, code := r.run("consent", "list", "12"); code != 0 || strings.Contains(out, "12") {
		t.Errorf("the ledger of a short code: %d %q %s", code, out, errs)
	}
	if _, errs, code := r.run("consent", "stop", "5550146"); code != exitUsage || !strings.Contains(errs, "country code") {
		t.Errorf("a number of no country: %d %s", code, errs)
	}
}
