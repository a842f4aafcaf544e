package mailmsg_test

import (
	"testing"

	"gatepost/gateway/mailmsg"
)

// TestTwoAddressesInOneFrom: where readers show different senders, all of them
// are From, so that nobody signs with an address that is not theirs.
func TestTwoAddressesInOneFrom(t *testing.T) {
	for raw, want := range map[string]int{
		"<ceo@clinic.example> <ann@clinic.example>":      2,
		"ceo@clinic.example <ann@clinic.example>":        2,
		"<ann@clinic.example> ceo@clinic.example":        2,
		"ceo@clinic.example: <ann@clinic.example>;":      2,
		"ann@clinic.example, ceo@clinic.example":         2,
		"<@ceo@clinic.example:ann@clinic.example>":       0,
		"<ceo@clinic.example<ann@clinic.example>":        0,
		"\"ceo@clinic.example\" <ann@clinic.example>":    1,
		"ann@clinic.example <ann@CLINIC.example>":        1,
		"Ann (ceo) <ann@clinic.example>":                 1,
		"ann@clinic.example\r\nFrom: ceo@clinic.example": 2,
	} {
		if got := mailmsg.Read([]byte("From: " + raw + "\r\n\r\nx\r\n")).From; len(got) != want {
			t.Errorf("%s: %d addresses, not %d", raw, len(got), want)
		}
	}
}
