package mailmsg_test

import (
	"fmt"
	"slices"
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

// TestLinesOfNothingHideNothing: where so many uuencoded lines hold nothing that no
// more octets are made up, it is said, and the files behind them are read.
func TestLinesOfNothingHideNothing(t *testing.T) {
	const word = "Her number is 4081358850347473."
	empty := "begin 644 a.png\n" + uu("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR") + strings.Repeat("M!\n", 8000)
	for name, s := range map[string]string{
		"the same file": empty + uu(word) + "`\nend\n",
		"the next file": empty + "`\nend\n\nbegin 644 b.txt\n" + uu(word) + "`\nend\n",
		"without ends":  empty + "begin 644 b.txt\n" + uu(word),
	} {
		r := mailmsg.Read(crlf("Subject: x\n\nhello\n\n" + s))
		if name != "the same file" && !slices.ContainsFunc(r.Parts, func(p gateway.Part) bool { return strings.Contains(p.Text.Reveal(), word) }) {
			t.Errorf("%s: not read", name)
		}
		if !slices.ContainsFunc(r.Unreadable, func(u gateway.Unreadable) bool { return u.Kind == gateway.UnreadableLimit }) {
			t.Errorf("%s: nothing is said to be cut: %v", name, r.Unreadable)
		}
	}
}
