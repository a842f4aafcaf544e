package gateway_test

import (
	"testing"
	"time"

	"gatepost/gateway"
)

// TestParseSMPPTime: the examples and the ranges of section 7.1.1.
func TestParseSMPPTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 4, 5, 6, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                 {},
		"020610233429000R": now.AddDate(2, 6, 10).Add(23*time.Hour + 34*time.Minute + 29*time.Second), // of section 7.1.1.2
		"000000000000000R": now,
		"261122040506000+": now,
		"261122040506700+": now.Add(700 * time.Millisecond),
		"261122050506004+": now,                                                                   // an hour ahead of UTC
		"261121220506024-": now,                                                                   // six hours behind
		"261122154506048+": now.Add(-20 * time.Minute),                                            // twelve hours ahead
		"280229000000000+": time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC),                          // a leap year
		"991231235959900+": time.Date(2099, 12, 31, 23, 59, 59, 900000000, time.UTC),              // the last one
		"000101000000000-": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),                           // the first one
		"000099990000000R": now.AddDate(0, 0, 99).Add(99 * time.Hour),                             // relative fields have no range
		"150203040506708+": time.Date(2015, 2, 3, 2, 5, 6, 700000000, time.UTC),                   // of cloudhopper
		"010203040506000R": now.AddDate(1, 2, 3).Add(4*time.Hour + 5*time.Minute + 6*time.Second), // of cloudhopper
	} {
		if got, ok := gateway.ParseSMPPTime(text, now); !ok || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"2611220405067", "261122040506700", "261122040506700+0", "261122040506700Z", "261122040506700r", "26112204050670 +", "2611220405067٠+",
		"261322040506700+", "260022040506700+", "261100040506700+", "261131040506700+", "270229040506700+", "261122240506700+",
		"261122046006700+", "261122040560700+", "261122040506749+", "-61122040506700+", "26112204050x700+", "261122040506x00+",
		"000001000000100R", "000001000000001R", "+00001000000000R",
	} {
		if got, ok := gateway.ParseSMPPTime(text, now); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}
