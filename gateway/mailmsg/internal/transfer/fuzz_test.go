package transfer_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"testing"

	"gatepost/gateway/mailmsg/internal/transfer"
)

// FuzzTransfer: what is decoded is no longer than what it came from, good
// base64 is what the standard library reads, a file read piece by piece from
// any place is what decoding at once yields, and embedded files lie within.
func FuzzTransfer(f *testing.F) {
	for _, s := range []string{
		"QUJD\r\nRA==", "QUJDRA==QUJD", "QQ=", "Q!U-J_D", "a=41=\r\nb =\t\n=e4=E4=4", "=", "x= ", "begin 644 a.txt\n#86)C\n`\nend\n", "begin 644 a\nM\nend", "=ybegin line=128 size=3 name=a\n\x8b\x8c\x8d\n=yend size=3\n",
		"=ybegin part=1 line=1 size=1 name=x\n=ypart begin=1 end=1\n=}\n=yend",
	} {
		f.Add([]byte(s), uint16(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		d := transfer.DecodeBase64(b)
		if want, err := base64.StdEncoding.DecodeString(string(b)); err == nil && !bytes.Equal(d.Data, want) {
			t.Fatalf("%q becomes %q", b, d.Data)
		}
		if len(d.Data) > len(b) || d.Tail > len(b) || d.Tail < -1 {
			t.Fatalf("%d octets, tail at %d, of %d", len(d.Data), d.Tail, len(b))
		}
		for _, encoding := range []string{"base64", "quoted-printable", ""} {
			want := batch(b, encoding)
			if len(want) > len(b) {
				t.Fatalf("%s: %d octets of %d", encoding, len(want), len(b))
			}
			x, err := transfer.NewIndex(bytes.NewReader(b), 0, int64(len(b)), encoding)
			if err != nil || x.Size() != int64(len(want)) {
				t.Fatalf("%s: %d octets, not %d: %v", encoding, x.Size(), len(want), err)
			}
			from := int64(at) % (x.Size() + 1)
			file := x.Open()
			if _, err := file.Seek(from, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(file); err != nil || !bytes.Equal(got, want[from:]) {
				t.Fatalf("%s from %d: %q, not %q: %v", encoding, from, got, want[from:], err)
			}
		}
		total := 0
		for _, x := range transfer.Files(b, 100) {
			total += len(x.Data)
		}
		if total > len(b)+256<<10 {
			t.Fatalf("files of %d octets in %d", total, len(b))
		}
	})
}

// TestLinesOfNothing: lines that claim 45 octets and hold none do not become
// many times what came.
func TestLinesOfNothing(t *testing.T) {
	b := []byte("begin 644 a\n" + string(bytes.Repeat([]byte("M\n"), 1<<20)) + "end\n")
	files := transfer.Files(b, 100)
	if len(files) != 1 || len(files[0].Data) > len(b)+256<<10 || len(files[0].Data) < 128<<10 {
		t.Fatalf("%d files", len(files))
	}
}
