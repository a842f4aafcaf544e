package document_test

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

const (
	shownPage = "<< /Type /Page /Contents 2 0 R /Resources << /Font << /F 3 0 R >> >> >>"
	latinFont = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
	shownText = "BT /F 12 Tf 20 200 Td (SSN: 536-22-8145) Tj ET"
)

// pdfOf is a PDF of these objects, numbered from 1, behind a head of its own.
func pdfOf(head string, objects ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.4\n" + head)
	for i, o := range objects {
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	return b.String()
}

func streamOf(keys, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", keys, len(data), data)
}

// checkPDFs reads files that show a number to their reader.
func checkPDFs(t *testing.T, tricks map[string]string, trouble document.Trouble) {
	t.Helper()
	for name, file := range tricks {
		r := document.ReadPDF([]byte(file), document.NewBudget(func() {}))
		text := r.Text
		for _, m := range r.Parts {
			text += string(m.Data)
		}
		if !strings.Contains(text, "536-22-8145") || r.Trouble != trouble {
			t.Errorf("%s: trouble %v, %q", name, r.Trouble, text)
		}
	}
}

// TestDecoysHideNoObjects: what a viewer steps over, by the cross-reference
// table, swallowed the objects behind it.
func TestDecoysHideNoObjects(t *testing.T) {
	const decoy = "9 0 obj\n<<>>\nendobj\n"
	all := []string{shownPage, streamOf("", shownText), latinFont}
	checkPDFs(t, map[string]string{
		"a string in a comment without an end": pdfOf(decoy+"% 8 0 obj (\n", all...),
		"a stream in a comment without an end": pdfOf(decoy+"% 8 0 obj <<>> stream\n", shownPage, "<< >>\nstream\n"+shownText, latinFont),
		"a string without an end":              pdfOf("8 0 obj (\n", all...),
	}, document.Damaged)
	checkPDFs(t, map[string]string{
		"a string around the file":   pdfOf("8 0 obj (\n", all...) + ")\nendobj\n",
		"a stream around the file":   "%PDF-1.4\n8 0 obj\n" + streamOf("/Type /X", pdfOf("", all...)) + "\nendobj\n",
		"a comment of an empty page": pdfOf("", all...) + "% 1 0 obj <<>> endobj\n",
	}, document.Fine)
}

// TestPagesWithoutTheirType: readers find pages in the tree, and draw them
// whatever they call themselves.
func TestPagesWithoutTheirType(t *testing.T) {
	text := streamOf("", shownText)
	const rest = "/Contents 2 0 R /Resources << /Font << /F 3 0 R >> >> >>"
	checkPDFs(t, map[string]string{
		"none":        pdfOf("", "<< "+rest, text, latinFont),
		"a reference": pdfOf("", "<< /Type 4 0 R "+rest, text, latinFont, "/Page"),
		"another":     pdfOf("", "<< /Type /Font "+rest, text, latinFont),
		"in an array": pdfOf("", "[<< "+rest+"]", text, latinFont),
		"direct":      pdfOf("", "<< /Type /Catalog /Pages << /Kids [<< "+rest+"] >> >>", text, latinFont),
	}, document.Fine)
}

// TestMoreFiltersThanAreUndone: what was left after four filters was taken for
// the text.
func TestMoreFiltersThanAreUndone(t *testing.T) {
	const five = "/Filter [/AHx /AHx /AHx /AHx /AHx]"
	data := shownText
	for range 5 {
		data = fmt.Sprintf("%x>", data)
	}
	file := pdfOf("", shownPage, streamOf(five, data), latinFont)
	if r := document.ReadPDF([]byte(file), document.NewBudget(func() {})); r.Trouble != document.Damaged {
		t.Errorf("trouble %v, %q", r.Trouble, r.Text)
	}
}

// TestARunOfUnknownGlyphs: a number alone in a font that nothing explains was
// too few of all glyphs to count.
func TestARunOfUnknownGlyphs(t *testing.T) {
	const page = "<< /Type /Page /Contents 2 0 R /Resources << /Font << /F 3 0 R /G 4 0 R >> >> >>"
	const names = "<< /Type /Font /Subtype /Type1 /Encoding << /Differences [45 /hyphen 48 /g1 /g2 /g3 /g4 /g5 /g6 /g7 /g8 /g9] >> >>"
	const wide = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H >>"
	for _, c := range []struct {
		font, shown string
		want        document.Trouble
	}{
		{names, "(536-22-8145)", document.Damaged},
		{wide, "<00180016001900100015001500100018>", document.Damaged},
		{wide, "<0018001600190010001500150010>", document.Fine},
	} {
		file := pdfOf("", page, streamOf("", "BT /F 12 Tf (Her number as it stands in our books: ) Tj /G 12 Tf "+c.shown+" Tj ET"), latinFont, c.font)
		if r := document.ReadPDF([]byte(file), document.NewBudget(func() {})); r.Trouble != c.want {
			t.Errorf("%s: trouble %v, %q", c.shown, r.Trouble, r.Text)
		}
	}
}

// TestStreamsNeedNotSayWhatTheyAre: an object elsewhere says what a stream is
// for; fields and notes keep texts under more keys than their value.
func TestStreamsNeedNotSayWhatTheyAre(t *testing.T) {
	const number = "SSN: 536-22-8145"
	checkPDFs(t, map[string]string{
		"a file":            pdfOf("", "<< /Type /Filespec /F (a.txt) /EF << /F 2 0 R >> >>", streamOf("", number)),
		"a value":           pdfOf("", "<< /FT /Tx /T (a) /V 2 0 R >>", streamOf("", number)),
		"rich text":         pdfOf("", "<< /Subtype /FreeText /RC (<p>"+number+"</p>) >>"),
		"rich text, stream": pdfOf("", "<< /FT /Tx /RV 2 0 R >>", streamOf("", "<p>"+number+"</p>")),
		"a pattern":         pdfOf("", "<< /Font << /F 3 0 R >> >>", streamOf("/PatternType 1 /Resources 1 0 R", shownText), latinFont),
		"a glyph":           pdfOf("", "<< /Subtype /Type3 /CharProcs << /a 2 0 R >> >>", streamOf("", shownText)),
		"a choice":          pdfOf("", "<< /FT /Ch /Opt [(a) [(b) ("+number+")]] >>"),
		"a button":          pdfOf("", "<< /FT /Btn /MK << /CA ("+number+") >> >>"),
	}, document.Fine)
}
