package imapd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// command is one command as a client sent it.
type command struct {
	tag  string
	verb string // upper case; "UID FETCH"
	text string // whole, literals as quoted strings, without CRLF
	rest string // what follows the verb and a space
}

// Failures of reading a command. After those of the first kind the session
// goes on; after the others its octets cannot be told apart any more.
var (
	errSyntax  = errors.New("Syntax error")
	errTooLong = errors.New("Command too long")
	errLiteral = errors.New("Literal too large")
	errLost    = errors.New("framing lost")
)

// wire reads commands.
type wire struct {
	c     *conn
	bad   error // why the command is refused once all of it was read
	total int
}

// readCommand reads one command whole, its literals turned into quoted
// strings, up to the literal of the message of an APPEND, whose size it
// returns in lit. A command that is refused was read to its end.
func (c *conn) readCommand() (cmd command, lit *literal, err error) {
	w := &wire{c: c}
	var text []byte
	for {
		line, err := w.line()
		if err != nil {
			return cmd, nil, err
		}
		head, size, kind := splitMarker(line)
		text = append(text, head...)
		if len(text) > w.longest() {
			w.refuse(errTooLong)
			text = text[:maxTag*2] // enough to answer
		}
		if kind == noLiteral {
			break
		}
		if w.bad == nil && len(text) <= maxLine && isMessage(text) && balanced(text) { // go-imap would look for the end of a string in the message
			cmd.read(string(text))
			return cmd, &literal{left: size, sync: kind.sync, eight: kind.eight}, nil
		}
		quoted, err := w.literal(text, size, kind)
		if err != nil {
			cmd.read(string(text))
			return cmd, nil, err
		}
		text = append(text, quoted...)
	}
	if w.bad == nil && !balanced(text) {
		w.bad = errSyntax
	}
	cmd.read(string(text))
	if w.bad == nil && cmd.tag == "" {
		w.bad = errSyntax
	}
	if w.bad == nil && len(text) > maxLine && !c.bigSet(&cmd) {
		w.bad = errTooLong
	}
	return cmd, nil, w.bad
}

func (w *wire) refuse(err error) {
	if w.bad == nil {
		w.bad = err
	}
}

// line reads one line without its end. What is too long is read and thrown
// away, and refused.
func (w *wire) line() ([]byte, error) {
	var line []byte
	for {
		piece, err := w.c.in.ReadSlice('\n')
		w.total += len(piece)
		if w.total > w.most() {
			return nil, errLost
		}
		if len(line)+len(piece) <= w.longest() {
			line = append(line, piece...)
		} else {
			w.refuse(errTooLong)
			line = append(line[:min(len(line), maxTag*2)], tail(piece)...)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(line, "\x00\r") {
		w.refuse(errSyntax)
		line = bytes.Map(func(r rune) rune {
			if r == 0 || r == '\r' {
				return ' '
			}
			return r
		}, line)
	}
	return line, nil
}

// most is how many octets of a command are read, those included that are
// thrown away. Strangers have less patience coming.
func (w *wire) most() int {
	if w.c.loggedIn {
		return maxDiscard
	}
	return 2 * maxLine
}

// longest is how long a command may be here; see bigSet.
func (w *wire) longest() int {
	if w.c.loggedIn {
		return maxSetLine
	}
	return maxLine
}

// tail is what of the end of a long line may be the marker of a literal.
func tail(piece []byte) []byte { return piece[max(0, len(piece)-32):] }

// marker is how a literal is announced (RFC 9051 section 4.3).
type marker struct {
	is, sync, eight bool
}

var noLiteral marker

// splitMarker takes the announcement of a literal off the end of a line. A
// marker inside of quotes is none.
func splitMarker(line []byte) (head []byte, size int64, m marker) {
	if len(line) < 3 || line[len(line)-1] != '}' {
		return line, 0, noLiteral
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return line, 0, noLiteral
	}
	digits, plus := bytes.CutSuffix(line[open+1:len(line)-1], []byte("+"))
	if len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return line, 0, noLiteral
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		n = math.MaxInt64 // as good as any that is too large
	}
	head = line[:open]
	m = marker{is: true, sync: !plus}
	if bytes.HasSuffix(head, []byte("~")) {
		head, m.eight = head[:len(head)-1], true
	}
	return head, n, m
}

// balanced reports whether every quoted string in text ends. go-imap would
// look for the end in the next command.
func balanced(text []byte) bool {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '\\' && quoted:
			i++
		}
	}
	return !quoted
}

// isMessage reports whether the literal after text is the message of an
// APPEND and not the name of its folder.
func isMessage(text []byte) bool {
	var cmd command
	cmd.read(string(text))
	return cmd.verb == "APPEND" && strings.TrimLeft(cmd.rest, " ") != ""
}

// literal reads a literal and returns it as a quoted string.
func (w *wire) literal(text []byte, size int64, m marker) ([]byte, error) {
	if !balanced(text) || m.eight {
		w.refuse(errSyntax)
	}
	if size > maxLiteral || int64(len(text))+size > maxLine {
		w.refuse(errLiteral)
	}
	if w.bad != nil && m.sync {
		return nil, w.bad // not a single octet of it was asked for
	}
	if size > int64(w.most()-w.total) {
		return nil, errLost
	}
	w.total += int(size)
	if m.sync {
		w.c.say("+ Ready")
		if err := w.c.flush(); err != nil {
			return nil, err
		}
	}
	if w.bad != nil {
		_, err := io.CopyN(io.Discard, w.c.in, size)
		return nil, err
	}
	octets := make([]byte, size)
	if _, err := io.ReadFull(w.c.in, octets); err != nil {
		return nil, err
	}
	if bytes.ContainsAny(octets, "\x00\r\n") {
		w.refuse(errSyntax)
		return nil, nil
	}
	return quote(octets), nil
}

// quote makes a quoted string; go-imap takes any octet in it.
func quote(p []byte) []byte {
	q := make([]byte, 0, len(p)+2)
	q = append(q, '"')
	for _, b := range p {
		if b == '"' || b == '\\' {
			q = append(q, '\\')
		}
		q = append(q, b)
	}
	return append(q, '"')
}

// read takes the tag and the verb off text.
func (k *command) read(text string) {
	k.text = text
	tag, rest, _ := strings.Cut(text, " ")
	if !isTag(tag) {
		return
	}
	k.tag = tag
	verb, rest, _ := strings.Cut(rest, " ")
	k.verb = strings.ToUpper(verb)
	if k.verb == "UID" {
		verb, rest, _ = strings.Cut(rest, " ")
		k.verb = "UID " + strings.ToUpper(verb)
	}
	k.rest = rest
}

// isTag reports whether tag is one (RFC 9051 section 9), and of a length that
// a client of this world has.
func isTag(tag string) bool {
	if tag == "" || len(tag) > maxTag {
		return false
	}
	for i := range len(tag) {
		if b := tag[i]; b <= ' ' || b >= 0x7f || strings.IndexByte(`(){%*"\+`, b) >= 0 {
			return false
		}
	}
	return true
}

// plainLine reads a line that is no command: a SASL response, or the end of an
// IDLE.
func (c *conn) plainLine(limit int) (string, error) {
	var line []byte
	_ = c.current().SetReadDeadline(time.Now().Add(c.srv.cfg.Limits.Command))
	for {
		piece, err := c.in.ReadSlice('\n')
		if len(line)+len(piece) > limit {
			return "", errLost
		}
		line = append(line, piece...)
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}
