package pdu_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

// TestFormatTime: what is written is read again, to the tenth of a second.
func TestFormatTime(t *testing.T) {
	if got := pdu.FormatTime(time.Time{}); got != "" {
		t.Errorf("no time is %q", got)
	}
	zone := time.FixedZone("", -7*3600)
	if got := pdu.FormatTime(time.Date(2026, 11, 21, 21, 5, 6, 799999999, zone)); got != "261122040506700+" {
		t.Errorf("written as %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMilli(rapid.Int64Range(946684800000, 4102444799999).Draw(t, "ms"))
		got, ok := gateway.ParseSMPPTime(pdu.FormatTime(want), time.Time{})
		if !ok || !got.Equal(want.Truncate(100*time.Millisecond)) {
			t.Fatalf("%v reads as %v", want, got)
		}
	})
}
