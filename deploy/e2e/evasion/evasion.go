// Package evasion writes mails that hide a word from whoever judges them while
// some tolerant reader still shows it. Each has a family, after the part of a
// mail that it abuses. It shares no code with what judges.
package evasion

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Word is what is hidden.
const Word = "zebraquartz"

// Case is one way of hiding it.
type Case struct {
	Family, Name string
	// Mail is the message: CRLF lines, with a From of ann@clinic.example and a To
	// of the address given.
	Mail func(to string) []byte
}

// entity is a MIME entity while it is put together.
type entity struct {
	kind     string // value of Content-Type; "" is none
	encoding string // value of Content-Transfer-Encoding; "" is none
	more     []string
	body     string
}

func (e entity) String() string {
	var b strings.Builder
	if e.kind != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", e.kind)
	}
	if e.encoding != "" {
		fmt.Fprintf(&b, "Content-Transfer-Encoding: %s\r\n", e.encoding)
	}
	for _, m := range e.more {
		b.WriteString(m + "\r\n")
	}
	return b.String() + "\r\n" + e.body
}

// message puts a header around an entity.
func message(e entity, subject string) func(string) []byte {
	return func(to string) []byte {
		if subject == "" {
			subject = "Minutes"
		}
		return fmt.Appendf(nil, "From: ann@clinic.example\r\nTo: %s\r\nSubject: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s.minutes@clinic.example>\r\nMIME-Version: 1.0\r\n%s",
			to, subject, strings.NewReplacer("@", ".", " ", "").Replace(to), e)
	}
}

// around is a sentence that holds s.
func around(s string) string {
	return "Dear Sam,\r\n\r\nthe report on " + s + " is ready for Monday.\r\n\r\nAnn\r\n"
}

func plain(body string) entity {
	return entity{kind: "text/plain; charset=utf-8", encoding: "8bit", body: body}
}

func html(body string) entity {
	return entity{kind: "text/html; charset=utf-8", encoding: "8bit", body: "<html><body><p>Dear Sam,</p>\r\n" + body + "\r\n<p>Ann</p></body></html>\r\n"}
}

// lines is base64 in lines of 76.
func lines(raw []byte) string {
	text := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return b.String() + text + "\r\n"
}

func encoded(kind string, raw []byte) entity {
	return entity{kind: kind, encoding: "base64", body: lines(raw)}
}

// file is an attachment.
func file(name, kind string, raw []byte) entity {
	e := encoded(kind, raw)
	e.more = []string{fmt.Sprintf("Content-Disposition: attachment; filename=%q", name)}
	return e
}

// multi puts entities between boundaries.
func multi(kind, boundary string, parts ...entity) entity {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", boundary, p)
	}
	return entity{kind: fmt.Sprintf("multipart/%s; boundary=%q", kind, boundary), body: b.String() + "--" + boundary + "--\r\n"}
}

// with is a harmless text and beside it e.
func with(e entity) entity { return multi("mixed", "=_outer", plain(around("the garden")), e) }

// All returns every case.
func All() []Case {
	var all []Case
	for _, f := range []struct {
		family string
		cases  map[string]func(string) []byte
	}{
		{"encoding", encodings()}, {"charset", charsets()}, {"container", containers()}, {"nesting", nestings()}, {"header", headers()},
		{"hidden", hidden()}, {"padding", paddings()}, {"boundary", boundaries()}, {"names", names()}, {"look-alike", lookAlikes()},
		{"subject", subjects()}, {"kind", kinds()},
	} {
		for _, name := range sorted(f.cases) {
			all = append(all, Case{f.family, name, f.cases[name]})
		}
	}
	return all
}
