package document_test

import (
	"testing"
	"unicode/utf8"

	"gatepost/gateway/mailmsg/internal/document"
)

// FuzzDocument gives the same octets to every parser, whatever they look like.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("{\\rtf1\\ansi a\\'e4{\\*\\b c}\\u228?}"))
	f.Add([]byte("<p style='display:none' title=\"&#100;\">x<!--[if a]>y<![endif]--></p><style>.a{display:none}</style>"))
	f.Add([]byte("%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Kids [3 0 R] >>\nendobj\n3 0 obj\n<< /Contents 4 0 R >>\nendobj\n4 0 obj\n<< /Length 18 >>\nstream\nBT (a\\051) Tj ET\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n"))
	f.Add([]byte("<?xml version='1.0'?><Workbook><Style ss:ID='a'><NumberFormat ss:Format='00\\-0'/></Style><Cell ss:StyleID='a'><Data ss:Type='Number'>12</Data></Cell><binData>aGk=</binData></Workbook>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		member := func(m document.Member) { total += len(m.Data) }
		budget := document.NewBudget(func() {})
		z := document.OpenZip(b)
		z.Each(budget, member)
		z.EachOffice(budget, func(_, s string) { total += len(s) }, member)
		document.EachTar(b, budget, member)
		for _, m := range []document.Member{document.Gunzip(b, budget), document.Bunzip(b, budget), document.Unzlib(b, budget)} {
			member(m)
		}
		for _, r := range []document.Result{document.ReadFlat(string(b)), document.ReadPDF(b, budget), document.ReadOLE(b), document.ReadTNEF(b, budget)} {
			total += len(r.Text)
			for _, m := range r.Parts {
				member(m)
			}
		}
		unpacked, _ := document.UnpackRTF(b, budget)
		text, _ := document.RTF(b)
		total += len(unpacked) + len(text)
		words, _ := document.Respelled(string(b))
		total += len(words)
		document.ReadCMS(b)
		document.FindArmour(b, 0)
		document.PGPEncrypted(b)
		document.ArchiveEncrypted(b)
		if total > 64<<20+64*len(b) {
			t.Fatalf("%d octets of %d", total, len(b))
		}
		page := document.HTML(string(b))
		if utf8.Valid(b) && !(utf8.ValidString(page.Visible) && utf8.ValidString(page.Hidden)) {
			t.Fatal("text of HTML is cut within a character")
		}
		if len(page.Visible)+len(page.Quoted)+len(page.Hidden) > 4096+8*len(b)+500*300 {
			t.Fatalf("%d octets of HTML became %d, %d, %d", len(b), len(page.Visible), len(page.Quoted), len(page.Hidden))
		}
	})
}
