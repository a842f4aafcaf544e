package evasion

import (
	"bytes"
	"fmt"
	markup "html"
	"strings"

	"golang.org/x/text/encoding/japanese"
)

// maxLayers bounds the containers around a text.
const maxLayers = 5

// Combined puts tricks of several families into one mail, as the octets of
// choices say, one for each decision; none are needed.
func Combined(choices []byte) []byte {
	c := chooser(choices)
	text := around(c.spelled())
	e := c.document(text)
	for range c.of(maxLayers + 1) {
		e = c.layer(e)
	}
	if c.of(3) == 0 {
		e = with(e)
	}
	if c.of(4) == 0 {
		e.more = append(e.more, []string{"X-Tea: cake", "Content-Description: tea", "Comments: tea\r\n cake", "MIME-Version: 1.0 (tea)"}[c.of(4)])
	}
	return message(e, []string{"", "Tea", "Re: cake"}[c.of(3)])("sam@out.example")
}

// chooser gives one decision after the other; 0 when it has no more.
type chooser []byte

func (c *chooser) of(n int) int {
	if len(*c) == 0 {
		return 0
	}
	x := (*c)[0]
	*c = (*c)[1:]
	return int(x) % n
}

// spelled is the word in one spelling of those that are undone in any kind of
// text.
func (c *chooser) spelled() string {
	between := func(s string) string { return strings.Join(strings.Split(Word, ""), s) }
	all := []string{
		Word, strings.ToUpper(Word), "zеbrаquаrtz", between("\u200b"), between("\u00ad"), between("\u2060"), "Zebra\u00adQuartz",
		strings.Map(func(r rune) rune { return 'ａ' + r - 'a' }, Word), strings.Map(func(r rune) rune { return 'ⓐ' + r - 'a' }, Word), strings.Map(func(r rune) rune { return '𝐚' + r - 'a' }, Word),
	}
	return all[c.of(len(all))]
}

// document puts a text into a file of some kind.
func (c *chooser) document(text string) entity {
	page := strings.ReplaceAll(markup.EscapeString(text), "\r\n", "<br>\r\n")
	if i := strings.Index(page, "\u00ad"); i < 0 && c.of(2) == 1 {
		page = strings.Replace(page, Word[:5], Word[:5]+[]string{"<b></b>", "<!-- tea -->", "<span></span>", "&shy;", "<wbr>"}[c.of(5)], 1)
	}
	switch c.of(9) {
	case 0:
		return c.text("text/plain", text)
	case 1:
		return c.text("text/html", "<html><body>"+page+"</body></html>")
	case 2:
		return file("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", document(run(markup.EscapeString(text))))
	case 3:
		return file("a.odt", "application/vnd.oasis.opendocument.text", open(markup.EscapeString(text)))
	case 4:
		return file("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", sheet("<t>"+markup.EscapeString(text)+"</t>"))
	case 5:
		return c.text("text/csv", "id,note\r\n1,\""+text+"\"\r\n")
	case 6:
		return file("a.txt", "application/octet-stream", []byte(text))
	case 7:
		return file("a.html", "text/html; charset=utf-8", []byte("<html><body><div><p>"+page+"</p></div></body></html>"))
	}
	return file("winmail.dat", "application/ms-tnef", envelope(Word))
}

// text is a part of a text type, in one of several character sets and
// transfer encodings.
func (c *chooser) text(kind, text string) entity {
	charset, raw := "utf-8", []byte(text)
	switch c.of(6) {
	case 1:
		charset, raw = "utf-16", append([]byte{0xFE, 0xFF}, wide(text, 2, false)...)
	case 2:
		charset, raw = "utf-16le", wide(text, 2, true)
	case 3:
		charset, raw = "utf-7", []byte(utf7(text))
	case 4:
		if out, err := japanese.ISO2022JP.NewEncoder().String(text); err == nil {
			charset, raw = "iso-2022-jp", []byte(out)
		}
	case 5:
		charset, raw = "utf-32", append([]byte{0, 0, 0xFE, 0xFF}, wide(text, 4, false)...)
	}
	kind += "; charset=" + charset
	switch c.of(4) {
	case 1:
		return entity{kind, "quoted-printable", nil, quoted(string(raw), "=%02X")}
	case 2:
		return entity{kind, "x-uuencode", nil, uu(raw, "a.txt")}
	case 3:
		return entity{kind, "BASE64", nil, strings.Join(strings.SplitAfter(strings.ReplaceAll(lines(raw), "\r\n", ""), "="), "\r\n")}
	}
	return encoded(kind, raw)
}

// layer puts an entity into something else.
func (c *chooser) layer(e entity) entity {
	boundary := []string{"=_a", "a b", "'()+_,-./:=?", strings.Repeat("b", 60), "x"}[c.of(5)]
	switch c.of(9) {
	case 0:
		return multi([]string{"mixed", "alternative", "related", "parallel", "x-tea"}[c.of(5)], boundary, plain("tea\r\n"), e)
	case 1:
		return multi("mixed", boundary, e)
	case 2:
		return entity{kind: "message/rfc822", body: string(message(e, "Tea")("x@out.example"))}
	case 3:
		return encoded("message/rfc822", message(e, "Tea")("x@out.example"))
	case 4:
		return file("a.zip", "application/zip", zipped(member{"tea.txt", []byte("tea")}, member{"a.eml", message(e, "Tea")("x@out.example")}))
	case 5:
		return file("a.eml.gz", "application/gzip", gzipped(message(e, "Tea")("x@out.example")))
	case 6:
		return file("a.tar", "application/x-tar", tarred("a.eml", message(e, "Tea")("x@out.example")))
	case 7:
		return file("a.eml", "application/octet-stream", message(e, "Tea")("x@out.example"))
	}
	m := multi("mixed", "inner", plain("cake\r\n"), e)
	m.kind = fmt.Sprintf("multipart/mixed; boundary*0=%q; boundary*1=%q", "in", "ner")
	return m
}

// Shows reports whether a mail holds the word as it stands.
func Shows(raw []byte) bool { return bytes.Contains(bytes.ToLower(raw), []byte(Word)) }
