package library

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

// FuzzPicture: what is shown as a picture begins as one of three kinds, is of
// bounded size, and is the very octets that came, whichever way they came.
func FuzzPicture(f *testing.F) {
	m := image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.Black, color.White})
	for _, write := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return png.Encode(b, m) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, m, nil) },
		func(b *bytes.Buffer) error { return gif.Encode(b, m, nil) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), "image/svg+xml")
	}
	f.Add([]byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), "image/png")
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x02\x00\x00\x00"), "image/png")
	f.Fuzz(func(t *testing.T, raw []byte, kind string) {
		all := newImages(nil)
		p, ok := all.source("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(raw))
		if !ok {
			return
		}
		shown, data, _ := strings.Cut(strings.TrimPrefix(p.uri, "data:"), ";base64,")
		if got, err := base64.StdEncoding.DecodeString(data); err != nil || !bytes.Equal(got, raw) && kind != "" && !strings.Contains(kind, ",") {
			t.Fatalf("other octets: %v", err)
		}
		if shown != "image/png" && shown != "image/jpeg" && shown != "image/gif" || p.width < 0 || p.height < 0 || p.width*p.height > maxPixels {
			t.Fatalf("%s of %d x %d", shown, p.width, p.height)
		}
	})
}
