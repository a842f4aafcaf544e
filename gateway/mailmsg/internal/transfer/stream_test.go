package transfer_test

import (
	"bytes"
	"io"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway/mailmsg/internal/transfer"
)

// batch decodes at once.
func batch(b []byte, encoding string) []byte {
	switch encoding {
	case "base64":
		return transfer.DecodeBase64(b).Data
	case "quoted-printable":
		return transfer.QuotedPrintable(b)
	}
	return b
}

func TestFileReadsWhatDecodingYields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SliceOfN(rapid.SampledFrom([]string{"QUJD", "RA==", "=", "=41", "=3D", "=\r\n", "= \t\r\n", "\r\n", "x", "\x00", "é", "-_", "z9+/"}), 1, 40).Draw(t, "unit")
		times := rapid.SampledFrom([]int{1, 100, 6000}).Draw(t, "times")
		b := bytes.Join([][]byte{[]byte("lead"), bytes.Repeat([]byte(join(unit)), times), []byte("tail")}, nil)
		encoding := rapid.SampledFrom([]string{"base64", "quoted-printable", ""}).Draw(t, "encoding")
		want := batch(b[4:len(b)-4], encoding)
		x, err := transfer.NewIndex(bytes.NewReader(b), 4, int64(len(b)-4), encoding)
		if err != nil {
			t.Fatal(err)
		}
		f := x.Open()
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) || x.Size() != int64(len(want)) {
			t.Fatalf("%d octets, size %d, not %d: %v", len(got), x.Size(), len(want), err)
		}
		at := rapid.IntRange(0, len(want)).Draw(t, "at")
		if _, err := f.Seek(int64(at), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want[at:]) {
			t.Fatalf("from %d: %d octets, not %d: %v", at, len(got), len(want)-at, err)
		}
	})
}

func join(list []string) (s string) {
	for _, x := range list {
		s += x
	}
	return s
}
