package library

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// TestHostileHTMLIsCheap: a quarter of a megabyte that was made to be slow costs seconds
// at most.
func TestHostileHTMLIsCheap(t *testing.T) {
	l := New(nil, nil, nil)
	fill := func(piece string) string { return strings.Repeat(piece, maxHTML/8/len(piece)) }
	var styles strings.Builder
	for n := 0; styles.Len() < maxHTML/8; n++ {
		fmt.Fprintf(&styles, `<p style="margin:%dpx %dpx">a`, n%1000, n/1000)
	}
	for name, source := range map[string]string{
		"links": fill("<a href=https://x.example>x"), "tables": fill("<table><tr><td>x</table>"), "misnested": fill("<b><i><u></b></i>x"),
		"pictures": fill("<img src=cid:a>"), "styles": styles.String(), "one word": fill("x"), "entities": fill("&lt;"), "open": fill("<"), "comments": fill("<!--"),
		"attributes": "<p " + fill("a=1 ") + ">", "in tables": "<table>" + fill("x<b>"), "selects": fill("<select><option>"), "foreign": fill("<svg><p>"),
	} {
		begun := time.Now()
		r := l.read(&gateway.Mail{HTML: gateway.Sensitive(source)})
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("%s: %v", name, took)
		} else {
			t.Logf("%s: %v, HTML %v", name, took, r.HTML != nil)
		}
	}
}
