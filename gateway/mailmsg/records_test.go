package mailmsg_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailmsg"
)

// TestRecordsAreReadWhole: octets, pages and long lines within calendars and
// address cards are read.
func TestRecordsAreReadWhole(t *testing.T) {
	secret := b64("Her SSN: 536-22-8145")
	for name, text := range map[string]string{
		"attached":         "BEGIN:VCALENDAR\r\nATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY:" + secret + "\r\nEND:VCALENDAR\r\n",
		"note":             "BEGIN:VCARD\r\nNOTE;ENCODING=B:" + secret + "\r\nEND:VCARD\r\n",
		"address of data":  "BEGIN:VCALENDAR\r\nATTACH:data:text/plain;base64," + secret + "\r\nEND:VCALENDAR\r\n",
		"page":             "BEGIN:VCALENDAR\r\nX-ALT-DESC;FMTTYPE=text/html:<p>Her SSN: <b>5</b>36-<i>22</i>-8145</p>\r\nEND:VCALENDAR\r\n",
		"small letters":    "begin:vcalendar\r\nsummary:Her SSN: 5\r\n 36-22\r\n -8145\r\nend:vcalendar\r\n",
		"soft line breaks": "BEGIN:VCARD\r\nNOTE;ENCODING=QUOTED-PRINTABLE:Her SSN=3A 536-=\r\n22=\r\n-8145\r\nEND:VCARD\r\n",
	} {
		r := mailmsg.Read(crlf(part("text/calendar", text)))
		if len(r.Unreadable) != 0 || !strings.Contains(parts(r), "Her SSN: 536-22-8145") {
			t.Errorf("%s: %q %v", name, parts(r), r.Unreadable)
		}
	}
	photo := mailmsg.Read(crlf(part("text/vcard", "BEGIN:VCARD\r\nPHOTO;ENCODING=B:"+b64(png+"\x00\x01")+"\r\nEND:VCARD\r\n")))
	if len(photo.Unreadable) != 0 {
		t.Errorf("a photo: %v", photo.Unreadable)
	}
}
