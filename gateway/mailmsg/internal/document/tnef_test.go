package document_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

// example is the first example of MS-OXRTFCP section 3.1.
const example = "\x2d\x00\x00\x00\x2b\x00\x00\x00\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\x00\x0a\x00\x72\x63\x70\x67\x31\x32\x35\x42" +
	"\x32\x0a\xf3\x20\x68\x65\x6c\x09\x00\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0"

func TestUnpackRTF(t *testing.T) {
	out, trouble := document.UnpackRTF([]byte(example), document.NewBudget(func() {}))
	if string(out) != "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n" || trouble != document.Fine {
		t.Errorf("%q, %d", out, trouble)
	}
	for n := range len(example) {
		if _, trouble := document.UnpackRTF([]byte(example[:n]), document.NewBudget(func() {})); trouble == document.Fine && n < len(example)-2 {
			t.Errorf("%d octets are enough", n)
		}
	}
}

func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func attribute(id int, data string) string {
	return "\x01" + le32(id) + le32(len(data)) + data + "\x00\x00"
}

// property is one value of variable length, padded.
func property(kind, id int, data string) string {
	return le32(id<<16|kind) + le32(1) + le32(len(data)) + data + strings.Repeat("\x00", -len(data)&3)
}

func TestReadTNEF(t *testing.T) {
	named := le32(0x8001<<16|0x1f) + strings.Repeat("g", 16) + le32(1) + le32(4) + "n\x00\x00\x00" + le32(1) + le32(6) + "v\x00w\x00\x00\x00\x00\x00"
	props := []string{
		le32(0x0e07<<16|3) + le32(1), property(0x1e, 0x37, "a subject\x00"), property(0x1f, 0x1000, "b\x00o\x00d\x00y\x00\x00\x00"),
		property(0x102, 0x1009, example), property(0x102, 0x1013, "<p>page</p>"), named, le32(0x1234<<16|0x1003) + le32(2) + le32(7) + le32(8),
	}
	b := "\x78\x9f\x3e\x22\x01\x00" + attribute(0x00089006, "\x00\x00\x01\x00") + attribute(0x0002800c, "old body\x00") +
		attribute(0x00069003, le32(len(props))+strings.Join(props, "")) +
		attribute(0x00069002, "\x01\x00") + attribute(0x00018010, "a.txt\x00") + attribute(0x0006800f, "file a") +
		attribute(0x00069002, "\x01\x00") + attribute(0x00069005, le32(2)+property(0x1f, 0x3707, "b\x00.\x00b\x00")+property(0x102, 0x3701, "file b"))
	r := document.ReadTNEF([]byte(b), document.NewBudget(func() {}))
	for _, want := range []string{"old body\n", "a subject\n", "body\n", "hello world", "page", "vw\n", "b.b\n"} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("%q is missing in %q", want, r.Text)
		}
	}
	if r.Trouble != document.Fine || len(r.Parts) != 2 || r.Parts[0].Name != "a.txt" || string(r.Parts[0].Data) != "file a" || string(r.Parts[1].Data) != "file b" {
		t.Errorf("trouble %d, parts %q", r.Trouble, r.Parts)
	}
	for n := range len(b) { // cut anywhere, or with any octet changed, it ends
		document.ReadTNEF([]byte(b[:n]), document.NewBudget(func() {}))
		document.ReadTNEF([]byte(b[:n]+"\xff"+b[n+1:]), document.NewBudget(func() {}))
	}
	if r := document.ReadTNEF([]byte(b[:len(b)-3]), document.NewBudget(func() {})); r.Trouble != document.Damaged {
		t.Errorf("cut: trouble %d", r.Trouble)
	}
}
