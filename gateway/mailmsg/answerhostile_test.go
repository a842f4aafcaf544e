package mailmsg_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/mail"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// everywhere puts one foreign value wherever an answer holds foreign values.
func everywhere(s string) mailmsg.AnswerData {
	d := answerData()
	d.FromName, d.Via, d.Subject, d.Text = gateway.Sensitive(s), s, gateway.Sensitive(s), gateway.Sensitive(s)
	d.InReplyTo, d.References, d.Results, d.AutoSubmitted = s, []string{s, s}, s, s
	d.Files = []mailmsg.AnswerFile{attached(s, s, s), attached("b.bin", "application/octet-stream", "b")}
	return d
}

// harmless checks what holds for an answer whatever its values are: the fields
// are those that it should have, once each; the parts are those that it was
// made of; and readers agree on the people.
func harmless(t interface {
	Helper()
	Fatalf(string, ...any)
}, d mailmsg.AnswerData, raw []byte) {
	t.Helper()
	for i, c := range raw {
		if c >= 0x7f || c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == '\n' && raw[i-1] != '\r' || c == '\r' && raw[i+1] != '\n' {
			t.Fatalf("octet %d is %#x", i, c)
		}
	}
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 {
			t.Fatalf("a line of %d octets", len(line))
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("net/mail: %v", err)
	}
	for name, values := range m.Header {
		if len(values) != 1 || !slices.Contains(answerFields(), name) {
			t.Fatalf("%d fields %s", len(values), name)
		}
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != d.From.Wire() {
		t.Fatalf("From reads as %d addresses, %v", len(from), err)
	}
	if strings.Count(from[0].Name, "@") > 1 || strings.ContainsAny(from[0].Name, "\r\n<>\"\u202e\u200b") {
		t.Fatalf("the name holds more than a name: %q", from[0].Name)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != len(d.To) {
		t.Fatalf("To reads as %d addresses, %v", len(to), err)
	}
	r := mailmsg.Read(raw)
	if len(r.From) != 1 || r.From[0] != d.From || r.MessageID != d.HeaderID {
		t.Fatalf("our own reader sees other people")
	}
	if s := r.Subject.Reveal(); !strings.HasPrefix(s, "Re:") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(s[3:])), "re:") {
		t.Fatalf("subject %q", s)
	}
	sameParts(t, d, raw)
}

func answerFields() []string {
	return []string{
		"Authentication-Results", "From", "To", "Subject", "Date", "Message-Id", "In-Reply-To", "References", "Auto-Submitted", "Mime-Version",
		"Content-Type", "Content-Transfer-Encoding",
	}
}

// sameParts checks that View yields the text and the files of d.
func sameParts(t interface {
	Helper()
	Fatalf(string, ...any)
}, d mailmsg.AnswerData, raw []byte) {
	t.Helper()
	m, err := mailmsg.View(bytes.NewReader(raw))
	if err != nil || len(m.Files) != len(d.Files) {
		t.Fatalf("%d files, %v", len(m.Files), err)
	}
	for i, f := range m.Files {
		in, err := d.Files[i].Open()
		if err != nil {
			t.Fatalf("%v", err)
		}
		want, _ := io.ReadAll(in)
		r, err := f.Open()
		if err != nil {
			t.Fatalf("%v", err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("file %d has other octets, %v", i, err)
		}
		if name := f.Name.Reveal(); name == "" || strings.ContainsAny(name, "/\\\r\n\x00\u202e") || strings.Trim(name, ".") == "" {
			t.Fatalf("file name %q", name)
		}
	}
	if got, want := words(m.Text.Reveal()), words(d.Text.Reveal()); got != want {
		t.Fatalf("text is %q, not %q", got, want)
	}
}

// words is a text without what may change on the way: white space and control
// characters.
func words(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		switch {
		case c == '\u2028' || c == '\u2029' || c == '\u0085':
			return ' '
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f && c < 0xa0:
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\ufffd"))), " ")
}

func TestAnswerWithNaughtyStrings(t *testing.T) {
	for _, c := range outside(t, "naughty-strings") {
		d := everywhere(c.Text)
		harmless(named{t, c.ID}, d, answer(t, d))
	}
}

// TestPythonReadsNaughtyAnswers: another language's parser finds no defect, the
// same people, and every file.
func TestPythonReadsNaughtyAnswers(t *testing.T) {
	if exec.Command("python3", "-c", "import email").Run() != nil {
		t.Skip("no python3 here: answers are NOT read by its email package")
	}
	const script = `import sys, json, email, email.policy
for name, text in json.load(sys.stdin).items():
    try:
        m = email.message_from_string(text, policy=email.policy.default)
        parts = list(m.iter_parts())
        assert len(parts) in (2, 3), len(parts)
        for p in [m] + parts:
            assert not p.defects, p.defects
            for key, value in p.items():
                assert not getattr(value, "defects", ()), (key, value.defects)
        a = m["from"].addresses
        assert len(a) == 1 and a[0].addr_spec == "r.abcdefghijklmnopqrstuvwxyz@reply.clinic.example", a
        assert [x.addr_spec for x in m["to"].addresses] == ["ann@clinic.example", "bob@clinic.example"], m["to"]
        assert m["subject"].startswith("Re:") and m["date"].datetime
        files = list(m.iter_attachments())
        assert files[1].get_filename() == "b.bin" and files[1].get_content() == b"b", files[1].get_filename()
        assert files[0].get_filename() is not None, "no name" # it drops quotes that belong to a name
    except Exception as e:
        print(name, repr(e))`
	texts := map[string]string{"ours": string(answer(t, everywhere("Grüße, \"Jane\"; filename*=utf-8''x")))}
	for _, c := range outside(t, "naughty-strings") {
		texts[c.ID] = string(answer(t, everywhere(c.Text)))
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", script)
	cmd.Stdin = bytes.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s%v", out, err)
	}
}

// named says of which case a failure is.
type named struct {
	*testing.T
	id string
}

func (n named) Fatalf(format string, args ...any) {
	n.Helper()
	n.T.Fatalf(n.id+": "+format, args...)
}

// TestAnswerIsHarmless: no mixture of what ends fields, parts and words does so.
func TestAnswerIsHarmless(t *testing.T) {
	pieces := []string{
		"\r", "\n", "\r\n", "\r\n\r\n", "\x00", "\x1b[2J", "\t", " ", "\u00a0", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff", "\xff", "\xed\xa0\x80", "=?utf-8?q?=0D=0A?=", "=?", "?=",
		"Bcc: eve@evil.example", "--=_", "--", ".", "..", "/", `\`, `"`, "<", ">", "(", ")", "@", "＠", ",", ";", ":", "Re:", "AW:", "[", "]", "[secure]", "a", "Z", "é", "ж", "漢", "🙂", "ل", "filename=", "*0*=", "%0a", "From ",
		strings.Repeat("x", 90), strings.Repeat("é", 90),
	}
	foreign := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 12).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		d := everywhere(foreign.Draw(t, "one"))
		d.Subject, d.FromName, d.Text = gateway.Sensitive(foreign.Draw(t, "subject")), gateway.Sensitive(foreign.Draw(t, "name")), gateway.Sensitive(foreign.Draw(t, "text"))
		var raw bytes.Buffer
		if err := mailmsg.WriteAnswer(&raw, d); err != nil {
			t.Fatal(err)
		}
		harmless(t, d, raw.Bytes())
	})
}

// FuzzAnswer is every foreign input of the composer at once.
func FuzzAnswer(f *testing.F) {
	f.Add("Jane", "Results", "Hello\n", "scan.pdf", "application/pdf", "x; dkim=pass", "a@b", []byte("Content-Type: text/plain;\r\n \r\n charset=x\r\n\r\nbody"))
	f.Add("\r\nBcc: e@e", "Re: Re: =?utf-8?q?x?=", "--=_\r\n.\r\n", "..\\..\\a\u202egpj.exe", "message/rfc822", "\r\n\r\n", "a b", []byte("X\r\nContent-\xff: 1\r\nContent-Type : a\r\n"))
	f.Fuzz(func(t *testing.T, name, subject, text, file, media, results, id string, mail []byte) {
		d := answerData()
		d.FromName, d.Subject, d.Text, d.Results, d.InReplyTo = gateway.Sensitive(name), gateway.Sensitive(subject), gateway.Sensitive(text), results, id
		d.References, d.AutoSubmitted, d.Via = []string{id, "x@y"}, results, name
		d.Files = []mailmsg.AnswerFile{attached(file, media, text), attached(name, text, string(mail))}
		harmless(t, d, answer(t, d))
		d.Mail = bytes.NewReader(mail)
		carries(t, d, mail, answer(t, d))
	})
}

// carries checks that the header of a carried mail is ours and well-formed, and
// that its body is that of the mail.
func carries(t *testing.T, d mailmsg.AnswerData, original, raw []byte) {
	t.Helper()
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok || !bytes.HasSuffix(original, body) {
		t.Fatal("another body")
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if bytes.ContainsAny(line, "\r\n\x00") || len(bytes.TrimSpace(line)) == 0 {
			t.Fatalf("line %q in the header", line)
		}
		folded := line[0] == ' ' || line[0] == '\t'
		name, _, field := strings.Cut(string(line), ":")
		if !folded && (!field || !slices.Contains(answerFields(), mailKey(name)) && !strings.HasPrefix(mailKey(name), "Content-")) {
			t.Fatalf("line %q in the header", line)
		}
	}
	if r := mailmsg.Read(raw); len(r.From) != 1 || r.From[0] != d.From || r.MessageID != d.HeaderID {
		t.Fatal("another sender or Message-ID")
	}
}

// mailKey is a field name as answerFields spells it.
func mailKey(name string) string {
	for _, known := range append(answerFields(), "Content-") {
		if len(name) >= len(known) && strings.EqualFold(name[:len(known)], known) && (len(name) == len(known) || known == "Content-") {
			return known
		}
	}
	return name
}

// zeros is a file of n octets that takes no memory.
func zeros(n int64) mailmsg.AnswerFile {
	return mailmsg.AnswerFile{Name: "film.mp4", MediaType: "video/mp4", Size: n, Open: func() (io.Reader, error) {
		return io.LimitReader(nothing{}, n), nil
	}}
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAnswerKeepsNoFileInMemory(t *testing.T) {
	d := answerData()
	d.Files = []mailmsg.AnswerFile{zeros(gateway.MaxAnswerSize / 2), zeros(gateway.MaxAnswerSize / 2)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := mailmsg.WriteAnswer(io.Discard, d); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d octets allocated for 100 MiB of files", n)
	}
}

func BenchmarkWriteAnswer(b *testing.B) {
	d := answerData()
	d.Files = []mailmsg.AnswerFile{zeros(gateway.MaxAnswerSize)}
	b.SetBytes(gateway.MaxAnswerSize)
	b.ReportAllocs()
	for b.Loop() {
		if err := mailmsg.WriteAnswer(io.Discard, d); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAnswerCarriesForeignMails: whoever reads the mail to staff sees the texts
// and the files of the author's own, however that is built.
func TestAnswerCarriesForeignMails(t *testing.T) {
	for _, set := range []string{"mime-mail-parser", "mime-mime4j", "mime-robust"} {
		for _, c := range outside(t, set) {
			original := c.raw(t)
			d := answerData()
			d.Mail = bytes.NewReader(original)
			raw := answer(t, d)
			carries(t, d, original, raw)
			want, err1 := mailmsg.View(bytes.NewReader(original))
			got, err2 := mailmsg.View(bytes.NewReader(raw))
			if err1 != nil || err2 != nil {
				t.Fatalf("%s: %v, %v", c.ID, err1, err2)
			}
			if got.Text != want.Text || got.HTML != want.HTML || len(got.Files) != len(want.Files) {
				t.Errorf("%s: text, HTML or files differ: %d and %d octets, %d files, not %d", c.ID, len(got.Text), len(want.Text), len(got.Files), len(want.Files))
				continue
			}
			for i, f := range got.Files {
				if f.Name != want.Files[i].Name || f.Type != want.Files[i].Type || content(t, f) != content(t, want.Files[i]) {
					t.Errorf("%s: file %d differs", c.ID, i)
				}
			}
		}
	}
}
