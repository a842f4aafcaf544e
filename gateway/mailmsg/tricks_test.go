package mailmsg_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// png is how a picture begins.
const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

// word is what each trick hides.
const word = "diabetes"

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// part is a mail with one attachment of the octets.
func part(media, data string) string {
	return "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee the file\n--b\nContent-Type: " + media + "\nContent-Transfer-Encoding: base64\n\n" + b64(data) + "\n--b--\n"
}

func mixed(body string) string { return "Content-Type: multipart/mixed; boundary=b\n\n" + body }

func utf16le(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// zipped is an archive of name, content pairs.
func zipped(t testing.TB, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// zippedNote is an archive with a comment.
func zippedNote(t testing.TB, note string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.SetComment(note); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t testing.TB, name, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(s)), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(s))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pdf is a document of one page that shows s; extra goes into the trailer.
func pdf(t testing.TB, s, extra string) string {
	t.Helper()
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	fmt.Fprintf(z, "BT /F1 12 Tf 72 720 Td (%s) Tj ET", s)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n" +
		"3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>\nendobj\n" +
		fmt.Sprintf("4 0 obj\n<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream\nendobj\n", packed.Len(), packed.String()) +
		"5 0 obj\n<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>\nendobj\ntrailer\n<< /Root 1 0 R /Size 6 " + extra + ">>\n%%EOF\n"
}

func TestTricksHideNothing(t *testing.T) {
	wide := utf16le("He has " + word)
	tricks := []struct{ name, raw string }{
		// Fields.
		{"folded subject", "Subject: dia\n betes " + word + "\n\nx"},
		{"subject in two encoded words", "Subject: =?utf-8?q?diab?=\n =?utf-8?q?etes?=\n\nx"},
		{"subject in words of two sets", "Subject: =?utf-8?q?diab?= =?iso-8859-1?b?ZXRlcw==?=\n\nx"},
		{"encoded word in UTF-7", "Subject: =?utf-7?q?+AGQAaQBhAGIAZQB0AGUAcw-?=\n\nx"},
		{"encoded word without its end", "Subject: =?utf-8?q?diabetes\n\nx"},
		{"encoded word within a word", "Subject: dia=?utf-8?q?bet?=es\n\nx"},
		{"encoded word with a language", "Subject: =?utf-8*en?q?diabetes?=\n\nx"},
		{"encoded word with spaces inside", "Subject: =?utf-8?q?has diabetes now?=\n\nx"},
		{"encoded word with broken base64", "Subject: =?utf-8?b?ZGlhYmV0ZXM?=\n\nx"},
		{"second subject", "Subject: x\nSubject: diabetes\n\nx"},
		{"field of an application", "X-Diagnosis: diabetes\n\nx"},
		{"comments field", "Comments: diabetes\n\nx"},
		{"space before the colon", "Subject : diabetes\n\nx"},
		{"line without colon", "Subject: x\ndiabetes\n\nx"},
		{"line of white space ends the header for some", "Subject: x\n \ndiabetes\nTo: <a@b>\n\nx"},
		{"header behind an empty line", "\nSubject: diabetes\nContent-Type: text/html\nFrom: <a@b>\n\nx"},
		{"name of a person", "From: \"He has diabetes and 12345 other things\" <a@b>\n\nx"},
		{"no address", "To: he has diabetes\n\nx"},
		{"address that is not closed", "To: \"he has diabetes <a@b>\n\nx"},
		{"too many fields", strings.Repeat("X-A: b\n", 1100) + "Subject: diabetes\n\nx"},
		{"header too large", "X-A: " + strings.Repeat("b\n ", 100000) + "\nSubject: diabetes\n\nx"},
		// Structure.
		{"two types, plain first", "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"two types, multipart first", "Content-Type: multipart/mixed; boundary=c\nContent-Type: multipart/mixed; boundary=b\n\n--c\n\nx\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n--c--\n"},
		{"two boundaries in one field", "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\nx\n--a--\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"boundary in pieces", "Content-Type: multipart/mixed; boundary*0=\"b\"; boundary*1=\"c\"\n\n--bc\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--bc--\n"},
		{"boundary in pieces out of order", "Content-Type: multipart/mixed; boundary*1=\"c\"; boundary*0*=utf-8''%62\n\n--bc\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--bc--\n"},
		{"comment in the type", "Content-Type: multipart/(x;boundary=z)mixed; boundary=(y)b\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"comment that does not end", "Content-Type: multipart/mixed (x; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"quoted pair in the boundary", "Content-Type: multipart/mixed; boundary=\"\\b\"\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"boundary with spaces behind", mixed("--b   \nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n")},
		{"preamble", mixed("diabetes\n--b\n\nx\n--b--\n")},
		{"epilogue", mixed("--b\n\nx\n--b--\ndiabetes\n")},
		{"part behind the closing line", mixed("--b\n\nx\n--b--\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n")},
		{"part never closed", mixed("--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n")},
		{"inner boundary is the outer", mixed("--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n")},
		{"inner boundary begins with the outer", mixed("--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--bb--\n--b--\n")},
		{"no boundary", "Content-Type: multipart/mixed\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"another boundary than declared", "Content-Type: multipart/mixed; boundary=c\n\n--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"parts in a text", "Content-Type: text/plain\n\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"encoded multipart", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n" + b64("--b\r\n\r\n"+word+"\r\n--b--\r\n")},
		{"alternative that nobody prefers", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\ndiabetes\n--b\nContent-Type: text/plain\n\nx\n--b--\n"},
		{"nested too deep", nest(60, "Content-Transfer-Encoding: base64\n\n"+b64(word))},
		{"too many parts", mixed(strings.Repeat("--b\n\nx\n", 1100) + "--b\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n")},
		{"type of no type", "Content-Type: plain\n\ndiabetes"},
		{"empty type", "Content-Type:\n\ndiabetes"},
		{"unknown type", "Content-Type: x-y/z\n\ndiabetes"},
		{"message", "Content-Type: message/rfc822\n\nSubject: x\n\ndiabetes"},
		{"encoded message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + b64("Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(word))},
		{"message with bare CR", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + b64("Subject: x\rContent-Transfer-Encoding: base64\r\r"+b64(word))},
		{"message as a file", part("application/octet-stream; name=x.eml", "From: <a@b>\r\nSubject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(word))},
		{"subject of a message within", "Content-Type: message/rfc822\n\nSubject: =?utf-8?b?" + b64(word) + "?=\n\nx"},
		{"fragment", "Content-Type: message/partial; id=\"a@b\"; number=1; total=2\n\n" + b64("x")},
		{"external body", "Content-Type: message/external-body; access-type=url; url=\"http://x.example/diabetes\"\n\nContent-Type: text/html\n\n"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		// Encodings.
		{"two encodings, base64 last", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n" + b64(word)},
		{"two encodings, base64 first", "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n" + b64(word)},
		{"encoding with a comment", "Content-Transfer-Encoding: (x) base64 (y)\n\n" + b64(word)},
		{"encoding in quotes", "Content-Transfer-Encoding: \"base64\"\n\n" + b64(word)},
		{"encoding with a parameter", "Content-Transfer-Encoding: BASE64; x=y\n\n" + b64(word)},
		{"unknown encoding", "Content-Transfer-Encoding: x-rot13\n\nqvnorgrf"},
		{"base64 with junk", "Content-Transfer-Encoding: base64\n\nZGlh!YmV0\n-ZXM="},
		{"base64 in two runs", "Content-Transfer-Encoding: base64\n\nZGlhYmV0ZQ==\ncw==\n"},
		{"text behind base64", "Content-Transfer-Encoding: base64\n\n" + b64("x") + "\n\nHe has diabetes.\n"},
		{"text where base64 was promised", "Content-Transfer-Encoding: base64\n\nHe has diabetes.\n"},
		{"quoted-printable with soft breaks", "Content-Transfer-Encoding: quoted-printable\n\ndia=\nbetes"},
		{"quoted-printable with white space behind", "Content-Transfer-Encoding: quoted-printable\n\ndia= \t\nbetes"},
		{"quoted-printable in lower case", "Content-Transfer-Encoding: quoted-printable\n\ndiabe=74e=73"},
		{"quoted-printable, all escaped", "Content-Transfer-Encoding: quoted-printable\n\n=64=69=61=62=65=74=65=73"},
		{"uuencode", "\nbegin 644 a.txt\n" + uu(word) + "`\nend\n"},
		{"uuencode in base64", "\nhi\nbegin-base64 644 a.txt\n" + b64(word) + "\n====\n"},
		{"docx, entity of its own", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<!DOCTYPE d [<!ENTITY s \"betes\">]><w:t>dia&s;</w:t>"))},
		{"uuencode declared", "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a.txt\n" + uu(word) + "`\nend\n"},
		{"BinHex", "Content-Type: application/mac-binhex40\n\n(This file must be converted with BinHex 4.0)\n\n:#d0XC'9cEh*jBfJ!!!:\n"},
		// Character sets.
		{"UTF-7", "Content-Type: text/plain; charset=utf-7\n\n+AGQAaQBhAGIAZQB0AGUAcw-"},
		{"UTF-7 undeclared", "Content-Type: text/html\n\n<p>+AGQAaQBhAGIAZQB0AGUAcw-"},
		{"UTF-16", "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n" + b64(wide)},
		{"UTF-16 undeclared", "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b64(wide)},
		{"UTF-16 with a mark", "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: base64\n\n" + b64("\xff\xfe"+wide)},
		{"NUL between letters", "Content-Transfer-Encoding: base64\n\n" + b64("He has dia\x00bet\x00es, he said")},
		{"EBCDIC", "Content-Type: text/plain; charset=ibm037\nContent-Transfer-Encoding: base64\n\n" + b64("\x84\x89\x81\x82\x85\xa3\x85\xa2")},
		{"unknown set", "Content-Type: text/plain; charset=x-martian\nContent-Transfer-Encoding: base64\n\n" + b64("\x84\x89\x81\x82\x85\xa3\x85\xa2")},
		{"two sets", "Content-Type: text/plain; charset=us-ascii; charset=ibm037\nContent-Transfer-Encoding: base64\n\n" + b64("\x84\x89\x81\x82\x85\xa3\x85\xa2")},
		{"UTF-32", "Content-Type: text/plain; charset=utf-32\nContent-Transfer-Encoding: base64\n\n" + b64("\x00\x00\x00d\x00\x00\x00i\x00\x00\x00a\x00\x00\x00b\x00\x00\x00e\x00\x00\x00t\x00\x00\x00e\x00\x00\x00s")},
		{"set in HTML only", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n" + b64("<meta charset=utf-7>+AGQAaQBhAGIAZQB0AGUAcw-")},
		{"ISO-2022-JP escapes between letters", "Content-Type: text/plain; charset=iso-2022-jp\n\ndia\x1b(Bbe\x1b(Jtes"},
		{"HZ", "Content-Type: text/plain; charset=hz-gb-2312\nContent-Transfer-Encoding: base64\n\n" + b64("diabe~\ntes")},
		// HTML.
		{"character references", "Content-Type: text/html\n\n&#100;&#x69;abete&#115"},
		{"tags within the word", "Content-Type: text/html\n\ndia<b></b>bet<span>es</span>"},
		{"comment within the word", "Content-Type: text/html\n\ndia<!-- x -->betes"},
		{"hidden by style", "Content-Type: text/html\n\n<div style='display:none'>diabetes</div>x"},
		{"in white", "Content-Type: text/html\n\n<font color=white>diabetes</font>x"},
		{"in a comment", "Content-Type: text/html\n\n<!--[if mso]><p>diabetes</p><![endif]-->x"},
		{"alternative text", "Content-Type: text/html\n\n<img alt=diabetes>x"},
		{"title", "Content-Type: text/html\n\n<title>diabetes</title>x"},
		{"noscript", "Content-Type: text/html\n\n<noscript>diabetes</noscript>x"},
		{"value of a field", "Content-Type: text/html\n\n<input value=diabetes>x"},
		{"document in a frame", "Content-Type: text/html\n\n<iframe srcdoc='&lt;p&gt;diabetes'></iframe>x"},
		{"text as style content", "Content-Type: text/html\n\n<style>p:before{content:'diabetes'}</style><p>x"},
		{"unclosed tag", "Content-Type: text/html\n\n<p diabetes"},
		{"declared as text", "Content-Type: text/plain\n\n<html><body>dia<b>betes</b></body></html>"},
		{"declared as text, named HTML", "Content-Type: text/plain; name=a.html\n\n dia<b>betes</b>"},
		{"declared as a picture", "Content-Type: image/png\n\nHe has diabetes"},
		{"declared as octets", part("application/octet-stream", "He has diabetes")},
		{"enriched text", "Content-Type: text/enriched\n\ndia<bold></bold>betes"},
		{"flowed", "Content-Type: text/plain; format=flowed; delsp=yes\n\ndiab \netes"},
		{"drawing", "Content-Type: image/svg+xml\n\n<svg xmlns='http://www.w3.org/2000/svg'><text>dia<tspan>betes</tspan></text></svg>"},
		{"drawing in a data URI", "Content-Type: text/html\n\n<img src='data:image/svg+xml;base64," + b64("<svg><text>diabetes</text></svg>") + "'>x"},
		{"page in a data URI", "Content-Type: text/html\n\n<a href='data:text/html,d%69abetes'>x</a>"},
		{"template", "Content-Type: text/html\n\n<template>diabetes</template>x"},
		{"text field", "Content-Type: text/html\n\n<textarea>diabetes</textarea>x"},
		{"plaintext", "Content-Type: text/html\n\n<plaintext>diabetes"},
		{"xmp", "Content-Type: text/html\n\n<xmp>diabetes</xmp>"},
		{"choice", "Content-Type: text/html\n\n<select><option>diabetes</select>x"},
		{"fall-back of an object", "Content-Type: text/html\n\n<object data=x>diabetes</object>x"},
		{"title of a link", "Content-Type: text/html\n\n<a title=diabetes href=x>x</a>"},
		{"label", "Content-Type: text/html\n\n<a aria-label=diabetes href=x>x</a>"},
		{"name of a local link", "Content-Type: text/html\n\n<a href='mailto:a@b?subject=diabetes'>x</a>"},
		{"script", "Content-Type: text/html\n\n<script>document.write('diabetes')</script>x"},
		// Names.
		{"file name", "Content-Disposition: attachment; filename=diabetes.txt\n\nx"},
		{"file name in pieces", "Content-Disposition: attachment; filename*0=diab; filename*1=etes.txt\n\nx"},
		{"file name with percents", "Content-Disposition: attachment; filename*=utf-8''d%69abetes.txt\n\nx"},
		{"file name as encoded word", "Content-Type: text/plain; name=\"=?utf-8?b?" + b64("diabetes.txt") + "?=\"\n\nx"},
		{"description", "Content-Description: diabetes\n\nx"},
		// Records.
		{"calendar", "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nSUMMARY:dia\n betes\nEND:VCALENDAR\n"},
		{"calendar as text", "\nBEGIN:VCALENDAR\nSUMMARY:dia\n betes\nEND:VCALENDAR\n"},
		{"card", "Content-Type: text/vcard\n\nBEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:dia=62etes\nEND:VCARD\n"},
		// Archives and documents.
		{"zip", part("application/zip", zipped(t, "a.txt", word))},
		{"zip as octets", part("application/octet-stream", zipped(t, "a.txt", word))},
		{"zip as a picture", part("image/png", zipped(t, "a.txt", word))},
		{"zip as text", part("text/plain", zipped(t, "a.txt", word))},
		{"zip in a zip", part("application/zip", zipped(t, "a.zip", zipped(t, "a.txt", word)))},
		{"zip in too many", part("application/zip", zipped(t, "a.zip", zipped(t, "a.zip", zipped(t, "a.zip", zipped(t, "a.zip", zipped(t, "a.zip", zipped(t, "a.zip", zipped(t, "a.txt", word))))))))},
		{"name in a zip", part("application/zip", zipped(t, "diabetes.txt", "x"))},
		{"member that the directory does not name", part("application/zip", zipped(t, "a.txt", word)[:60]+zipped(t, "b.txt", "x"))},
		{"mail in a zip", part("application/zip", zipped(t, "a.eml", "From: <a@b>\r\nSubject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(word)))},
		{"archive behind a program", part("application/octet-stream", "MZ\x90\x00\x03\x00\x00\x00"+strings.Repeat("\x00\xe8", 200)+zipped(t, "a.txt", word))},
		{"gzip", part("application/gzip", gzipped(t, word))},
		{"tar", part("application/x-tar", tarred(t, "a.txt", word))},
		{"tar in gzip", part("application/gzip", gzipped(t, tarred(t, "a.txt", word)))},
		{"docx", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:document><w:p><w:r><w:t>diab</w:t></w:r><w:r><w:t>etes</w:t></w:r></w:p></w:document>"))},
		{"docx, footer", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:document/>", "word/footer1.xml", "<w:ftr><w:p><w:r><w:t>diabetes</w:t></w:r></w:p></w:ftr>"))},
		{"docx, comment", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/comments.xml", "<w:comments><w:t>diabetes</w:t></w:comments>"))},
		{"docx, properties", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "docProps/core.xml", "<cp><dc:title>diabetes</dc:title></cp>"))},
		{"docx, entity", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:t>d&#105;abetes</w:t>"))},
		{"docx, UTF-16", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "\xff\xfe"+utf16le("<w:t>diabetes</w:t>")))},
		{"docx, archive within", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/embeddings/x.bin", zipped(t, "a.txt", word)))},
		{"xlsx, shared string", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "xl/sharedStrings.xml", "<sst><si><t>diabetes</t></si></sst>", "xl/worksheets/sheet1.xml", "<c t=\"s\"><v>0</v></c>"))},
		{"xlsx, inline string", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "xl/worksheets/sheet1.xml", "<c t=\"inlineStr\"><is><t>diabetes</t></is></c>"))},
		{"pptx", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "ppt/slides/slide1.xml", "<a:p><a:r><a:t>diabetes</a:t></a:r></a:p>"))},
		{"odt", part("application/octet-stream", zipped(t, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "<text:p>diab<text:span>etes</text:span></text:p>"))},
		{"XML", part("application/xml", "<a><b>diab</b><c/></a> diabetes")},
		{"flat OpenDocument", part("application/octet-stream; name=a.fodt", "<?xml version='1.0'?><office:document><text:p>diab<text:span>etes</text:span></text:p></office:document>")},
		{"flat document as text", "Content-Type: text/plain\n\n<office:document><text:p>diab<text:span>etes</text:span></text:p></office:document>"},
		{"file in a flat document", part("application/xml", "<pkg:package><pkg:binaryData>"+b64(zipped(t, "a.txt", word))+"</pkg:binaryData></pkg:package>")},
		{"XML that splits", part("application/xml; name=a.xml", "<?xml version='1.0'?><a>diab<b>etes</b></a>")},
		{"XML with entities", part("application/xml; name=a.xml", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'betes'>]><a>dia&b;</a>")},
		{"drawing, packed", part("application/octet-stream; name=a.svgz", gzipped(t, "<svg><text>diab<tspan>etes</tspan></text></svg>"))},
		{"drawing, declared", part("application/octet-stream; name=a", "<?xml version='1.0'?><!-- x --><svg><text>diab<tspan>etes</tspan></text></svg>")},
		{"page behind a comment", part("application/octet-stream; name=a.x", "<!-- x -->\n<p>diab<b>etes</b></p>")},
		{"page by its name", part("application/octet-stream; name=a.shtml", "x <p>diab<b>etes</b></p>")},
		{"marks of Markdown", part("text/plain; name=a.md", "He has diab**etes**")},
		{"CSV", part("text/csv", "name;finding\nPat;diabetes\n")},
		{"TNEF", part("application/ms-tnef", tnef(word))},
		{"old office", part("application/msword", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"+strings.Repeat("\x00", 700)+utf16le("He has diabetes now")+strings.Repeat("\x00", 700))},
		{"signed within", part("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", cmsSigned("Content-Transfer-Encoding: base64\r\n\r\n"+b64(word)))},
		{"text behind the head of a picture", part("application/octet-stream; name=a.txt", png+strings.Repeat("\x00\x01", 600)+"He has diabetes now")},
		{"text behind the head of a picture, declared", part("image/png; name=a.txt", png+"He has diabetes now")},
		{"archive behind a picture", part("image/jpeg; name=a.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"+strings.Repeat("\x00\x01", 600)+zipped(t, "a.txt", word))},
		{"archive behind a picture, by name", part("application/octet-stream; name=a.zip", "\xff\xd8\xff\xe0\x00\x10JFIF\x00"+zipped(t, "a.txt", word))},
		{"text that begins as a film", part("application/octet-stream; name=a.mp4", "1234ftyp he has diabetes")},
		{"mail with one field", part("application/octet-stream; name=a.eml", "Content-Transfer-Encoding: base64\r\n\r\n"+b64(word))},
		{"mail from a folder", part("application/octet-stream; name=a.eml", "X-Mozilla-Status: 0001\r\nX-Mozilla-Status2: 0\r\nFrom: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(word))},
		{"mail with a From line", part("application/octet-stream; name=a.eml", "From - Sat Jan 1 00:00:00 2026\r\nFrom: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(word))},
		{"mail with a mark", part("application/octet-stream; name=a.eml", "\xef\xbb\xbfFrom: <a@b>\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(word))},
		{"mail named as text", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/plain; name=a.EML\n\nContent-Transfer-Encoding: base64\n\n" + b64(word) + "\n--b--\n"},
		{"second mail of a folder", part("application/octet-stream; name=a.mbox", "From x Sat Jan  1 00:00:00 2026\nFrom: <a@b>\nSubject: x\n\nx\n\nFrom x Sat Jan  1 00:00:00 2026\nSubject: x\nContent-Transfer-Encoding: base64\n\n"+b64(word))},
		{"letters behind percents", "Content-Type: text/plain\n\nsee https://x.example/?q=%64%69%61%62%65%74%65%73 there"},
		{"letters of a link behind percents", "Content-Type: text/html\n\n<a href='https://x.example/?q=%64%69abetes'>x</a>"},
		{"letters behind escapes of JSON", part("application/json", `{"x":"\u0064\u0069\u0061betes"}`)},
		{"letters as digits", "Content-Type: text/plain\n\nHe has d1ab3tes"},
		{"a letter as a star", "Content-Type: text/plain\n\nHe has d*abetes"},
		{"letters apart", "Content-Type: text/plain\n\nHe has d i a b e t e s"},
		{"letters in cells", "Content-Type: text/html\n\n<table><tr><td>d</td><td>i</td><td>a</td><td>b</td><td>e</td><td>t</td><td>e</td><td>s</table>"},
		{"letters apart in a subject", "Subject: d.i.a.b.e.t.e.s\n\nx"},
		{"subject behind percents", "Subject: %64%69abetes\n\nx"},
		{"docx, hidden between", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:p><w:r><w:t>diab</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t></w:r><w:r><w:t>etes</w:t></w:r></w:p>"))},
		{"docx, deleted between", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:p><w:r><w:t>diab</w:t></w:r><w:del><w:r><w:delText>x</w:delText></w:r></w:del><w:r><w:t>etes</w:t></w:r></w:p>"))},
		{"docx, hidden", part("application/octet-stream", zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>diabetes</w:t></w:r></w:p>"))},
		{"rtf, hidden between", part("text/rtf", `{\rtf1\ansi diab{\v x}etes}`)},
		{"rtf, hidden between in one group", part("text/rtf", `{\rtf1\ansi diab\v x\v0 etes}`)},
		{"rtf, hidden", part("text/rtf", `{\rtf1\ansi {\v diabetes}x}`)},
		{"comment of a zip", part("application/zip", zippedNote(t, "He has diabetes"))},
		{"encrypted in name only", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nHe has diabetes"},
		{"PGP in name only", "Content-Type: application/pgp-encrypted\n\nHe has diabetes"},
		{"beside PGP armour", "\n-----BEGIN PGP MESSAGE-----\nComment: diabetes\n\nwcBMA\n-----END PGP MESSAGE-----\nHe has\n"},
		{"armour around nothing", "\n-----BEGIN PGP MESSAGE-----\n\nHe has diabetes\n-----END PGP MESSAGE-----\n"},
		{"pdf", part("application/pdf", pdf(t, word, ""))},
		{"pdf, note in the page", part("application/pdf", strings.Replace(pdf(t, "x", ""), "/Contents 4 0 R", "/Annots [<</Type/Annot/Subtype/FreeText/Contents(diabetes)>>] /Contents 4 0 R", 1))},
		{"pdf behind junk", part("application/octet-stream", "junk\n"+pdf(t, word, ""))},
		{"pdf with escapes", part("application/pdf", pdf(t, `d\151abetes`, ""))},
		{"rtf", part("text/rtf", `{\rtf1\ansi d\'69abe{\b tes}}`)},
		{"rtf as a document", part("application/msword", `{\rtf1\ansi diabe\u116?es}`)},
	}
	seen := map[string]bool{}
	for _, c := range tricks {
		if seen[c.name] {
			t.Errorf("two tricks are called %q", c.name)
		}
		seen[c.name] = true
		r := mailmsg.Read(crlf(c.raw))
		if !strings.Contains(parts(r), word) && len(r.Uncertain)+len(r.Unreadable) == 0 {
			t.Errorf("%s: hidden: %q", c.name, parts(r))
		}
	}
}

// parts is what detection is given.
func parts(r *gateway.Reading) string {
	var b strings.Builder
	for _, p := range r.Parts {
		b.WriteString(p.Text.Reveal() + "\n")
	}
	return b.String()
}

// tnef is a winmail.dat with one body (MS-OXTNEF section 2.1.3).
func tnef(body string) string {
	var b bytes.Buffer
	b.WriteString("\x78\x9f\x3e\x22\x01\x00")
	attribute := func(level byte, id uint32, data string) {
		sum := 0
		for _, c := range []byte(data) {
			sum += int(c)
		}
		b.WriteByte(level)
		_ = binary.Write(&b, binary.LittleEndian, []uint32{id, uint32(len(data))})
		b.WriteString(data)
		_ = binary.Write(&b, binary.LittleEndian, uint16(sum))
	}
	attribute(1, 0x00089006, "\x00\x00\x01\x00")
	attribute(1, 0x0002800c, body+"\x00")
	return b.String()
}

// der is one value of DER.
func der(tag byte, inner ...string) string {
	s := strings.Join(inner, "")
	if len(s) < 128 {
		return string([]byte{tag, byte(len(s))}) + s
	}
	return string([]byte{tag, 0x82, byte(len(s) >> 8), byte(len(s))}) + s
}

// cmsSigned is a SignedData without signers (RFC 5652 section 5).
func cmsSigned(s string) string {
	return der(0x30, der(6, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), der(0xa0, der(0x30, der(2, "\x01"), der(0x31),
		der(0x30, der(6, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), der(0xa0, der(4, s))), der(0x31))))
}

func uu(s string) string {
	var b strings.Builder
	b.WriteByte(byte(len(s)) + ' ')
	for len(s)%3 != 0 {
		s += "\x00"
	}
	for ; s != ""; s = s[3:] {
		for _, v := range []byte{s[0] >> 2, s[0]<<4&63 | s[1]>>4, s[1]<<2&63 | s[2]>>6, s[2] & 63} {
			b.WriteByte(v + ' ')
		}
	}
	return b.String() + "\n"
}

func nest(n int, inner string) string {
	var head, tail strings.Builder
	for i := range n {
		fmt.Fprintf(&head, "Content-Type: multipart/mixed; boundary=b%d.\n\n--b%d.\n", i, i)
	}
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(&tail, "\n--b%d.--\n", i)
	}
	return head.String() + inner + tail.String()
}

func TestDoubtsAreTold(t *testing.T) {
	bomb := zipped(t, "a.txt", strings.Repeat("\x00", 12<<20)) // grows more than a hundredfold
	var heavy, crowd []string
	for i := range 10 { // each alone is within the limits
		heavy = append(heavy, fmt.Sprint(i), strings.Repeat("\x00", 7<<20))
	}
	for i := range 1100 {
		crowd = append(crowd, fmt.Sprint(i), "")
	}
	locked := []byte(zipped(t, "a.txt", word))
	for i := 0; i+4 < len(locked); i++ { // set the flag "encrypted" in both headers
		switch string(locked[i : i+4]) {
		case "PK\x03\x04":
			locked[i+6] |= 1
		case "PK\x01\x02":
			locked[i+8] |= 1
		}
	}
	cases := []struct{ name, raw, kind string }{
		{"encrypted zip", part("application/zip", string(locked)), gateway.UnreadableArchive},
		{"encrypted zip in a zip", part("application/zip", zipped(t, "a.zip", string(locked))), gateway.UnreadableArchive},
		{"encrypted odt", part("application/octet-stream", zipped(t, "mimetype", "x", "META-INF/manifest.xml", "<encryption-data/>", "content.xml", "\x01\x02")), gateway.UnreadableDocument},
		{"encrypted pdf", part("application/pdf", pdf(t, word, "/Encrypt << /Filter /Standard /V 2 /R 3 /O (x) /U (y) /P -4 >> ")), gateway.UnreadableDocument},
		{"bomb", part("application/zip", bomb), gateway.UnreadableLimit},
		{"bomb in a bomb", part("application/gzip", gzipped(t, bomb)), gateway.UnreadableLimit},
		{"bomb of many members", part("application/zip", zipped(t, heavy...)), gateway.UnreadableLimit},
		{"too many members", part("application/zip", zipped(t, crowd...)), gateway.UnreadableLimit},
		{"damaged zip", part("application/zip", "PK\x03\x04 this is none"), gateway.UnreadableDamaged},
		{"damaged gzip", part("application/gzip", gzipped(t, strings.Repeat(word, 99))[:30]), gateway.UnreadableDamaged},
		{"damaged pdf", part("application/pdf", "%PDF-1.4\n\x00\x01\x02"), gateway.UnreadableDamaged},
		{"7z", part("application/octet-stream", "7z\xbc\xaf\x27\x1c\x00\x04 and so on"), gateway.UnreadableContainer},
		{"rar", part("application/octet-stream", "Rar!\x1a\x07\x00"+strings.Repeat("\x00", 40)), gateway.UnreadableContainer},
		{"binary", part("application/octet-stream", "\x01\x02\x03\x80\x81"+strings.Repeat("\x00\x07", 99)), gateway.UnreadableContainer},
		{"picture alone", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + b64("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"), gateway.UnreadableImageOnly},
		{"external body", "Content-Type: message/external-body; access-type=url; url=\"http://x.example/\"\n\nContent-Type: text/html\n\n", gateway.UnreadableContainer},
		{"BinHex", "Content-Type: text/plain\n\n(This file must be converted with BinHex 4.0)\n\n:#d0XC'9cEh*jBfJ!!!:\n", gateway.UnreadableContainer},
	}
	for _, c := range cases {
		r := mailmsg.Read(crlf(c.raw))
		kinds := ""
		for _, u := range r.Unreadable {
			kinds += u.Kind + " "
		}
		if !strings.Contains(kinds, c.kind) {
			t.Errorf("%s: %q, uncertain %q", c.name, kinds, r.Uncertain)
		}
	}
}

func TestOrdinaryMailIsCertain(t *testing.T) {
	for name, raw := range map[string]string{
		"plain":       "From: <a@b.example>\nSubject: Hello\n\nHello.\n",
		"utf-8":       "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße – bis bald\n",
		"alternative": "Content-Type: multipart/alternative; boundary=\"=_b\"\n\nThis is a multi-part message in MIME format.\n--=_b\nContent-Type: text/plain\n\nHi\n--=_b\nContent-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\n<html><body>Hi=20</body></html>\n--=_b--\n",
		"zip":         part("application/zip; name=a.zip", zipped(t, "a.txt", "notes")),
		"pdf":         part("application/pdf; name=a.pdf", pdf(t, "notes", "")),
		"percents":    "Content-Type: text/plain\n\n100%25 of https://x.example/?a=%2Fb%20c\n",
		"signature":   "Content-Type: text/plain\n\nHi\n\n-- \nAnn\n--\nClinic\n",
		"winmail":     part("application/ms-tnef; name=winmail.dat", tnef("notes")),
		"picture":     part("image/png", png),
		"photo":       part("application/octet-stream; name=\"Dr. Lee.JPG\"", "\xff\xd8\xff\xe0\x00\x10JFIF\x00"),
		"no name":     part("application/octet-stream; name=image001", png),
	} {
		if r := mailmsg.Read(crlf(raw)); len(r.Uncertain)+len(r.Unreadable) > 0 {
			t.Errorf("%s: %v %v", name, r.Uncertain, r.Unreadable)
		}
	}
}
