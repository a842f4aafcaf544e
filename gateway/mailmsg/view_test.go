package mailmsg_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// crlf makes canonical octets of a text in this file.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func view(t testing.TB, raw []byte) *gateway.Mail {
	t.Helper()
	m, err := mailmsg.View(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func content(t testing.TB, f gateway.File) string {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != f.Size {
		t.Errorf("file %d has %d octets, not %d", f.Index, len(b), f.Size)
	}
	return string(b)
}

func TestView(t *testing.T) {
	cases := []struct {
		name, raw, text, html string
		files                 string // "name type content inline;"
	}{
		{"plain", "Subject: x\n\nHello\n", "Hello\n", "", ""},
		{"latin-1", "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe=\n!\n", "Gr\u00fc\u00dfe!\n", "", ""},
		{"flowed", "Content-Type: text/plain; format=flowed\n\nOne \nline\n From here\n> quoted \n> more\n-- \nAnn\n", "One line\nFrom here\n> quoted \n> more\n-- \nAnn\n", "", ""},
		{"html", "Content-Type: text/html\n\n<p>Hi\n", "", "<p>Hi\r\n", ""},
		{"alternative", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: text/html\n\n<b>html</b>\n--b--\n", "plain", "<b>html</b>", ""},
		{"related", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: multipart/related; boundary=c\n\n--c\nContent-Type: text/html\n\n<img src=cid:i>\n--c\nContent-Type: image/png\nContent-ID: <i>\nContent-Transfer-Encoding: base64\n\nUE5H\n--c--\n--b--\n",
			"plain", "<img src=cid:i>", " image/png PNG inline;"},
		{"attachment", "Content-Type: multipart/mixed; boundary=\"b b\"\n\npreamble\n--b b \nContent-Type: text/plain\n\nbody\n\n--b b\nContent-Type: application/pdf; name=\"a.pdf\"\nContent-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\n\n%PDF\n--b b--\nepilogue\n",
			"body\r\n", "", "\u00e4.pdf application/pdf %PDF ;"},
		{"named text is a file", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\nContent-Type: text/plain; name=n.txt\n\nnote\n--b--\n", "body", "", "n.txt text/plain note ;"},
		{"two texts", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>a</p>\n--b\n\n1 < 2\n--b--\n", "a\n1 < 2", "<p>a</p><hr><div style=\"white-space:pre-wrap\">1 &lt; 2</div>", ""},
		{"message within", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\nin\n--b--\n", "see", "", " message/rfc822 Subject: in\r\n\r\nin ;"},
		{"no closing line", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbody", "body", "", ""},
		{"boundary missing", "Content-Type: multipart/mixed; boundary=b\n\nbody", "body", "", ""},
		{"part without blank line", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n\nbody\n--b--\n", "body", "", ""},
		{"outer boundary ends inner", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n", "one\ntwo", "", ""},
		{"boundary that begins like another", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n", "one\ntwo", "", ""},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nin\n--b--\n", "", "", " message/rfc822 Subject: in\r\n\r\nin ;"},
	}
	for _, c := range cases {
		m := view(t, crlf(c.raw))
		files := ""
		for i, f := range m.Files {
			if f.Index != i {
				t.Errorf("%s: file %d has index %d", c.name, i, f.Index)
			}
			inline := ""
			if f.Inline {
				inline = "inline"
			}
			files += f.Name.Reveal() + " " + f.Type + " " + content(t, f) + " " + inline + ";"
		}
		if got := m.Text.Reveal(); got != strings.ReplaceAll(c.text, "\r\n", "\n") {
			t.Errorf("%s: text %q", c.name, got)
		}
		if got := m.HTML.Reveal(); got != c.html {
			t.Errorf("%s: html %q", c.name, got)
		}
		if files != c.files {
			t.Errorf("%s: files %q", c.name, files)
		}
	}
}

func TestViewHeader(t *testing.T) {
	m := view(t, crlf("From: =?utf-8?q?J=C3=B6rg?= <j@x.example>, k@x.example\nTo: \"A, B\" <a@y.example>\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\n =?utf-8?q?_da?=\nDate: Wed, 04 Mar 2026 13:30:00 +0100 (CET)\n\n"))
	if m.Subject != "Gr\u00fc\u00dfe da" || m.From != "J\u00f6rg <j@x.example>, k@x.example" || m.To != "A, B <a@y.example>" || !m.Date.Equal(noon) {
		t.Errorf("%q %q %q %v", m.Subject.Reveal(), m.From.Reveal(), m.To.Reveal(), m.Date)
	}
}

// large is a mail with one attachment of n octets in base64.
func large(n int) (raw, file []byte) {
	file = make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(file)
	var b bytes.Buffer
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbody\r\n--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(file)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n--b--\r\n")
	return b.Bytes(), file
}

func TestViewKeepsNoFileInMemory(t *testing.T) {
	raw, file := large(30 << 20)
	c := bytes.NewReader(raw)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := mailmsg.View(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Files[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 20<<20 + 1, 5, 30<<20 - 7} {
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, min(100, int64(len(file))-at))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, file[at:at+int64(len(got))]) {
			t.Errorf("at %d: other octets, %v", at, err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d octets allocated for a file of 30 MiB", n)
	}
	if content(t, m.Files[0]) != string(file) {
		t.Error("the file has other octets")
	}
}

// failing is content that cannot be read beyond a place.
type failing struct {
	*bytes.Reader
	at int64
}

var errDisk = errors.New("disk")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at {
		return 0, errDisk
	}
	return f.Reader.ReadAt(p, off)
}

func TestViewTellsThatContentFailed(t *testing.T) {
	raw, _ := large(1 << 20)
	if _, err := mailmsg.View(failing{bytes.NewReader(raw), 100 << 10}); !errors.Is(err, errDisk) {
		t.Errorf("error is %v", err)
	}
}
