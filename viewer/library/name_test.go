package library

import (
	"mime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

func TestFileName(t *testing.T) {
	for _, k := range []struct{ raw, kind, want string }{
		{"report.pdf", "application/pdf", "report.pdf"},
		{"../../etc/passwd", "", "passwd"}, {`C:\Users\x\a.doc`, "", "a.doc"}, {"a/b/", "image/png", "file-3.png"},
		{"invoice\u202efdp.exe", "", "invoicefdp.exe"}, {"a\x00b\r\nc", "", "ab c"}, {"", "text/plain", "file-3.txt"}, {"...", "", "file-3.bin"}, {"???", "application/pdf", "file-3.pdf"},
		{"CON", "", "_CON"}, {"com1.txt", "", "_com1.txt"}, {"lpt\u00b9", "", "_lpt\u00b9"}, {"CONTRACT.txt", "", "CONTRACT.txt"}, {"aux .txt", "", "_aux .txt"},
		{" a  b .txt. ", "", "a b .txt"}, {`<a>:"b"|c?*%.txt`, "", "_a___b__c___.txt"}, {"B\u0061\u0308r.pdf", "", "B\u00e4r.pdf"}, {"\xff\xfea", "", "a"},
		{strings.Repeat("\u00e4", 200) + ".docx", "", strings.Repeat("\u00e4", 87) + ".docx"}, {"\u200b\u00ad", "video/mp4", "file-3.mp4"},
	} {
		if got := FileName(k.raw, k.kind, 2); got != k.want {
			t.Errorf("%q (%s) becomes %q, want %q", k.raw, k.kind, got, k.want)
		}
	}
}

func TestDisposition(t *testing.T) {
	for name, want := range map[string]string{
		"a.pdf":            `attachment; filename="a.pdf"`,
		"B\u00e4r 1.pdf":   `attachment; filename="B_r 1.pdf"; filename*=UTF-8''B%C3%A4r%201.pdf`,
		"100%.txt":         `attachment; filename="100_.txt"; filename*=UTF-8''100%25.txt`,
		"\u05d7\u05e9.pdf": `attachment; filename="__.pdf"; filename*=UTF-8''%D7%97%D7%A9.pdf`,
	} {
		if got := Disposition("attachment", name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestServedType(t *testing.T) {
	for declared, want := range map[string]string{
		"image/png": "image/png", "IMAGE/PNG; name=x": "image/png", "text/html": neutral, "application/xhtml+xml": neutral, "image/svg+xml": neutral,
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"text/javascript": neutral, "application/x-msdownload": neutral, "message/rfc822": neutral, "": neutral, "x": neutral, "a/b/c": neutral, "text/plain\r\nx: y": neutral,
	} {
		if got := servedType(declared); got != want {
			t.Errorf("%q is served as %q", declared, got)
		}
	}
}

func TestIsWhatItSays(t *testing.T) {
	for _, k := range []struct {
		kind string
		data string
		want bool
	}{
		{"image/png", string(pngOf(1, 1)), true}, {"image/png", "<html>", false}, {"image/jpeg", string(pngOf(1, 1)), false}, {"application/pdf", "%PDF-1.7", true},
		{"application/pdf", "<script>", false}, {"audio/mpeg", "ID3\x03\x00", true}, {"video/mp4", "<html><body>", false}, {"text/plain", "hello", false}, {"image/png", "", false},
	} {
		f := files([]gateway.File{attachment("x", k.kind, "", []byte(k.data))})[0]
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.IsWhatItSays(r); got != k.want || err != nil {
			t.Errorf("%s beginning with %.10q: %v %v", k.kind, k.data, got, err)
		}
		if head := make([]byte, 4); len(k.data) >= 4 {
			if n, _ := r.Read(head); string(head[:n]) != k.data[:4] {
				t.Errorf("%s: the reader is not at its beginning", k.kind)
			}
		}
	}
}

// FuzzFileName: every name can be saved anywhere and stands in a header
// without ending it.
func FuzzFileName(f *testing.F) {
	f.Add("a.pdf", "application/pdf")
	f.Add("../\u202ea\x00.exe ", "x")
	f.Fuzz(func(t *testing.T, raw, kind string) {
		name := FileName(raw, kind, 0)
		if name == "" || len(name) > maxName+1 || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\:*?\"<>|%\r\n\x00") || strings.Trim(name, ". ") != name {
			t.Fatalf("%q becomes %q", raw, name)
		}
		for _, r := range name {
			if unicode.IsControl(r) || turns(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q keeps %U", raw, r)
			}
		}
		if again := FileName(name, kind, 0); again != name && again != "_"+name {
			t.Fatalf("%q becomes %q, then %q", raw, name, again)
		}
		kindOf, parameters, err := mime.ParseMediaType(Disposition("attachment", name))
		if err != nil || kindOf != "attachment" || parameters["filename"] != name {
			t.Fatalf("%q reads %q, %v", name, parameters["filename"], err)
		}
	})
}
