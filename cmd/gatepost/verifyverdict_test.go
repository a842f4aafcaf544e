package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const verifyRules = `policy: proofs
default: pass
on_error: hold
rules:
  - {id: ids, reason: a number, when: 'found(["ssn"], MEDIUM)', then: secure}
  - {id: large, reason: large, when: size > 100000, then: hold}
  - {id: health, reason: health, when: topic("health") >= MEDIUM, then: secure}
  - {id: stranger, reason: nobody we know, when: '!recipient.known && !thread.exists && recipient.domain == "out.example"', then: tls}
`

const attached = `Subject: The list
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <list@clinic.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

As promised.
--b
Content-Type: text/csv
Content-Disposition: attachment; filename=list.csv

name,ssn
Pat Jones,536-22-8145
--b--
`

// TestVerifyVerdict: what was kept of a judgement comes out again from the same
// mail and policy, with and without a server, and from nothing else.
func TestVerifyVerdict(t *testing.T) {
	_, next := outside(t)
	r := newRig(t, next)
	r.policy = verifyRules
	r.write()
	r.start()
	const from, to = "ann@clinic.example", "pat@out.example"
	file := func(name, body string) string {
		path := filepath.Join(r.dir, name)
		writeFile(t, path, "From: "+from+"\nTo: "+to+"\n"+body)
		return path
	}
	numbered := strings.Replace(plainMail, "Tuesday", "Tuesday. Her social security number is 536-22-8145", 1)
	plain, secured, listed := r.send(from, to, plainMail), r.send(from, to, numbered), r.send(from, to, attached)
	check := func(id, path string, code int, want ...string) {
		t.Helper()
		out, errs, got := r.run("explain", "--verify", id, path)
		if got != code {
			t.Errorf("exit %d, want %d: %s%s", got, code, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in\n%s%s", w, out, errs)
			}
		}
	}
	same := func() {
		t.Helper()
		check(plain, file("plain.eml", plainMail), 0, "file: the message, octet by octet\n", "verified: 4 rules, 0 findings equal\n")
		check(secured, file("numbered.eml", numbered), 0, "octet by octet\n", "verified: 4 rules, 1 findings equal\n")
		check(listed, file("listed.eml", attached), 0, "octet by octet\n", "verified: 4 rules, ")
		check(listed, file("listed.eml", strings.Replace(attached, "8145", "8146", 1)), 1, "file: not the message octet by octet", "the same Message-ID as", "finding ssn: kept ", " attachment 2 ", "differs: ")
	}
	same()
	check(secured, file("numbered.eml", strings.Replace(numbered, "See", "Meet", 1)), 1, "finding ssn: kept high", "differs: 2 of what was kept; 4 rules, 0 findings equal\n")
	check(secured, file("plain.eml", plainMail), 1, "rule ids: kept met (", "; now not met (", "action: kept secure; now tls\n", "rules: kept ids; now stranger\n")
	v := r.objects("explain", "--verify", plain, file("plain.eml", plainMail))
	if len(v) != 1 || v[0]["verified"] != true || v[0]["octets"] != "same" || v[0]["rules"] != 4.0 {
		t.Errorf("as JSON: %v", v)
	}

	// Somebody who is known since then was a stranger, or may have been known.
	if _, errs, code := r.runWith("email\n"+to+"\n", "contact", "import", "-"); code != 0 {
		t.Fatal(errs)
	}
	check(plain, file("plain.eml", plainMail), 0, "rule stranger (not known again): kept met", "action (not known again): kept tls; now pass\n", "verified: 3 rules, 0 findings equal; ")
	check(secured, file("plain.eml", plainMail), 1, "rule ids: kept met", "differs: ")
	if _, errs, code := r.run("contact", "erase", to, "--yes"); code != 0 {
		t.Fatal(errs)
	}
	check(plain, file("plain.eml", plainMail), 0, "verified: ")

	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	path := file("numbered.eml", numbered)
	check(secured, path, 0, "octet by octet\n", "verified: ")
	writeFile(t, filepath.Join(r.dir, "policy.yaml"), strings.Replace(verifyRules, "a number", "a digit", 1))
	if out, errs, code := r.run("explain", "--verify", secured, path); code != exitData || out != "" || !strings.Contains(errs, `the message was judged by the policy "proofs" with sha256 `) {
		t.Errorf("another policy: %d %s%s", code, out, errs)
	}
	old := filepath.Join(r.dir, "old.yaml")
	writeFile(t, old, verifyRules)
	r.must("explain", "--verify", secured, "--policy", old, path)
	for id, code := range map[string]int{"nonsense": exitUsage, "0cs9k2l7v3o1j4u8m5t6q9r2ng": exitNoInput} {
		if _, errs, got := r.run("explain", "--policy", old, "--verify", id, path); got != code {
			t.Errorf("%s: exit %d, %s", id, got, errs)
		}
	}
	if _, _, code := r.run("explain", "--verify", secured, "--from", from, path); code != exitUsage {
		t.Errorf("with --from: %d", code)
	}
}
