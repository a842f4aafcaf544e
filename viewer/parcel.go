package viewer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

// errParcel is a form with files that is none of ours, or broke off.
var errParcel = errors.New("the form is malformed or broke off")

// Limits of a form with files, in octets.
const (
	maxFields     = 8                         // fields before the files
	maxField      = 2 << 10                   // of a field other than the text
	maxDraft      = 4 * gateway.MaxAnswerText // of a text that is shown again
	maxBetween    = 64 << 10                  // of what stands between the contents: boundaries and headers
	maxFileName   = 255
	maxOfType     = 127
	maxParcel     = gateway.MaxAnswerSize + maxDraft + 2*gateway.MaxAnswerFiles*maxBetween
	parcelHeading = "multipart/form-data"
)

// parcel is a form with files that is read as it comes (RFC 7578), nothing of
// it kept but the fields. The fields come first, in the order of the page; the
// files follow.
type parcel struct {
	parts  *multipart.Reader
	budget *budget
	fields map[string]string
	next   *multipart.Part // a file that was met and not yet given out
	last   io.Reader       // the file that is being read
	files  int             // given out
	size   int64           // octets of files that were read
	ended  bool            // there is no part any more
	failed error           // what Next or a file met first
}

// isParcel reports whether a request brings a form with files.
func isParcel(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), parcelHeading)
}

// newParcel reads a form up to its first file. fields are the names that it
// may have; draft is the one that may be long.
func newParcel(contentType string, body io.Reader, draft string, fields ...string) (*parcel, error) {
	kind, options, err := mime.ParseMediaType(contentType)
	boundary := options["boundary"]
	if err != nil || kind != parcelHeading || boundary == "" || len(boundary) > 70 { // RFC 2046 section 5.1.1
		return nil, errParcel
	}
	b := &budget{source: body, end: []byte("\n--" + boundary + "--"), tail: []byte("\n")}
	p := &parcel{budget: b, parts: multipart.NewReader(b, boundary), fields: map[string]string{}}
	for {
		part, err := p.part()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		name := part.FormName()
		if name == "file" {
			p.next = part
			return p, nil
		}
		if _, twice := p.fields[name]; twice || len(p.fields) >= maxFields || !slices.Contains(fields, name) {
			return nil, errParcel
		}
		limit := maxField
		if name == draft {
			limit = maxDraft
		}
		value, err := io.ReadAll(io.LimitReader(part, int64(limit)+1))
		if err != nil || len(value) > limit {
			return nil, errParcel
		}
		p.fields[name] = strings.ToValidUTF8(string(value), "\ufffd")
	}
}

// part is the next part of the form.
func (p *parcel) part() (*multipart.Part, error) {
	if p.ended {
		return nil, io.EOF
	}
	p.budget.left = maxBetween
	part, err := p.parts.NextRawPart()
	// A form that breaks off in a header looks like one that ended.
	if err == io.EOF && p.budget.met {
		p.ended = true
		return nil, io.EOF
	}
	if err != nil {
		return nil, errParcel
	}
	p.budget.left = unlimited
	return part, nil
}

// Next is gateway.Answer.Next.
func (p *parcel) Next() (gateway.AnswerFile, error) {
	f, err := p.nextFile()
	if err != nil && err != io.EOF {
		p.failed = errors.Join(p.failed, err)
	}
	return f, err
}

func (p *parcel) nextFile() (gateway.AnswerFile, error) {
	for {
		if p.last != nil { // the rest of the file before
			if _, err := io.Copy(io.Discard, p.last); err != nil {
				return gateway.AnswerFile{}, err
			}
			p.last = nil
		}
		part := p.next
		p.next = nil
		if part == nil {
			var err error
			if part, err = p.part(); err != nil {
				return gateway.AnswerFile{}, err
			}
		}
		if part.FormName() != "file" {
			return gateway.AnswerFile{}, errParcel
		}
		f := p.file(part)
		p.last = f.Content
		if f.Name == "" { // a field for files in which nothing was chosen
			if n, err := io.Copy(io.Discard, f.Content); err != nil {
				return gateway.AnswerFile{}, err
			} else if n == 0 {
				continue
			}
			return gateway.AnswerFile{}, errParcel
		}
		if p.files++; p.files > gateway.MaxAnswerFiles {
			return gateway.AnswerFile{}, fmt.Errorf("%w: more than %d files", gateway.ErrAnswerTooLarge, gateway.MaxAnswerFiles)
		}
		return f, nil
	}
}

// file is a part as an attachment.
func (p *parcel) file(part *multipart.Part) gateway.AnswerFile {
	name := cutRunes(oneLine(part.FileName()), maxFileName)
	kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil || strings.Count(kind, "/") != 1 || len(kind) > maxOfType {
		kind = "application/octet-stream"
	}
	return gateway.AnswerFile{Name: gateway.Sensitive(name), MediaType: kind, Content: &counting{p, part}}
}

// counting is the content of a file that counts towards the size of all.
type counting struct {
	*parcel
	part *multipart.Part
}

// Read implements io.Reader.
func (c *counting) Read(b []byte) (int, error) {
	n, err := c.part.Read(b)
	if c.size += int64(n); c.size > gateway.MaxAnswerSize {
		err = gateway.ErrAnswerTooLarge
	} else if err != nil && err != io.EOF {
		err = errParcel
	}
	if err != nil && err != io.EOF {
		c.failed = errors.Join(c.failed, err)
		return 0, err
	}
	return n, err
}

// unlimited is a budget that does not run out.
const unlimited = -1

// budget bounds what is read of source between the contents, where the parser
// of the standard library keeps up to 10 MiB for a header, and sees whether the
// form has an end.
type budget struct {
	source io.Reader
	left   int    // octets, or unlimited
	end    []byte // the line that ends the form
	tail   []byte // the last octets that were read
	met    bool   // the end was among them
}

// Read implements io.Reader.
func (b *budget) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errParcel
	}
	if b.left > 0 && len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.source.Read(p)
	if b.left > 0 {
		b.left -= n
	}
	b.look(p[:n])
	return n, err
}

// look looks for the end of the form in what was read.
func (b *budget) look(read []byte) {
	if b.met {
		return
	}
	keep := len(b.end) - 1
	b.tail = append(b.tail, read[:min(len(read), keep)]...)
	b.met = bytes.Contains(b.tail, b.end) || bytes.Contains(read, b.end)
	if len(read) >= keep {
		b.tail = append(b.tail[:0], read[len(read)-keep:]...)
	} else if len(b.tail) > keep {
		b.tail = append(b.tail[:0], b.tail[len(b.tail)-keep:]...)
	}
}

// oneLine is s without control characters.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
}

// written is the text of a form as a plain text: lines end with LF, and there
// are no other control characters but the tab.
func written(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	return strings.TrimRight(strings.TrimLeft(s, "\n"), " \t\n")
}

// cutRunes is s cut to at most n octets at a code point.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
