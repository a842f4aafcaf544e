package library

import (
	"errors"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"

	"gatepost/gateway"
)

// HTML is a mail's HTML made harmless. Body goes into a document of its own;
// no element of it has a style attribute, because Style holds what was kept of
// them as classes: so a page can allow exactly this style sheet by its hash.
type HTML struct {
	Body    gateway.Sensitive // elements for inside <body>
	Style   string            // style sheet for Body; holds no text of the mail
	Blocked int               // references to the network that were taken out
	Lines   int               // rough number of lines on a narrow screen
}

// errTooDeep: the HTML cannot be parsed with certainty.
var errTooDeep = errors.New("HTML is nested too deep")

// cleanser sanitises in two layers that know nothing of each other: our own
// walk over the tree that a browser would build (tree.go), which writes a new
// tree of known elements, and bluemonday over the result, which has the last
// word.
type cleanser struct {
	last     *bluemonday.Policy
	stripper *bluemonday.Policy
	styles   *styleRules
}

func newCleanser() *cleanser {
	return &cleanser{last: lastWord(), stripper: bluemonday.StrictPolicy(), styles: newStyleRules()}
}

// clean makes source harmless.
func (c *cleanser) clean(source string, images *images) (*HTML, error) {
	root, err := html.Parse(strings.NewReader(source))
	if err != nil { // only nesting makes it fail
		return nil, errTooDeep
	}
	w := &walk{images: images, styles: c.styles, sheet: newSheet()}
	var b strings.Builder
	if err := w.render(&b, root); err != nil {
		return nil, err
	}
	return &HTML{
		Body:    gateway.Sensitive(c.last.Sanitize(b.String())),
		Style:   w.sheet.String(),
		Blocked: w.blocked,
		Lines:   w.lines(),
	}, nil
}

// plain is the bare text of source.
func (c *cleanser) plain(source string) string {
	return html.UnescapeString(c.stripper.Sanitize(source))
}

// elements that may stand in a mail, with the attributes of each. Attributes
// of every element are in attributesOfAll.
func elements() map[string][]string {
	known := map[string][]string{
		"a": {"href", "rel", "target"}, "img": {"src", "alt", "width", "height"}, "font": {"color"},
		"td": {"colspan", "rowspan", "align", "valign", "width", "bgcolor"}, "th": {"colspan", "rowspan", "align", "valign", "width", "bgcolor", "scope"},
		"tr": {"align", "valign", "bgcolor"}, "table": {"border", "cellpadding", "cellspacing", "bgcolor", "align"},
		"col": {"span", "width"}, "ol": {"start", "type"}, "li": {"value"},
		"p": {"align"}, "div": {"align"}, "h1": {"align"}, "h2": {"align"}, "h3": {"align"}, "h4": {"align"}, "h5": {"align"}, "h6": {"align"},
	}
	for _, plain := range strings.Fields(`abbr address article aside b bdi bdo big blockquote br caption center cite code colgroup dd del dfn dl dt
		em figcaption figure footer header hr i ins kbd main mark nav pre q s samp section small span strike strong sub sup
		tbody tfoot thead tt u ul var wbr`) {
		known[plain] = nil
	}
	return known
}

func attributesOfAll() []string { return []string{"class", "dir", "lang", "title"} }

// lastWord is the policy of the second layer: the same elements, each
// attribute held to a pattern.
func lastWord() *bluemonday.Policy {
	patterns := map[string]string{
		"class": `^(g[0-9]+|gone)$`, "dir": `^(?i:ltr|rtl|auto)$`, "lang": `^[A-Za-z0-9-]{1,35}$`,
		"title": `^[^<>]*$`, "alt": `^[^<>]*$`, "rel": `^noopener noreferrer nofollow$`, "target": `^_blank$`,
		"width": `^[0-9]{1,4}%?$`, "height": `^[0-9]{1,4}$`, "colspan": `^[0-9]{1,3}$`, "rowspan": `^[0-9]{1,3}$`, "span": `^[0-9]{1,3}$`,
		"border": `^[0-9]{1,2}$`, "cellpadding": `^[0-9]{1,2}$`, "cellspacing": `^[0-9]{1,2}$`, "start": `^-?[0-9]{1,6}$`, "value": `^-?[0-9]{1,6}$`,
		"type": `^[1aAiI]$`, "scope": `^(row|col|rowgroup|colgroup)$`, "align": `^(?i:left|right|center|justify)$`, "valign": `^(?i:top|middle|bottom|baseline)$`,
		"color": `^(#[0-9A-Fa-f]{3,8}|[A-Za-z]{3,20})$`, "bgcolor": `^(#[0-9A-Fa-f]{3,8}|[A-Za-z]{3,20})$`,
		"href": `^(?i:https?://|mailto:|tel:)[^\x00-\x20<>"]+$`, "src": `^data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=]+$`,
	}
	p := bluemonday.NewPolicy()
	for element, attributes := range elements() {
		p.AllowElements(element)
		p.AllowNoAttrs().OnElements(element)
		for _, name := range attributes {
			p.AllowAttrs(name).Matching(regexp.MustCompile(patterns[name])).OnElements(element)
		}
	}
	for _, name := range attributesOfAll() {
		p.AllowAttrs(name).Matching(regexp.MustCompile(patterns[name])).Globally()
	}
	p.RequireParseableURLs(true)
	p.AllowURLSchemes("http", "https", "mailto", "tel", "data")
	return p
}
