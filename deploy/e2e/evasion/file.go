package evasion

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"strings"
)

// member is a file in an archive.
type member struct {
	name string
	data []byte
}

func zipped(members ...member) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		if f, err := w.Create(m.name); err == nil {
			_, _ = f.Write(m.data) // into memory
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// document is a word processor's file, reduced to what readers need.
func document(body string) []byte {
	return zipped(
		member{"[Content_Types].xml", []byte(`<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`)},
		member{"_rels/.rels", []byte(`<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`)},
		member{"word/document.xml", []byte(`<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p>` + body + `</w:p></w:body></w:document>`)},
	)
}

func run(s string) string { return "<w:r><w:t>" + s + "</w:t></w:r>" }

// sheet keeps its text in one place beside the cells.
func sheet(shared string) []byte {
	return zipped(
		member{"[Content_Types].xml", []byte(`<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>`)},
		member{"xl/workbook.xml", []byte(`<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>`)},
		member{"xl/sharedStrings.xml", []byte(`<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si>` + shared + `</si></sst>`)},
		member{"xl/worksheets/sheet1.xml", []byte(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row><c t="s"><v>0</v></c></row></sheetData></worksheet>`)},
	)
}

func open(body string) []byte {
	return zipped(
		member{"mimetype", []byte("application/vnd.oasis.opendocument.text")},
		member{"content.xml", []byte(`<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text><text:p>` + body + `</text:p></office:text></office:body></office:document-content>`)},
	)
}

// pdf is one page whose content stream is given; filter says how it was packed.
func pdf(stream []byte, filter string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	object := func(s string) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), s)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>")
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	object(fmt.Sprintf("<< /Length %d%s >>\nstream\n%s\nendstream", len(stream), filter, stream))
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

func shown(show string) []byte { return []byte("BT /F1 12 Tf 72 720 Td " + show + " ET") }

func deflated(raw []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

func gzipped(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

func tarred(name string, raw []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(raw)), Mode: 0o600})
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

// bare is a ZIP member without a directory at its end, as some readers take it.
func bare(name string, raw []byte) []byte {
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, 6)
	_, _ = w.Write(raw)
	_ = w.Close()
	b := []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(z.Len()))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(raw)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = binary.LittleEndian.AppendUint16(b, 0)
	return append(append(b, name...), z.Bytes()...)
}

// envelope is a winmail.dat whose only attribute is the text (MS-OXTNEF).
func envelope(text string) []byte {
	b := []byte{0x78, 0x9F, 0x3E, 0x22, 0x01, 0x00, 0x01}
	body := append([]byte(text), 0)
	b = append(b, 0x0C, 0x80, 0x02, 0x00) // attBody
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	sum := uint16(0)
	for _, c := range body {
		sum += uint16(c)
	}
	b = append(b, body...)
	return binary.LittleEndian.AppendUint16(b, sum)
}

func containers() map[string]func(string) []byte {
	text := []byte(around(Word))
	inner := []byte(message(plain(string(text)), "")("x@out.example"))
	const word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	halves := run("zebra") + `<w:r><w:rPr><w:b/></w:rPr><w:t>quartz</w:t></w:r>`
	nest := zipped(member{"a.txt", text})
	for range 4 {
		nest = zipped(member{"a.zip", nest})
	}
	all := make(map[string]func(string) []byte)
	for name, e := range map[string]entity{
		"zip":                  file("a.zip", "application/zip", zipped(member{"a.txt", text})),
		"zip in zip":           file("a.zip", "application/zip", nest),
		"zip by another name":  file("a.jpg", "image/jpeg", zipped(member{"a.txt", text})),
		"zip behind a picture": file("a.gif", "image/gif", append([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), zipped(member{"a.txt", text})...)),
		"zip without an end":   file("a.zip", "application/zip", bare("a.txt", text)),
		"docx":                 file("a.docx", word, document(run("the report on "+Word))),
		"docx in runs":         file("a.docx", word, document(halves)),
		"docx hidden":          file("a.docx", word, document(`<w:r><w:rPr><w:vanish/></w:rPr><w:t>`+Word+`</w:t></w:r>`)),
		"docx deleted":         file("a.docx", word, document(`<w:del><w:r><w:delText>`+Word+`</w:delText></w:r></w:del>`)),
		"docx as octets":       file("a.bin", "application/octet-stream", document(run(Word))),
		"xlsx":                 file("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", sheet("<t>"+Word+"</t>")),
		"xlsx in runs":         file("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", sheet("<r><t>zebra</t></r><r><t>quartz</t></r>")),
		"odt":                  file("a.odt", "application/vnd.oasis.opendocument.text", open(`zebra<text:span>quartz</text:span>`)),
		"rtf":                  file("a.rtf", "application/rtf", []byte(`{\rtf1\ansi the report on \'7a\'65\'62\'72\'61{\b quartz}\par}`)),
		"pdf":                  file("a.pdf", "application/pdf", pdf(deflated(shown("("+Word+") Tj")), " /Filter /FlateDecode")),
		"pdf in pieces":        file("a.pdf", "application/pdf", pdf(shown("[(ze) 5 (bra) -3 (quartz)] TJ"), "")),
		"gzip":                 file("a.txt.gz", "application/gzip", gzipped(text)),
		"tar and gzip":         file("a.tgz", "application/gzip", gzipped(tarred("a.txt", text))),
		"mail in a file":       file("a.eml", "application/octet-stream", inner),
		"winmail.dat":          file("winmail.dat", "application/ms-tnef", envelope(string(text))),
	} {
		all[name] = message(with(e), "")
	}
	return all
}

func kinds() map[string]func(string) []byte {
	text := around(Word)
	json := `{"note": "\u007a\u0065\u0062\u0072\u0061quartz"}`
	cases := map[string]entity{
		"csv":                  {"text/csv", "7bit", nil, "id,name\r\n1," + Word + "\r\n"},
		"calendar":             {"text/calendar", "7bit", nil, "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:zebraq\r\n uartz\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"},
		"contact":              {"text/vcard", "7bit", nil, "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nNOTE:" + Word + "\r\nEND:VCARD\r\n"},
		"contact in quoted":    {"text/x-vcard", "7bit", nil, "BEGIN:VCARD\r\nVERSION:2.1\r\nNOTE;ENCODING=QUOTED-PRINTABLE:=7A=65=62=72=61quartz\r\nEND:VCARD\r\n"},
		"flowed":               {"text/plain; format=flowed; delsp=yes", "7bit", nil, "the report on zebra \r\nquartz is ready\r\n"},
		"enriched":             {"text/enriched", "7bit", nil, "the report on zebra<bold></bold>quartz\r\n"},
		"richtext":             {"text/richtext", "7bit", nil, "the report on zebra<nl-x></nl-x>quartz\r\n"},
		"text of nobody":       {"text/x-unknown", "7bit", nil, text},
		"octets":               encoded("application/octet-stream", []byte(text)),
		"json":                 {"application/json", "7bit", nil, json + "\r\n"},
		"xml":                  {"application/xml", "7bit", nil, "<a>&#x7a;ebra<!-- -->quartz</a>\r\n"},
		"picture that is text": {"image/png", "7bit", nil, text},
		"svg":                  {"image/svg+xml", "7bit", nil, `<svg xmlns="http://www.w3.org/2000/svg"><text>zebra<tspan>quartz</tspan></text></svg>`},
		"no kind":              {"", "", nil, text},
		"broken kind":          {"text plain", "7bit", nil, text},
		"kind alone":           {"text", "7bit", nil, text},
		"kind of nobody":       {"x-app/x-thing", "base64", nil, lines([]byte(text))},
		"html called plain":    {"text/plain", "7bit", nil, "<html><body>zebra<b></b>quartz</body></html>\r\n"},
		"plain called html":    {"text/html", "7bit", nil, text},
		"report":               {"message/delivery-status", "7bit", nil, "Reporting-MTA: dns; x\r\nDiagnostic-Code: smtp; 550 " + Word + "\r\n"},
	}
	return mails(cases)
}

// many repeats a line until it is about n octets.
func many(line string, n int) string { return strings.Repeat(line, n/len(line)+1) }

func paddings() map[string]func(string) []byte {
	text := around(Word)
	const ordinary = "The weather in the garden was fine and everybody had tea.\r\n"
	parts := func(n int) (all []entity) {
		for range n {
			all = append(all, plain("tea\r\n"))
		}
		return append(all, plain(text))
	}
	cases := map[string]entity{
		"a megabyte before":       plain(many(ordinary, 1<<20) + text),
		"a megabyte around":       plain(many(ordinary, 1<<19) + text + many(ordinary, 1<<19)),
		"five megabytes encoded":  encoded("text/plain; charset=utf-8", []byte(many(ordinary, 5<<20)+text)),
		"empty lines":             plain(many("\r\n", 40000) + text),
		"blanks":                  plain(many(strings.Repeat(" ", 900)+"\r\n", 200000) + text),
		"at the end of a line":    plain(strings.Repeat("tea ", 230) + Word + "\r\n"),
		"a long comment before":   html("<!--" + many("tea and cake ", 300000) + "-->" + Word),
		"many tags before":        html(many("<i></i>\r\n", 200000) + Word),
		"many entities before":    html(many("&nbsp;\r\n", 200000) + Word),
		"deep tags":               html(strings.Repeat("<div>\r\n", 3000) + Word),
		"hundreds of parts":       multi("mixed", "=_p", parts(400)...),
		"a thousand parts":        multi("mixed", "=_p", parts(1200)...),
		"large attachment before": multi("mixed", "=_p", file("a.bin", "application/octet-stream", []byte(many("\x01\x02\x03tea", 2<<20))), plain(text)),
		"many empty parts":        multi("mixed", "=_p", append(make([]entity, 300), plain(text))...),
		"quoted deep":             plain(strings.Repeat("> ", 100) + Word + "\r\n"),
		"digits before":           plain(many("4111 1111 1111 1112 4929 ", 200000) + "\r\n" + text),
	}
	all := mails(cases)
	all["long header before"] = message(entity{"text/plain", "7bit", []string{"X-Tea:" + many(" tea and\r\n cake", 100000)}, text}, "")
	all["many fields before"] = message(entity{"text/plain", "7bit", []string{strings.TrimSuffix(many("X-Tea: cake\r\n", 8000), "\r\n")}, text}, "")
	return all
}
