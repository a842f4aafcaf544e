package mailmsg

import (
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestMachineFields: what leaves in fields of machines and in names of people
// is read for the organization's own detectors.
func TestMachineFields(t *testing.T) {
	raw := strings.ReplaceAll(`From: Ann Other <ann@clinic.example>
To: Quince Medlar <pat@out.example>
X-Mailer: kumquat 3
Subject: Minutes
Content-Type: multipart/mixed; boundary=b

--b
Content-ID: <persimmon@clinic.example>
Content-Location: https://out.example/tamarind

tea
--b--
`, "\n", "\r\n")
	parts := Read([]byte(raw)).Parts
	for _, word := range []string{"Quince Medlar", "kumquat", "persimmon", "tamarind"} {
		if !slices.ContainsFunc(parts, func(p gateway.Part) bool {
			return p.Kind == gateway.PartMachine && strings.Contains(p.Text.Reveal(), word)
		}) {
			t.Errorf("%q is not read", word)
		}
	}
}

// TestMachinesInDisguise: what a field of a machine spells in disguise is for the
// organization's own detectors, as the field is. A signature is no more than
// noise, and noise spells everything once.
func TestMachinesInDisguise(t *testing.T) {
	raw := "From: ann@clinic.example\r\nTo: pat@out.example\r\nSubject: Minutes\r\n" +
		"DKIM-Signature: v=1; a=rsa-sha256; d=clinic.example; s=m; b=c4ncer\r\n h1v 2VA35l7aJmlpQIaKyUaDvvcX0elDmLEOisMTlj3ejecef0bmQjcEd5CHrY\r\n\r\ntea\r\n"
	found := false
	for _, p := range Read([]byte(raw)).Parts {
		if p.Kind == gateway.PartHidden {
			t.Errorf("a hidden part: %q", p.Text.Reveal())
		}
		found = found || p.Kind == gateway.PartMachine && strings.Contains(p.Text.Reveal(), "cancer")
	}
	if !found {
		t.Error("the word in disguise is not read")
	}
	undone, _ := Undisguised([]gateway.Part{{Kind: gateway.PartMachine, Text: "c4ncer"}, {Kind: gateway.PartText, Text: "c4ncer"}})
	if len(undone) != 2 || undone[0].Kind != gateway.PartMachine || undone[1].Kind != gateway.PartHidden {
		t.Errorf("got %v", undone)
	}
}

// TestMultipartWithoutParts: what ends and never began is in doubt.
func TestMultipartWithoutParts(t *testing.T) {
	const head = "From: ann@clinic.example\r\nTo: pat@out.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	if r := Read([]byte(head + "tea\r\n--b--\r\n")); len(r.Uncertain) == 0 {
		t.Error("a multipart that never began is taken as certain")
	}
	if r := Read([]byte(head + "--b\r\n\r\ntea\r\n--b--\r\n")); len(r.Uncertain) > 0 {
		t.Errorf("a good multipart is in doubt: %v", r.Uncertain)
	}
}
