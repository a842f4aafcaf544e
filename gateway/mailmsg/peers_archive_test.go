package mailmsg_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// command runs a program in a folder.
func command(t *testing.T, dir, stdin, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out.String(), trouble.String())
	}
	return out.Bytes()
}

func kinds(r *gateway.Reading) []string {
	var list []string
	for _, u := range r.Unreadable {
		list = append(list, u.Kind)
	}
	return list
}

// TestArchivesOfZip: what Info-ZIP writes is read, in each of its methods.
func TestArchivesOfZip(t *testing.T) {
	needPeer(t, "zip")
	const says = "SSN: 536-22-8726 in the file"
	for name, args := range map[string][]string{
		"deflated": {"a.zip", "a.txt"}, "stored": {"-0", "a.zip", "a.txt"}, "bzip2": {"-Z", "bzip2", "a.zip", "a.txt"},
		"ZIP64": {"-fz", "a.zip", "a.txt"}, "best": {"-9", "a.zip", "a.txt"}, "without extra fields": {"-X", "a.zip", "a.txt"},
		"name in UTF-8": {"a.zip", "größe.txt"}, "folder": {"-r", "a.zip", "folder"}, "from a pipe": {"a.zip", "-"}, "comment": {"-z", "a.zip", "a.txt"},
	} {
		dir := t.TempDir()
		for _, file := range []string{"a.txt", "größe.txt", "folder/in/a.txt"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Repeat(says+"\n", 50)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		command(t, dir, says, "zip", append([]string{"-q"}, args...)...)
		command(t, dir, "", "zip", "-q", "outer.zip", "a.zip")
		for _, file := range []string{"a.zip", "outer.zip"} {
			data, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			r := mailmsg.Read(packed(file, data))
			if !strings.Contains(parts(r), says) || len(r.Unreadable)+len(r.Uncertain) > 0 {
				t.Errorf("%s, %s: %v %q", name, file, r.Unreadable, r.Uncertain)
			}
			if name == "name in UTF-8" && !strings.Contains(parts(r), "größe.txt") {
				t.Errorf("%s, %s: %q", name, file, parts(r))
			}
		}
	}
	dir := t.TempDir()
	command(t, dir, says, "zip", "-q", "-P", "geheim", "a.zip", "-")
	data, err := os.ReadFile(filepath.Join(dir, "a.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if r := mailmsg.Read(packed("a.zip", data)); !slices.Equal(kinds(r), []string{gateway.UnreadableArchive}) {
		t.Errorf("encrypted: %v", r.Unreadable)
	}
}

// tnefAttribute is one attribute with its checksum (MS-OXTNEF section 2.1.3.1).
func tnefAttribute(level byte, id uint32, data string) string {
	b := binary.LittleEndian.AppendUint32([]byte{level}, id)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
	sum := uint16(0)
	for _, c := range []byte(data) {
		sum += uint16(c)
	}
	return string(binary.LittleEndian.AppendUint16(b, sum))
}

// compressedRTF says "hello world": the first example of MS-OXRTFCP section 3.1.
const compressedRTF = "\x2d\x00\x00\x00\x2b\x00\x00\x00\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\x00\x0a\x00\x72\x63\x70\x67\x31\x32\x35\x42" +
	"\x32\x0a\xf3\x20\x68\x65\x6c\x09\x00\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0"

// mapi is a property of variable length.
func mapi(kind, id int, data string) string {
	return string(le32(id<<16|kind)) + string(le32(1)) + string(le32(len(data))) + data + strings.Repeat("\x00", -len(data)&3)
}

// TestWinmailAsTnefReadsIt: Debian's tnef takes the same bodies and files out of
// what the test wrote by MS-OXTNEF.
func TestWinmailAsTnefReadsIt(t *testing.T) {
	needPeer(t, "tnef")
	const page, old = "<p>page SSN: 536-22-8726</p>", "plain words of the body"
	const file = "words of the file"
	props := []string{mapi(0x1e, 0x0037, "a subject\x00"), mapi(0x102, 0x1009, compressedRTF), mapi(0x102, 0x1013, page)}
	inner := "\x78\x9f\x3e\x22\x01\x00" + tnefAttribute(1, 0x00089006, "\x00\x00\x01\x00") + tnefAttribute(1, 0x0002800c, "words of the mail within\x00")
	rendering := tnefAttribute(2, 0x00069002, strings.Repeat("\x00", 14))
	winmail := "\x78\x9f\x3e\x22\x01\x00" + tnefAttribute(1, 0x00089006, "\x00\x00\x01\x00") + tnefAttribute(1, 0x00069007, "\xe4\x04\x00\x00\x00\x00\x00\x00") +
		tnefAttribute(1, 0x0002800c, old+"\x00") + tnefAttribute(1, 0x00069003, string(le32(len(props)))+strings.Join(props, "")) +
		rendering + tnefAttribute(2, 0x00018010, "a.txt\x00") + tnefAttribute(2, 0x0006800f, file) +
		rendering + tnefAttribute(2, 0x00018010, "inner.dat\x00") + tnefAttribute(2, 0x0006800f, inner)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "winmail.dat"), []byte(winmail), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, dir, "", "tnef", "-f", "winmail.dat", "--save-body", "--body-pref=all", "-C", dir)
	var theirs strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil && e.Name() != "winmail.dat" {
			theirs.WriteString(e.Name() + "\n" + string(b) + "\n")
		}
	}
	r := mailmsg.Read(packed("winmail.dat", []byte(winmail)))
	for _, want := range []string{"536-22-8726", "hello world", old, "a.txt", file, "inner.dat", "words of the mail within"} {
		if !strings.Contains(parts(r), want) {
			t.Errorf("%q is not read", want)
		}
		if !strings.Contains(theirs.String(), want) {
			t.Errorf("tnef does not read %q: the test wrote something else than TNEF\n%q", want, theirs.String())
		}
	}
	if len(r.Unreadable)+len(r.Uncertain) > 0 {
		t.Errorf("%v %q", r.Unreadable, r.Uncertain)
	}
}
