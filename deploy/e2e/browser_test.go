package e2e

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser is a correspondent's browser without JavaScript: cookies, forms,
// redirects.
type browser struct {
	t      *testing.T
	client *http.Client
}

// page is what a browser got.
type page struct {
	status int
	header http.Header
	body   string
	url    *url.URL
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, client: &http.Client{Jar: jar, Timeout: 2 * time.Minute, Transport: &http.Transport{}}}
	t.Cleanup(b.client.CloseIdleConnections)
	return b
}

func (b *browser) do(method, address string, form url.Values) page {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s: reading the answer: %v", method, err)
	}
	return page{resp.StatusCode, resp.Header, string(text), resp.Request.URL}
}

func (b *browser) get(address string) page { b.t.Helper(); return b.do("GET", address, nil) }

var (
	formPattern  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	inputPattern = regexp.MustCompile(`<input[^>]*>`)
	namePattern  = regexp.MustCompile(`\bname="([^"]*)"`)
	valuePattern = regexp.MustCompile(`\bvalue="([^"]*)"`)
	framePattern = regexp.MustCompile(`(?s)<iframe[^>]*srcdoc="([^"]*)"`)
	filePattern  = regexp.MustCompile(`href="(/m/[A-Za-z0-9_-]{22}/file/[0-9]+)"`)
)

// submit fills in the form of p that has a field of this name and sends it.
func (b *browser) submit(p page, field, value string) page {
	b.t.Helper()
	target, fields, ok := p.form(field, value)
	if !ok {
		b.t.Fatalf("no form with a field %q in (status %d)\n%s", field, p.status, p.body)
	}
	return b.do("POST", target, fields)
}

// form is the form of p that has a field of this name, filled in with value
// unless that is empty, and where it goes.
func (p page) form(field, value string) (target string, fields url.Values, ok bool) {
	for _, f := range formPattern.FindAllStringSubmatch(p.body, -1) {
		fields := url.Values{}
		for _, in := range inputPattern.FindAllString(f[2], -1) {
			if n := namePattern.FindStringSubmatch(in); n != nil {
				v := valuePattern.FindStringSubmatch(in)
				fields.Set(n[1], "")
				if v != nil {
					fields.Set(n[1], html.UnescapeString(v[1]))
				}
			}
		}
		if !fields.Has(field) {
			continue
		}
		if value != "" {
			fields.Set(field, value)
		}
		target, err := p.url.Parse(html.UnescapeString(f[1]))
		return fmt.Sprint(target), fields, err == nil
	}
	return "", nil, false
}

// open goes the whole way of a correspondent: link, code, PIN. code waits for
// the code that the request for one sent.
func (b *browser) open(link string, code func() string) page {
	b.t.Helper()
	asked := b.submit(b.get(link), "code", "")
	opened := b.submit(asked, "pin", code())
	if opened.status != http.StatusOK || strings.Contains(opened.body, `name="pin"`) {
		b.t.Fatalf("the right code did not open the message: %d\n%s", opened.status, opened.body)
	}
	return opened
}

// document is the mail's HTML in the page's frame, "" when there is none.
func (p page) document() string {
	hit := framePattern.FindStringSubmatch(p.body)
	if hit == nil {
		return ""
	}
	return html.UnescapeString(hit[1])
}

// files are the addresses of the attachments on the page, each once.
func (p page) files(t *testing.T) []string {
	t.Helper()
	var all []string
	seen := map[string]bool{}
	for _, hit := range filePattern.FindAllStringSubmatch(p.body, -1) {
		target, err := p.url.Parse(hit[1])
		if err != nil {
			t.Fatal(err)
		}
		if !seen[target.String()] {
			seen[target.String()] = true
			all = append(all, target.String())
		}
	}
	return all
}

// codeFrom waits for the next code that arrives for address after those that
// are there now.
func codeFrom(t *testing.T, s *sink, address string) func() string {
	t.Helper()
	n := len(s.to(address))
	return func() string {
		t.Helper()
		return s.wait(t, address, n+1).code(t)
	}
}

// linkID finds the id under which operators know the only link of a message.
func (g *gate) linkID(queueID string) string {
	g.t.Helper()
	for _, m := range g.list("message", "show", queueID) {
		envelopes, _ := m["envelopes"].([]any)
		for _, e := range envelopes {
			if o, ok := e.(map[string]any); ok && o["link"] != nil {
				return fmt.Sprint(o["link"])
			}
		}
	}
	g.t.Fatalf("message %s has no link", queueID)
	return ""
}
