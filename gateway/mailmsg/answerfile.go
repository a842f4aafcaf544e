package mailmsg

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

const (
	lineOctets  = 57  // octets of a file that one line of base64 holds
	blockLines  = 512 // lines that are encoded together
	maxFileName = 200 // octets
	paramPiece  = 50  // octets of a parameter on one line
)

// write writes one attachment as a part: base64, whatever it is, so that
// nothing of it is taken for structure.
func (f *AnswerFile) write(out *bufio.Writer) error {
	var l letter
	l.field("Content-Type", fileType(f.MediaType))
	l.WriteString("Content-Disposition: attachment" + nameParam(fileName(f.Name.Reveal())) + "\r\n")
	l.WriteString("Content-Transfer-Encoding: base64\r\n\r\n")
	if _, err := out.Write(l.Bytes()); err != nil {
		return err
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("opening an attachment: %w", err)
	}
	n, err := writeBase64(out, r)
	if c, ok := r.(io.Closer); ok {
		if cerr := c.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return fmt.Errorf("writing an attachment: %w", err)
	}
	if n != f.Size {
		return ErrFileLength
	}
	return nil
}

// writeBase64 writes r in lines of 76 characters and counts its octets.
func writeBase64(out *bufio.Writer, r io.Reader) (int64, error) {
	block := make([]byte, lineOctets*blockLines)
	line := make([]byte, base64.StdEncoding.EncodedLen(lineOctets)+2)
	var total int64
	for {
		n, err := io.ReadFull(r, block)
		total += int64(n)
		for at := 0; at < n; at += lineOctets {
			part := block[at:min(at+lineOctets, n)]
			size := base64.StdEncoding.EncodedLen(len(part))
			base64.StdEncoding.Encode(line, part)
			copy(line[size:], "\r\n")
			if _, err := out.Write(line[:size+2]); err != nil {
				return total, err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// fileType is a media type of RFC 6838 that a base64 part may have. RFC 2046
// sections 5.1 and 5.2 allow no encoding of messages and multiparts; they, and
// whatever is no type, are octets.
func fileType(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), ";")
	s = strings.TrimSpace(s)
	kind, sub, ok := strings.Cut(s, "/")
	odd := func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && !strings.ContainsRune("!#$&^_.+-", c)
	}
	if !ok || kind == "" || sub == "" || len(s) > 127 || strings.ContainsFunc(kind+sub, odd) || kind == "multipart" || kind == "message" {
		return "application/octet-stream"
	}
	return s
}

// fileName is what a foreign file name may say: no path, nothing invisible,
// nothing that turns its reading direction, not too long. The ending stays.
func fileName(name string) string {
	name = invisibleless(strings.ReplaceAll(name, `\`, "/"))
	if name = strings.TrimSpace(path.Base("/" + name)); strings.Trim(name, "/. ") == "" {
		return "file"
	}
	if len(name) > maxFileName {
		ending := path.Ext(name)
		if len(ending) > 20 {
			ending = ""
		}
		name = clipped(name, maxFileName-len(ending)) + ending
	}
	return name
}

// nameParam is a file name as parameter, with the ";" before it: quoted when it
// is simple and short, else encoded and in pieces (RFC 2231 sections 3 and 4).
func nameParam(name string) string {
	simple := len(name) <= paramPiece && !strings.Contains(name, "=?") && !strings.ContainsFunc(name, func(c rune) bool {
		return c < ' ' || c > '~' || c == '"' || c == '\\'
	})
	if simple {
		return ";\r\n filename=\"" + name + `"`
	}
	var b strings.Builder
	line, number := "utf-8''", 0
	flush := func() {
		fmt.Fprintf(&b, ";\r\n filename*%d*=%s", number, line)
		line, number = "", number+1
	}
	for _, c := range name { // some readers decode each piece for itself
		u := percent(string(c))
		if len(line)+len(u) > paramPiece {
			flush()
		}
		line += u
	}
	if number == 0 {
		return ";\r\n filename*=" + line
	}
	flush()
	return b.String()
}

// percent is a character of an extended parameter: attribute-char of RFC 2231
// section 7 as it is.
func percent(c string) string {
	if len(c) == 1 && (c >= "a" && c <= "z" || c >= "A" && c <= "Z" || c >= "0" && c <= "9" || strings.Contains("!#$&+-.^_`{|}~", c)) {
		return c
	}
	var b strings.Builder
	for i := range len(c) {
		fmt.Fprintf(&b, "%%%02X", c[i])
	}
	return b.String()
}
