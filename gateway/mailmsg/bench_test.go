package mailmsg_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg"
)

// clinicMail is an everyday mail of about n octets: text, HTML, and with more
// than 20 KiB an attachment in base64.
func clinicMail(t testing.TB, n int) []byte {
	var b strings.Builder
	b.WriteString("Received: from pc (pc [192.0.2.1]) by mail.clinic.example; Wed, 04 Mar 2026 12:30:00 +0000\nFrom: \"Dr. Ann\" <ann@clinic.example>\nTo: <pat@out.example>\n" +
		"Subject: =?utf-8?q?Ihr_Termin_am_N=C3=A4chsten_Montag?=\nMessage-ID: <1@clinic.example>\nDate: Wed, 04 Mar 2026 12:30:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n")
	text := min(n, 10<<10)
	for i := 0; b.Len() < text/2; i++ {
		fmt.Fprintf(&b, "Line %d: please bring the papers, we are glad to see you; Gr=C3=BC=C3=9Fe.\n", i)
	}
	b.WriteString("--c\nContent-Type: text/html; charset=utf-8\n\n<html><body><table>\n")
	for i := 0; b.Len() < text; i++ {
		fmt.Fprintf(&b, "<tr><td class=\"x%d\" style=\"color:#333\">Line %d: please bring <b>the papers</b></td></tr>\n", i, i)
	}
	b.WriteString("</table></body></html>\n--c--\n")
	if n > 20<<10 {
		data := strings.Repeat("notes of the ward\n", (n-b.Len())/25)
		b.WriteString("--b\nContent-Type: application/octet-stream; name=notes.txt\nContent-Transfer-Encoding: base64\n\n")
		for text := b64(data); text != ""; text = text[min(76, len(text)):] {
			b.WriteString(text[:min(76, len(text))] + "\n")
		}
	}
	b.WriteString("--b--\n")
	return crlf(b.String())
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"10KiB", 10 << 10}, {"10MiB", 10 << 20}} {
		raw := clinicMail(b, size.n)
		b.Run(size.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				mailmsg.Read(raw)
			}
		})
	}
}

// BenchmarkReadPDF reads a mail with a page of text in a PDF file.
func BenchmarkReadPDF(b *testing.B) {
	var page, stream bytes.Buffer
	page.WriteString("BT /F1 9 Tf 40 780 Td 11 TL\n")
	for i := range 30 {
		fmt.Fprintf(&page, "(Line %d: quarterly forecast attached please review before the meeting) Tj T*\n", i)
	}
	page.WriteString("ET")
	z := zlib.NewWriter(&stream)
	_, _ = z.Write(page.Bytes())
	_ = z.Close()
	pdf := "%PDF-1.4\n1 0 obj\n<< /Type /Page /MediaBox [0 0 595 842] /Contents 2 0 R /Resources << /Font << /F1 3 0 R >> >> >>\nendobj\n" +
		fmt.Sprintf("2 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n", stream.Len(), stream.String()) +
		"3 0 obj\n<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>\nendobj\ntrailer\n<< >>\n"
	raw := crlf("From: <ann@clinic.example>\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n" + b64(pdf) + "\n")
	b.ReportAllocs()
	for b.Loop() {
		mailmsg.Read(raw)
	}
}

func BenchmarkView(b *testing.B) {
	raw := clinicMail(b, 10<<20)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mailmsg.View(bytes.NewReader(raw)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEdits(b *testing.B) {
	raw := clinicMail(b, 10<<10)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		mailmsg.Edits(raw, true)
	}
}
