package mailmsg_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

var noon = time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)

func random() io.Reader { return rand.NewChaCha8([32]byte{1}) }

func noticeData() mailmsg.NoticeData {
	return mailmsg.NoticeData{
		HeaderID: "abcdefgh@clinic.example", From: gateway.MustAddress("ann@clinic.example"), FromName: "Dr. Ann Müller, MD",
		To: gateway.MustAddress("pat@out.example"), ReplyTo: gateway.MustAddress("r.abcdefghijklmnopqrstuvwxyz@reply.clinic.example"),
		Organization: "Example Clinic", Help: "help@clinic.example", Language: "en", Reference: "ABCD-2345",
		URL: "https://secure.clinic.example/m/AAECAwQFBgcICQoLDA0ODw", Expires: noon.AddDate(0, 0, 30),
		Original: "original.1@client.example", AutoSubmitted: "auto-generated", Now: noon, Random: random(),
	}
}

// parse is an independent reading: net/mail and mime/multipart.
func parse(t *testing.T, raw []byte) (*mail.Message, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(media, "multipart/") {
		parts[media] = undo(t, m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return m, parts
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return m, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = undo(t, p.Header.Get("Content-Transfer-Encoding"), p)
	}
}

func undo(t *testing.T, encoding string, r io.Reader) string {
	t.Helper()
	if encoding == "quoted-printable" {
		r = quotedprintable.NewReader(r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sound checks what holds for every mail of ours.
func sound(t *testing.T, raw []byte) {
	t.Helper()
	for i, c := range raw {
		if c >= 0x7f || c < ' ' && c != '\r' && c != '\n' {
			t.Fatalf("octet %d is %#x", i, c)
		}
		if (c == '\n') != (i > 0 && raw[i-1] == '\r' && c == '\n') || c == '\r' && (i+1 == len(raw) || raw[i+1] != '\n') {
			t.Fatalf("bare CR or LF at %d", i)
		}
	}
	for _, line := range strings.Split(string(raw), "\r\n") {
		if len(line) > 998 {
			t.Fatal("line too long")
		}
	}
	if r := mailmsg.Read(raw); len(r.Uncertain)+len(r.Unreadable) > 0 || len(r.From) != 1 {
		t.Fatalf("our own reader doubts it: %v %v", r.Uncertain, r.Unreadable)
	}
}

func TestNoticeHoldsOneLinkAndNothingElse(t *testing.T) {
	for _, language := range append(languages(), "de-CH", "xx", "") {
		d := noticeData()
		d.Language = language
		raw, err := mailmsg.Notice(d)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, raw)
		m, parts := parse(t, raw)
		for kind, text := range parts {
			if n := strings.Count(text, "https://"); n != 1 || !strings.Contains(text, d.URL.Reveal()) {
				t.Errorf("%s %s: %d links", language, kind, n)
			}
			if strings.Contains(text, "http://") || strings.Contains(text, "<img") || strings.Contains(text, "<script") || strings.Contains(text, "Müller") {
				t.Errorf("%s %s: more than a link", language, kind)
			}
			if !strings.Contains(text, d.Reference) || !strings.Contains(text, "Example Clinic") || !strings.Contains(text, "2026") {
				t.Errorf("%s %s: reference, organization or expiry is missing", language, kind)
			}
		}
		if len(parts) != 2 {
			t.Errorf("%d parts", len(parts))
		}
		if !strings.Contains(string(raw), d.URL.Reveal()) {
			t.Error("the link is broken by its encoding")
		}
		for name, want := range map[string]string{
			"Message-Id": "<abcdefgh@clinic.example>", "References": "<original.1@client.example>", "Auto-Submitted": "auto-generated",
			"Reply-To": "<r.abcdefghijklmnopqrstuvwxyz@reply.clinic.example>",
		} {
			if got := m.Header.Get(name); got != want {
				t.Errorf("%s is %q, not %q", name, got, want)
			}
		}
		from, err := m.Header.AddressList("From")
		if err != nil || len(from) != 1 || from[0].Name != "Dr. Ann Müller, MD" || from[0].Address != "ann@clinic.example" {
			t.Errorf("From reads as %v, %v", from, err)
		}
		if at, err := m.Header.Date(); err != nil || !at.Equal(noon) {
			t.Errorf("Date reads as %v, %v", at, err)
		}
	}
}

func TestNoticeLeavesOutNamesThatHoldMore(t *testing.T) {
	d := noticeData()
	d.FromName = "Ann (HIV positive, MRN 12345678)"
	raw, err := mailmsg.Notice(d)
	if err != nil || bytes.Contains(raw, []byte("MRN")) || bytes.Contains(raw, []byte("HIV")) {
		t.Fatalf("the name is told: %v", err)
	}
}

func TestNoticeWithHostileValues(t *testing.T) {
	d := noticeData()
	d.FromName = "Ann\r\nBcc: eve@evil.example\r\n\r\nbody"
	d.Organization = "Clinic\r\nBcc: eve@evil.example"
	d.Original = "a@b>\r\nBcc: eve@evil.example"
	d.AutoSubmitted = "no\r\nbcc: eve"
	raw, err := mailmsg.Notice(d)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, raw)
	m, _ := parse(t, raw)
	if m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "" {
		t.Fatal("a value ended its field")
	}
}

func TestCodeStandsAlone(t *testing.T) {
	six := regexp.MustCompile(`[0-9]{6}`)
	for _, language := range languages() {
		raw, err := mailmsg.Code(mailmsg.CodeData{
			From: gateway.MustAddress("notices@clinic.example"), To: gateway.MustAddress("pat@out.example"), Organization: "Praxis 1234567",
			Language: language, Reference: "ABCD-2345", Code: "042137", Now: noon, Random: random(),
		})
		if err != nil {
			t.Fatal(err)
		}
		sound(t, raw)
		m, parts := parse(t, raw)
		text := parts["text/plain"]
		if !strings.Contains(text, "\r\n042137\r\n") || !strings.Contains(string(raw), "\r\n042137\r\n") || !strings.Contains(text, "ABCD-2345") {
			t.Errorf("%s: the code does not stand alone", language)
		}
		if found := six.FindAllString(string(raw), -1); len(found) != 1 {
			t.Errorf("%s: %d runs of six digits", language, len(found))
		}
		if strings.Contains(text, "http") || m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%s: a link, or not marked as automatic", language)
		}
	}
	if _, err := mailmsg.Code(mailmsg.CodeData{Code: "1\r\n2", Random: random()}); err == nil {
		t.Error("a code that is none was sent")
	}
}

// TestNoticeCountsOn: a notice goes on counting where its original was, so that
// a loop of notices ends as a loop of mails does.
func TestNoticeCountsOn(t *testing.T) {
	hops := func(n int) int {
		d := noticeData()
		d.Hops = n
		raw, err := mailmsg.Notice(d)
		if err != nil {
			t.Fatal(err)
		}
		return mailmsg.Hops(mailmsg.Read(append([]byte("Received: from a by b\r\nreceived: from b by c\r\n"), raw...)))
	}
	if a, b := hops(0), hops(7); a != 2 || b != 9 {
		t.Errorf("%d and %d hops", a, b)
	}
	for _, value := range []string{"-5", "x", "", "99999999999999999999", "70000", "7 7"} {
		if n := mailmsg.Hops(mailmsg.Read([]byte("Gatepost-Hops: " + value + "\r\nReceived: from a by b\r\n\r\n"))); n != 1 {
			t.Errorf("%q: %d hops", value, n)
		}
	}
}

func TestReceived(t *testing.T) {
	m := &gateway.Message{Accepted: noon, UTF8: true, Peer: gateway.Peer{Helo: "client.example\r\nX: y", Account: "ann@clinic.example", TLS: "TLSv1.3"}}
	line := mailmsg.Received(m, "mx.clinic.example", "mark abcdefghijklmnopqrstuvwxyz234567; (x)")
	raw := []byte(line + "Subject: x\r\n\r\n")
	if n := mailmsg.CountReceived(raw); n != 1 {
		t.Fatalf("%d trace fields", n)
	}
	r := mailmsg.Read(raw)
	if len(r.Fields) != 2 || strings.Contains(line, "ann@") {
		t.Fatalf("fields: %d", len(r.Fields))
	}
	pattern := regexp.MustCompile(`id ([0-9a-v]{26})[^;]{0,80}\(mark ([a-z2-7]{32}) x\); Wed, 04 Mar 2026 12:30:00 \+0000`)
	flat := strings.ReplaceAll(r.Fields[0].Value.Reveal(), "\t", " ")
	if !pattern.MatchString(flat) || !strings.Contains(line, "with UTF8SMTPSA") {
		t.Fatalf("%q", flat)
	}
}
