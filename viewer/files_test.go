package viewer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestDownloads(t *testing.T) {
	c := newClinic(t)
	c.mail.Files = append(c.mail.Files,
		file("../../etc/p\u00e4sswd \"x\"\r\nSet-Cookie: a=b.html", "text/html", "", []byte("<script>alert(1)</script>")),
		file("evil.svg", "image/svg+xml", "", []byte("<svg onload=alert(1)>")),
		file("fake.png", "image/png", "", []byte("<html><script>alert(1)</script>")),
		file("fake.pdf", "application/pdf", "", []byte("<html><script>alert(1)</script>")),
		file("fake.mp3", "audio/mpeg", "", []byte("<html><script>alert(1)</script>")),
	)
	b := c.visit(true)
	c.enter(b)
	got := b.get(c.path() + "/file/3")
	if got.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.Header.Get("Content-Security-Policy"), "sandbox;") {
		t.Errorf("HTML as a file: %v", got.Header)
	}
	if d := got.Header.Get("Content-Disposition"); d != `attachment; filename="p_sswd _x_ Set-Cookie_ a=b.html"; filename*=UTF-8''p%C3%A4sswd%20_x_%20Set-Cookie_%20a%3Db.html` {
		t.Errorf("disposition %q", d)
	}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for n := 3; n <= 7; n++ {
		if show := b.get(fmt.Sprintf("%s/show/%d", c.path(), n)); show.StatusCode != 303 || show.Header.Get("Location") != fmt.Sprintf("%s/file/%d", c.path(), n) {
			t.Errorf("showing file %d: %d", n, show.StatusCode)
		}
	}
	if show := b.get(c.path() + "/show/0"); show.StatusCode != 200 || show.Header.Get("Content-Type") != "image/png" || !strings.HasPrefix(show.Header.Get("Content-Disposition"), "inline;") {
		t.Errorf("showing a picture: %d %v", show.StatusCode, show.Header)
	}
	for _, n := range []string{"8", "-1", "99999999999999999999", "x", "%2e%2e"} {
		if a := b.get(c.path() + "/file/" + n); a.StatusCode != 404 {
			t.Errorf("file %s: %d", n, a.StatusCode)
		}
	}
	if !slices.Contains(c.granted(), 3) {
		t.Error("no evidence for the file")
	}
	for _, path := range []string{"/file/0", "/show/0", "/mail"} {
		if a := b.another().get(c.path() + path); a.StatusCode != 303 || a.Header.Get("Location") != c.path() {
			t.Errorf("%s without proof: %d", path, a.StatusCode)
		}
	}
}

func TestRanges(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	for spec, want := range map[string]struct {
		status int
		size   int
		span   string
	}{
		"bytes=0-3": {206, 4, "bytes 0-3/1300010"}, "bytes=1300000-": {206, 10, "bytes 1300000-1300009/1300010"}, "bytes=-5": {206, 5, "bytes 1300005-1300009/1300010"},
		"bytes=2000000-": {416, -1, "bytes */1300010"}, "": {200, 1300010, ""},
	} {
		for _, route := range []string{"file", "show"} {
			header := http.Header{}
			if spec != "" {
				header.Set("Range", spec)
			}
			a := b.do("GET", c.path()+"/"+route+"/2", nil, header)
			if a.StatusCode != want.status || want.size >= 0 && len(a.body) != want.size || a.Header.Get("Content-Range") != want.span || a.Header.Get("Accept-Ranges") != "bytes" && want.status != 416 {
				t.Errorf("%s %s: %d, %d octets, %q", route, spec, a.StatusCode, len(a.body), a.Header.Get("Content-Range"))
			}
		}
	}
}

// TestGoingOnWithADownload: of the same file only, and one range at a time.
func TestGoingOnWithADownload(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	ask := func(path string, pairs ...string) answer {
		header := http.Header{}
		for n := 0; n < len(pairs); n += 2 {
			header.Set(pairs[n], pairs[n+1])
		}
		return b.do("GET", c.path()+path, nil, header)
	}
	whole := ask("/file/2")
	tag := whole.Header.Get("ETag")
	if len(tag) < 10 || tag == ask("/file/1").Header.Get("ETag") || tag != ask("/show/2").Header.Get("ETag") {
		t.Fatalf("tag %q", tag)
	}
	for name, k := range map[string]struct {
		pairs  []string
		status int
	}{
		"same file":       {[]string{"Range", "bytes=5-9", "If-Range", tag}, 206},
		"another file":    {[]string{"Range", "bytes=5-9", "If-Range", `"other"`}, 200},
		"a date":          {[]string{"Range", "bytes=5-9", "If-Range", "Sat, 21 Nov 2026 14:00:00 GMT"}, 200},
		"known":           {[]string{"If-None-Match", tag}, 304},
		"beyond":          {[]string{"Range", "bytes=1300010-"}, 416},
		"nonsense":        {[]string{"Range", "bytes=9-5"}, 416},
		"two ranges":      {[]string{"Range", "bytes=0-1,10-19"}, 200},
		"ranges, ours":    {[]string{"Range", "bytes=0-1,10-19", "If-Range", tag}, 200},
		"many tiny":       {[]string{"Range", "bytes=" + strings.Repeat("0-0,", 2000) + "1-1"}, 200},
		"overlapping":     {[]string{"Range", "bytes=0-600000,1-600000"}, 200},
		"more than whole": {[]string{"Range", "bytes=" + strings.TrimSuffix(strings.Repeat("0-,", 50), ",")}, 200},
	} {
		if a := ask("/file/2", k.pairs...); a.StatusCode != k.status {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, k.status)
		}
	}
	if a := b.another().do("GET", c.path()+"/file/2", nil, http.Header{"If-None-Match": {tag}, "Range": {"bytes=0-1"}}); a.Request.URL.Path != c.path() {
		t.Errorf("without proof a tag answers %d", a.StatusCode)
	}
}
