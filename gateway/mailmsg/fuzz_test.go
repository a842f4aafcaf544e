package mailmsg_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// seeds adds the tricks that need no archive, whole.
func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		"", "\r\n", "Subject: x\r\n\r\nx", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--\r\n",
		"Subject: [secure pin:123456] =?utf-8?q?x?=\r\nX-Gatepost-PIN: 123456\r\n\r\n",
		"Content-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\n<p style=display:none>&#100;<!--x-->",
	} {
		f.Add([]byte(s))
	}
}

func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		r := mailmsg.Read(raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("the message was changed")
		}
		if slices.Contains(r.Uncertain, "reader failed") {
			t.Fatal("the reader panicked")
		}
		size := 0
		for _, p := range r.Parts {
			size += len(p.Text)
		}
		if size > 10<<20 || len(r.Unreadable) > 1001 || len(r.Parts) > 100+2*len(raw) {
			t.Fatalf("limits: %d octets of text, %d parts, %d unreadable of %d octets", size, len(r.Parts), len(r.Unreadable), len(raw))
		}
		for _, drop := range []bool{false, true} {
			removesExactly(t, raw, mailmsg.Edits(raw, drop))
		}
	})
}

// removesExactly: what Apply yields is the message without the edited octets,
// and after it nothing is left to remove.
func removesExactly(t *testing.T, raw []byte, edits []gateway.Edit) {
	t.Helper()
	var want bytes.Buffer
	at := int64(0)
	for _, e := range edits {
		if e.Offset < at || e.Length < 0 || e.Offset+e.Length > int64(len(raw)) {
			t.Fatalf("edit at %d of %d octets, behind %d", e.Offset, e.Length, at)
		}
		want.Write(raw[at:e.Offset])
		want.WriteString(e.Text.Reveal())
		at = e.Offset + e.Length
	}
	want.Write(raw[at:])
	got, err := io.ReadAll(mailmsg.Apply(bytes.NewReader(raw), edits))
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("other octets, %v", err)
	}
	if left := mailmsg.Edits(got, false); len(left) > 0 && len(edits) > 0 && len(got) < 1<<17 && bytes.Count(got, []byte("\n")) < 900 {
		t.Fatalf("%d fields of ours are left", len(left))
	}
}

func FuzzView(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := mailmsg.View(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Files) > 1000 || len(m.Text) > 1<<20+16*len(raw) {
			t.Fatalf("limits: %d files", len(m.Files))
		}
		for i, file := range m.Files {
			whole := content(t, file)
			if file.Index != i || file.Size < 0 || file.Size > int64(len(raw)) {
				t.Fatalf("file %d: index %d, size %d", i, file.Index, file.Size)
			}
			r, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			at := rand.Int64N(file.Size + 1)
			if _, err := r.Seek(at, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if tail, err := io.ReadAll(r); err != nil || string(tail) != whole[at:] {
				t.Fatalf("from %d other octets, %v", at, err)
			}
		}
	})
}

func FuzzParseReport(f *testing.F) {
	seeds(f)
	f.Add([]byte("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b := mailmsg.ParseReport(raw)
		if len(b.Recipients) == 0 || len(b.Recipients) > 100 {
			t.Fatalf("%d recipients", len(b.Recipients))
		}
		for _, fate := range append(b.Recipients, b.Fate) {
			if !slices.Contains([]string{"failed", "delayed", "delivered", "relayed", "expanded"}, fate.Action) || strings.Count(fate.Status, ".") != 2 {
				t.Fatalf("%q %q", fate.Action, fate.Status)
			}
			if len(fate.Diagnostic) > 512 || strings.ContainsFunc(fate.Diagnostic.Reveal(), func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatal("the diagnostic could not stand in a report")
			}
		}
	})
}
