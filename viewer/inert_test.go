package viewer

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// checkNothingActive looks at a page as a browser parses it, and at the
// document in its frame: no script, no handler, no foreign reference.
func checkNothingActive(t *testing.T, page, from string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%.60q: %v", from, err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || ourScript(n) || ourPlayer(n) {
			continue
		}
		if slices.Contains([]string{"script", "object", "embed", "base", "audio", "video", "math", "template", "noscript"}, n.Data) {
			t.Errorf("%.60q: <%s>", from, n.Data)
		}
		for _, a := range n.Attr {
			checkAttribute(t, n, a, from)
		}
	}
}

// ourScript reports whether n is the script of our pages, which stands in their
// head.
func ourScript(n *html.Node) bool {
	return n.Data == "script" && n.Parent.Data == "head" && n.FirstChild == nil && len(n.Attr) == 2 && n.Attr[0].Key == "src" &&
		regexp.MustCompile(`^/static/viewer-[0-9a-f]{16}\.js$`).MatchString(n.Attr[0].Val) && n.Attr[1].Key == "defer"
}

// ourPlayer reports whether n plays a file of a message when somebody asks for
// it, and only then: reading leaves evidence.
func ourPlayer(n *html.Node) bool {
	values := map[string]string{}
	for _, a := range n.Attr {
		values[a.Key] = a.Val
	}
	_, controls := values["controls"]
	_, alone := values["autoplay"]
	return (n.Data == "audio" || n.Data == "video") && controls && !alone && values["preload"] == "none" &&
		regexp.MustCompile(`^/(m|staff)/[A-Za-z0-9_/-]+/show/[0-9]+$`).MatchString(values["src"])
}

func checkAttribute(t *testing.T, n *html.Node, a html.Attribute, from string) {
	t.Helper()
	value := strings.ToLower(strings.TrimSpace(a.Val))
	switch {
	case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "http-equiv", a.Key == "background", a.Key == "srcset", a.Key == "ping":
		t.Errorf("%.60q: <%s %s>", from, n.Data, a.Key)
	case strings.Contains(value, "javascript:") && (a.Key == "href" || a.Key == "src" || a.Key == "action"):
		t.Errorf("%.60q: a script in <%s %s>", from, n.Data, a.Key)
	case n.Data == "img" && a.Key == "src" && !strings.HasPrefix(value, "data:image/"):
		t.Errorf("%.60q: a picture from %.40s", from, value)
	case n.Data == "iframe" && a.Key == "sandbox" && (strings.Contains(value, "script") || strings.Contains(value, "origin")):
		t.Errorf("%.60q: sandbox %q", from, value)
	case a.Key == "srcdoc":
		if strings.Contains(value, "<script") {
			t.Errorf("%.60q: a script in the frame", from)
		}
		if strings.Contains(value, "<form") || strings.Contains(value, "<link") || strings.Contains(value, "<input") || strings.Contains(value, "<svg") {
			t.Errorf("%.60q: the frame holds a form or a sheet", from)
		}
		checkNothingActive(t, a.Val, from)
	}
}
