package document_test

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

// told reports whether a page gives what a browser shows, or says that it does
// not know.
func told(src string) bool {
	return strings.Contains(all(src), hidden) || document.HTML(src).Doubt
}

// TestStylesThatHide: noise within a number that only a browser hides.
func TestStylesThatHide(t *testing.T) {
	for _, style := range []string{"font-size:0.1px", "font-size:.05em", "position:absolute;left:-1000px", "position:absolute;top:-5000px", "opacity:.01", "color:#fffffe", "color:snow",
		"color:rgba(0,0,0,0)", "color:rgb(255 255 255 / 0)", "color:hsl(0,0%,100%)", "color:#00000000", "clip-path:inset(100%)", "transform:scale(0)", "display:table-column", "position:fixed;right:-9999px",
		"max-height:0.1px", "--a:none;display:var(--a)", "filter:opacity(0)", "z-index:-1", "-webkit-text-fill-color:transparent", "mix-blend-mode:screen", "content-visibility:hidden"} {
		for _, src := range []string{
			fmt.Sprintf("SSN: 536<i style='%s'>9</i>-22-<i style='%s'>7</i>8726", style, style),
			fmt.Sprintf("<style>i{%s}</style>SSN: 536<i>9</i>-22-<i>7</i>8726", style),
			fmt.Sprintf("<style>@media screen{@supports(color:red){.x b.a{%s}}}</style>SSN: 536<b class=a>9</b>-22-<b class='c a'>7</b>8726", style),
		} {
			if !strings.Contains(all(src), hidden) {
				t.Errorf("%s: %q", src, all(src))
			}
		}
	}
	for _, name := range []string{"audio", "video", "canvas", "datalist", "dialog", "object", "noscript"} {
		if src := fmt.Sprintf("SSN: 536<%s>9</%s>-22-8726", name, name); !strings.Contains(all(src), hidden) {
			t.Errorf("%s: %q", src, all(src))
		}
	}
}

// TestSelectors: all kinds of them lead to the element.
func TestSelectors(t *testing.T) {
	const none = "{display:none}"
	for _, sel := range []string{"i", "I", "*.a", "i.a", ".a", "#b", "p i", "p>i", "p > .a", "[data-c]", "i[data-c='1']", ":is(i)", "p :where(.a, b)", "i:not(.z)", "i:hover", "x,i", "/**/i", "\\69"} {
		if src := "<style>" + sel + none + "</style><p>SSN: 536-22-87<i class=a id=b data-c=1>9</i>26"; !strings.Contains(all(src), hidden) {
			t.Errorf("%s: %q", src, all(src))
		}
	}
	for name, sheet := range map[string]string{
		"a brace in a string": `.z:before{content:"{"} i{display:none}`, "a string that ends its line": ".z{content:'\n} i{display:none}", "nested": ".z{color:red; i{display:none}}", "nested, named": "i{&.a{display:none}}",
		"a sheet within": "<!-- i{display:none} -->", "without an end": "i{display:none", "behind an import": "@import 'x;{'; i{display:none}", "in layers": "@layer a{@layer b{i{display:none}}}",
		"an address": ".z{background:url(data:x;y)}i{display:none}", "many": strings.Repeat(".z{color:red}", 5000) + "i{display:none}",
	} {
		if src := "<style>" + sheet + "</style><p>SSN: 536-22-87<i class=a>9</i>26"; !strings.Contains(all(src), hidden) {
			t.Errorf("%s: %q", name, all(src))
		}
	}
}

// TestStylesThatMove: what only a browser puts together is given in the other
// order, or in doubt.
func TestStylesThatMove(t *testing.T) {
	digits := func(element string, back bool) string {
		var list []string
		for i, c := range "536-22-8726" {
			s := fmt.Sprintf(element, string(c), i)
			if list = append(list, s); back {
				list = append([]string{s}, list[:len(list)-1]...)
			}
		}
		return strings.Join(list, "")
	}
	const label = "<p>SSN:</p>"
	for name, src := range map[string]string{
		"floats":             digits("<b style='float:right'>%[1]s</b>", true),
		"a row backwards":    "<div style='display:flex;flex-direction:row-reverse'>" + digits("<b>%[1]s</b>", true) + "</div>",
		"groups backwards":   "<style>.r{flex-flow:row-reverse}</style><div class=r><b>8726</b><b>22-</b><b>536-</b></div>",
		"order":              digits("<b style='order:%[2]d'>%[1]s</b>", true),
		"places":             digits("<b style='position:absolute;left:%[2]dem'>%[1]s</b>", true),
		"pushed":             digits("<b style='position:relative;left:%[2]dem'>%[1]s</b>", true),
		"a grid":             digits("<b style='grid-column:%[2]d'>%[1]s</b>", true),
		"shifts":             digits("<b style='transform:translateX(%[2]dem)'>%[1]s</b>", true),
		"a table of letters": "<table dir=rtl><tr>" + digits("<td>%[1]s</td>", true) + "</tr></table>",
		"blocks in a line":   digits("<div style='display:inline'>%[1]s</div>", false),
		"blocks that float":  digits("<div style='float:left'>%[1]s</div>", false),
		"any element":        "<style>*:nth-child(2n){order:1}</style>" + digits("<b>%[1]s</b>", true),
		"some of them":       "<style>b:nth-child(2){display:none}</style>SSN: <b>5</b><b>9</b><b>3</b><b>6</b><b>2</b>2872<b>6</b>",
		"one that shows":     "<style>.a{display:none}.b{display:inline}</style>SSN: <b class=a>9</b><b class='a b'>5</b>3<b class='b a'>6</b><b class=a>9</b><b class='a b'>22</b>",
		"too deep":           strings.Repeat("<b>", 300) + "SSN: 536<i style='display:none'>9</i>-22-8726",
	} {
		if !told(label + src) {
			t.Errorf("%s: %q", name, all(src))
		}
	}
}

// TestStylesThatAdd: texts of style sheets within a line.
func TestStylesThatAdd(t *testing.T) {
	for name, src := range map[string]string{
		"before":     `<style>.a:before{content:"-22-"}</style>SSN: 536<i class=a></i>8726`,
		"after":      `<style>p b::after{content:"-" "22" '-'}</style><p>SSN: 536<b></b>8726`,
		"escaped":    `<style>.a:before{content:"\2d\32\32 -"}</style>SSN: 536<i class=a></i>8726`,
		"attribute":  `<style>b::before{content:attr(data-x)}</style>SSN: 536-<b data-x=22></b>-8726`,
		"whole":      `<style>b::before{content:attr(title)}</style><b title="SSN: 536-22-8726">`,
		"behind 200": "<style>" + strings.Repeat(`.a:before{content:"x"}`, 300) + `.z:before{content:"SSN: 536-22-8726"}</style>`,
		"counted":    `<style>b:before{counter-reset:x 536 y 22 z 8726;content:counter(x) "-" counter(y) "-" counter(z)}</style>SSN: <b></b>`,
		"quotes":     `<style>q{quotes:"536" "-22-8726"}</style>SSN: <q></q>`,
		"of a list":  `<style>li{list-style-type:"536-22-8726"}</style>SSN: <li>`,
		"picture":    `SSN: 536-<img alt=22>-8726`,
		"quotation":  `SSN: 536<blockquote type=cite style="display:inline">-22-</blockquote>8726`,
	} {
		if !told(src) {
			t.Errorf("%s: %q", name, all(src))
		}
	}
}

// TestOrdinaryStylesLeaveNoDoubt: layouts as newsletters, office programs and
// shops have them.
func TestOrdinaryStylesLeaveNoDoubt(t *testing.T) {
	for name, src := range map[string]string{
		"hidden on telephones": "<style>@media (max-width:600px){.desk,.w td{display:none!important}}</style><table class=w><tr><td class=desk>1</td><td>2</td><td>3.50</td><td>12</td></tr></table>",
		"a numbered list":      "<style>ol{counter-reset:a}li{counter-increment:a}li:before{content:counters(a,'.') ' '}</style><ol><li>One<li>Two</ol>",
		"bullets":              `<style>li{list-style-type:"– "}q{quotes:"“" "”"}.clear:after{content:"."}</style><ul><li>One</ul>`,
		"prices to the right":  strings.Repeat("<p>A long name of a thing<span style='float:right'>12.50</span></p>", 9),
		"a badge":              "<div style='position:relative'><span style='position:absolute;top:-8px;right:0'>12</span>Your cart has things</div>",
		"Hebrew":               "<div dir=rtl><table dir=rtl><tr><td>1</td><td>12</td><td>345</td><td>67</td></tr></table></div>",
		"letters in spans":     "<style>span.x b{opacity:.1}</style><span>He</span><span>l</span>lo <b>1</b> of <b>30</b>",
		"rules by the hundred": "<style>" + strings.Repeat(".a .b > c:hover{color:red;margin:0 -8px}", 900) + "</style>hello",
	} {
		if document.HTML(src).Doubt {
			t.Errorf("%s: in doubt", name)
		}
	}
}
