package pdu

import (
	"fmt"
	"time"

	"gatepost/gateway"
)

// FormatTime writes an absolute time of section 7.1.1 in UTC, to the tenth of a second, "" for
// the zero time. Years are those from 2000 to 2099: the form has two digits.
// gateway.ParseSMPPTime reads it.
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	return t.Format("060102150405") + fmt.Sprintf("%d00+", t.Nanosecond()/int(100*time.Millisecond))
}

func validTime(text string) bool {
	_, ok := gateway.ParseSMPPTime(text, time.Time{})
	return ok
}
