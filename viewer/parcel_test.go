package viewer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"gatepost/gateway"
)

// upload is a form with files as a browser writes it.
type upload struct {
	fields [][2]string
	files  []uploadFile
}

type uploadFile struct {
	name, kind string
	content    io.Reader
}

// write writes the form and says its content type first.
func (u upload) write(w io.Writer) (contentType string, write func() error) {
	m := multipart.NewWriter(w)
	return m.FormDataContentType(), func() error {
		for _, f := range u.fields {
			if err := m.WriteField(f[0], f[1]); err != nil {
				return err
			}
		}
		for _, f := range u.files {
			h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, f.name)}, "Content-Type": {f.kind}}
			part, err := m.CreatePart(h)
			if err != nil {
				return err
			}
			if _, err := io.Copy(part, f.content); err != nil {
				return err
			}
		}
		return m.Close()
	}
}

// bytes is the form in memory.
func (u upload) bytes(t testing.TB) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	contentType, write := u.write(&b)
	if err := write(); err != nil {
		t.Fatal(err)
	}
	return contentType, b.Bytes()
}

// zeros is n octets of nothing.
func zeros(n int64) io.Reader { return io.LimitReader(nothing{}, n) }

type nothing struct{}

func (nothing) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestParcelReadsWhatABrowserSends(t *testing.T) {
	kind, body := upload{
		fields: [][2]string{{"token", "t"}, {"once", "o"}, {"reply", "one\r\n\r\ntwo\x00\r\n"}},
		files:  []uploadFile{{"", "application/octet-stream", zeros(0)}, {"a\u00e4.jpg", "image/jpeg", strings.NewReader("one")}, {"../../b.pdf", "nonsense", strings.NewReader("")}},
	}.bytes(t)
	p, err := newParcel(kind, bytes.NewReader(body), "reply", "token", "once", "reply")
	if err != nil {
		t.Fatal(err)
	}
	if p.fields["token"] != "t" || written(p.fields["reply"]) != "one\n\ntwo" {
		t.Errorf("fields %q", p.fields)
	}
	one, err := p.Next()
	if err != nil || one.Name.Reveal() != "a\u00e4.jpg" || one.MediaType != "image/jpeg" {
		t.Fatalf("first file %q %q, %v", one.Name.Reveal(), one.MediaType, err)
	}
	if raw, err := io.ReadAll(one.Content); err != nil || string(raw) != "one" {
		t.Errorf("content %q, %v", raw, err)
	}
	two, err := p.Next()
	if err != nil || two.Name.Reveal() != "b.pdf" || two.MediaType != "application/octet-stream" {
		t.Errorf("second file %q %q, %v", two.Name.Reveal(), two.MediaType, err)
	}
	if _, err := p.Next(); err != io.EOF {
		t.Errorf("after the last: %v", err)
	}
	if _, err := p.Next(); err != io.EOF {
		t.Errorf("and again: %v", err)
	}
}

func TestParcelRefuses(t *testing.T) {
	const head = "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nt\r\n"
	file := func(name string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\nx\r\n"
	}
	for name, k := range map[string]struct {
		kind, body string
		late       bool // the fields are good, the files are not
	}{
		"no boundary":       {"multipart/form-data", head + "--b--", false},
		"long boundary":     {"multipart/form-data; boundary=" + strings.Repeat("b", 71), head, false},
		"another kind":      {"multipart/mixed; boundary=b", head + "--b--", false},
		"broken off":        {"", head, false},
		"in a field":        {"", "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nt", false},
		"empty":             {"", "", false},
		"twice":             {"", head + head + "--b--", false},
		"unknown field":     {"", "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nt\r\n--b--", false},
		"no name":           {"", "--b\r\n\r\nt\r\n--b--", false},
		"long field":        {"", "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + strings.Repeat("t", maxField+1) + "\r\n--b--", false},
		"long text":         {"", "--b\r\nContent-Disposition: form-data; name=\"reply\"\r\n\r\n" + strings.Repeat("t", maxDraft+1) + "\r\n--b--", false},
		"long preamble":     {"", strings.Repeat("x", maxBetween+1<<14) + "\r\n" + head + "--b--", false},
		"long header":       {"", "--b\r\nX: " + strings.Repeat("x", maxBetween+1<<14) + "\r\n\r\nt\r\n--b--", false},
		"many headers":      {"", "--b\r\n" + strings.Repeat("X: y\r\n", maxBetween/4) + "\r\nt\r\n--b--", false},
		"field behind file": {"", head + file("a") + head + "--b--", true},
		"header broken off": {"", head + file("a")[:60], false},
		"file broken off":   {"", head + file("a"), true},
		"no second header":  {"", head + file("a") + "--b\r\n" + strings.Repeat("x", 100), true},
		"nameless content":  {"", head + file("") + "--b--", true},
	} {
		kind := k.kind
		if kind == "" {
			kind = "multipart/form-data; boundary=b"
		}
		p, err := newParcel(kind, strings.NewReader(k.body), "reply", "token", "reply")
		if k.late {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			err = readAll(p)
		}
		if !errors.Is(err, errParcel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// readAll reads all files of a parcel.
func readAll(p *parcel) error {
	for {
		f, err := p.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, f.Content); err != nil {
			return err
		}
	}
}

func TestParcelCountsFilesAndOctets(t *testing.T) {
	many := upload{fields: [][2]string{{"token", "t"}}}
	for n := range gateway.MaxAnswerFiles + 1 {
		many.files = append(many.files, uploadFile{fmt.Sprint(n), "text/plain", strings.NewReader("x")})
	}
	for name, u := range map[string]upload{
		"many files": many,
		"much":       {files: []uploadFile{{"a", "x/y", zeros(gateway.MaxAnswerSize / 2)}, {"b", "x/y", zeros(gateway.MaxAnswerSize/2 + 1)}}},
	} {
		r, w := io.Pipe()
		kind, write := u.write(w)
		go func() { _ = w.CloseWithError(write()) }()
		p, err := newParcel(kind, r, "reply", "token")
		if err == nil {
			err = readAll(p)
		}
		if !errors.Is(err, gateway.ErrAnswerTooLarge) || !errors.Is(p.failed, gateway.ErrAnswerTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		_ = r.Close()
	}
	kind, body := upload{files: []uploadFile{{"a", "x/y", zeros(1 << 20)}, {"b", "x/y", strings.NewReader("last")}}}.bytes(t)
	p, err := newParcel(kind, bytes.NewReader(body), "reply")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Next(); err != nil { // whose content nobody reads
		t.Fatal(err)
	}
	last, err := p.Next()
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := io.ReadAll(last.Content); string(raw) != "last" || p.size != 1<<20+4 {
		t.Errorf("%q, %d octets in all", raw, p.size)
	}
}

// FuzzParcel: whatever a browser sends, the parser ends, keeps its limits, and
// gives the same octets for the same form.
func FuzzParcel(f *testing.F) {
	good := "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nt\r\n--b\r\nContent-Disposition: form-data; name=\"reply\"\r\n\r\nhello\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"
	for _, seed := range []string{good, strings.ReplaceAll(good, "\r\n", "\n"), good[:len(good)-9], strings.Replace(good, "name=\"file\"", "name=file", 1), "--b--", "--b\r\n\r\n--b\r\n\r\n--b--",
		strings.Replace(good, "filename=\"a.txt\"", "filename*=UTF-8''%e2%82%ac%00.txt", 1), strings.Replace(good, "\r\n\r\nx", "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=78", 1)} {
		f.Add("multipart/form-data; boundary=b", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		read := func(source io.Reader) string {
			p, err := newParcel(kind, source, "reply", fieldsOfAnswer[:]...)
			if err != nil {
				return err.Error()
			}
			out := fmt.Sprint(p.fields)
			for name, value := range p.fields {
				if len(value) > maxDraft*3 || name != "reply" && len(value) > maxField*3 { // an octet that is no UTF-8 becomes three
					t.Fatalf("%s is %d octets long", name, len(value))
				}
			}
			for {
				file, err := p.Next()
				if err != nil {
					return out + err.Error()
				}
				if name := file.Name.Reveal(); name == "" || len(name) > maxFileName || strings.ContainsAny(name, "\r\n\x00") {
					t.Fatalf("a file with the name %q", name)
				}
				sum := sha256.New()
				if _, err := io.Copy(sum, file.Content); err != nil {
					return out + err.Error()
				}
				out += fmt.Sprintf("%s %s %x", file.Name.Reveal(), file.MediaType, sum.Sum(nil))
			}
		}
		if one, two := read(bytes.NewReader(body)), read(slowly{bytes.NewReader(body)}); one != two {
			t.Fatalf("at once %q, in pieces %q", one, two)
		}
	})
}

// slowly gives a few octets at a time.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), 7)]) }

// send sends a form with files.
func (b *browser) send(path string, u upload, header http.Header) answer {
	b.t.Helper()
	kind, body := u.bytes(b.t)
	r, err := http.NewRequest("POST", b.base+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", kind)
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res, string(raw)}
}
