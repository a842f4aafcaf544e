package mailmsg_test

import (
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/detect"
	"gatepost/gateway/mailmsg"
)

// TestNumberAcrossCellsOfAPage: a number whose groups stand in cells of their own is
// found however the cells are written.
func TestNumberAcrossCellsOfAPage(t *testing.T) {
	d, err := detect.New(detect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	found := func(s, typ string) bool {
		r := mailmsg.Read(crlf("Content-Type: text/html; charset=utf-8\n\n" + s + "\n"))
		return slices.ContainsFunc(d.Scan(r.Parts).Findings, func(f gateway.Finding) bool { return f.Type == typ && f.Level == gateway.High })
	}
	cells := func(groups, cell string) string {
		var b strings.Builder
		for _, g := range strings.Fields(groups) {
			b.WriteString(strings.ReplaceAll(cell, "#", g))
		}
		return b.String()
	}
	for _, cell := range []string{
		"<td>#</td>", "<td><p>#</p></td>", "<td>#<br></td>", "<td>#", "<td><p>#", "<td colspan=5>#</td>", "<td>#</td><td></td><td></td>",
		"<td width=80><p class=MsoNormal>#<o:p></o:p></p></td>", "<td><table><tr><td>#</td></tr></table></td>",
	} {
		if !found("<table><tr>"+cells("4081 3588 5034 7473", cell)+"</tr></table>", "card") {
			t.Errorf("%s: no card", cell)
		}
		if !found("<p>SSN:</p><table><tr>"+cells("536 22 8145", cell)+"</tr></table>", "ssn") || !found("<table><tr>"+cells("SSN 536 22 8145", cell)+"</tr></table>", "ssn") {
			t.Errorf("%s: no SSN", cell)
		}
	}
}
