package mailmsg_test

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// TestNothingIsDroppedInSilence: what goes beyond a count is said to be unread.
func TestNothingIsDroppedInSilence(t *testing.T) {
	uu := strings.Repeat("begin 644 a.txt\n%:&5L;&\\\n`\nend\n", 64)
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "; filename=a%d.txt", i)
		}
		return "Content-Disposition: attachment" + b.String() + "\n\nhello\n"
	}
	records := func(n int) string {
		return "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" + strings.Repeat("ATTACH;ENCODING=BASE64:aGVsbG8=\n", n) + "END:VCALENDAR\n"
	}
	for _, c := range []struct{ fits, more string }{
		{"Subject: x\n\n" + uu, "Subject: x\n\n" + uu + "begin 644 b.txt\n%:&5L;&\\\n`\nend\n"},
		{names(8), names(9)},
		{records(1000), records(1100)},
	} {
		if r := mailmsg.Read(crlf(c.fits)); len(r.Unreadable) != 0 {
			t.Errorf("%.40q: %v", c.fits, r.Unreadable)
		}
		if r := mailmsg.Read(crlf(c.more)); len(r.Unreadable) != 1 || r.Unreadable[0].Kind != gateway.UnreadableLimit {
			t.Errorf("%.40q: %v", c.more, r.Unreadable)
		}
	}
}
