package viewer

import (
	"archive/zip"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"gatepost/gateway"
)

func TestAllFilesAtOnce(t *testing.T) {
	c := newClinic(t)
	c.mail.Files = []gateway.File{
		file("a.pdf", "application/pdf", "", []byte("one")), file("A.PDF", "application/pdf", "", []byte("two")), file("a.pdf", "application/pdf", "", []byte("three")),
		file("../../etc/passwd", "text/plain", "", nil), file("CON", "text/plain", "", []byte("x")), file("\u05d7\u05e9.txt", "text/plain", "", []byte("y")), file("..", "text/plain", "", []byte("z")),
	}
	b := c.visit(true)
	message := c.enter(b)
	if !strings.Contains(message.body, c.path()+"/all") {
		t.Fatal("no way to all files")
	}
	a := b.get(c.path() + "/all")
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") || !strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "sandbox;") {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	archive, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	names, contents := []string{}, ""
	for _, f := range archive.File {
		names = append(names, f.Name)
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		contents += string(raw) + " "
		if f.Method != zip.Store || f.Mode().Perm()&0o111 != 0 {
			t.Errorf("%s: method %d, mode %v", f.Name, f.Method, f.Mode())
		}
	}
	if want := []string{"a.pdf", "A (2).PDF", "a (3).pdf", "passwd", "_CON", "\u05d7\u05e9.txt", "file-7.txt"}; !reflect.DeepEqual(names, want) {
		t.Errorf("names %q", names)
	}
	if contents != "one two three  x y z " {
		t.Errorf("contents %q", contents)
	}
	if got, want := c.granted(), []int{-1, -1, 0, 1, 2, 3, 4, 5, 6}; !reflect.DeepEqual(got, want) {
		t.Errorf("evidence %v, want %v", got, want)
	}
	c.mail.Files = nil
	if a := b.get(c.path() + "/all"); a.StatusCode != 404 {
		t.Errorf("of no files: %d", a.StatusCode)
	}
}

// TestArchiveOfATakenBackMessageBreaksOff: half an archive must not look like
// a whole one.
func TestArchiveOfATakenBackMessageBreaksOff(t *testing.T) {
	c := newClinic(t)
	b := c.visit(true)
	c.enter(b)
	first := file("a.bin", "application/octet-stream", "", make([]byte, 1<<20))
	open := first.Open
	first.Open = func() (io.ReadSeekCloser, error) {
		c.homes.Lock()
		c.gone = true
		c.homes.Unlock()
		return open()
	}
	c.mail.Files = []gateway.File{first, file("b.bin", "application/octet-stream", "", []byte("secret"))}
	r, err := http.NewRequest("GET", b.base+c.path()+"/all", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil || strings.Contains(string(raw), "secret") {
		t.Errorf("%d octets came, and the end looks good", len(raw))
	}
}
