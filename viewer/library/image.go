package library

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/url"
	"strings"

	"gatepost/gateway"
)

// Limits of pictures inside HTML. A larger one stays among the files.
const (
	maxPicture  = 3 << 20    // octets of one
	maxPictures = 8 << 20    // octets of all, each use counted
	maxPixels   = 40_000_000 // of one: a small file can unfold to any size
)

// images gives the pictures that came with a mail as data: URIs.
type images struct {
	files []gateway.File
	left  int          // octets still allowed
	used  map[int]bool // files that were shown, by position
}

func newImages(files []gateway.File) *images {
	return &images{files: files, left: maxPictures, used: map[int]bool{}}
}

// picture is one that may be shown.
type picture struct {
	uri           string // data: URI
	width, height int    // pixels
}

// source finds the picture that src names. False means that it would have to
// be loaded, or is no picture that may be shown.
func (i *images) source(src string) (picture, bool) {
	var raw []byte
	file := -1
	switch scheme, rest, _ := strings.Cut(src, ":"); strings.ToLower(scheme) {
	case "cid":
		raw, file = i.attached(rest)
	case "data":
		raw = inline(rest)
	}
	kind, size := pictureType(raw)
	if kind == "" || len(raw) > i.left {
		return picture{}, false
	}
	i.left -= len(raw)
	if file >= 0 {
		i.used[file] = true
	}
	uri := "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(raw)
	return picture{uri: uri, width: size.Width, height: size.Height}, true
}

// attached reads the file with a Content-ID (RFC 2392), nil when there is none
// that is small enough.
func (i *images) attached(id string) ([]byte, int) {
	if plain, err := url.PathUnescape(id); err == nil {
		id = plain
	}
	for n, f := range i.files {
		if f.ContentID == "" || f.ContentID != id || f.Size > maxPicture || f.Open == nil {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, -1
		}
		defer r.Close()
		raw, err := io.ReadAll(io.LimitReader(r, maxPicture+1))
		if err != nil {
			return nil, -1
		}
		return raw, n
	}
	return nil, -1
}

// inline decodes what follows "data:" (RFC 2397), base64 only.
func inline(rest string) []byte {
	head, data, ok := strings.Cut(rest, ",")
	if !ok || !strings.HasSuffix(strings.ToLower(head), ";base64") || len(data) > maxPicture*2 {
		return nil
	}
	data = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, data)
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	if err != nil {
		return nil
	}
	return raw
}

// pictureType is the media type and size of raw as its octets show it, "" for
// what is no picture of bounded size. What the sender called it does not count; SVG is
// a program and never a picture here.
func pictureType(raw []byte) (string, image.Config) {
	if len(raw) == 0 || len(raw) > maxPicture {
		return "", image.Config{}
	}
	formats := []struct {
		name   string
		magic  string
		decode func(io.Reader) (image.Config, error)
	}{
		{"image/png", "\x89PNG\r\n\x1a\n", png.DecodeConfig},
		{"image/jpeg", "\xff\xd8\xff", jpeg.DecodeConfig},
		{"image/gif", "GIF8", gif.DecodeConfig},
	}
	for _, f := range formats {
		if !bytes.HasPrefix(raw, []byte(f.magic)) {
			continue
		}
		c, err := f.decode(bytes.NewReader(raw))
		if err != nil || int64(c.Width)*int64(c.Height) > maxPixels {
			return "", image.Config{}
		}
		return f.name, c
	}
	return "", image.Config{}
}
