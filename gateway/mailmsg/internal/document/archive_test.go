package document

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
	"reflect"
	"strings"
	"testing"
)

// TestInflatersKeepNoText: what inflates the next stream holds nothing of the last
// one, neither of its text nor of what was read ahead.
func TestInflatersKeepNoText(t *testing.T) {
	text := strings.Repeat("quillwort ", 7000) // more than a window
	var framed, raw bytes.Buffer
	z, _ := zlib.NewWriterLevel(&framed, zlib.NoCompression) // so that its octets are the text
	f, _ := flate.NewWriter(&raw, flate.NoCompression)
	for _, w := range []io.WriteCloser{z, f} {
		_, _ = io.WriteString(w, text)
		_ = w.Close()
	}
	for _, length := range []int{len(text), 40_000, 100} {
		for what, read := range map[string]func() (any, []byte){
			"a stream of zlib": func() (any, []byte) {
				z, err := unzlib(framed.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				defer z.done()
				got, _ := io.ReadAll(io.LimitReader(z, int64(length)))
				return z, got
			},
			"a member of an archive": func() (any, []byte) {
				m := inflateMember(io.LimitReader(bytes.NewReader(raw.Bytes()), 1<<20)) // no io.ByteReader: it reads ahead
				_ = m.Close()
				m = inflateMember(io.LimitReader(bytes.NewReader(raw.Bytes()), 1<<20))
				defer m.Close()
				got, _ := io.ReadAll(io.LimitReader(m, int64(length)))
				return m, got
			},
		} {
			kept, got := read()
			if string(got) != text[:length] {
				t.Fatalf("%s: %d octets are not the text", what, len(got))
			}
			longest := 0
			eachOctets(reflect.ValueOf(kept), map[uintptr]bool{}, func(b []byte) {
				longest = max(longest, cap(b))
				if bytes.Contains(b[:cap(b)], []byte("quillwort")) {
					t.Errorf("%s: %d octets of memory have the text", what, cap(b))
				}
			})
			if longest < 32<<10 {
				t.Errorf("%s: no window was seen", what)
			}
		}
	}
}

// eachOctets calls f for each slice of octets that v leads to.
func eachOctets(v reflect.Value, seen map[uintptr]bool, f func([]byte)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			eachOctets(v.Elem(), seen, f)
		}
	case reflect.Interface:
		if !v.IsNil() {
			eachOctets(v.Elem(), seen, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			eachOctets(v.Field(i), seen, f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			f(v.Bytes())
		}
	}
}
