package library

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// walk copies what is harmless of a parsed mail into a new tree.
type walk struct {
	images  *images
	styles  *styleRules
	sheet   *sheet
	known   map[string][]string
	blocked int
	rows    float64 // lines of text, guessed
}

// fate of an element that is not known.
type fate int

const (
	unwrap fate = iota // its content stays
	remove             // it goes with its content
)

// fateOf decides about an unknown element. What goes with its content is code,
// what a browser parses by other rules (foreign content, raw text), and what is
// no text for readers.
func fateOf(name string) fate {
	switch name {
	case "script", "style", "title", "head", "iframe", "frame", "frameset", "noframes", "object", "embed", "applet", "noembed", "noscript",
		"template", "svg", "math", "select", "audio", "video", "canvas", "map", "dialog", "link", "meta", "base", "input", "datalist",
		"progress", "meter", "portal", "slot", "xml", "fencedframe":
		return remove
	default:
		return unwrap
	}
}

// render writes the harmless copy of the document root as a fragment.
func (w *walk) render(out io.Writer, root *html.Node) error {
	w.known = elements()
	top := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	w.children(top, root)
	if err := html.Render(out, top); err != nil {
		return fmt.Errorf("writing HTML: %w", err)
	}
	return nil
}

// children copies the children of from into to. Recursion is bounded: the
// parser refuses more than 512 levels.
func (w *walk) children(to, from *html.Node) {
	for n := from.FirstChild; n != nil; n = n.NextSibling {
		switch n.Type {
		case html.TextNode:
			w.measure(n.Data)
			breakable(to, n.Data)
		case html.ElementNode:
			w.element(to, n)
		}
	}
}

func (w *walk) element(to, n *html.Node) {
	if n.Namespace != "" || fateOf(n.Data) == remove {
		w.countRemote(n)
		return
	}
	if n.Data == "img" || n.Data == "image" {
		w.image(to, n)
		return
	}
	if n.Data == "body" { // its colours count; as a division they keep to the mail
		n.Data = "div"
	}
	if _, ok := w.known[n.Data]; !ok {
		w.children(to, n)
		return
	}
	w.lineOf(n.Data)
	kept := &html.Node{Type: html.ElementNode, Data: n.Data, DataAtom: n.DataAtom, Attr: w.attributes(n)}
	to.AppendChild(kept)
	w.children(kept, n)
}

// longWord is the number of code points that a word may have on a narrow
// screen before it is offered places to break.
const longWord = 24

// breakable adds text to a node, with places to break inside of long words. An
// address of a page then does not push a table off the screen, and no ordinary
// word is torn. Copied text is not changed by it.
func breakable(to *html.Node, text string) {
	run, from := 0, 0
	for at, r := range text {
		if unicode.IsSpace(r) {
			run = 0
			continue
		}
		if run++; run > longWord {
			to.AppendChild(&html.Node{Type: html.TextNode, Data: text[from:at]})
			to.AppendChild(&html.Node{Type: html.ElementNode, Data: "wbr", DataAtom: atom.Wbr})
			run, from = 1, at
		}
	}
	to.AppendChild(&html.Node{Type: html.TextNode, Data: text[from:]})
}

// attributes keeps the known ones and turns style into a class.
func (w *walk) attributes(n *html.Node) []html.Attribute {
	var kept []html.Attribute
	for _, a := range n.Attr {
		switch {
		case a.Namespace != "":
		case a.Key == "style":
			if strings.Contains(strings.ToLower(a.Val), "url") {
				w.blocked++
			}
			if class := w.sheet.class(w.styles.filter(a.Val, n.Data)); class != "" {
				kept = append(kept, html.Attribute{Key: "class", Val: class})
			}
		case a.Key == "href":
			kept = append(kept, link(a.Val)...)
		case a.Key == "background" || a.Key == "src":
			w.blocked++
		case a.Key == "class" || a.Key == "rel" || a.Key == "target":
		case slices.Contains(attributesOfAll(), a.Key) || slices.Contains(w.known[n.Data], a.Key):
			kept = append(kept, html.Attribute{Key: a.Key, Val: strings.TrimSpace(a.Val)})
		}
	}
	return kept
}

// link keeps the target of a link that leads out of the mail and can do
// nothing but lead there.
func link(target string) []html.Attribute {
	u, err := url.Parse(strings.TrimSpace(target))
	if err != nil {
		return nil
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" || u.User != nil { // "https://bank.example@evil.example"
			return nil
		}
	case "mailto", "tel":
		if u.Opaque == "" {
			return nil
		}
	default:
		return nil
	}
	return []html.Attribute{
		{Key: "href", Val: u.String()},
		{Key: "rel", Val: "noopener noreferrer nofollow"}, {Key: "target", Val: "_blank"},
	}
}

// image puts in a picture that came with the mail, or what it was called.
func (w *walk) image(to, n *html.Node) {
	source, alt := "", ""
	kept := &html.Node{Type: html.ElementNode, Data: "img", DataAtom: atom.Img}
	for _, a := range n.Attr {
		switch {
		case a.Namespace != "":
		case a.Key == "src":
			source = strings.TrimSpace(a.Val)
		case a.Key == "alt":
			alt = strings.TrimSpace(a.Val)
		case a.Key == "width" || a.Key == "height":
			kept.Attr = append(kept.Attr, html.Attribute{Key: a.Key, Val: strings.TrimSuffix(strings.TrimSpace(a.Val), "px")})
		case a.Key == "srcset" || a.Key == "lowsrc" || a.Key == "dynsrc":
			w.blocked++
		}
	}
	shown, ok := w.images.source(source)
	if !ok {
		w.missing(to, n, source, alt)
		return
	}
	kept.Attr = append(kept.Attr, html.Attribute{Key: "src", Val: shown.uri}, html.Attribute{Key: "alt", Val: alt})
	to.AppendChild(kept)
	w.rows += shown.lines()
}

// missing stands where a picture would have been loaded from the network, or
// could not be shown. Tracking pixels leave no trace.
func (w *walk) missing(to, n *html.Node, source, alt string) {
	if source != "" {
		w.blocked++
	}
	if alt == "" || tiny(n) {
		return
	}
	w.measure(alt)
	place := &html.Node{Type: html.ElementNode, Data: "span", DataAtom: atom.Span, Attr: []html.Attribute{{Key: "class", Val: "gone"}}}
	place.AppendChild(&html.Node{Type: html.TextNode, Data: alt})
	to.AppendChild(place)
}

// tiny reports whether a picture is at most 2 pixels wide or high.
func tiny(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key != "width" && a.Key != "height" {
			continue
		}
		if size, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(a.Val), "px")); err == nil && size <= 2 {
			return true
		}
	}
	return false
}

// countRemote counts an element that goes and would have fetched something.
func (w *walk) countRemote(n *html.Node) {
	for _, a := range n.Attr {
		if a.Key == "src" || a.Key == "data" || a.Key == "href" && n.Data == "link" {
			w.blocked++
			return
		}
	}
}

// A narrow screen shows about this much, and pictures never wider than it.
const (
	lineRunes   = 34
	linePixels  = 29.0
	screenWidth = 290.0
)

// lines is the height of a picture on a narrow screen.
func (p picture) lines() float64 {
	return float64(p.height)*min(1, screenWidth/float64(max(1, p.width)))/linePixels + 0.3
}

// measure adds the lines that a text takes.
func (w *walk) measure(text string) {
	w.rows += float64(utf8.RuneCountInString(strings.Join(strings.Fields(text), " "))) / lineRunes
}

// lineOf adds what an element takes beside its text.
func (w *walk) lineOf(name string) {
	switch name {
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre", "hr":
		w.rows += 1.5
	case "br", "li", "tr", "dt", "dd", "div":
		w.rows += 0.5
	}
}

func (w *walk) lines() int { return int(w.rows) + 2 }
