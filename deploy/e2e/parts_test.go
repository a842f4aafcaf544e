package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
)

// noise returns n octets that look random and are the same every time.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{seed})
	_, _ = r.Read(b) // never fails
	return b
}

// base64Lines encodes as MIME does (RFC 2045 section 6.8).
func base64Lines(raw []byte) string {
	text := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.Grow(len(text) + len(text)/38)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return b.String()
}

// picture is a small PNG.
func picture(t *testing.T, seed byte) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 48, 48))
	dots := noise(seed, 48*48*3)
	for i := range 48 * 48 {
		img.Set(i%48, i/48, color.RGBA{dots[3*i], dots[3*i+1], dots[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pdf is a well-formed document of one page (ISO 32000-1 section 7.5).
func pdf(text string) []byte {
	var b bytes.Buffer
	stream := fmt.Sprintf("BT /F1 12 Tf 72 720 Td (%s) Tj ET", text)
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}

// mimePart is one leaf of a mail.
type mimePart struct {
	kind, disposition, id string
	text                  string // sent as it is
	raw                   []byte // sent in base64
}

func (p mimePart) String() string {
	var b strings.Builder
	b.WriteString("Content-Type: " + p.kind + "\r\n")
	if p.disposition != "" {
		b.WriteString("Content-Disposition: " + p.disposition + "\r\n")
	}
	if p.id != "" {
		b.WriteString("Content-ID: <" + p.id + ">\r\n")
	}
	if p.raw != nil {
		return b.String() + "Content-Transfer-Encoding: base64\r\n\r\n" + base64Lines(p.raw)
	}
	return b.String() + "\r\n" + p.text
}

func multipart(kind, boundary string, parts ...fmt.Stringer) mimePart {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + p.String() + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return mimePart{kind: fmt.Sprintf("multipart/%s; boundary=%q", kind, boundary), text: b.String()}
}
