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
func canonicalBody(w io.Writer, body []byte, loose bool) error {
	if loose {
		r := newRelaxed(w)
		if _, err := r.Write(body); err != nil {
			return err
		}
		return r.Close()
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

// relaxed passes on what is written to it as it is signed: without white space
// at the ends of lines, with one space for each run of it, and without empty
// lines at the end. Close ends it.
type relaxed struct {
	w     *bufio.Writer
	empty int  // lines that count only when something follows
	blank bool // white space that counts only when something follows on its line
	cr    bool // a CR that may be half of a line end
	text  bool // the line has something
}

func newRelaxed(w io.Writer) *relaxed { return &relaxed{w: bufio.NewWriterSize(w, 4<<10)} }

// Write implements io.Writer. It ends early with the first error of w.
func (r *relaxed) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if r.cr {
			r.cr = false
			if p[0] == '\n' {
				r.end()
				p = p[1:]
				continue
			}
			r.some([]byte("\r"))
		}
		i := 0
		for i < len(p) && p[i] != ' ' && p[i] != '\t' && p[i] != '\r' {
			i++
		}
		if err := r.some(p[:i]); err != nil {
			return n - len(p), err
		}
		if i < len(p) {
			r.cr = p[i] == '\r'
			r.blank = r.blank || !r.cr
			i++
		}
		p = p[i:]
	}
	return n, nil
}

// some writes what lies within a line, and what counts because of it.
func (r *relaxed) some(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	for ; r.empty > 0; r.empty-- {
		_, _ = r.w.WriteString("\r\n")
	}
	if r.blank {
		_ = r.w.WriteByte(' ')
	}
	r.blank, r.text = false, true
	_, err := r.w.Write(p) // bufio keeps the first error
	return err
}

// end ends a line.
func (r *relaxed) end() {
	if r.text {
		_, _ = r.w.WriteString("\r\n")
	} else {
		r.empty++
	}
	r.text, r.blank = false, false
}

// Close writes what the end of the body lets count. A last line without a line
// end gets one.
func (r *relaxed) Close() error {
	if r.cr {
		_ = r.some([]byte("\r"))
	}
	if r.text {
		r.end()
	}
	return r.w.Flush()
}
