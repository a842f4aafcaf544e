package document_test

import (
	"bytes"
	"compress/lzw"
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

// at draws a text at a place of its own.
func at(x, y int, text string) string { return fmt.Sprintf("1 0 0 1 %d %d Tm (%s) Tj\n", x, y, text) }

func drawn(content string) string { return pdfOf("", shownPage, streamOf("", content), latinFont) }

// TestPlacesMakeTheOrder: people read from left to right and from above to
// below, whatever was drawn first.
func TestPlacesMakeTheOrder(t *testing.T) {
	const font = "BT /F 12 Tf "
	var backwards strings.Builder
	for i, c := range "536-22-8145" {
		s := backwards.String()
		backwards.Reset()
		backwards.WriteString(at(90+7*i, 200, string(c)) + s)
	}
	const form = "/Type /XObject /Subtype /Form /BBox [0 0 99 20] /Resources << /Font << /F 3 0 R >> >>"
	forms := "<< /Contents 2 0 R /Resources << /Font << /F 3 0 R >> /XObject << /A 4 0 R /B 5 0 R >> >> >>"
	field := func(x int, value string) string {
		return fmt.Sprintf("<< /Subtype /Widget /FT /Tx /V (%s) /Rect [%d 10 %d 24] >>", value, x, x+60)
	}
	checkPDFs(t, map[string]string{
		"groups backwards":  drawn(font + at(20, 200, "SSN") + at(116, 200, "8145") + at(70, 200, "536-") + at(97, 200, "22-") + "ET"),
		"letters backwards": drawn(font + backwards.String() + "ET"),
		"between others":    drawn(font + at(70, 200, "536-") + at(20, 100, "Hello") + at(97, 200, "22-") + at(20, 80, "Hello") + at(116, 200, "8145") + "ET"),
		"back in a list":    drawn(font + "[(8145) 4800 (536-22-)] TJ ET"),
		"spaced backwards":  drawn(font + "-13.34 Tc 90 200 Td (5418-22-635) Tj ET"),
		"into a gap":        drawn(font + at(70, 200, "536-   8145") + at(97, 200, "22-") + "ET"),
		"turned":            drawn(font + "0 1 -1 0 50 147 Tm (8145) Tj 0 1 -1 0 50 100 Tm (536-22-) Tj ET"),
		"drawn twice":       drawn(font + at(70, 200, "5") + at(70, 200, "5") + at(77, 200, "3") + at(77, 200, "3") + at(84, 200, "6-22-8145") + "ET"),
		"forms": pdfOf("", forms, streamOf("", "q 1 0 0 1 120 50 cm /A Do Q q 1 0 0 1 72 50 cm /B Do Q"), latinFont,
			streamOf(form, "BT /F 12 Tf (8145) Tj ET"), streamOf(form, "BT /F 12 Tf (536-22-) Tj ET")),
		"looks of fields": pdfOf("", "<< /Annots [<< /Rect [148 10 220 30] /AP << /N 4 0 R >> >> << /Rect [100 10 148 30] /AP << /N << /On 5 0 R >> >> /AS /On >>] >>", "", latinFont,
			streamOf(strings.Replace(form, "99 20", "72 20", 1), "BT /F 12 Tf (8145) Tj ET"), streamOf(strings.Replace(form, "99 20", "48 20", 1), "BT /F 12 Tf (536-22-) Tj ET")),
		"values of fields": pdfOf("", "<< /Annots [2 0 R 3 0 R] >>", field(142, "8145"), field(100, "536-22-")),
	}, document.Fine)
}

// TestHiddenGlyphs: what is drawn and cannot be seen stood within numbers.
func TestHiddenGlyphs(t *testing.T) {
	hidden := func(begin, end string) string {
		return drawn("BT /F 12 Tf 20 200 Td (SSN: 536) Tj " + begin + " (99) Tj " + end + " 1 0 0 1 73 200 Tm (-22-8145) Tj ET")
	}
	const page = "<< /MediaBox [0 0 300 300] /Contents 2 0 R /Resources << /Font << /F 3 0 R >> /ExtGState << /G << /ca 0 >> /H << /ca 1 >> >> >> >>"
	checkPDFs(t, map[string]string{
		"no paint":        hidden("3 Tr", "0 Tr"),
		"white":           hidden("1 1 1 rg", "0 g"),
		"white ink":       hidden("0 0 0 0 k", "0 0 0 1 k"),
		"a layer":         hidden("/OC /L BDC", "EMC"),
		"tiny":            hidden("/F 0.1 Tf", "/F 12 Tf"),
		"clipped":         hidden("ET q 0 0 9 9 re W n BT /F 12 Tf 70 200 Td", "ET Q BT /F 12 Tf"),
		"beside the page": pdfOf("", page, streamOf("", "BT /F 12 Tf 20 200 Td (SSN: 536) Tj 880 700 Td (99) Tj 1 0 0 1 73 200 Tm (-22-8145) Tj ET"), latinFont),
		"transparent":     pdfOf("", page, streamOf("", "BT /F 12 Tf 20 200 Td (SSN: 536) Tj /G gs (99) Tj /H gs 1 0 0 1 73 200 Tm (-22-8145) Tj ET"), latinFont),
	}, document.Fine)
}

// TestPlainPagesAreNotRepeated: a page that is drawn as it is read is read once.
func TestPlainPagesAreNotRepeated(t *testing.T) {
	file := drawn("BT /F 12 Tf 14 TL 20 200 Td (Dear Ann,) Tj T* [(K) 80 (erning) -250 (here)] TJ T* (and more.) Tj ET")
	if r := document.ReadPDF([]byte(file), document.NewBudget(func() {})); r.Text != "Dear Ann,\nKerning here\nand more." {
		t.Errorf("%q", r.Text)
	}
}

// TestObjectsWithinStreams: they stand there in any order, in a stream that need
// not say what it is.
func TestObjectsWithinStreams(t *testing.T) {
	packed := func(keys, head string) string {
		body := latinFont + " << /Contents 2 0 R /Resources << /Font << /F 7 0 R >> >> >>"
		head = strings.ReplaceAll(head, "OFF", fmt.Sprint(len(latinFont)+1))
		return pdfOf("", streamOf(fmt.Sprintf("%s /N 2 /First %d", keys, len(head)), head+body), streamOf("", shownText))
	}
	checkPDFs(t, map[string]string{
		"descending":      packed("/Type /ObjStm", "8 OFF 7 0 "),
		"without a type":  packed("", "7 0 8 OFF "),
		"type by another": packed("/Type 3 0 R", "7 0 8 OFF "),
	}, document.Fine)
	r := document.ReadPDF([]byte(packed("/Type /ObjStm", "7 0 8 99999 ")), document.NewBudget(func() {}))
	if r.Trouble != document.Damaged {
		t.Errorf("an object outside of its stream: trouble %v, %q", r.Trouble, r.Text)
	}
}

// TestStreamsThatNoPageNames: nobody knows how a reader may come to them.
func TestStreamsThatNoPageNames(t *testing.T) {
	checkPDFs(t, map[string]string{
		"no page":               pdfOf("", "<< /Type /Catalog >>", streamOf("", shownText)),
		"a reference to it":     pdfOf("", "<< /Contents 2 0 R /Resources << /Font << /F 4 0 R >> >> >>", "3 0 R", streamOf("/N 3", shownText), latinFont),
		"an earlier one":        pdfOf("2 0 obj\n"+streamOf("", shownText)+"\nendobj\n", shownPage, streamOf("", "BT (x) Tj ET"), latinFont),
		"an earlier one, again": pdfOf("2 0 obj\n"+streamOf("", "BT /F 9 Tf <64656714> Tj ET")+"\nendobj\n", shownPage, streamOf("", shownText), latinFont),
	}, document.Fine)
}

// TestTwoFontsOfOneNumber: which of them shows the glyphs only the table of the
// file says, which is not trusted.
func TestTwoFontsOfOneNumber(t *testing.T) {
	const other = "<< /Type /Font /Subtype /Type1 /Encoding << /Differences [97 /five /three /six] >> >>"
	for name, file := range map[string]string{
		"font":      pdfOf("3 0 obj\n"+other+"\nendobj\n", shownPage, streamOf("", shownText), latinFont),
		"names":     pdfOf("4 0 obj\n<< /F 5 0 R >>\nendobj\n", "<< /Contents 2 0 R /Resources << /Font 4 0 R >> >>", streamOf("", shownText), latinFont, "<< /F 3 0 R >>", other),
		"resources": pdfOf("4 0 obj\n<< /Font << /F 5 0 R >> >>\nendobj\n", "<< /Contents 2 0 R /Resources 4 0 R >>", streamOf("", shownText), latinFont, "<< /Font << /F 3 0 R >> >>", other),
	} {
		if r := document.ReadPDF([]byte(file), document.NewBudget(func() {})); r.Trouble != document.Damaged {
			t.Errorf("%s: trouble %v", name, r.Trouble)
		}
	}
	same := pdfOf("3 0 obj\n"+latinFont+"\nendobj\n", shownPage, streamOf("", shownText), latinFont)
	if r := document.ReadPDF([]byte(same), document.NewBudget(func() {})); r.Trouble != document.Fine {
		t.Errorf("the same font twice: trouble %v", r.Trouble)
	}
}

// TestFilters: the ones that only old or odd writers use, and their parameters.
func TestFilters(t *testing.T) {
	long := strings.Repeat("BT /F 12 Tf 9 9 Td (abcdefghij) Tj ET\n", 200) + shownText
	var late bytes.Buffer
	w := lzw.NewWriter(&late, lzw.MSB, 8)
	_, _ = w.Write([]byte(long))
	_ = w.Close()
	ahead := "\x02" + shownText[:20] + "\x00" + shownText[20:40] // up, of a row of zeros; none
	paeth := "\x04"
	for i := range 20 {
		last := byte(0)
		if i > 0 {
			last = shownText[i-1]
		}
		paeth += string([]byte{shownText[i] - last})
	}
	rest := fmt.Sprintf("%c%s\x80", len(shownText)-1, shownText)
	checkPDFs(t, map[string]string{
		"LZW, changing late":  pdfOf("", shownPage, streamOf("/Filter /LZWDecode /DecodeParms << /EarlyChange 0 >>", late.String()), latinFont),
		"run lengths":         pdfOf("", shownPage, streamOf("/Filter /RunLengthDecode", rest), latinFont),
		"predictor in a list": pdfOf("", shownPage, streamOf("/Filter [/RL] /DecodeParms [null]", rest), latinFont),
		"LZW, predicted rows": pdfOf("", shownPage, streamOf("/Filter [/LZW] /DecodeParms [<< /EarlyChange 1 /Predictor 12 /Columns 20 >>]", literal(ahead+"\x00"+shownText[40:])), latinFont),
		"LZW, Paeth":          pdfOf("", shownPage, streamOf("/Filter /LZW /DecodeParms << /Predictor 15 /Columns 20 >>", literal(paeth+"\x00"+shownText[20:40]+"\x00"+shownText[40:])), latinFont),
	}, document.Fine)
	// The example of ISO 32000-1 section 7.4.4.2.
	spec := pdfOf("", "<< /V 2 0 R >>", streamOf("/Filter /LZWDecode", "\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01"))
	if r := document.ReadPDF([]byte(spec), document.NewBudget(func() {})); r.Text != "-----A---B" {
		t.Errorf("the example of LZW: %q, trouble %v", r.Text, r.Trouble)
	}
	for name, s := range map[string]string{
		"ASCIIHex": streamOf("/Filter /ASCIIHexDecode", "zz"), "ASCII85": streamOf("/Filter /ASCII85Decode", "\x80~>"),
		"run lengths": streamOf("/Filter /RunLengthDecode", "\x0f."), "LZW": streamOf("/Filter /LZWDecode", "\xff\xff\xff"),
	} {
		if r := document.ReadPDF([]byte(pdfOf("", shownPage, s)), document.NewBudget(func() {})); r.Trouble != document.Damaged {
			t.Errorf("damaged %s: trouble %v", name, r.Trouble)
		}
	}
}

// literal writes s as LZW that repeats nothing, a clear code before each letter.
func literal(s string) string {
	var out []byte
	bits, have := 0, 0
	code := func(v int) {
		bits, have = bits<<9|v, have+9
		for ; have >= 8; have -= 8 {
			out = append(out, byte(bits>>(have-8)))
		}
		bits &= 1<<have - 1
	}
	for _, c := range []byte(s) {
		code(256)
		code(int(c))
	}
	code(257)
	code(0)
	return string(out)
}

// TestTablesOfPages: what stands below a heading is in its column, whatever cells
// are empty and whichever side they are aligned to.
func TestTablesOfPages(t *testing.T) {
	rows := func(cells ...string) string {
		var b strings.Builder
		b.WriteString("BT /F 12 Tf ")
		for i := 0; i < len(cells); i += 3 {
			for k, x := range []int{20, 120, 220} {
				if text := cells[i+k]; text != "" {
					b.WriteString(at(x+2*(i%9), 300-6*i, text))
				}
			}
		}
		return drawn(b.String() + "ET")
	}
	for file, want := range map[string]string{
		rows("Name", "SSN", "MRN", "Ann", "536228145", "", "Bob", "", "77123", "", "536228146", "77124"): "Name\tSSN\tMRN\nAnn\t536228145\nBob\t\t77123\n\t536228146\t77124\n",
		drawn("BT /F 12 Tf " + at(140, 220, "A list") + at(20, 200, "SSN") + at(70, 200, "MRN") + at(120, 200, "Remark") + at(36, 186, "536") + at(84, 186, "77777") + at(120, 186, "and a line of text") + at(70, 172, "123456") + at(120, 172, "x") + "ET"): "SSN\tMRN\tRemark\n536\t77777\tand a line of text\n\t123456\tx\n",
		drawn("BT /F 12 Tf " + at(20, 200, "SSN:") + at(120, 200, "MRN:") + at(20, 186, "536228145") + at(120, 186, "77123") + at(20, 172, "and a line of text across the page") + "ET"):                                                                      "SSN:\tMRN:\n536228145\t77123\n",
	} {
		if r := document.ReadPDF([]byte(file), document.NewBudget(func() {})); !strings.Contains("\n"+r.Text+"\n", "\n"+want) {
			t.Errorf("%q, not %q", r.Text, want)
		}
	}
}
