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
