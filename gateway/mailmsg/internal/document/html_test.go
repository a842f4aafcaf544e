package document_test

import (
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

const hidden = "SSN: 536-22-8726"

// all is everything that the document gives, white space made one.
func all(src string) string {
	p := document.HTML(src)
	return strings.Join(strings.Fields(p.Visible+" "+p.Quoted+" "+p.Hidden), " ")
}

// TestTextBehindRawElements: what stands within or behind an element whose
// content is no markup is not taken for a style sheet, a script or a tag.
func TestTextBehindRawElements(t *testing.T) {
	cases := map[string]string{}
	for _, name := range []string{"title", "textarea", "xmp", "noembed", "noframes", "iframe", "noscript", "script", "style", "plaintext",
		"svg", "math", "template", "select", "option", "object", "listing", "colgroup"} {
		for _, inner := range []string{"style", "script", "title"} {
			cases[inner+" in "+name] = "<" + name + "><" + inner + "></" + name + ">" + hidden + "<" + name + "></" + inner + "></" + name + ">"
		}
		cases["comment in "+name] = "<" + name + "><!--</" + name + ">" + hidden + "<" + name + ">--></" + name + ">"
		cases["within "+name] = "<p>hello</p><" + name + ">" + hidden + "</" + name + ">"
		cases["never ends: "+name] = "<" + name + "/>" + hidden
		cases["tags within "+name] = "<" + name + ">" + strings.ReplaceAll(hidden, "", "<b></b>") + "</" + name + ">"
	}
	delete(cases, "tags within style") // some reader shows the tags, none both
	for name, src := range map[string]string{
		"style in a drawing":          "<svg><style></svg>" + hidden + "<svg></style></svg>",
		"empty style in a drawing":    "<svg><style/></svg>" + hidden + "<style></style>",
		"tag in a title of a drawing": "<svg><title><a title=\"</title><a b='\">" + hidden + "<a title=\"'>\"></svg>",
		"style in a choice":           "<select><option><style>x{" + hidden + "}</style></select>",
		"style in sight":              "<style style='display:block'>x{" + hidden + "}</style>",
		"style that is none":          "<style>" + hidden + "</style>",
		"text field, comment":         "<textarea><style></textarea><p>" + hidden + "</p><!--</style>-->",
		"end tag of another name":     "<title></titlex><style></title>" + hidden + "<title></style></title>",
		"marked section":              "<svg><text>SSN: 536<![CDATA[-22-]]>8726</text></svg>",
		"marked section in a page":    "<![CDATA[" + hidden + "]]>",
		"too many within":             "<svg>" + strings.Repeat("<style>", 9) + strings.ReplaceAll(hidden, "", "<b></b>") + "</svg><style></style>",
		"references in a title":       "<title>SSN&colon; 536&#45;22-8726</title>",
		"references in a text field":  "<textarea>SSN&colon; 536&#45;22-8726</textarea>",
	} {
		cases[name] = src
	}
	for name, src := range cases {
		if got := all(src); !strings.Contains(got, hidden) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestStyleIsNoText: what office programs write into style sheets is full of
// numbers and no text.
func TestStyleIsNoText(t *testing.T) {
	const sheet = "<style><!--\n@font-face{panose-1:2 15 5 2 2 2 4 3 2 4;}\n p.MsoNormal{mso-font-signature:-536859905 -1073732485}\n--></style>"
	for _, src := range []string{sheet, "<svg>" + sheet + "</svg>", "<style type='text/css' id=a>p{margin:0}</style>"} {
		if got := all(src + "<p>hello</p>"); got != "hello" {
			t.Errorf("%s: %q", src, got)
		}
	}
}

// TestBackwards: what styles turn around is marked as in a plain text.
func TestBackwards(t *testing.T) {
	const rlo, lro, pdf = "\u202e", "\u202d", "\u202c"
	for src, want := range map[string]string{
		"SSN: <bdo dir=rtl>6278-22-635</bdo> x":                                                   "SSN: " + rlo + "6278-22-635" + pdf + " x",
		"<bdo dir=rtl><b>6</b><b>2</b> <i>7</i></bdo>":                                            rlo + "62 7" + pdf,
		"<p dir=rtl><bdo>62</bdo>":                                                                rlo + "62" + pdf,
		"<bdo dir=rtl>62</bdo> <bdo dir=rtl>78</bdo>":                                             rlo + "62" + pdf + " " + rlo + "78" + pdf,
		"<bdo dir=rtl>62</bdo><bdo dir=rtl>78</bdo>":                                              rlo + "62" + pdf + apart + rlo + "78" + pdf,
		"<bdo dir=rtl>62<br>78</bdo>":                                                             rlo + "62" + pdf + "\n" + rlo + "78" + pdf,
		"<bdo dir=rtl>6278-22-<bdo dir=ltr>536</bdo></bdo>":                                       rlo + "6278-22-" + lro + "536" + pdf + pdf,
		"<span style='unicode-bidi:bidi-override;direction:rtl'>62</span>":                        rlo + "62" + pdf,
		"<span style='direction:RTL;unicode-bidi&colon;isolate-override!important'>62</span>":     rlo + "62" + pdf,
		"<style>.a{direction:rtl}.b{unicode-bidi:bidi-override}</style><i class='a b'>62</i>":     rlo + "62" + pdf,
		"<style>.a{direction:rtl}</style><p class=a><i style='unicode-bidi:bidi-override'>62</i>": rlo + "62" + pdf,
		"<bdo dir=ltr>62</bdo>":                                                                   "62",
		"<p dir=rtl>62</p>":                                                                       "62",
		"<p dir=rtl><b>62</b></p>":                                                                "62",
	} {
		got := document.HTML(src).Visible
		if strings.ReplaceAll(got, "\u200b", "") != strings.ReplaceAll(want, "\u200b", "") {
			t.Errorf("%s: %q", src, got)
		}
	}
	for _, src := range []string{
		"<style>s{unicode-bidi:bidi-override;direction:rtl}</style><s>6278-22-635</s>",
		"<style>@media screen{.s{unicode-bidi:bidi-override;direction:rtl}}</style><s class=s>6278-22-635</s>",
		strings.Repeat("<bdo dir=rtl><bdo dir=ltr>", 4) + "<bdo dir=rtl>6278-22-635",
	} {
		if got := document.HTML(src).Hidden; !strings.Contains(got, "536-22-8726") {
			t.Errorf("%s: %q", src, got)
		}
	}
}

const apart = "\u200b"

// TestNoiseBetweenDigits: what no reader shows does not keep apart what stands
// around it.
func TestNoiseBetweenDigits(t *testing.T) {
	for _, noise := range []string{
		"<i style='display:none'>8</i>", "<i style='display/**/:/**/none'>8</i>", "<i style='d\\69splay:none'>8</i>", "<i style='d\\000069 splay:n\\6f ne'>8</i>",
		"<i style='display&colon;none'>8</i>", "<i style='font:0/0 a'>8</i>", "<i style='font:bold 0px a'>8</i>", "<i style='font: 400 0 a'>8</i>",
		"<i style='width:0;display:inline-block;overflow:hidden'>8</i>", "<i style='overflow:hidden;height:0'>8</i>", "<rp>8</rp>", "<i hidden>8</i>", "<script>8</script>",
	} {
		if got := document.HTML("SSN: " + strings.Join(strings.Split("536-22-8726", ""), noise)).Visible; got != hidden {
			t.Errorf("%s: %q", noise, got)
		}
	}
	for _, css := range []string{".a{d\\69splay:none}", ".a/**/{/*}*/display:none}", ".a{font:0/0 x}"} {
		if got := document.HTML("<style>" + css + "</style>SSN: 536-22-<i class=a>8</i>8726").Visible; got != hidden {
			t.Errorf("%s: %q", css, got)
		}
	}
	for _, shown := range []string{"font:12px/0 a", "font:700 12px a", "width:0", "overflow:hidden", "font:inherit"} {
		if got := document.HTML("<p style='" + shown + "'>SSN: 536-22-8726").Visible; got != hidden {
			t.Errorf("%s: %q", shown, got)
		}
	}
}

// TestStringsOfStyles: what styles show is read, however it is written.
func TestStringsOfStyles(t *testing.T) {
	for _, value := range []string{"'SSN: 536-22-8726'", "\"SSN: 536-\" '22-8726'", "'SSN:\\20 536\\00002d22-8726'", "'SSN: 536-22-\\\n8726'", "'SSN: 53'/* x */'6-22-8726'", "'/*SSN: 536-22-8726*/'"} {
		for _, name := range []string{"content:", "CONTENT :", "c\\6fntent:"} {
			if got := all("<style>p:after{" + name + value + "}</style>"); !strings.Contains(got, hidden) {
				t.Errorf("%s%s: %q", name, value, got)
			}
		}
	}
}

// TestCellsOfPagesStayInTheirColumns: rows are lines, whatever their cells hold
// or leave out.
func TestCellsOfPagesStayInTheirColumns(t *testing.T) {
	for src, want := range map[string]string{
		"<tr><td>Ann</td><td>536</td><td>x</td></tr><tr><td>Bob</td></tr>":                                                                          "Ann\t536\tx\nBob",
		"<tr><th></th><th>SSN</th></tr><tr><td></td><td>536</td></tr>":                                                                              "\tSSN\n\t536",
		"<tr><td>Ann<td><td>536<tr><td>Bob<td>x":                                                                                                    "Ann\t\t536\nBob\tx",
		"<tr><td><p>Ann</p></td><td><p class=MsoNormal>536</p></td></tr><tr><td><p>Bob</table>":                                                     "Ann\t536\nBob",
		"<tr><td><p><b>Ann</b><o:p></o:p></p></td><td><p><o:p>&nbsp;</o:p></p></td><td><p>536</p></td></tr>":                                        "Ann\t\u00a0\t536",
		"<tr><td><div>Ann</div><div>Lee</div></td><td>536</td></tr>":                                                                                "Ann\nLee\t536",
		"<tr><td colspan=2>Ann</td><td>536</td></tr>":                                                                                               "Ann\t\t536",
		"<tr><td colspan=99999>Ann</td></tr><tr><td colspan=x>Bob</td><td>7":                                                                        "Ann\nBob\t7",
		"<table><tr><td></td><td><table><tr><td>Name</td><td>SSN</td></tr><tr><td>Ann</td><td>536</td></tr></table></td><td>7</td></tr></table>end": "Name\tSSN\nAnn\t536\n7\nend",
		"<p>hello</p><table><tr><td></td><td></td></tr></table><p>there</p>":                                                                        "hello\nthere",
		"<td></td>": "",
		"<tr><td>a<blockquote type=cite><p>q</p></blockquote></td><td>b</td></tr>": "a\tb",
	} {
		if got := document.HTML(src).Visible; got != want {
			t.Errorf("%s: %q, not %q", src, got, want)
		}
	}
}
