package document_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

// officeText reads an office document of these members.
func officeText(t *testing.T, pairs ...string) (string, document.Trouble) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		f, err := w.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte(pairs[i+1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all := ""
	z := document.OpenZip(b.Bytes())
	trouble := z.EachOffice(document.NewBudget(func() {}), func(_, text string) { all += text + "\n" }, func(m document.Member) { all += string(m.Data) + "\n" })
	return all, trouble
}

const (
	types  = "[Content_Types].xml"
	styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="000\-00\-0000"/><numFmt numFmtId="165" formatCode="00000"/>` +
		`<numFmt numFmtId="166" formatCode="[&lt;=9999999]###\-####;\(###\)\ ###\-####"/><numFmt numFmtId="167" formatCode="#,##0.00"/></numFmts>` +
		`<cellStyleXfs><xf numFmtId="167"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="14"/><xf numFmtId="167"/></cellXfs></styleSheet>`
)

// TestSheetsAsTheyAreShown: the format of a cell puts zeros before its number,
// and signs between the digits.
func TestSheetsAsTheyAreShown(t *testing.T) {
	for cell, want := range map[string]string{
		`<c s="1"><v>12345678</v></c>`:                                  "012-34-5678",
		`<c s="1"><v>5.36228145E8</v></c>`:                              "536-22-8145",
		`<c s = '1'><v>5362<!-- x -->28145</v></c>`:                     "536-22-8145",
		`<x:c s="2"><x:v><![CDATA[123]]></x:v></x:c>`:                   "00123",
		`<c s="3"><v>2025550143</v></c>`:                                "(202) 555-0143",
		`<c s="3"><v>5550143</v></c>`:                                   "\n555-0143",
		`<c s="4"><v>30753</v></c>`:                                     "1984-03-12",
		`<c s="5"><v>30753.5</v></c>`:                                   "30753.5",
		`<c s="0"><v>536228145</v></c>`:                                 "536228145",
		`<c><f>B9</f><v>536-22-8145</v></c>`:                            "\n536-22-8145",
		`<c t="str"><f>"No "&amp;"536-" &amp; "22-"&amp;"8145"</f></c>`: "No 536-22-8145",
		`<c t = "s"><v>1</v></c>`:                                       "536-22-8145\n536-22-8145",
	} {
		got, trouble := officeText(t, types, "<Types/>", "xl/styles.xml", styles, "xl/sharedStrings.xml", `<x:sst><x:si/><x:si><x:r><x:t>536-</x:t></x:r><x:r><x:t>22-8145</x:t></x:r></x:si></x:sst>`,
			"xl/worksheets/sheet1.xml", "<worksheet><row>"+cell+"</row></worksheet>")
		if !strings.Contains("\n"+got, want) || trouble != document.Fine {
			t.Errorf("%s: trouble %v, %q", cell, trouble, got)
		}
	}
}

// TestPartsUnderOtherNames: another part says where a part is, so its name tells
// nothing.
func TestPartsUnderOtherNames(t *testing.T) {
	const runs = "<w:document><w:p><w:r><w:t>536-</w:t></w:r><w:r><w:t>22-8145</w:t></w:r></w:p></w:document>"
	const decoy = "<w:document><w:p><w:r><w:t>Hello</w:t></w:r></w:p></w:document>"
	const sheet, table = `<worksheet><row><c t="s"><v>0</v></c></row></worksheet>`, "<sst><si><t>536-22-8145</t></si></sst>"
	for name, parts := range map[string][]string{
		"main part":      {types, "<Types/>", "word/document.xml", decoy, "word/document.dat", runs},
		"16-bit":         {types, "<Types/>", "word/document.xml", decoy, "word/other.bin", strings.Join(strings.Split("<"+runs[1:], ""), "\x00") + "\x00"},
		"shared strings": {types, "<Types/>", "xl/worksheets/sheet1.xml", sheet, "xl/s.xml", table},
		"sheet":          {types, "<Types/>", "xl/w/a.bin", sheet, "xl/sharedStrings.xml", table},
	} {
		if got, trouble := officeText(t, parts...); strings.Count(got, "536-22-8145") < len(parts)/6 || trouble != document.Fine {
			t.Errorf("%s: trouble %v, %q", name, trouble, got)
		}
	}
	for name, c := range map[string]struct {
		parts []string
		want  document.Trouble
	}{
		"no XML at all": {[]string{types, `<Types><Override PartName="/word/a.bin" ContentType="application/x.main+xml"/></Types>`, "word/document.xml", decoy, "word/a.bin", "\x01\x02\x00\x80"}, document.Unknown},
		"by extension":  {[]string{types, `<Types><Default Extension="bin" ContentType="application/x.main+xml"/></Types>`, "word/document.xml", decoy, "word/a.bin", "\x01\x02\x00\x80"}, document.Unknown},
		"printer":       {[]string{types, `<Types><Default Extension="bin" ContentType="application/x.printerSettings"/></Types>`, "word/document.xml", decoy, "word/a.bin", "\x01\x02\x00\x80"}, document.Fine},
		"two tables":    {[]string{types, "<Types/>", "xl/a.xml", table, "xl/b.xml", table, "xl/worksheets/sheet1.xml", sheet}, document.Suspicious},
		"odd encoding":  {[]string{types, "<Types/>", "word/document.xml", `<?xml version="1.0" encoding="IBM037"?>` + decoy}, document.Suspicious},
		"entity":        {[]string{types, "<Types/>", "word/document.dat", `<!DOCTYPE d [<!ENTITY a "x">]>` + decoy}, document.Suspicious},
	} {
		if got, trouble := officeText(t, c.parts...); trouble != c.want {
			t.Errorf("%s: trouble %v, %q", name, trouble, got)
		}
	}
}

// TestFlatDocuments: office documents in one XML file.
func TestFlatDocuments(t *testing.T) {
	const number = "No 536-22-8145"
	for name, src := range map[string]string{
		"OpenDocument": `<?xml version="1.0"?><office:document><text:p>No <text:span>5</text:span>36-2<text:span>2</text:span>-8145</text:p></office:document>`,
		"Word":         `<?mso-application progid="Word.Document"?><pkg:package><pkg:part><pkg:xmlData><w:p><w:r><w:t>No 536-</w:t></w:r><w:r><w:t>22-8145</w:t></w:r></w:p></pkg:xmlData></pkg:part></pkg:package>`,
		"Excel 2003": `<Workbook><Styles><Style ss:ID="s1"><NumberFormat ss:Format="000\-00\-0000"/></Style></Styles><Row><Cell><ss:Data ss:Type="String"><B>N</B>o</ss:Data></Cell></Row>` +
			`<Row><Cell ss:StyleID="s1"><Data ss:Type="Number">536228145</Data></Cell></Row></Workbook>`,
		"form": `<office:document><form:text form:current-value="No 536-22-8145"/></office:document>`,
		"cell": `<office:document><table:table-cell office:string-value="No 536-22-8145"/></office:document>`,
	} {
		if root, _ := document.XMLRoot(src); !document.IsFlat(root) {
			t.Errorf("%s: root %q", name, root)
		}
		if r := document.ReadFlat(src); !strings.Contains(strings.Join(strings.Fields(r.Text), " "), number) || r.Trouble != document.Fine {
			t.Errorf("%s: trouble %v, %q", name, r.Trouble, r.Text)
		}
	}
	packed := func(s string) string { return "<office:binary-data>" + s + "</office:binary-data>" }
	r := document.ReadFlat("<office:document>" + packed(" aGVs\nbG8= ") + packed(base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n\x00\x00"))) + "<text:p>x</text:p></office:document>")
	if r.Text != "x" || len(r.Parts) != 1 || string(r.Parts[0].Data) != "hello" || r.Trouble != document.Fine {
		t.Errorf("a file within and a picture: %q, %v, trouble %v", r.Text, r.Parts, r.Trouble)
	}
}

func TestXMLRoot(t *testing.T) {
	for src, want := range map[string]string{
		"": "", "Hello <b>": "", "<": "", "<!--": "", "<?xml": "", "\ufeff\n<?xml version='1.0'?><!-- <a> --><!DOCTYPE d [<!ENTITY x '>'>]><o:Doc x='1'>": "doc", "<a/>": "a",
	} {
		if got, _ := document.XMLRoot(src); got != want {
			t.Errorf("%q: %q", src, got)
		}
	}
}

// TestCellsStayInTheirColumns: cells without content, which files leave out or
// write once for many, keep what follows below its heading.
func TestCellsStayInTheirColumns(t *testing.T) {
	const flat = `<office:document><table:table-row><table:table-cell><text:p>Ann</text:p></table:table-cell>`
	for name, c := range map[string][2]string{
		"sheet":        {`<row r="2"><c r="A2"><v>1</v></c><c r="D2"><v>536</v></c></row>`, "1\t\t\t536\t"},
		"later column": {`<row><c r="AB1"><v>7</v></c></row>`, strings.Repeat("\t", 27) + "7\t"},
		"first absent": {`<row r="2"><c r="B2"><v>536</v></c></row><row r="3"><c r="A3"><v>1</v></c></row>`, "\t536\t\n1\t"},
		"no place":     {`<row><c><v>1</v></c><c><v>2</v></c></row>`, "1\t2\t"},
		"far away":     {`<row><c r="ZZZ1"><v>1</v></c></row>`, "1\t"},
		"Office 2003":  {`<Row><Cell><Data ss:Type="String">Ann</Data></Cell><Cell ss:Index="4"><Data ss:Type="Number">536</Data></Cell></Row>`, "Ann\t\t\t536\t"},
		"repeated":     {flat + `<table:table-cell table:number-columns-repeated="2"/><table:table-cell><text:p>536</text:p></table:table-cell><table:table-cell table:number-columns-repeated="16380"/></table:table-row>`, "Ann\t\t\t536\t\n"},
		"paragraphs":   {`<w:tr><w:tc><w:p><w:t>a</w:t></w:p><w:p><w:t>b</w:t></w:p></w:tc><w:tc><w:p><w:t>c</w:t></w:p><w:tbl><w:tr><w:tc><w:p><w:t>d</w:t></w:p></w:tc></w:tr></w:tbl></w:tc></w:tr><w:p><w:t>e</w:t></w:p>`, "a\nb\tc\nd\t\n\t\ne\n"},
		"covered":      {flat + `<table:covered-table-cell/><table:table-cell><text:p>536</text:p></table:table-cell></table:table-row>`, "Ann\t\t536\t\n"},
	} {
		if got := document.XML(c[0]); !strings.Contains("\n"+got+"\n", "\n"+c[1]) && got != c[1] {
			t.Errorf("%s: %q, not %q", name, got, c[1])
		}
	}
}
