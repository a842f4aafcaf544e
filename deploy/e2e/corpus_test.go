package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// A corpus of mails that are all different in shape, made up by us: what
// clients write, what they may write, and what old programs do write. Octets
// are the point, so line ends are CRLF and no line is longer than RFC 5321
// section 4.5.3.1.6 allows.

// outgoing is one mail of a corpus.
type outgoing struct {
	from, to  string
	raw       []byte
	sensitive bool
}

// corpus makes n harmless mails and m with a regulated identifier, in an order
// and with content that are the same every time.
func corpus(t *testing.T, n, m int) []outgoing {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 2026))
	var all []outgoing
	for i := range n + m {
		o := outgoing{from: fmt.Sprintf("sender%d@clinic.example", i%17), to: fmt.Sprintf("reader%d@out.example", i), sensitive: i >= n}
		text := sentences(r)
		if o.sensitive {
			text += fmt.Sprintf("Her social security number is %03d-%02d-%04d.\n", 500+r.IntN(90), 10+r.IntN(80), 1000+r.IntN(8000))
		}
		o.raw = shapes[i%len(shapes)](t, r, o, fmt.Sprintf("%06d", i), text)
		all = append(all, o)
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

var plainWords = strings.Fields("the garden opens at nine and we meet near the old gate bring a coat because mornings are cold " +
	"please send the list of books to the library before friday thanks for the photographs they are lovely our train leaves " +
	"from platform two there is coffee in the kitchen next week we paint the fence green minutes of the meeting follow below")

func sentences(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		for i := range 4 + r.IntN(14) {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(plainWords[r.IntN(len(plainWords))])
		}
		b.WriteString(".\n")
	}
	return b.String()
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// head is the usual header, with LF line ends.
func head(o outgoing, id, subject string) string {
	return fmt.Sprintf("From: %s\nTo: %s\nSubject: %s\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <%s@clinic.example>\n", o.from, o.to, subject, id)
}

// shape makes one mail out of a text with LF line ends.
type shape func(t *testing.T, r *rand.Rand, o outgoing, id, text string) []byte

// plain is a shape that only needs header lines and a text.
func plain(more string, body func(r *rand.Rand, text string) string) shape {
	return func(_ *testing.T, r *rand.Rand, o outgoing, id, text string) []byte {
		return []byte(crlf(head(o, id, "News "+id) + more + "\n" + body(r, text)))
	}
}

func as(text string) func(*rand.Rand, string) string {
	return func(_ *rand.Rand, body string) string { return strings.ReplaceAll(text, "%s", body) }
}

var shapes = []shape{
	plain("", as("%s")),
	plain("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", as("Grüße aus Köln, 你好, שלום 🌿\n%s")),
	plain("MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n", as("Gr\xfc\xdfe aus K\xf6ln\n%s")),
	plain("", as("\n\n\n%s\n\n\n")),
	plain("", as(".\n..\n...\n.leading dots\n%s.\n")),
	plain("", as("trailing blanks   \n\ttabs\t\t\n%s \n")),
	plain("X-Long: "+strings.Repeat("abcdefgh ", 109)+"\n", as("%s"+strings.Repeat("x", 998)+"\n")),
	plain("X-Folded: one\n\ttwo\n    three\n \t four\nx-lower-case: yes\nX-NO-SPACE:none\nX-Empty:\nX-Many:  spaces   inside  \n", as("%s")),
	plain("Received: from a.example by b.example; Sat, 21 Nov 2026 09:00:00 +0000\nReceived: from c.example\n\tby a.example; Sat, 21 Nov 2026 08:59:00 +0000\n", as("%s")),
	plain("Comments: first\nComments: second\nKeywords: garden\nComments: third\n", as("%s")),
	plain("List-Id: Garden news <news.clinic.example>\nList-Unsubscribe: <mailto:leave@clinic.example>\nPrecedence: list\n", as("%s")),
	plain("Resent-From: other@clinic.example\nResent-Date: Sat, 21 Nov 2026 10:30:00 +0000\nIn-Reply-To: <earlier@out.example>\nReferences: <earlier@out.example>\n\t<first@out.example>\n", as("> quoted\n>> twice\n%s-- \nsignature\n")),
	plain("Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n", as("%s")),
	plain("MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n", as("<html><body><p>%s</p></body></html>\n")),
	plain("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n", as("Gr=C3=BC=C3=9Fe=20\nsoft =\nbreak\n%s")),
	plain("MIME-Version: 1.0 (made by hand)\nContent-Type: text/plain;\n charset=\"us-ascii\" (plain);\n format=flowed\n", as("%s")),
	plain("MIME-Version: 1.0\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n", as("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nSUMMARY:Meeting\nDESCRIPTION:%sEND:VEVENT\nEND:VCALENDAR\n")),
	func(_ *testing.T, _ *rand.Rand, o outgoing, id, text string) []byte { // encoded words, folded
		return []byte(crlf(head(o, id, "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?B?YXVzIEvDtmxu?= "+id) + "\n" + text))
	},
	func(_ *testing.T, r *rand.Rand, o outgoing, id, text string) []byte { // large text
		return []byte(crlf(head(o, id, "Long "+id) + "\n" + text + strings.Repeat(sentences(r), 300)))
	},
	alternative, attached, nested, signedParts, odd,
}

func alternative(_ *testing.T, _ *rand.Rand, o outgoing, id, text string) []byte {
	m := multipart("alternative", "=_b"+id, mimePart{kind: "text/plain; charset=utf-8", text: crlf(text)}, mimePart{kind: "text/html; charset=utf-8", text: crlf("<p>" + text + "</p>\n")})
	return []byte(crlf(head(o, id, "Both "+id)+"MIME-Version: 1.0\nContent-Type: "+m.kind+"\n\nThis is a multi-part message.\n") + m.text + "epilogue\r\n")
}

func attached(t *testing.T, r *rand.Rand, o outgoing, id, text string) []byte {
	m := multipart("mixed", "----=_Part_"+id,
		mimePart{kind: "text/plain; charset=utf-8", text: crlf(text)},
		mimePart{kind: "image/png; name=garden.png", disposition: "attachment; filename=garden.png", raw: picture(t, byte(r.IntN(250)))},
		mimePart{kind: "application/pdf", disposition: "attachment; filename*=utf-8''fl%C3%BCgel.pdf", raw: pdf("The fence is green")},
		mimePart{kind: "audio/mpeg; name=bird.mp3", disposition: "attachment; filename=bird.mp3", raw: noise(byte(r.IntN(250)), 20_000+r.IntN(100_000))})
	return []byte(crlf(head(o, id, "Pictures "+id)+"MIME-Version: 1.0\nContent-Type: "+m.kind+"\n\n") + m.text)
}

func nested(_ *testing.T, _ *rand.Rand, o outgoing, id, text string) []byte {
	inner := mimePart{kind: "message/rfc822", text: crlf("From: a@b.example\nTo: c@d.example\nSubject: inside\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <in." + id + "@b.example>\n\nThe inner text.\n")}
	m := multipart("mixed", "outer"+id, multipart("related", "mid"+id, multipart("alternative", "in"+id, mimePart{kind: "text/plain", text: crlf(text)})), inner)
	return []byte(crlf(head(o, id, "Fwd: inside "+id)+"MIME-Version: 1.0\nContent-Type: "+m.kind+"\n\n") + m.text)
}

// signedParts is a clear-signed mail, whose signature any change would break.
func signedParts(_ *testing.T, _ *rand.Rand, o outgoing, id, text string) []byte {
	m := multipart("signed", "sig"+id, mimePart{kind: "text/plain; charset=utf-8", text: crlf(text)}, mimePart{kind: "application/pgp-signature; name=signature.asc", text: crlf("-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0WIQ" + id + "\n=abcd\n-----END PGP SIGNATURE-----\n")})
	return []byte(crlf(head(o, id, "Signed "+id)+"MIME-Version: 1.0\nContent-Type: "+m.kind+"; micalg=pgp-sha256;\n protocol=\"application/pgp-signature\"\n\n") + m.text)
}

// odd has its fields in an unusual order and spelling.
func odd(_ *testing.T, _ *rand.Rand, o outgoing, id, text string) []byte {
	return []byte(crlf("message-id: <" + id + ".odd@clinic.example>\nDATE: 21 Nov 26 10:00 GMT\nsubject:odd " + id + "\nto: \"Reader, the\" <" + o.to + ">,\n <" + o.to + ">\nfrom: =?utf-8?q?J=C3=B6rg?= (at work)\n\t<" + o.from + ">\nX-Mailer: made by hand\n\n" + text))
}

// inject sends the mails over ten connections; each must be answered 250.
func inject(t *testing.T, addr string, mails []outgoing) {
	t.Helper()
	work := make(chan outgoing)
	var senders sync.WaitGroup
	for range 10 {
		c := dialSMTP(t, addr)
		senders.Go(func() {
			defer c.quit()
			for o := range work {
				if r := c.send(o.from, []string{o.to}, o.raw); r.code != 250 {
					t.Errorf("the mail for %s was answered %v", o.to, r)
				}
			}
		})
	}
	for _, o := range mails {
		work <- o
	}
	close(work)
	senders.Wait()
}

// same compares what lies in a Maildir with what was sent: each file is the
// mail, octet by octet (LF for CRLF), below trace fields of those it passed.
func same(t *testing.T, sent []outgoing, delivered [][]byte) {
	t.Helper()
	waiting := make(map[string]outgoing, len(sent))
	for _, o := range sent {
		waiting[o.to] = o
	}
	failures := 0
	for _, raw := range delivered {
		o, known := waiting[field(raw, "Delivered-To")]
		if !known {
			t.Errorf("a mail for %q that was not sent, or came twice", field(raw, "Delivered-To"))
			continue
		}
		delete(waiting, o.to)
		if why := differs(o.raw, raw); why != "" && failures < 5 {
			failures++
			t.Errorf("the mail for %s: %s\n--- sent\n%.1500q\n--- arrived\n%.1500q", o.to, why, o.raw, raw)
		}
	}
	for to := range waiting {
		t.Errorf("the mail for %s did not arrive", to)
		break
	}
}

// differs says how an arrived mail is not the one that was sent.
func differs(sent, arrived []byte) string {
	want := bytes.ReplaceAll(sent, []byte("\r\n"), []byte("\n"))
	added, ok := bytes.CutSuffix(arrived, want)
	if !ok {
		return "octets were changed"
	}
	for l := range strings.Lines(string(added)) {
		name, _, _ := strings.Cut(l, ":")
		switch {
		case l[0] == ' ' || l[0] == '\t':
		case name == "Received", name == "Delivered-To", name == "Return-Path", name == "X-Original-To":
		default:
			return "a field was added: " + l
		}
	}
	return ""
}

// field is the value of the first field of this name.
func field(raw []byte, name string) string {
	for l := range strings.Lines(string(raw)) {
		if l == "\n" {
			return ""
		}
		if v, ok := strings.CutPrefix(l, name+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
