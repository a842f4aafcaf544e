package library

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"gatepost/gateway"
)

// allowedElements may stand in a sanitised mail. The list is written out a
// second time here on purpose: a change of the first one must be meant.
var allowedElements = strings.Fields(`a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del
	dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp section
	small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr`)

var (
	harmlessLink    = regexp.MustCompile(`^(https?://[^/\x00-\x20@]+([/?#].*)?|mailto:.+|tel:.+)$`)
	harmlessPicture = regexp.MustCompile(`^data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=]+$`)
	harmlessClass   = regexp.MustCompile(`^(g[0-9]+|gone)$`)
	harmlessStyle   = regexp.MustCompile(`^(\.g[0-9]+\{[a-z-]+:[a-z0-9#., %()-]+(;[a-z-]+:[a-z0-9#., %()-]+)*\}\n)*$`)
)

// harmful says what of a sanitised mail could do something. It parses as a
// browser does, twice: what changes its meaning by being parsed again is
// harmful too.
func harmful(h *HTML) []string {
	var found []string
	body := h.Body.Reveal()
	if again := parsedAgain(body); again != parsedAgain(again) {
		found = append(found, "another meaning when parsed again")
	}
	root, err := html.Parse(strings.NewReader("<!doctype html><html><head><style></style></head><body>" + body + "</body></html>"))
	if err != nil {
		return append(found, "not parsable: "+err.Error())
	}
	for n := range root.Descendants() {
		switch {
		case n.Type == html.CommentNode:
			found = append(found, "a comment")
		case n.Type == html.ElementNode && !frameOfDocument(n):
			found = append(found, harmfulElement(n)...)
		}
	}
	if !harmlessStyle.MatchString(h.Style) || strings.Contains(h.Style, "url(") || strings.Contains(h.Style, "expression(") {
		found = append(found, "style sheet "+h.Style)
	}
	return found
}

func parsedAgain(body string) string {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return "not parsable"
	}
	var b strings.Builder
	_ = html.Render(&b, root)
	return b.String()
}

// frameOfDocument reports whether n is of the document around the mail.
func frameOfDocument(n *html.Node) bool {
	return slices.Contains([]string{"html", "head", "body"}, n.Data) && len(n.Attr) == 0 || n.Data == "style" && n.FirstChild == nil && n.Parent.Data == "head"
}

func harmfulElement(n *html.Node) []string {
	if n.Namespace != "" || !slices.Contains(allowedElements, n.Data) {
		return []string{"<" + n.Data + ">"}
	}
	var found []string
	for _, a := range n.Attr {
		ok := true
		switch a.Key {
		case "href":
			ok = n.Data == "a" && harmlessLink.MatchString(a.Val)
		case "src":
			ok = n.Data == "img" && harmlessPicture.MatchString(a.Val)
		case "class":
			ok = harmlessClass.MatchString(a.Val)
		case "target":
			ok = a.Val == "_blank"
		case "rel":
			ok = strings.Contains(a.Val, "noopener") && strings.Contains(a.Val, "noreferrer")
		case "dir", "lang", "title", "alt", "width", "height", "colspan", "rowspan", "span", "border", "cellpadding", "cellspacing",
			"start", "value", "type", "scope", "align", "valign", "color", "bgcolor":
			ok = !strings.ContainsAny(a.Val, "<>")
		default:
			ok = false
		}
		if !ok || a.Namespace != "" {
			found = append(found, "<"+n.Data+" "+a.Key+"="+a.Val+">")
		}
	}
	return found
}

// cleaned sanitises source with a cleanser made once.
func cleaned(t testing.TB, c *cleanser, source string, files ...gateway.File) *HTML {
	t.Helper()
	h, err := c.clean(source, newImages(files))
	if err == errTooDeep {
		return nil
	}
	if err != nil {
		t.Fatalf("%.80q: %v", source, err)
	}
	return h
}
