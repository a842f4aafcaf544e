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
