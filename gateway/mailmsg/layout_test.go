package mailmsg_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// layout makes the layout of raw, which comes in pieces.
func layout(raw []byte, piece func(left int) int) *gateway.Layout {
	w := mailmsg.NewLayout()
	for len(raw) > 0 {
		n := max(1, min(piece(len(raw)), len(raw)))
		_, _ = w.Write(raw[:n])
		raw = raw[n:]
	}
	return w.Layout()
}

func whole(left int) int { return left }

// outlineOf writes a layout in one line for each part: path, type, and its octets.
func outlineOf(raw []byte, p *gateway.LayoutPart, path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s %q %d\n", path, p.Type, p.Subtype, raw[p.Body:p.End], p.Lines)
	for i := range p.Parts {
		b.WriteString(outlineOf(raw, &p.Parts[i], strings.TrimPrefix(fmt.Sprintf("%s.%d", path, i+1), ".")))
	}
	return b.String()
}

func TestLayout(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"plain":   {"Subject: x\n\na\nb\n", ` text/plain "a\r\nb\r\n" 2` + "\n"},
		"nothing": {"", ` text/plain "" 0` + "\n"},
		"no body": {"Subject: x", ` text/plain "" 0` + "\n"},
		"mixed": {
			"Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: Text/HTML; charset=x\n\n<p>\n\n--b--\npost\n",
			` multipart/mixed "pre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: Text/HTML; charset=x\r\n\r\n<p>\r\n\r\n--b--\r\npost\r\n" 11` + "\n" +
				`1 text/plain "one" 0` + "\n" + `2 text/html "<p>\r\n" 1` + "\n",
		},
		"inner without end": {
			"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nx\n--b\n\ny\n--b--\n",
			` multipart/mixed "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n" 10` + "\n" +
				`1 multipart/alternative "--c\r\n\r\nx" 2` + "\n" + `1.1 text/plain "x" 0` + "\n" + `2 text/plain "y" 0` + "\n",
		},
		"a mail within": {
			"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nx\n--b--\n",
			` multipart/digest "--b\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n" 6` + "\n" +
				`1 message/rfc822 "Subject: in\r\n\r\nx" 2` + "\n" + `1.1 text/plain "x" 0` + "\n",
		},
		"headers that end at a delimiter": {
			"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/x\n--b\n--b\nContent-Type: message/rfc822\n--b--",
			` multipart/mixed "--b\r\nContent-Type: text/x\r\n--b\r\n--b\r\nContent-Type: message/rfc822\r\n--b--" 5` + "\n" +
				`1 text/x "" 0` + "\n" + `2 text/plain "" 0` + "\n" + `3 message/rfc822 "" 0` + "\n" + `3.1 text/plain "" 0` + "\n",
		},
		"no boundary":     {"Content-Type: multipart/mixed\n\nx\n", ` text/plain "x\r\n" 1` + "\n"},
		"no such line":    {"Content-Type: multipart/mixed; boundary=b\n\nx\n", ` text/plain "x\r\n" 1` + "\n"},
		"encoded mail":    {"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\neA==\n", ` application/octet-stream "eA==\r\n" 1` + "\n"},
		"no type":         {"Content-Type: text\n\nx\n", ` text/plain "x\r\n" 1` + "\n"},
		"after the end":   {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\n\ny\n", ` multipart/mixed "--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n" 7` + "\n" + `1 text/plain "x" 0` + "\n"},
		"lines of LF too": {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n\n--b--\n", ""},
	} {
		raw := crlf(c.raw)
		if c.want == "" {
			raw = []byte(c.raw)
			c.want = ` multipart/mixed "--b\n\nx\n\n--b--\n" 5` + "\n" + `1 text/plain "x\n" 1` + "\n"
		}
		for _, piece := range []func(int) int{whole, func(int) int { return 1 }} {
			l := layout(raw, piece)
			if got := outlineOf(raw, &l.Root, ""); got != c.want || l.Size != int64(len(raw)) {
				t.Errorf("%s:\n%s, not\n%s", name, got, c.want)
			}
		}
	}
}

func TestLayoutTellsWhatListsShow(t *testing.T) {
	raw := crlf("From: =?utf-8?q?J=C3=B6rg?= <jo@x.example>\nTo: a@y.example, G: \"B, C\" <b@y.example>;\nCc: =\n" +
		"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: Sat, 01 Jan 2000 12:00:00 +0100\nMessage-ID: <m@x>\nIn-Reply-To: <r@x> <s@x>\n" +
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/pdf; name*=utf-8''%C3%A4.pdf\nContent-Transfer-Encoding: BASE64\n" +
		"Content-Disposition: attachment; filename=\"=?utf-8?q?=C3=A4?=.pdf\"\nContent-ID: <c@x>\nContent-Description: a\n file\nContent-Language: de, en\n\neA==\n--b--\n")
	l := layout(raw, whole)
	e := l.Root.Envelope
	got := fmt.Sprint(e.Subject.Reveal(), "|", e.From[0].Name.Reveal(), "|", e.From[0].Mailbox.Reveal(), "|", e.From[0].Host.Reveal(), "|", len(e.To), e.To[1].Name.Reveal(), "|", len(e.Cc), e.Sender[0].Mailbox.Reveal(),
		e.ReplyTo[0].Mailbox.Reveal(), "|", e.Date.Unix(), "|", e.MessageID, "|", e.InReplyTo)
	if want := "Grüße|Jörg|jo|x.example|2B, C|0jojo|946724400|m@x|[r@x s@x]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	p := l.Root.Parts[0]
	got = fmt.Sprint(p.Params, p.Encoding, p.Disposition, p.DispositionParam, p.ID, p.Description, p.Language)
	if want := "map[name:ä.pdf]base64attachmentmap[filename:ä.pdf]<c@x>a file[de en]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if head, _, _ := strings.Cut(string(raw), "--b"); l.Header.Reveal() != head || l.Cut {
		t.Error("another header")
	}
}

// TestLayoutIsBounded: whatever comes, the record stays small.
func TestLayoutIsBounded(t *testing.T) {
	deep := new(strings.Builder)
	for i := range 200 {
		fmt.Fprintf(deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	for name, raw := range map[string]string{
		"parts":      "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: a/b; name="+strings.Repeat("n", 100)+"\n\n", 5000),
		"depth":      deep.String(),
		"mails":      strings.Repeat("Content-Type: message/rfc822\n\n", 200),
		"header":     strings.Repeat("X-Y: z\n", 100_000) + "Subject: behind\n\nbody\n",
		"long field": "X: " + strings.Repeat("z", 1<<20) + "\nSubject: s\n\nbody\n",
		"addresses":  "To: " + strings.Repeat("a@b.c, ", 50_000) + "\n\nbody\n",
		"long line":  "Content-Type: multipart/mixed; boundary=b\n\n--b" + strings.Repeat(" ", 1<<20) + "x\n--b\n\nx\n--b--\n",
	} {
		b := crlf(raw)
		l := layout(b, func(int) int { return 4096 })
		parts, text := nested(t, b, &l.Root, 1)
		if parts > gateway.MaxLayoutParts || text > 128<<10 || len(l.Header) > gateway.MaxLayoutHeader || l.Cut != (int64(len(l.Header)) < l.Root.Body) {
			t.Errorf("%s: %d parts, %d octets of text, %d of header, cut %v", name, parts, text, len(l.Header), l.Cut)
		}
		if strings.HasSuffix(raw, "\n\nbody\n") && string(b[l.Root.Body:]) != "body\r\n" {
			t.Errorf("%s: body at %d", name, l.Root.Body)
		}
	}
}

// nested checks that parts lie one behind the other within their outer one.
func nested(t *testing.T, raw []byte, p *gateway.LayoutPart, depth int) (parts, text int) {
	t.Helper()
	if p.Start < 0 || p.Body < p.Start || p.End < p.Body || p.End > int64(len(raw)) || depth > gateway.MaxLayoutDepth {
		t.Fatalf("%d to %d to %d of %d, depth %d", p.Start, p.Body, p.End, len(raw), depth)
	}
	if n := int64(bytes.Count(raw[p.Body:p.End], []byte("\n"))); n != p.Lines {
		t.Fatalf("%d lines, not %d", p.Lines, n)
	}
	if has := len(p.Parts) > 0; has != (p.Type == "multipart" || p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global")) {
		t.Fatalf("%s/%s of %d parts", p.Type, p.Subtype, len(p.Parts))
	}
	at, parts := p.Body, 1
	text = len(p.ID) + len(p.Description) + len(p.Location)
	for k, v := range p.Params {
		text += len(k) + len(v)
	}
	for i := range p.Parts {
		if p.Parts[i].Start < at || p.Parts[i].End > p.End {
			t.Fatalf("part %d from %d to %d, behind %d, before %d", i, p.Parts[i].Start, p.Parts[i].End, at, p.End)
		}
		n, more := nested(t, raw, &p.Parts[i], depth+1)
		at, parts, text = p.Parts[i].End, parts+n, text+more
	}
	return parts, text
}

// TestLayoutOfOutsideMails: in mails that this project did not write parts lie
// where another reader finds them.
func TestLayoutOfOutsideMails(t *testing.T) {
	compared := 0
	for _, set := range []string{"mime-mail-parser", "mime-mime4j", "mime-robust"} {
		for _, c := range outside(t, set) {
			raw := c.raw(t)
			l := layout(raw, func(left int) int { return 1 + rand.IntN(left) })
			nested(t, raw, &l.Root, 1)
			compared += likeAnother(t, c.ID, raw, &l.Root)
		}
	}
	if compared < 60 {
		t.Errorf("only %d parts were compared", compared)
	}
}

// likeAnother compares the parts of a multipart with those that the standard
// library finds, as far as it goes, and returns how many it compared.
func likeAnother(t *testing.T, id string, raw []byte, p *gateway.LayoutPart) (n int) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw[p.Start:p.End]))
	if err != nil {
		return 0
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") || len(m.Header["Content-Type"]) > 1 || p.Type != "multipart" {
		return 0
	}
	if !delimitedPlainly(raw[p.Start:p.End], params["boundary"], p) {
		return 0
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for i := 0; ; i++ {
		part, err := r.NextRawPart()
		if err != nil {
			return n
		}
		body, err := io.ReadAll(part)
		if err != nil { // it wants a closing delimiter; the part ends with its outer one
			return n
		}
		if i >= len(p.Parts) {
			t.Errorf("%s: only %d parts", id, len(p.Parts))
			return n
		}
		if at := &p.Parts[i]; !bytes.Equal(body, raw[at.Body:at.End]) {
			t.Errorf("%s: part %d is %.80q, not %.80q", id, i+1, raw[at.Body:at.End], body)
		}
		n += 1 + likeAnother(t, id, raw, &p.Parts[i])
	}
}

// delimitedPlainly reports whether it is beyond doubt which lines of a multipart are its
// delimiters: none only begins like one, and no multipart within has the same.
func delimitedPlainly(raw []byte, boundary string, p *gateway.LayoutPart) bool {
	for line := range bytes.Lines(raw) {
		rest, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t\r\n"), []byte("--"+boundary))
		if ok && len(rest) > 0 && string(rest) != "--" {
			return false
		}
	}
	var within func(p *gateway.LayoutPart) bool
	within = func(p *gateway.LayoutPart) bool {
		for i := range p.Parts {
			if p.Parts[i].Params["boundary"] == boundary || within(&p.Parts[i]) {
				return true
			}
		}
		return false
	}
	return boundary != "" && !within(p)
}

func FuzzLayout(f *testing.F) {
	seeds(f)
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n--b\r\n\r\n--b--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := layout(raw, whole)
		nested(t, raw, &l.Root, 1)
		if at := min(l.Root.Body, int64(len(l.Header))); l.Header.Reveal() != string(raw[:at]) || l.Size != int64(len(raw)) || l.Root.End != l.Size || l.Root.Envelope == nil {
			t.Fatal("another header or size")
		}
		pieces := layout(raw, func(left int) int { return 1 + rand.IntN(min(left, 7)) })
		if a, b := fmt.Sprintf("%+v", reveal(l)), fmt.Sprintf("%+v", reveal(pieces)); a != b {
			t.Fatalf("in pieces it is another:\n%s\n%s", a, b)
		}
	})
}

// reveal is what two layouts are compared by.
func reveal(l *gateway.Layout) string {
	return l.Header.Reveal() + fmt.Sprint(l.Cut, l.Size) + revealPart(&l.Root)
}

func revealPart(p *gateway.LayoutPart) string {
	s := fmt.Sprint(p.Type, p.Subtype, p.Params, p.ID, p.Description, p.Encoding, p.Disposition, p.DispositionParam, p.Language, p.Location, p.Start, p.Body, p.End, p.Lines)
	if e := p.Envelope; e != nil {
		s += fmt.Sprint(e.Subject.Reveal(), e.Date, e.InReplyTo, e.MessageID, len(e.From), len(e.To))
	}
	for i := range p.Parts {
		s += revealPart(&p.Parts[i])
	}
	return s
}
