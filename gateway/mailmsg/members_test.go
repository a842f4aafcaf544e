package mailmsg_test

import (
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// TestMemberNamesStayOutOfPaths: a file name is read for what it says, and no
// path that is shown or kept repeats it.
func TestMemberNamesStayOutOfPaths(t *testing.T) {
	const name = "John Smith SSN 536-22-8145"
	for _, raw := range []string{
		part("application/zip", zipped(t, name+".txt", "hello", name+".bin", "\x01\x02\x03\x04", name+".zip", zipped(t, name, "x"))),
		part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/"+name+".xml", "<w:t>hello</w:t>", "word/document.xml", "<w:t>hello</w:t>", name+".rtf", "{\\rtf1 {\\objdata 00}}")),
	} {
		r := mailmsg.Read(crlf(raw))
		named, fixed := false, false
		for _, p := range r.Parts {
			if strings.Contains(p.Path, "John") {
				t.Errorf("%s %q", p.Kind, p.Path)
			}
			named = named || p.Kind == gateway.PartFileName && strings.Contains(p.Text.Reveal(), name)
			fixed = fixed || p.Path == "2!word/document.xml" || p.Path == "2!1"
		}
		for _, u := range r.Unreadable {
			if strings.Contains(u.Path, "John") {
				t.Errorf("%s %q", u.Kind, u.Path)
			}
		}
		if !named || !fixed || len(r.Unreadable) == 0 {
			t.Errorf("%v %v %v", named, fixed, r.Unreadable)
		}
	}
}
