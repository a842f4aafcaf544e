package evasion

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func nestings() map[string]func(string) []byte {
	text := plain(around(Word))
	garden := plain(around("the garden"))
	mail := func(e entity) entity {
		return entity{kind: "message/rfc822", body: string(message(e, "Tea")("x@out.example"))}
	}
	deep := func(n int, e entity) entity {
		for i := range n {
			e = multi("mixed", fmt.Sprintf("=_%d", i), e)
		}
		return e
	}
	mails2 := func(n int, e entity) entity {
		for range n {
			e = mail(e)
		}
		return e
	}
	around := func(before, after string, parts ...entity) entity {
		e := multi("mixed", "=_m", parts...)
		e.body = before + e.body + after
		return e
	}
	cases := map[string]entity{
		"three levels":        deep(3, text),
		"twenty levels":       deep(20, text),
		"sixty levels":        deep(60, text),
		"mail":                with(mail(text)),
		"mail in mail":        mails2(4, text),
		"thirty mails":        mails2(30, text),
		"mail in base64":      with(encoded("message/rfc822", message(text, "Tea")("x@out.example"))),
		"mail of the world":   with(entity{kind: "message/global", body: string(message(text, "Tea")("x@out.example"))}),
		"half a mail":         {kind: `message/partial; id="a@b"; number=1; total=2`, body: string(message(text, "Tea")("x@out.example"))},
		"mail elsewhere":      {kind: `message/external-body; access-type=URL; URL="https://out.example/` + Word + `"`, body: "Content-Type: text/plain\r\n\r\n"},
		"alternative":         multi("alternative", "=_a", garden, html(Word)),
		"alternative turned":  multi("alternative", "=_a", html(Word), garden),
		"related":             multi("related", "=_r", html("tea"), file("b.html", "text/html", []byte("<p>"+Word))),
		"digest":              multi("digest", "=_d", entity{body: string(message(text, "Tea")("x@out.example"))}),
		"parallel":            multi("parallel", "=_p", garden, text),
		"multipart of nobody": multi("x-tea", "=_p", garden, text),
		"before the first":    around(Word+"\r\n", "", garden),
		"after the last":      around("", Word+"\r\n", garden),
		"only before":         {kind: "multipart/mixed; boundary=x", body: Word + "\r\n--x--\r\n"},
		"signed by somebody":  multi("signed", "=_s", text, file("smime.p7s", "application/pkcs7-signature", []byte{0x30, 0})),
	}
	return mails(cases)
}

func headers() map[string]func(string) []byte {
	text := around(Word)
	b64 := lines([]byte(text))
	part := "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64 + "--b--\r\n"
	cases := map[string]entity{
		"two kinds":              {"text/plain", "", []string{`Content-Type: multipart/mixed; boundary="b"`}, part},
		"two kinds turned":       {`multipart/mixed; boundary="b"`, "", []string{"Content-Type: text/plain"}, part},
		"blank before colon":     {"", "", []string{`Content-Type : multipart/mixed; boundary="b"`}, part},
		"tab before colon":       {"", "", []string{"Content-Transfer-Encoding\t: base64"}, b64},
		"folded at once":         {"\r\n multipart/mixed;\r\n\tboundary=b", "", nil, part},
		"strange capitals":       {"", "", []string{"cOnTeNt-tYpE: MULTIPART/Mixed; BOUNDARY=b"}, part},
		"comment":                {`multipart/(tea)mixed; (cake) boundary="b"`, "", nil, part},
		"blank line with blanks": {"", "", []string{"X-Tea: cake\r\n ", "Content-Transfer-Encoding: base64"}, b64},
		"field of nobody":        {"text/plain", "", []string{"X-Report: " + Word}, around("the garden")},
		"comments":               {"text/plain", "", []string{"Comments: " + Word}, around("the garden")},
		"keywords":               {"text/plain", "", []string{"Keywords: tea, =?utf-8?Q?=7Aebraquartz?="}, around("the garden")},
		"answer to":              {"text/plain", "", []string{`Reply-To: "` + Word + `" <ann@clinic.example>`}, around("the garden")},
		"copy":                   {"text/plain", "", []string{"Cc: " + Word + " <sam@out.example>"}, around("the garden")},
		"organization":           {"text/plain", "", []string{"Organization: " + Word}, around("the garden")},
		"second subject":         {"text/plain", "", []string{"Subject: " + Word}, around("the garden")},
		"topic":                  {"text/plain", "", []string{"Thread-Topic: " + Word}, around("the garden")},
		"field folded in two":    {"text/plain", "", []string{"X-Report: zebra\r\n\tquartz " + Word}, around("the garden")},
		"no colon":               {"text/plain", "", []string{"this line is no field", "Content-Transfer-Encoding: base64"}, b64},
		"parameter split":        {"multipart/mixed; boundary*0=b; boundary*1=c", "", nil, strings.ReplaceAll(part, "--b", "--bc")},
	}
	return mails(cases)
}

func hidden() map[string]func(string) []byte {
	turned := "ztrauqarbez"
	letters := ""
	for _, r := range Word {
		letters += "<td>" + string(r) + "</td>"
	}
	entities, hex := "", ""
	for _, r := range Word {
		entities += fmt.Sprintf("&#%d;", r)
		hex += fmt.Sprintf("&#x%06X", r)
	}
	inner := base64.StdEncoding.EncodeToString([]byte("<p>" + Word + "</p>"))
	all := make(map[string]func(string) []byte)
	for name, body := range map[string]string{
		"display none":         `<p style="display:none">` + Word + `</p>`,
		"decoy between":        `<p>zebra<span style="display:none">tea</span>quartz</p>`,
		"decoy by class":       `<style>.x{font-size:0}</style><p>zebra<span class="x">tea</span>quartz</p>`,
		"comment between":      "<p>zebra<!-- tea -->quartz</p>",
		"tags between":         "<p>z<b>e</b><i>b</i>r<u></u>a<span>qu</span>artz</p>",
		"entities":             "<p>" + entities + "</p>",
		"entities without end": "<p>" + hex + "</p>",
		"soft hyphens":         "<p>ze&shy;bra&shy;quartz</p>",
		"break allowed":        "<p>zebra<wbr>quartz</p>",
		"turned":               `<p><bdo dir="rtl">` + turned + `</bdo></p>`,
		"alt":                  `<img src="cid:x" alt="` + Word + `">`,
		"value":                `<form><input value="` + Word + `"></form>`,
		"without script":       "<noscript>" + Word + "</noscript>",
		"frame":                `<iframe srcdoc="&lt;p&gt;` + Word + `&lt;/p&gt;"></iframe>`,
		"frame of data":        `<iframe src="data:text/html;base64,` + inner + `"></iframe>`,
		"by style":             `<style>p::after{content:"zebraquartz"}</style><p></p>`,
		"cells":                "<table><tr>" + letters + "</tr></table>",
		"address of a link":    `<a href="https://out.example/` + Word + `">tea</a>`,
		"unclosed":             "<p <b>" + Word,
		"marked as data":       "<p><![CDATA[" + Word + "]]></p>",
	} {
		all[name] = message(html(body), "")
	}
	return all
}

func boundaries() map[string]func(string) []byte {
	text := around(Word)
	part := "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines([]byte(text))
	mixed := func(param, body string) entity { return entity{kind: "multipart/mixed; " + param, body: body} }
	cases := map[string]entity{
		"beginning of another":  mixed("boundary=a", "--ab\r\n"+part+"\r\n--a\r\n"+part+"--a--\r\n"),
		"in quotes":             mixed(`boundary="a b"`, "--a b\r\n"+part+"--a b--\r\n"),
		"blanks behind":         mixed("boundary=a", "--a \t \r\n"+part+"--a-- \r\n"),
		"never closed":          mixed("boundary=a", "--a\r\n"+part),
		"other capitals":        mixed("boundary=Aa", "--aa\r\n"+part+"--aa--\r\n"),
		"strange letters":       mixed(`boundary="'()+_,-./:=?"`, "--'()+_,-./:=?\r\n"+part+"--'()+_,-./:=?--\r\n"),
		"same within":           mixed("boundary=a", "--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"+part+"--a--\r\n--a--\r\n"),
		"never begun":           mixed("boundary=a", part+"\r\n--a--\r\n"),
		"empty":                 mixed(`boundary=""`, "--\r\n"+part+"----\r\n"),
		"none":                  {kind: "multipart/mixed", body: "--a\r\n" + part + "--a--\r\n"},
		"a hundred letters":     mixed("boundary="+strings.Repeat("a", 100), "--"+strings.Repeat("a", 100)+"\r\n"+part+"--"+strings.Repeat("a", 100)+"--\r\n"),
		"in two pieces":         mixed(`boundary*0="a"; boundary*1="b"`, "--ab\r\n"+part+"--ab--\r\n"),
		"in percent":            mixed("boundary*=us-ascii'en'%61b", "--ab\r\n"+part+"--ab--\r\n"),
		"twice":                 mixed("boundary=a; boundary=b", "--b\r\n"+part+"--b--\r\n"),
		"twice turned":          mixed("boundary=b; boundary=a", "--b\r\n"+part+"--b--\r\n"),
		"with a comment":        mixed("boundary=a(tea)", "--a\r\n"+part+"--a--\r\n"),
		"closed too early":      mixed("boundary=a", "--a\r\n\r\ntea\r\n--a--\r\n--a\r\n"+part+"--a--\r\n"),
		"of the outer within":   mixed("boundary=a", "--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntea\r\n--a\r\n"+part+"--a--\r\n"),
		"backslash":             mixed(`boundary="a\b"`, "--ab\r\n"+part+"--ab--\r\n"),
		"blank behind the name": mixed(`boundary ="a"`, "--a\r\n"+part+"--a--\r\n"),
	}
	return mails(cases)
}

func names() map[string]func(string) []byte {
	raw := []byte("\x01\x02\x03\x04 tea")
	attachment := func(kind, disposition string, more ...string) entity {
		e := encoded(kind, raw)
		e.more = append([]string{"Content-Disposition: " + disposition}, more...)
		return e
	}
	const octets = "application/octet-stream"
	all := make(map[string]func(string) []byte)
	for name, e := range map[string]entity{
		"file name":            attachment(octets, "attachment; filename="+Word+".bin"),
		"file name in quotes":  attachment(octets, `attachment; filename="zebra\quartz.bin"`),
		"file name in percent": attachment(octets, "attachment; filename*=utf-8''%7Aebraqu%61rtz.bin"),
		"file name in pieces":  attachment(octets, `attachment; filename*0="zebra"; filename*1="quartz.bin"`),
		"pieces out of order":  attachment(octets, `attachment; filename*1="quartz.bin"; filename*0="zebra"`),
		"pieces in percent":    attachment(octets, `attachment; filename*0*=utf-8''%7Aebra; filename*1*=qu%61rtz.bin`),
		"encoded word":         attachment(octets, `attachment; filename="=?utf-8?B?emVicmFxdWFydHo=?="`),
		"name of the kind":     attachment(octets+`; name="`+Word+`.bin"`, "attachment"),
		"name in percent":      attachment(octets+`; name*=utf-8''%7Aebraquartz`, "attachment"),
		"two file names":       attachment(octets, `attachment; filename="tea.bin"; filename="`+Word+`.bin"`),
		"description":          attachment(octets, "attachment", "Content-Description: "+Word),
		"id":                   attachment(octets, "attachment", "Content-ID: <"+Word+"@clinic.example>"),
		"location":             attachment(octets, "attachment", "Content-Location: https://out.example/"+Word),
		"member of a zip":      file("a.zip", "application/zip", zipped(member{Word + ".bin", raw})),
		"folder in a zip":      file("a.zip", "application/zip", zipped(member{Word + "/a.bin", raw})),
		"member of a tar":      file("a.tar", "application/x-tar", tarred(Word+".bin", raw)),
		"subject of a mail":    {kind: "message/rfc822", body: string(message(plain("tea\r\n"), Word)("x@out.example"))},
		"encoded in a mail":    {kind: "message/rfc822", body: string(message(plain("tea\r\n"), "=?utf-8?Q?=7Aebraquartz?=")("x@out.example"))},
	} {
		all[name] = message(with(e), "")
	}
	return all
}
