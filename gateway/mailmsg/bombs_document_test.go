package mailmsg_test

import (
	"archive/zip"
	"bytes"
	"compress/lzw"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"
)

func office(t *testing.T, pairs ...string) []byte {
	t.Helper()
	return packed("a.docx", []byte(zipped(t, append([]string{"[Content_Types].xml", "<Types/>"}, pairs...)...)))
}

func documentBombs() []bomb {
	repeat := strings.Repeat
	return []bomb{
		{"DOCX: 60 MiB of text", limit, false, func(t *testing.T) []byte {
			return office(t, "word/document.xml", repeat("<w:p><w:t>He has x</w:t></w:p>", 2<<20))
		}},
		{"DOCX: 60 MiB in eight members", limit, false, func(t *testing.T) []byte {
			var pairs []string
			for i := range 8 {
				pairs = append(pairs, fmt.Sprintf("word/footer%d.xml", i), repeat("<w:p><w:t>He has x</w:t></w:p>", 260_000))
			}
			return office(t, pairs...)
		}},
		{"DOCX: entities in entities", "", false, func(t *testing.T) []byte {
			var dtd strings.Builder
			for i := range 20 {
				fmt.Fprintf(&dtd, "<!ENTITY l%d \"%s\">", i+1, repeat(fmt.Sprintf("&l%d;", i), 10))
			}
			return office(t, "word/document.xml", "<!DOCTYPE d ["+dtd.String()+"]><w:t>&l20;</w:t>")
		}},
		{"DOCX: tags that do not end", "", true, func(t *testing.T) []byte { return office(t, "word/document.xml", repeat("<w:docPr descr='", 500_000)) }},
		{"DOCX: hidden runs", "", true, func(t *testing.T) []byte {
			return office(t, "word/document.xml", "<w:p>"+repeat("<w:r><w:vanish/><w:t>x</w:t></w:r>y", 240_000))
		}},
		{"ODT: spans in spans", "", true, func(t *testing.T) []byte {
			return packed("a.odt", []byte(zipped(t, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml",
				`<style:style style:name="H"><style:text-properties text:display="none"/>`+repeat(`<text:span text:style-name="H">x`, 200_000))))
		}},
		{"ODS: cells that are not shown", "", true, func(t *testing.T) []byte {
			return packed("a.ods", []byte(zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml",
				repeat(`<table:table-cell office:value="123456789012">`, 80_000)+repeat(`</table:table-cell>`, 80_000))))
		}},
		{"XLSX: one string in a million cells", "", false, func(t *testing.T) []byte {
			return packed("a.xlsx", []byte(zipped(t, "[Content_Types].xml", "<Types/>", "xl/sharedStrings.xml", "<sst><si><t>"+repeat("He has x. ", 100_000)+"</t></si></sst>",
				"xl/worksheets/sheet1.xml", repeat(`<c t="s"><v>0</v></c>`, 360_000))))
		}},
		{"XLSX: strings in many sheets", "", false, func(t *testing.T) []byte {
			pairs := []string{"[Content_Types].xml", "<Types/>", "xl/sharedStrings.xml", "<sst><si><t>" + repeat("He has x. ", 100_000) + "</t></si></sst>"}
			for i := range 500 {
				pairs = append(pairs, fmt.Sprintf("xl/worksheets/sheet%d.xml", i), repeat(`<c t="s"><v>0</v></c>`, 100))
			}
			return packed("a.xlsx", []byte(zipped(t, pairs...)))
		}},
		{"XLSX: many shared strings", "", true, func(t *testing.T) []byte {
			return packed("a.xlsx", []byte(zipped(t, "[Content_Types].xml", "<Types/>", "xl/sharedStrings.xml", repeat("<si><t>a</t></si>", 480_000), "xl/worksheets/sheet1.xml", "<c/>")))
		}},
		{"XML: files in a flat document", "", false, func(t *testing.T) []byte {
			return packed("a.fodt", []byte("<office:document>"+repeat("<office:binary-data>UEsDBA==", 400_000)))
		}},
		{"XML: letters of a file", "", true, func(t *testing.T) []byte {
			return packed("a.fodt", []byte("<office:document><office:binary-data>"+repeat("A<x/>", 1_600_000)))
		}},
		{"XLSX: letters of a value", "", true, func(t *testing.T) []byte {
			return packed("a.xlsx", []byte(zipped(t, "[Content_Types].xml", "<Types/>", "xl/styles.xml", "<styleSheet><cellXfs>"+repeat("<xf numFmtId='14'/>", 100_000), "xl/worksheets/sheet1.xml", "<c><v>"+repeat("1<x/>", 400_000))))
		}},
		{"XLSX: formats", "", true, func(t *testing.T) []byte {
			return packed("a.xlsx", []byte(zipped(t, "[Content_Types].xml", "<Types/>", "xl/styles.xml", "<styleSheet><numFmt numFmtId='9' formatCode='"+repeat("0-", 100_000)+"'/><cellXfs><xf numFmtId='9'/></cellXfs>",
				"xl/worksheets/sheet1.xml", repeat("<c s='0'><v>1</v>", 200_000))))
		}},
		{"RTF: groups in groups", "", true, func(t *testing.T) []byte { return packed("a.rtf", []byte(`{\rtf1 `+repeat(`{\v x`, 3<<20))) }},
		{"RTF: octets by their code", "", true, func(t *testing.T) []byte { return packed("a.rtf", []byte(`{\rtf1 `+repeat(`\'e4\u8364?`, 1<<20))) }},
		{"RTF: code pages", "", true, func(t *testing.T) []byte { return packed("a.rtf", []byte(`{\rtf1 `+repeat(`\ansicpg1251 x`, 500_000))) }},
		{"OLE: chain that never ends", "", false, func(t *testing.T) []byte {
			b := make([]byte, 8<<20)
			copy(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
			b[0x1e], b[0x20] = 9, 6
			for i := 512; i < len(b); i += 4 {
				b[i] = 1
			}
			return packed("a.doc", b)
		}},
		{"TNEF: values", "", false, func(t *testing.T) []byte {
			props := bytes.Repeat([]byte("\x1e\x00\x37\x00\x01\x00\x00\x00\x02\x00\x00\x00a\x00\x00\x00"), 300_000)
			return packed("winmail.dat", append([]byte("\x78\x9f\x3e\x22\x01\x00\x01\x03\x90\x06\x00"+string(le32(len(props)+6))+"\xe0\x93\x04\x00"), append(props, 0, 0, 0, 0)...))
		}},
		{"HTML: 8 MiB of elements", "", true, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html>"+repeat("<div style='display:none'><p title=x>", 220_000)))
		}},
		{"HTML: style sheets", "", true, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>"+repeat(".a,.b .c>d{display:none;content:'x'}", 100_000)+"</style>"+repeat("<p class='a b c d e f'>x", 150_000)))
		}},
		{"HTML: a text made of many", "", true, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>x{content:"+repeat(`"a"`, 300_000)+"}</style>"))
		}},
		{"HTML: rules within rules", "", false, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>"+repeat("@media x{.a{", 400_000)+repeat("}", 800_000)+"</style>x"))
		}},
		{"HTML: rules by the thousand", "", false, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>"+repeat("a,b .c:is(d,e)[f]:before{content:attr(f) 'x';order:1;opacity:.1}", 60_000)+"</style>"+repeat("<b f=1>1", 150_000)))
		}},
		{"HTML: lines with and without", "", false, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>i{opacity:0.1}b{float:right}</style>"+repeat("aaaaaaaaaa<i>x</i>y<br><b>1</b>", 250_000)))
		}},
		{"HTML: one line with and without", "", true, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>i{opacity:0.1}i:before{content:'x'}</style>"+repeat("aaaaaaaaaa<i>x</i>y ", 250_000)))
		}},
		{"HTML: brackets of selectors", "", false, func(t *testing.T) []byte {
			return packed("a.html", []byte("<html><style>"+repeat(":is(", 1<<20)+"{display:none}.a["+repeat("[", 1<<20)+"{order:1}</style>"+repeat("<p a b c d=1>x", 100_000)))
		}},
		{"HTML: 16 MiB of references", "", false, func(t *testing.T) []byte { return packed("a.html", []byte("<html>"+repeat("&nvlt;", 2_800_000))) }},
		{"PNG with an archive behind", "", false, func(t *testing.T) []byte {
			return packed("a.png", append([]byte(png+repeat("\x00\x01", 1000)), letters(t, 20<<20, zip.Deflate)...))
		}},
	}
}

func le32(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)} }

// pdfFile is a PDF of these objects, numbered from 1.
func pdfFile(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	for i, o := range objects {
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	b.WriteString("trailer\n<< /Root 1 0 R >>\n%%EOF\n")
	return b.Bytes()
}

func pdfStream(dict string, data []byte) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

func deflated(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pdfBombs() []bomb {
	repeat := strings.Repeat
	const catalog, pages = "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] >>"
	onePage := func(contents string, more ...string) []byte {
		return packed("a.pdf", pdfFile(append([]string{catalog, pages, "<< /Type /Page /Parent 2 0 R /Resources << /Font << /F 4 0 R >> >> /Contents " + contents + " >>", "<< /Type /Font /Subtype /Type1 >>"}, more...)...))
	}
	flate := func(t *testing.T, content string) []byte {
		return onePage("5 0 R", pdfStream("/Filter /FlateDecode", deflated(t, []byte(content))))
	}
	return []bomb{
		{"PDF: 60 MiB in one stream", limit, false, func(t *testing.T) []byte { return flate(t, repeat("BT /F 9 Tf (He has x) Tj ET\n", 2<<20)) }},
		{"PDF: filters of filters", limit, false, func(t *testing.T) []byte {
			data := deflated(t, deflated(t, deflated(t, bytes.Repeat([]byte("BT (x) Tj ET\n"), 8<<20))))
			return onePage("5 0 R", pdfStream("/Filter [/FlateDecode /FlateDecode /FlateDecode]", data))
		}},
		{"PDF: one stream for a million pages", limit, false, func(t *testing.T) []byte {
			objects := []string{catalog, "<< /Type /Pages >>", pdfStream("", []byte(repeat("BT (He has x) Tj ET\n", 5000)))}
			for range 45_000 {
				objects = append(objects, "<< /Type /Page /Contents 3 0 R >>")
			}
			return packed("a.pdf", pdfFile(objects...))
		}},
		{"PDF: pages that are their own parents", "", true, func(t *testing.T) []byte {
			return packed("a.pdf", pdfFile(catalog, "<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R >>", "<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>", "5 0 R", "4 0 R"))
		}},
		{"PDF: arrays in arrays", limit, false, func(t *testing.T) []byte { return onePage("5 0 R", repeat("[", 4<<20)) }},
		{"PDF: dictionaries in dictionaries", limit, false, func(t *testing.T) []byte { return onePage("5 0 R", repeat("<</A", 2<<20)) }},
		{"PDF: numbers", limit, false, func(t *testing.T) []byte { return onePage("5 0 R", "["+repeat("1 ", 4<<20)) }},
		{"PDF: numbers in many arrays", limit, false, func(t *testing.T) []byte { return onePage("5 0 R", "["+repeat("[1 1 1 1 1 1 1 1 1 1]", 400_000)) }},
		{"PDF: numbers in a page", limit, false, func(t *testing.T) []byte { return flate(t, "BT ["+repeat("1 ", 3<<20)+"] TJ") }},
		{"PDF: objects", limit, false, func(t *testing.T) []byte {
			return packed("a.pdf", append(pdfFile(catalog), bytes.Repeat([]byte("9 0 obj<</T 1>>endobj\n"), 400_000)...))
		}},
		{"PDF: streams that do not end", "", true, func(t *testing.T) []byte {
			return packed("a.pdf", append(pdfFile(catalog), bytes.Repeat([]byte("9 0 obj<<>>stream\n"), 400_000)...))
		}},
		{"PDF: object streams", limit, false, func(t *testing.T) []byte {
			data := deflated(t, []byte(repeat("7 0 ", 2_000_000)))
			objects := []string{catalog}
			for range 3000 {
				objects = append(objects, pdfStream("/Type /ObjStm /N 1000000 /First 8000000 /Filter /FlateDecode", data))
			}
			return packed("a.pdf", pdfFile(objects...))
		}},
		{"PDF: glyph maps", limit, false, func(t *testing.T) []byte {
			cmap := []byte("1 begincodespacerange <0000> <ffff> endcodespacerange\n" + repeat("1 beginbfrange <0000> <ffff> <0041> endbfrange\n", 50_000))
			objects := []string{catalog, pages, "<< /Type /Page /Resources << /Font << /F 5 0 R >> >> /Contents 4 0 R >>", pdfStream("", []byte("BT /F 9 Tf "+repeat("<0041> Tj ", 100_000)+"ET")),
				"<< /Type /Font /Subtype /Type0 /ToUnicode 6 0 R /DescendantFonts [<< /W [0 65535 500] >>] >>", pdfStream("/Filter /FlateDecode", deflated(t, cmap))}
			return packed("a.pdf", pdfFile(objects...))
		}},
		{"PDF: fonts by the thousand", limit, false, func(t *testing.T) []byte {
			cmap := pdfStream("/Filter /FlateDecode", deflated(t, []byte(repeat("<0000> <ffff> <0041> endbfrange\n", 100))))
			objects := []string{catalog, pages, "", "", cmap}
			var fonts, content strings.Builder
			for i := range 2000 {
				fmt.Fprintf(&fonts, "/F%d %d 0 R ", i, i+6)
				fmt.Fprintf(&content, "BT /F%d 9 Tf <0041> Tj ET\n", i)
				objects = append(objects, "<< /Type /Font /Subtype /Type0 /ToUnicode 5 0 R /DescendantFonts [<< /W [0 65535 500] >>] >>")
			}
			objects[2] = "<< /Type /Page /Resources << /Font << " + fonts.String() + " >> >> /Contents 4 0 R >>"
			objects[3] = pdfStream("", []byte(content.String()))
			return packed("a.pdf", pdfFile(objects...))
		}},
		{"PDF: states and matrices", "", true, func(t *testing.T) []byte {
			return flate(t, repeat("q 1 0 0 1 1e300 1e300 cm BT [(x) -1e308 (y)] TJ ET ", 160_000))
		}},
		{"PDF: operands", "", true, func(t *testing.T) []byte { return flate(t, repeat("1 ", 3<<20)+"Tj") }},
		{"PDF: contents of a million streams", limit, false, func(t *testing.T) []byte {
			return onePage("["+repeat("5 0 R ", 500_000)+"]", pdfStream("", []byte(repeat("BT (He has x) Tj ET\n", 50))))
		}},
		{"PDF: forms", limit, false, func(t *testing.T) []byte {
			objects := []string{catalog}
			for range 20_000 {
				objects = append(objects, pdfStream("/Type /XObject /Subtype /Form", []byte("BT (He has x) Tj ET")))
			}
			return packed("a.pdf", pdfFile(objects...))
		}},
		{"PDF: forms that draw themselves", limit, false, func(t *testing.T) []byte {
			form := pdfStream("/Subtype /Form /Resources << /XObject << /A 5 0 R >> >>", []byte(repeat("/A Do ", 20)))
			return onePage("5 0 R", form, "<< /Contents 5 0 R /Resources << /XObject << /A 5 0 R >> >> >>")
		}},
		{"PDF: notes that a million pages share", limit, false, func(t *testing.T) []byte {
			objects := []string{catalog, "[" + repeat("<< /V (x) >> ", 9000) + "]"}
			for range 40_000 {
				objects = append(objects, "<< /Annots 2 0 R >>")
			}
			return packed("a.pdf", pdfFile(objects...))
		}},
		{"PDF: letters from right to left", "", true, func(t *testing.T) []byte {
			return flate(t, "BT "+repeat("-20 0 Td (x) Tj ", 190_000)+"ET")
		}},
		{"PDF: LZW", limit, false, func(t *testing.T) []byte {
			var b bytes.Buffer
			z := lzw.NewWriter(&b, lzw.MSB, 8)
			_, _ = z.Write(make([]byte, 60<<20))
			_ = z.Close()
			return onePage("5 0 R", pdfStream("/Filter /LZWDecode /DecodeParms << /EarlyChange 0 >>", b.Bytes()))
		}},
		{"PDF: versions", "", false, func(t *testing.T) []byte {
			b := pdfFile(catalog, pages, "<< /Contents 9 0 R >>")
			for i := range 20_000 {
				b = fmt.Appendf(b, "9 0 obj\n%s\nendobj\n", pdfStream(fmt.Sprintf("/A %d", i), []byte("BT (He has x) Tj ET")))
			}
			b = append(b, bytes.Repeat([]byte("8 0 obj << /Contents ["+repeat("9 0 R ", 100)+"] >> endobj\n"), 2000)...)
			return packed("a.pdf", b)
		}},
		{"PDF: predictor", "", true, func(t *testing.T) []byte {
			return onePage("5 0 R", pdfStream("/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 1 >>", deflated(t, make([]byte, 8<<20))))
		}},
		{"PDF: /Encrypt in names", "", true, func(t *testing.T) []byte {
			return packed("a.pdf", append(pdfFile(catalog), bytes.Repeat([]byte("/Encrypt /x "), 1<<20)...))
		}},
		{"PDF: comments and junk", "", true, func(t *testing.T) []byte {
			return packed("a.pdf", append(pdfFile(catalog), bytes.Repeat([]byte("1 0 obj%x\r"), 1<<20)...))
		}},
		{"PDF: inline pictures", "", true, func(t *testing.T) []byte { return flate(t, repeat("BI ID E", 1<<20)+"T") }},
		{"PDF in a PDF in a PDF", "", false, func(t *testing.T) []byte {
			data := pdfFile(catalog)
			for range 12 {
				data = pdfFile(catalog, pdfStream("/Type /EmbeddedFile", data), pdfStream("/Type /EmbeddedFile", data))
			}
			return packed("a.pdf", data)
		}},
	}
}
