package mailmsg_test

import (
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// TestWordsOwnSigns: hyphens, symbols and parts of unusual names are read as Word
// shows them.
func TestWordsOwnSigns(t *testing.T) {
	for name, doc := range map[string][2]string{
		"hyphen":   {"word/document.xml", "<w:t>536</w:t><w:noBreakHyphen/><w:t>22</w:t><w:softHyphen/><w:noBreakHyphen/><w:t>8145</w:t>"},
		"symbols":  {"word/document.xml", "<w:t>53</w:t><w:sym w:font=\"Symbol\" w:char=\"F036\"/><w:t>-22-8145</w:t>"},
		"odd name": {"word/document.dat", "<?xml version=\"1.0\"?><w:t>53</w:t><w:t>6-22-8145</w:t>"},
	} {
		r := mailmsg.Read(crlf(part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", doc[0], doc[1]))))
		if !strings.Contains(parts(r), "536-22-8145") {
			t.Errorf("%s: %q", name, parts(r))
		}
	}
	binary := mailmsg.Read(crlf(part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.bin", strings.Repeat("\x00\x01", 60)))))
	if len(binary.Unreadable) != 1 || binary.Unreadable[0].Kind != gateway.UnreadableContainer {
		t.Errorf("a document without a text: %v", binary.Unreadable)
	}
}
