package mailmsg

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
	"time"
	"unicode"

	"gatepost/gateway"
)

// AnswerData is everything that the mail holds which carries a correspondent's
// words to staff. All of it may come from strangers: no value can end its
// field, and none is taken for another.
type AnswerData struct {
	HeaderID string          // Message-ID without "<>", from HeaderID
	From     gateway.Address // the capability: what staff answer to
	// FromName is the author's own name and nothing else, "" when unknown. It is
	// left out when it holds more than names do or looks like an address. Author
	// and Via are put behind it: "Jane (pat@out.example) via Secure".
	FromName gateway.Sensitive
	Author   gateway.Address // who wrote; null leaves it out
	Via      string          // "" is "Secure"
	To       []gateway.Address
	// Subject gets one "Re: ", whatever marks of answers it has, and loses the
	// tags that it leads with.
	Subject       gateway.Sensitive
	Begins        bool     // the author began the conversation: no "Re: "
	InReplyTo     string   // with or without "<>"; "" when there is none
	References    []string // oldest first
	Results       string   // value of Authentication-Results, "" when there is none
	AutoSubmitted string   // lower case, "" when absent
	Now           time.Time

	Text gateway.Sensitive // plain text; any line ends
	// Note says below Text, in words of Gatepost's own, what became of it. It is
	// left out where Mail is set.
	Note     AnswerNote
	Language string // BCP 47, of Note; "" is English
	Line     string // our number or name, in Note
	Files    []AnswerFile
	// Mail is the author's own mail, when the answer came as one: its entity is
	// carried as it is, and Text and Files are not looked at.
	Mail gateway.Content
}

// AnswerNote is a sentence for staff about a short message. The zero value is
// none.
type AnswerNote uint8

// The notes.
const (
	NoNote      AnswerNote = iota
	NoteStopped            // the telephone gets no more messages from Line
	NoteResumed            // it gets them again
)

// AnswerFile is one attachment of an answer that is composed.
type AnswerFile struct {
	Name      gateway.Sensitive // as the author's browser says, paths and all
	MediaType string            // not to be trusted
	Size      int64             // octets that Open yields, no more and no less
	// Open begins to read the file. It is called once for each writing; what it
	// returns is closed when it can be.
	Open func() (io.Reader, error)
}

// The errors of WriteAnswer besides those of its writer and readers.
var (
	ErrBadAnswer  = errors.New("answer without usable Message-ID or sender")
	ErrFileLength = errors.New("attachment has another length than was said")
)

// WriteAnswer composes the mail and writes it to w as it goes: no attachment is
// held in memory. For the same data it writes the same octets each time. What
// it writes is CRLF and 7-bit, unless an address is not ASCII or d.Mail is not.
// After an error w holds a part of a mail that must not be used.
func WriteAnswer(w io.Writer, d AnswerData) error {
	if cleanID(d.HeaderID) == "" || d.From.IsNull() {
		return ErrBadAnswer
	}
	out := bufio.NewWriterSize(w, 32<<10)
	var head letter
	d.header(&head)
	if d.Mail != nil {
		_, _ = out.Write(head.Bytes()) // Flush tells its error
		if err := writeEntity(out, d.Mail); err != nil {
			return err
		}
		return out.Flush()
	}
	head.field("MIME-Version", "1.0")
	_, _ = out.Write(head.Bytes())
	if err := d.body(out); err != nil {
		return err
	}
	return out.Flush()
}

// header writes every field that does not describe the body.
func (d *AnswerData) header(l *letter) {
	if d.Results != "" {
		l.field("Authentication-Results", visible(d.Results))
	}
	l.field("From", mailbox(d.displayName(), d.From))
	l.field("To", mailboxes(d.To))
	l.field("Subject", encoded(d.subject()))
	l.field("Date", formatDate(d.Now))
	l.field("Message-ID", cleanID(d.HeaderID))
	l.thread(d.InReplyTo, d.References)
	if isToken(d.AutoSubmitted) {
		l.field("Auto-Submitted", d.AutoSubmitted)
	}
}

// displayName says who wrote and that it did not come from their mail system.
func (d *AnswerData) displayName() string {
	via := personName(d.Via)
	if via == "" {
		via = "Secure"
	}
	name, author := personName(d.FromName.Reveal()), invisibleless(d.Author.Wire())
	if d.Author.IsPhone() {
		author = invisibleless(d.Author.Phone().Reveal())
	}
	switch {
	case name == "" && author == "":
		return via
	case name == "":
		return author + " via " + via
	case author == "":
		return name + " via " + via
	}
	return name + " (" + author + ") via " + via
}

// personName is a foreign name that may stand before an address: "" for one
// that holds more than names do, or that is itself read as an address.
func personName(name string) string {
	name = invisibleless(name)
	if unlikeName(name) || strings.ContainsAny(name, "@\uff20\ufe6b") {
		return ""
	}
	return oneLine(strings.Map(func(c rune) rune {
		if strings.ContainsRune(`"<>()[]\`, c) {
			return ' '
		}
		return c
	}, name))
}

// invisibleless is one line without characters that nobody sees (format
// characters, private use, tags): in names they serve deception only.
func invisibleless(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.In(c, unicode.Cf, unicode.Co, unicode.Variation_Selector) {
			return -1
		}
		return c
	}, oneLine(s))
}

// mailboxes is an address list for a header.
func mailboxes(list []gateway.Address) string {
	if len(list) == 0 {
		return "undisclosed-recipients:;"
	}
	var all []string
	for _, a := range list {
		all = append(all, mailbox("", a))
	}
	return strings.Join(all, ", ")
}

// maxReferences bounds the References of a mail: the first and the newest are
// kept, as RFC 5322 section 3.6.4 lets long lists be cut.
const maxReferences = 20

// thread writes In-Reply-To and References.
func (l *letter) thread(inReplyTo string, references []string) {
	answered := cleanID(inReplyTo)
	if answered != "" {
		l.field("In-Reply-To", answered)
	}
	var ids []string
	for _, id := range references {
		if id = cleanID(id); id != "" && id != answered && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if answered != "" { // the last is the parent, to clients that thread
		ids = append(ids, answered)
	}
	if len(ids) > maxReferences {
		ids = append(ids[:1:1], ids[len(ids)-maxReferences+1:]...)
	}
	if len(ids) > 0 {
		l.field("References", strings.Join(ids, " "))
	}
}

// maxHeaderID bounds a Message-ID, so that each fits on a line; octets.
const maxHeaderID = 900

// cleanID is a Message-ID with "<>", "" for one that cannot stand in a header.
func cleanID(id string) string {
	id = strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")
	odd := func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '<' || c == '>' }
	if id == "" || len(id) > maxHeaderID || strings.ContainsFunc(id, odd) {
		return ""
	}
	return "<" + id + ">"
}

// boundary separates the parts: the same for the same answer, and not to be
// known while its texts were written. "_" after "=" cannot stand in
// quoted-printable, and no text that holds it is sent as it is.
func (d *AnswerData) boundary() string {
	sum := sha256.Sum256([]byte("boundary of an answer: " + d.HeaderID))
	out := []byte("=_")
	for _, c := range sum[:16] {
		out = append(out, 'a'+c>>4, 'a'+c&15)
	}
	return string(out)
}

// body writes the fields that describe it, and the body.
func (d *AnswerData) body(out *bufio.Writer) error {
	text, boundary := plainText(d.Text.Reveal())+d.note(), d.boundary()
	if len(d.Files) == 0 {
		return writeText(out, text, boundary)
	}
	var l letter
	l.field("Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	_, _ = out.Write(l.Bytes())
	if text != "" {
		_, _ = out.WriteString("\r\n--" + boundary + "\r\n")
		if err := writeText(out, text, boundary); err != nil {
			return err
		}
	}
	for _, f := range d.Files {
		_, _ = out.WriteString("\r\n--" + boundary + "\r\n")
		if err := f.write(out); err != nil {
			return err
		}
	}
	_, err := out.WriteString("\r\n--" + boundary + "--\r\n")
	return err
}

// writeText writes a text part: as it is when it is ASCII with short lines,
// else quoted-printable.
func writeText(out *bufio.Writer, text, boundary string) error {
	const media = "Content-Type: text/plain; charset=utf-8\r\n"
	if isSevenBit(text) && !strings.Contains(text, boundary) {
		_, err := out.WriteString(media + "Content-Transfer-Encoding: 7bit\r\n\r\n" + text)
		return err
	}
	_, _ = out.WriteString(media + "Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(out)
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return w.Close()
}

// note is a paragraph behind the text; "" when there is nothing to say.
func (d *AnswerData) note() string {
	w := wordsFor(d.Language)
	switch d.Note {
	case NoteStopped:
		return "\r\n" + plainText(wrap(w.say(w.staff.stopped, d.Line)))
	case NoteResumed:
		return "\r\n" + plainText(wrap(w.say(w.staff.resumed, d.Line)))
	}
	return ""
}

// plainText is a foreign text with CRLF line ends, valid UTF-8, without control
// characters: some act on terminals. A text that is not empty ends its line.
func plainText(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, s)
	if s = strings.TrimRight(s, "\n"); s == "" {
		return ""
	}
	return strings.ReplaceAll(s, "\n", "\r\n") + "\r\n"
}
