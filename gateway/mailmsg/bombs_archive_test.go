package mailmsg_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

func archiveBombs() []bomb {
	return []bomb{
		{"ZIP: overlapping entries", limit, false, func(t *testing.T) []byte { return packed("a.zip", overlapping(t, 15_000)) }},
		{"ZIP: overlapping entries, many", limit, false, func(t *testing.T) []byte { return packed("a.zip", overlapping(t, 500_000)) }},
		{"ZIP: 10^6 members in the directory", limit, false, func(t *testing.T) []byte { return packed("a.zip", directory(1_000_000)) }},
		{"ZIP: members that really stand there", limit, false, func(t *testing.T) []byte { return packed("a.zip", crowd(t, 300_000)) }},
		{"ZIP: 20 levels", limit, false, func(t *testing.T) []byte { return packed("a.zip", levels(t, 20, 1)) }},
		{"ZIP: 6 levels of 16", limit, false, func(t *testing.T) []byte { return packed("a.zip", levels(t, 6, 16)) }},
		{"ZIP: 9 levels of 4 in gzip", limit, false, func(t *testing.T) []byte { return packed("a.gz", []byte(gzipped(t, string(levels(t, 9, 4))))) }},
		{"ZIP: 60 levels", limit, false, func(t *testing.T) []byte { return packed("a.zip", levels(t, 60, 1)) }},
		{"gzip: 10 GB in one stream", limit, false, func(t *testing.T) []byte { return packed("a.gz", gzipStream(t, 10_000)) }},
		{"gzip: 10 GB in 10,000 streams", limit, false, func(t *testing.T) []byte {
			return packed("a.gz", bytes.Repeat([]byte(gzipped(t, strings.Repeat("\x00", 1_000_000))), 10_000))
		}},
		{"gzip: 10 GB of text", limit, false, func(t *testing.T) []byte {
			return packed("a.gz", bytes.Repeat([]byte(gzipped(t, strings.Repeat("He has x. ", 100_000))), 10_000))
		}},
		{"gzip: 10 GB of marks", limit, false, func(t *testing.T) []byte {
			return packed("a.html.gz", bytes.Repeat([]byte(gzipped(t, strings.Repeat("<b a='<i>&#65;x", 66_000))), 10_000))
		}},
		{"gzip: 1,000,000 empty streams", "", true, func(t *testing.T) []byte { return packed("a.gz", bytes.Repeat([]byte(gzipped(t, "")), 1_000_000)) }},
		{"tar: 10^6 members in gzip", limit, false, func(t *testing.T) []byte { return packed("a.tar.gz", manyFiles(t, 1_000_000)) }},
		{"tar: long names", "", false, func(t *testing.T) []byte { return packed("a.tar.gz", longNames(t)) }},
		{"ZIP: 32 MiB of random letters", limit, false, func(t *testing.T) []byte { return packed("a.zip", letters(t, 32<<20, zip.Deflate)) }},
		{"ZIP: 24 MiB stored", "", true, func(t *testing.T) []byte { return packed("a.zip", letters(t, 24<<20, zip.Store)) }},
	}
}

// flateStream is n megabytes of zeros: each repeats the octets of the first.
func flateStream(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	var ends [3]int
	for i := range ends {
		_, _ = w.Write(make([]byte, 1_000_000))
		_ = w.Flush()
		ends[i] = b.Len()
	}
	out := bytes.Clone(b.Bytes()[:ends[0]])
	out = append(out, bytes.Repeat(b.Bytes()[ends[1]:ends[2]], n-1)...)
	return append(out, 3, 0) // an empty last block
}

func gzipStream(t *testing.T, n int) []byte {
	t.Helper()
	b := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), flateStream(t, n)...)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

// zipRecord is a local header (local) or an entry of the directory.
func zipRecord(local bool, name string, method uint16, packed, size uint32, crc uint32, at uint32) []byte {
	le := binary.LittleEndian
	b := []byte("PK\x01\x02\x14\x00")
	if local {
		b = []byte("PK\x03\x04")
	}
	b = le.AppendUint16(le.AppendUint16(le.AppendUint16(b, 20), 0), method)
	b = le.AppendUint32(b, 0) // time
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, crc), packed), size)
	b = le.AppendUint16(le.AppendUint16(b, uint16(len(name))), 0)
	if !local {
		b = append(b, make([]byte, 10)...)
		b = le.AppendUint32(b, at)
	}
	return append(b, name...)
}

// zipEnd ends a directory of n entries (APPNOTE sections 4.3.14 to 4.3.16).
func zipEnd(n, size, at int) []byte {
	le := binary.LittleEndian
	b := []byte("PK\x06\x06")
	b = le.AppendUint64(b, 44)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 45<<16|45), 0), 0)
	b = le.AppendUint64(le.AppendUint64(b, uint64(n)), uint64(n))
	b = le.AppendUint64(le.AppendUint64(b, uint64(size)), uint64(at))
	b = append(b, "PK\x06\x07\x00\x00\x00\x00"...)
	b = le.AppendUint32(le.AppendUint64(b, uint64(at+size)), 1)
	b = append(b, "PK\x05\x06\x00\x00\x00\x00"...)
	b = le.AppendUint16(le.AppendUint16(b, 0xffff), 0xffff)
	b = le.AppendUint32(le.AppendUint32(b, 0xffffffff), 0xffffffff)
	return le.AppendUint16(b, 0)
}

// overlapping is an archive whose members all lie at one place.
func overlapping(t *testing.T, n int) []byte {
	t.Helper()
	data := flateStream(t, 20)
	crc := crc32.ChecksumIEEE(make([]byte, 20_000_000))
	b := append(zipRecord(true, "a", zip.Deflate, uint32(len(data)), 20_000_000, crc, 0), data...)
	at := len(b)
	for range n {
		b = append(b, zipRecord(false, "a", zip.Deflate, uint32(len(data)), 20_000_000, crc, 0)...)
	}
	return append(b, zipEnd(n, len(b)-at, at)...)
}

// directory is an archive of n members of which only the directory has more
// than one.
func directory(n int) []byte {
	b := zipRecord(true, "a", zip.Store, 0, 0, 0, 0)
	at := len(b)
	for range n {
		b = append(b, zipRecord(false, "", zip.Store, 0, 0, 0, 0)...)
	}
	return append(b, zipEnd(n, len(b)-at, at)...)
}

// crowd is an archive of n small members.
func crowd(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range n {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i), Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "x")
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// levels is an archive in an archive, width of them on each level.
func levels(t *testing.T, deep, width int) []byte {
	t.Helper()
	data := bytes.Repeat([]byte("He has diabetes. "), 50_000)
	for range deep {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range width {
			w, err := z.Create(fmt.Sprintf("%d.zip", i))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(data)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		data = b.Bytes()
	}
	return data
}

func manyFiles(t *testing.T, n int) []byte {
	t.Helper()
	return tarGzip(t, func(w *tar.Writer) {
		for range n {
			if err := w.WriteHeader(&tar.Header{Name: "a", Mode: 0o600}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// longNames is an archive whose every member has a name of a megabyte.
func longNames(t *testing.T) []byte {
	t.Helper()
	return tarGzip(t, func(w *tar.Writer) {
		for range 200 {
			if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("a", 1<<20-100), Mode: 0o600, Format: tar.FormatGNU}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func tarGzip(t *testing.T, fill func(*tar.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	fill(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// letters is an archive with one text that hardly shrinks.
func letters(t *testing.T, n int, method uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "a.txt", Method: method})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(noise(n))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// noise is a text of n octets in lines, the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = "abcdefghijklmnopqrstuvwxyz   \nABCDEFGHIJKLMNOPQRSTUVWXYZ0123456."[x%64]
	}
	return b
}
