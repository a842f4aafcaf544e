package mailmsg

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

// letter is a mail of ours while it is written.
type letter struct {
	bytes.Buffer
}

// field writes one field. Whatever value holds, the field ends where it ends.
func (l *letter) field(name, value string) {
	value = oneLine(value)
	l.WriteString(name + ": " + foldAfter(len(name)+2, value) + "\r\n")
}

// oneLine makes white space of everything that could end a line or act on a
// terminal, and of runs of white space one.
func oneLine(s string) string {
	if isOneLine(s) {
		return s
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)
	}), " ")
}

// isOneLine reports whether s is printable ASCII with single spaces between
// words, which oneLine leaves as it is.
func isOneLine(s string) bool {
	before := byte(' ')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = s[i]
	}
	return s == "" || before != ' '
}

// foldAfter folds a value (RFC 5322 section 2.2.3) at white space, so that
// lines stay within 78 octets where they can; used octets stand before it.
func foldAfter(used int, value string) string {
	var b strings.Builder
	for i, word := range strings.Split(value, " ") {
		switch {
		case i == 0:
		case used+1+len(word) > 78 && word != "":
			b.WriteString("\r\n ")
			used = 1
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

// encoded is a text for an unstructured field (RFC 2047).
func encoded(s string) string {
	s = oneLine(s)
	if mustEncode(s) {
		return encodedWords(s)
	}
	return mime.QEncoding.Encode("utf-8", s)
}

// mustEncode reports whether an ASCII text cannot stand in a header as it is:
// readers would decode it once more, or it does not fit on a line.
func mustEncode(s string) bool {
	if strings.Contains(s, "=?") {
		return true
	}
	return slices.ContainsFunc(strings.Split(s, " "), func(w string) bool { return len(w) > 200 })
}

// encodedWords is a text in encoded words whatever it holds, each of at most 75
// characters (RFC 2047 section 2).
func encodedWords(s string) string {
	var words []string
	for s != "" {
		n := min(len(s), 45)
		for n < len(s) && n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}

// mailbox is an address for a header, with a display name when there is one.
func mailbox(name string, a gateway.Address) string {
	if name = oneLine(name); name == "" {
		return "<" + a.Wire() + ">"
	}
	if mustEncode(name) { // many readers decode words even between quotes
		return encodedWords(name) + " <" + a.Wire() + ">"
	}
	// net/mail quotes or encodes the name; the address it would quote anew.
	named := mail.Address{Name: name, Address: "a@b"}
	return strings.TrimSuffix(named.String(), "<a@b>") + "<" + a.Wire() + ">"
}

// HeaderID makes a Message-ID without "<>": 128 random bits in letters, so
// that no digits of it are taken for a code. It fails only when random does.
func HeaderID(domain string, random io.Reader) (string, error) {
	token, err := letters(random)
	return token + "@" + domain, err
}

// letters is 128 random bits as 32 letters.
func letters(random io.Reader) (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("drawing a random token: %w", err)
	}
	out := make([]byte, 0, 32)
	for _, c := range raw {
		out = append(out, 'a'+c>>4, 'a'+c&15)
	}
	return string(out), nil
}

// text writes the fields and the octets of a text part: as it is when it is
// ASCII with short lines, else quoted-printable. Lines of body end with LF.
func (l *letter) text(mediaType, body string) {
	body = strings.ReplaceAll(body, "\n", "\r\n")
	l.field("Content-Type", mediaType+"; charset=utf-8")
	if isSevenBit(body) {
		l.WriteString("Content-Transfer-Encoding: 7bit\r\n\r\n" + body)
		return
	}
	l.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(l)
	_, _ = io.WriteString(w, body) // a bytes.Buffer takes everything
	_ = w.Close()
}

func isSevenBit(s string) bool {
	line := 0
	for i := 0; i < len(s); i++ {
		if line++; s[i] == '\n' {
			line = 0
		}
		if s[i] >= 0x7f || s[i] == 0 || line > 990 {
			return false
		}
	}
	return true
}
