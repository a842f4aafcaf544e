package mailmsg

import (
	"io"
	"mime"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// ownPrefix begins the names of the fields by which a sender speaks to
// Gatepost. They never leave.
const ownPrefix = "x-gatepost-"

// Edits says what changes when the original leaves: the X-Gatepost- fields go
// and, with dropTags, so do the tags of the subject that bind and those behind
// "Re:" that name a PIN. Every other octet stays, so that foreign signatures
// over other fields and the body survive. The edits are in order and do not
// overlap.
func Edits(raw []byte, dropTags bool) []gateway.Edit {
	var edits []gateway.Edit
	for _, f := range header.Split(raw).Fields {
		switch {
		case len(f.Name) >= len(ownPrefix) && strings.EqualFold(f.Name[:len(ownPrefix)], ownPrefix):
			edits = append(edits, gateway.Edit{Offset: int64(f.Start), Length: int64(f.End - f.Start)})
		case dropTags && isSubject(f):
			edits = append(edits, subjectEdits(f)...)
		}
	}
	return edits
}

// isSubject: mail programs repeat the subject in Thread-Topic.
func isSubject(f header.Field) bool { return f.Is("Subject") || f.Is("Thread-Topic") }

// SubjectPIN reports whether the subject of a mail holds a tag that names a
// PIN, also where such a tag binds nobody: behind "Re:" or "Fwd:".
func SubjectPIN(raw []byte) bool {
	return slices.ContainsFunc(header.Split(raw).Fields, func(f header.Field) bool {
		subject := ""
		if isSubject(f) {
			subject = header.Decode(f.Raw).Main
		}
		return slices.ContainsFunc(leavingTags(subject), func(t tag) bool { return namesPIN(subject[t.from:t.to]) })
	})
}

// subjectEdits takes the tags out of one field that isSubject: octet by octet where
// they stand in the clear, else (encoded words) by a new value.
func subjectEdits(f header.Field) []gateway.Edit {
	subject := header.Decode(f.Raw).Main
	if len(leavingTags(subject)) == 0 {
		return nil
	}
	gone := make([]bool, len(f.Raw))
	markTags(f.Raw, gone)
	if header.Decode(keep(f.Raw, gone)).Main != cutTags(subject) {
		return []gateway.Edit{{
			Offset: int64(f.Value), Length: int64(len(f.Raw)),
			Text: gateway.Sensitive(foldAfter(len(f.Name)+2, " "+mime.QEncoding.Encode("utf-8", cutTags(subject)))),
		}}
	}
	var edits []gateway.Edit
	for at := 0; at < len(gone); at++ {
		if !gone[at] {
			continue
		}
		n := 1
		for at+n < len(gone) && gone[at+n] {
			n++
		}
		edits = append(edits, gateway.Edit{Offset: int64(f.Value + at), Length: int64(n)})
		at += n
	}
	return edits
}

// maxCuts is how often what is left of a subject is looked at again: a tag may stand
// within another one. A subject that has tags then still leaves without a word.
const maxCuts = 8

// markTags marks the octets of raw that go: each tag, the white space behind
// it, and what white space is then left at the end.
func markTags(raw string, gone []bool) {
	for range maxCuts {
		if !markOnce(raw, gone) {
			break
		}
	}
	if !slices.Contains(gone, true) {
		return
	}
	for i := len(raw) - 1; i >= 0 && (gone[i] || isSpace(raw[i])); i-- {
		gone[i] = true
	}
}

// markOnce marks the tags of what is not marked yet, and reports whether there were any.
func markOnce(raw string, gone []bool) bool {
	var at []int // octets of raw that the unfolded text consists of
	var text strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\r' && raw[i] != '\n' && !gone[i] {
			at = append(at, i)
			text.WriteByte(raw[i])
		}
	}
	tags := leavingTags(text.String())
	for _, t := range tags {
		from, to := at[t.from], at[t.to-1]+1
		for to < len(raw) && (isSpace(raw[to]) || gone[to]) {
			to++
		}
		for i := from; i < to; i++ {
			gone[i] = true
		}
	}
	return len(tags) > 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func keep(raw string, gone []bool) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if !gone[i] {
			b.WriteByte(raw[i])
		}
	}
	return b.String()
}

// cutTags is a decoded subject without the tags that are cut, nor those that what
// stood around them makes when they are gone.
func cutTags(subject string) string {
	for range maxCuts {
		tags := leavingTags(subject)
		if subject = cut(subject, tags); len(tags) == 0 {
			return subject
		}
	}
	return ""
}

func cut(subject string, tags []tag) string {
	var left strings.Builder
	at := 0
	for _, t := range tags {
		if t.from > at {
			left.WriteString(subject[at:t.from])
		}
		at = len(subject) - len(strings.TrimLeft(subject[t.to:], " \t"))
	}
	left.WriteString(subject[at:])
	return strings.TrimSpace(left.String())
}

// Apply returns r with edits made; they are in order, do not overlap and count
// in octets of r. It reads r once and keeps nothing of it.
func Apply(r io.Reader, edits []gateway.Edit) io.Reader {
	if len(edits) == 0 {
		return r
	}
	return &editor{r: r, edits: edits}
}

type editor struct {
	r     io.Reader
	edits []gateway.Edit
	at    int64  // octets of r that are done with
	text  string // of the edit at hand, not yet read
}

func (e *editor) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for e.text == "" && len(e.edits) > 0 && e.edits[0].Offset == e.at {
		n, err := io.CopyN(io.Discard, e.r, e.edits[0].Length)
		e.at += n
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // the edits belong to another message
		}
		if err != nil {
			return 0, err
		}
		e.text, e.edits = e.edits[0].Text.Reveal(), e.edits[1:]
	}
	if e.text != "" {
		n := copy(p, e.text)
		e.text = e.text[n:]
		return n, nil
	}
	if len(e.edits) > 0 {
		p = p[:min(int64(len(p)), e.edits[0].Offset-e.at)]
	}
	n, err := e.r.Read(p)
	e.at += int64(n)
	if err == io.EOF && len(e.edits) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
