package mailauth

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// canonicalField writes a field as it is signed (RFC 6376 sections 3.4.1 and
// 3.4.2), with CRLF.
func canonicalField(raw string, value int, relaxed bool) string {
	if !relaxed {
		return raw
	}
	name := strings.ToLower(strings.TrimRight(raw[:value-1], " \t"))
	return name + ":" + strings.Join(strings.FieldsFunc(raw[value:], isFWS), " ") + "\r\n"
}

func isFWS(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// errFull ends the writing of a body of which no more is signed.
var errFull = errors.New("no more is signed")

// firstOctets passes left octets on to w.
type firstOctets struct {
	w    io.Writer
	left int64
}

func (f *firstOctets) Write(p []byte) (int, error) {
	if int64(len(p)) > f.left {
		n, _ := f.w.Write(p[:f.left])
		f.left = 0
		return n, errFull
	}
	f.left -= int64(len(p))
	return f.w.Write(p)
}

// canonicalBody writes body as it is signed (RFC 6376 sections 3.4.3 and
// 3.4.4). It ends early with the first error of w.
func canonicalBody(w io.Writer, body []byte, relaxed bool) error {
	if relaxed {
		return relaxedBody(w, body)
	}
	for bytes.HasSuffix(body, []byte("\r\n")) {
		body = body[:len(body)-2]
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	_, err := w.Write([]byte("\r\n"))
	return err
}

func relaxedBody(w io.Writer, body []byte) error {
	out := bufio.NewWriterSize(w, 32<<10)
	empty := 0 // lines that count only when something follows
	for len(body) > 0 {
		line, ended := nextLine(body)
		body = body[len(line):]
		if ended {
			line = line[:len(line)-2]
		}
		line = bytes.TrimRight(line, " \t")
		if len(line) == 0 {
			empty++
			continue
		}
		for ; empty > 0; empty-- {
			_, _ = out.WriteString("\r\n")
		}
		squeeze(out, line)
		if _, err := out.WriteString("\r\n"); err != nil { // bufio keeps the first error
			return err
		}
	}
	return out.Flush()
}

// squeeze writes line with one space for each run of white space.
func squeeze(out *bufio.Writer, line []byte) {
	for {
		n := bytes.IndexAny(line, " \t")
		if n < 0 {
			_, _ = out.Write(line)
			return
		}
		_, _ = out.Write(line[:n])
		_ = out.WriteByte(' ')
		line = bytes.TrimLeft(line[n:], " \t")
	}
}
