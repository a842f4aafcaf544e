package mailmsg_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

func answerData() mailmsg.AnswerData {
	return mailmsg.AnswerData{
		HeaderID: "abcdefghabcdefgh@reply.clinic.example", From: gateway.MustAddress("r.abcdefghijklmnopqrstuvwxyz@reply.clinic.example"),
		FromName: "Jane Doe", Author: gateway.MustAddress("pat@out.example"),
		To:      []gateway.Address{gateway.MustAddress("ann@clinic.example"), gateway.MustAddress("bob@clinic.example")},
		Subject: "AW: Re[2]: Results", InReplyTo: "original.1@client.example", References: []string{"first@client.example", "original.1@client.example"},
		Results: "gate.clinic.example; dkim=pass header.d=out.example", Now: noon, Text: "Grüße\nJane\n",
	}
}

// attached is an attachment that holds content.
func attached(name, media, content string) mailmsg.AnswerFile {
	return mailmsg.AnswerFile{Name: gateway.Sensitive(name), MediaType: media, Size: int64(len(content)), Open: func() (io.Reader, error) {
		return strings.NewReader(content), nil
	}}
}

func answer(t testing.TB, d mailmsg.AnswerData) []byte {
	t.Helper()
	var a, b bytes.Buffer
	if err := errors.Join(mailmsg.WriteAnswer(&a, d), mailmsg.WriteAnswer(&b, d)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatal("the same answer was written in two ways")
	}
	return a.Bytes()
}

func TestAnswer(t *testing.T) {
	d := answerData()
	d.Files = []mailmsg.AnswerFile{
		attached("scan.csv", "text/csv", "a,b\n"), attached(`C:\fakepath\Überweisung "neu".txt`, "text/plain; charset=utf-8", "ä"),
		attached("", "message/rfc822", ""), attached(strings.Repeat("ж", 300)+".jpeg", "IMAGE/JPEG", strings.Repeat("x", 100_000)),
	}
	raw := answer(t, d)
	sound(t, raw)
	m, err := mailmsg.View(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "Re: Results" || m.Text != "Grüße\nJane\n" || len(m.Files) != 4 {
		t.Fatalf("subject %q, text %q, %d files", m.Subject.Reveal(), m.Text.Reveal(), len(m.Files))
	}
	if want := gateway.Sensitive("Jane Doe (pat@out.example) via Secure <" + d.From.Wire() + ">"); m.From != want {
		t.Errorf("from %q", m.From.Reveal())
	}
	names := []string{"scan.csv", `Überweisung "neu".txt`, "file", strings.Repeat("ж", 97) + ".jpeg"}
	types := []string{"text/csv", "text/plain", "application/octet-stream", "image/jpeg"}
	for i, f := range m.Files {
		if f.Name.Reveal() != names[i] || f.Type != types[i] || f.Size != d.Files[i].Size || f.Inline {
			t.Errorf("file %d: %q %s, %d octets", i, f.Name.Reveal(), f.Type, f.Size)
		}
	}
	r := mailmsg.Read(raw)
	if len(r.From) != 1 || r.From[0] != d.From || len(r.To) != 2 || r.MessageID != d.HeaderID || len(r.InReplyTo) != 1 || len(r.References) != 2 {
		t.Errorf("read back: %+v", r)
	}
}

// TestAnswerNotes: what a short message comes to stands below its words, in the
// language of staff, and with nothing else.
func TestAnswerNotes(t *testing.T) {
	for _, language := range []string{"en", "de", "fr", "it", "es", "ar", ""} {
		var all []string
		for _, note := range []mailmsg.AnswerNote{mailmsg.NoNote, mailmsg.NoteStopped, mailmsg.NoteResumed} {
			d := answerData()
			d.Text, d.Note, d.Language, d.Line = "STOP", note, language, "+15550001111"
			raw := answer(t, d)
			sound(t, raw)
			m, err := mailmsg.View(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m.Text.Reveal())
			rest, ok := strings.CutPrefix(m.Text.Reveal(), "STOP\n")
			switch {
			case !ok || (rest == "") != (note == mailmsg.NoNote):
				t.Errorf("%s, note %d: %q", language, note, m.Text.Reveal())
			case rest != "" && (!strings.HasPrefix(rest, "\nGatepost") || strings.Count(rest, "+15550001111") != 1):
				t.Errorf("%s, note %d: %q", language, note, rest)
			case strings.Contains(rest, "START") != (note == mailmsg.NoteStopped):
				t.Errorf("%s, note %d does not tell how it ends: %q", language, note, rest)
			}
			for _, line := range strings.Split(rest, "\n") {
				if utf8.RuneCountInString(line) > 76 {
					t.Errorf("%s, note %d: a line of %d characters", language, note, utf8.RuneCountInString(line))
				}
			}
		}
		if all[1] == all[2] {
			t.Errorf("%s says the same twice", language)
		}
	}
}

func TestAnswerSubjects(t *testing.T) {
	for subject, want := range map[string]string{
		"": "Re:", "Results": "Re: Results", "Re: Results": "Re: Results", "RE: re : Results": "Re: Results", "AW: WG: x": "Re: WG: x",
		"Re[2]: x": "Re: x", "Re (3): x": "Re: x", "回复：x": "Re: x", "رد: x": "Re: x", "SV: Sv: x": "Re: x", "Fwd: Re: x": "Re: Fwd: Re: x",
		"[team] Re: x": "Re: [team] x", "Re: [team] AW: x": "Re: [team] x", "Ref: 123": "Re: Ref: 123", "Recall: x": "Re: Recall: x",
		"Re: [secure pin:123456] x": "Re: x", "[secure] x": "Re: x", "=?utf-8?q?x=0D=0ABcc:_e?=": "Re: =?utf-8?q?x=0D=0ABcc:_e?=",
		"a\r\nBcc: eve@evil.example": "Re: a Bcc: eve@evil.example", "\u202eevil\u2066": "Re: evil", strings.Repeat("y", 5000): "Re: " + strings.Repeat("y", 900),
		"x\x00y\xff": "Re: x y\ufffd",
	} {
		d := answerData()
		d.Subject = gateway.Sensitive(subject)
		raw := answer(t, d)
		sound(t, raw)
		if got := mailmsg.Read(raw).Subject.Reveal(); got != want {
			t.Errorf("%q: %q, not %q", subject, got, want)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || got != want {
			t.Errorf("%q: net/mail reads %q, %v", subject, got, err)
		}
		d.Begins = true
		if got := mailmsg.Read(answer(t, d)).Subject.Reveal(); strings.HasPrefix(got, "Re:") {
			t.Errorf("%q begins a conversation as %q", subject, got)
		}
	}
}

func TestAnswerNames(t *testing.T) {
	for name, want := range map[string]string{
		"":                                   "pat@out.example via Secure",
		"Jane":                               "Jane (pat@out.example) via Secure",
		`Jane "JD" O'Brien, MD`:              "Jane JD O'Brien, MD (pat@out.example) via Secure",
		"ceo@clinic.example":                 "pat@out.example via Secure",
		"ceo＠clinic.example":                 "pat@out.example via Secure",
		"Jane (boss) <x>":                    "Jane boss x (pat@out.example) via Secure",
		"Jane\r\nBcc: eve":                   "Jane Bcc: eve (pat@out.example) via Secure",
		"J\u200ba\u202en\u00ade":             "Ja ne (pat@out.example) via Secure",
		"=?utf-8?q?ceo=40clinic?=":           "=?utf-8?q?ceo=40clinic?= (pat@out.example) via Secure",
		"Jürgen":                             "Jürgen (pat@out.example) via Secure",
		"Jane 0123456789":                    "pat@out.example via Secure",
		"one two three four five six seven ": "pat@out.example via Secure",
	} {
		d := answerData()
		d.FromName = gateway.Sensitive(name)
		raw := answer(t, d)
		sound(t, raw)
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		list, err := m.Header.AddressList("From")
		if err != nil || len(list) != 1 || list[0].Name != want || list[0].Address != d.From.Wire() {
			t.Errorf("%q: %v, %v", name, list, err)
		}
	}
}

func TestAnswerThreads(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = strings.Repeat("x", i+1) + "@y"
	}
	for name, c := range map[string]struct {
		parent     string
		references []string
		want       []string
	}{
		"nothing":       {"", nil, nil},
		"parent":        {"<a@b>", nil, []string{"a@b"}},
		"parent within": {"a@b", []string{"<c@d>", "a@b", "e@f", "c@d"}, []string{"c@d", "e@f", "a@b"}},
		"no parent":     {"", []string{"a@b", "c@d"}, []string{"a@b", "c@d"}},
		"broken":        {"a b", []string{"", "<>", "a\r\nb@c", "ä@b", "d@e>", strings.Repeat("z", 2000)}, []string{"d@e"}},
		"many":          {"p@q", many, append(append([]string{"x@y"}, many[32:]...), "p@q")},
	} {
		d := answerData()
		d.InReplyTo, d.References = c.parent, c.references
		raw := answer(t, d)
		sound(t, raw)
		if got := mailmsg.Read(raw).References; !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAnswerRefuses(t *testing.T) {
	for name, change := range map[string]func(*mailmsg.AnswerData){
		"no id":      func(d *mailmsg.AnswerData) { d.HeaderID = "" },
		"broken id":  func(d *mailmsg.AnswerData) { d.HeaderID = "a\r\nBcc: b@c" },
		"no sender":  func(d *mailmsg.AnswerData) { d.From = gateway.Address{} },
		"short file": func(d *mailmsg.AnswerData) { d.Files[0].Size++ },
		"long file":  func(d *mailmsg.AnswerData) { d.Files[0].Size-- },
		"no file": func(d *mailmsg.AnswerData) {
			d.Files[0].Open = func() (io.Reader, error) { return nil, io.ErrClosedPipe }
		},
		"torn file": func(d *mailmsg.AnswerData) {
			d.Files[0].Open = func() (io.Reader, error) {
				return io.MultiReader(strings.NewReader("con"), broken{}), nil
			}
		},
	} {
		d := answerData()
		d.Files = []mailmsg.AnswerFile{attached("a", "text/plain", "content")}
		change(&d)
		if err := mailmsg.WriteAnswer(io.Discard, d); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if err := mailmsg.WriteAnswer(full{}, answerData()); err == nil {
		t.Error("a full disk was not noticed")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestAnswerCarriesMail: the entity comes through octet for octet, and nothing
// else of the mail does.
func TestAnswerCarriesMail(t *testing.T) {
	for name, c := range map[string]struct{ head, body, want string }{
		"plain":     {"From: x@y.example\r\nSubject: other\r\nContent-Type: text/plain; charset=utf-8\r\nReceived: by z\r\n", "ä\r\n.\r\n", "Content-Type: text/plain; charset=utf-8\r\n"},
		"folded":    {"Content-Type: multipart/mixed;\r\n\tboundary=\"b\"\r\nBcc: eve@evil.example\r\nCONTENT-transfer-Encoding:8bit\r\n", "--b\r\n\r\nx\r\n--b--\r\n", "Content-Type: multipart/mixed;\r\n\tboundary=\"b\"\r\nCONTENT-transfer-Encoding:8bit\r\n"},
		"nothing":   {"Subject: x\r\n", "text", ""},
		"duplicate": {"Content-Type: text/plain\r\nContent-Type: text/html\r\n", "<b>", "Content-Type: text/plain\r\n"},
		"stray":     {"Content-Type: text/plain;\r\nno field here\r\n charset=x\r\nContent-Length: 3\r\nContent-\xff: x\r\n", "x", "Content-Type: text/plain;\r\n"},
		"blank":     {"Content-Type: text/plain;\r\n \t \r\n charset=utf-8\r\n", "x", "Content-Type: text/plain;\r\n charset=utf-8\r\n"},
		"spaced":    {"Content-Type : text/plain\r\n", "x", "Content-Type: text/plain\r\n"},
	} {
		d := answerData()
		d.Text, d.Files = "not looked at", []mailmsg.AnswerFile{attached("a", "b/c", "d")}
		d.Mail = bytes.NewReader([]byte(c.head + "\r\n" + c.body))
		raw := answer(t, d)
		head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		if string(body) != c.body {
			t.Errorf("%s: body %q", name, body)
		}
		if _, kept, _ := strings.Cut(string(head)+"\r\n", "MIME-Version: 1.0\r\n"); kept != c.want {
			t.Errorf("%s: kept %q", name, kept)
		}
		if r := mailmsg.Read(raw); len(r.From) != 1 || r.From[0] != d.From || r.Subject != "Re: Results" || bytes.Contains(raw, []byte("eve@")) {
			t.Errorf("%s: another header %q", name, head)
		}
	}
}

func TestAnswerCarriesMailWithoutBody(t *testing.T) {
	for _, raw := range []string{"", "\r\n", "Content-Type: text/plain", "Content-Type: a/b\r\n", strings.Repeat("Content-Type: text/plain\r\n", 2000), "X: " + strings.Repeat("y", 600<<10)} {
		d := answerData()
		d.Mail = bytes.NewReader([]byte(raw))
		out := answer(t, d)
		m, err := mail.ReadMessage(bytes.NewReader(out))
		if err != nil || m.Header.Get("Message-Id") != "<"+d.HeaderID+">" {
			t.Errorf("%d octets: %v", len(raw), err)
		}
	}
	d := answerData()
	d.Mail = unreadable{}
	if err := mailmsg.WriteAnswer(io.Discard, d); err == nil {
		t.Error("a mail that cannot be read was written")
	}
}

type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }
func (unreadable) Size() int64                       { return 10 }
