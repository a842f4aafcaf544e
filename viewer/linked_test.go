package viewer

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestLinked(t *testing.T) {
	a := func(target, text string) string {
		return `<a href="` + target + `" target="_blank" rel="noopener noreferrer nofollow">` + text + `</a>`
	}
	for text, want := range map[string]string{
		"see https://x.example/a.":        "see " + a("https://x.example/a", "https://x.example/a") + ".",
		"(http://x.example/a_(b))":        "(" + a("http://x.example/a_(b)", "http://x.example/a_(b)") + ")",
		"<https://x.example>":             "&lt;" + a("https://x.example", "https://x.example") + "&gt;",
		"HTTPS://X.example":               a("https://X.example", "HTTPS://X.example"),
		"https://u:p@evil.example/":       "https://u:p@evil.example/",
		"javascript://x.example/%0aalert": "javascript://x.example/%0aalert",
		"https://":                        "https://", "http://": "http://", "://": "://", "": "",
		`https://x.example/"onclick="x`: a("https://x.example/", "https://x.example/") + "&#34;onclick=&#34;x",
	} {
		if got := string(linked(text)); got != want {
			t.Errorf("%q\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestLinkedInLinearTime: a mail of nothing but brackets is looked at once.
func TestLinkedInLinearTime(t *testing.T) {
	begun := time.Now()
	linked("https://x.example/" + strings.Repeat(")", 1<<20))
	linked(strings.Repeat("https://", 1<<17))
	linked(strings.Repeat("http://a.example/(", 1<<16))
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

// FuzzLinked: the text stays what it is, and nothing but links to the web
// comes out.
func FuzzLinked(f *testing.F) {
	for _, text := range []string{"a https://x.example/?a=1&b=2) b", "http://<b>", "https://u@x\nhttps://y.example,", "HtTp://\x00", "https://x.example/&lt;\"'"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Map(func(r rune) rune { // the library takes these out
			if r < ' ' && r != '\n' && r != '\t' || r == 0xfffd {
				return -1
			}
			return r
		}, text)
		root, err := html.Parse(strings.NewReader("<!doctype html><body><pre>x" + string(linked(text)) + "</pre>"))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for n := range root.Descendants() {
			if n.Type == html.TextNode {
				got.WriteString(n.Data)
			}
			if n.Type == html.ElementNode && n.Data == "a" {
				if target := strings.ToLower(n.Attr[0].Val); !strings.HasPrefix(target, "http://") && !strings.HasPrefix(target, "https://") {
					t.Errorf("%q links to %q", text, target)
				}
			} else if n.Type == html.ElementNode && !strings.Contains(" html head body pre ", " "+n.Data+" ") {
				t.Errorf("%q makes <%s>", text, n.Data)
			}
		}
		if got.String() != "x"+text {
			t.Errorf("%q reads %q", text, got.String())
		}
	})
}
