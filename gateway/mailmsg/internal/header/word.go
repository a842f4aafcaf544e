package header

import (
	"strings"

	"gatepost/gateway/mailmsg/internal/charset"
	"gatepost/gateway/mailmsg/internal/transfer"
)

// Unfold takes the line ends out of a field and the white space around it
// (RFC 5322 section 2.2.3).
func Unfold(raw string) string {
	if strings.IndexByte(raw, '\n') >= 0 {
		raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", ""), "\n", "")
	}
	return strings.Trim(raw, " \t\r")
}

// Decode unfolds a field and decodes its encoded words wherever they stand,
// also where RFC 2047 section 5 forbids them, because readers do.
func Decode(raw string) charset.Text {
	s := Unfold(raw)
	if !strings.Contains(s, "=?") {
		return plain(s)
	}
	d := decoder{known: true}
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		w, n := word(s[i:])
		if n == 0 {
			d.literal(s[:i+2])
			s = s[i+2:]
			continue
		}
		d.between(s[:i])
		d.word(w)
		s = s[i+n:]
	}
	d.flush()
	d.literal(s)
	return d.text()
}

// plain decodes text without encoded words.
func plain(s string) charset.Text {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 || s[i] == 0 || s[i] == 0x1b {
			return charset.Decode("", []byte(s))
		}
	}
	return charset.Text{Main: s, Known: true}
}

// encodedWord is "=?charset?encoding?text?=" taken apart and decoded.
type encodedWord struct {
	charset string
	data    []byte
}

// word reads the encoded word that s begins with; n is its length, 0 when s
// begins with none. White space within and a lost "?=" at the end of the
// field are tolerated.
func word(s string) (w encodedWord, n int) {
	label, rest, ok := strings.Cut(s[2:], "?")
	if !ok || len(label) > 64 || label == "" || len(rest) < 2 || rest[1] != '?' || strings.IndexByte("bBqQ", rest[0]) < 0 {
		return w, 0
	}
	text, _, closed := strings.Cut(rest[2:], "?=")
	n = 2 + len(label) + 1 + 2 + len(text)
	if closed {
		n += 2
	}
	w.charset = charset.Clean(label)
	if rest[0] == 'b' || rest[0] == 'B' {
		w.data = transfer.DecodeBase64([]byte(text)).Data
	} else {
		w.data = transfer.QuotedPrintable([]byte(strings.ReplaceAll(text, "_", " ")))
	}
	return w, n
}

// decoder joins neighbouring words of one character set before it decodes
// them, because some writers split characters.
type decoder struct {
	main, other strings.Builder
	differs     bool
	known       bool
	pending     encodedWord
}

// between takes what stands before a word: white space between two words
// does not count (RFC 2047 section 6.2).
func (d *decoder) between(s string) {
	if d.pending.charset == "" || strings.Trim(s, " \t") != "" {
		d.flush()
		d.literal(s)
	}
}

func (d *decoder) word(w encodedWord) {
	if d.pending.charset != w.charset {
		d.flush()
	}
	d.pending.charset = w.charset
	d.pending.data = append(d.pending.data, w.data...)
}

func (d *decoder) flush() {
	if d.pending.charset == "" {
		return
	}
	d.add(charset.Decode(d.pending.charset, d.pending.data))
	d.pending = encodedWord{}
}

func (d *decoder) literal(s string) {
	d.flush()
	if s != "" {
		d.add(plain(s))
	}
}

func (d *decoder) add(t charset.Text) {
	d.known = d.known && t.Known
	d.main.WriteString(t.Main)
	if t.Other != "" {
		d.differs = true
		d.other.WriteString(t.Other)
		return
	}
	d.other.WriteString(t.Main)
}

func (d *decoder) text() charset.Text {
	t := charset.Text{Main: d.main.String(), Known: d.known}
	if d.differs {
		t.Other = d.other.String()
	}
	return t
}
