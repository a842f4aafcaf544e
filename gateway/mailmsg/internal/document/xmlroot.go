package document

import (
	"encoding/base64"
	"strings"
)

const (
	maxProlog = 8 << 10 // octets before the first element
	maxFlat   = 64      // files within a flat document
)

// XMLRoot is the name of the first element of an XML document, without its
// prefix and in lower case; "" when text begins as none. declared says that
// the text itself says that it is XML.
func XMLRoot(text string) (name string, declared bool) {
	rest := text[:min(len(text), maxProlog)]
	declared = strings.HasPrefix(strings.TrimLeft(rest, "\ufeff \t\r\n"), "<?xml")
	for {
		rest = strings.TrimLeft(rest, "\ufeff \t\r\n")
		switch {
		case strings.HasPrefix(rest, "<?"):
			_, rest, _ = strings.Cut(rest, "?>")
		case strings.HasPrefix(rest, "<!--"):
			_, rest, _ = strings.Cut(rest, "-->")
		case strings.HasPrefix(rest, "<!"):
			head, after, _ := strings.Cut(rest, ">")
			if strings.IndexByte(head, '[') >= 0 {
				_, after, _ = strings.Cut(rest, "]")
				_, after, _ = strings.Cut(after, ">")
			}
			rest = after
		case len(rest) > 1 && rest[0] == '<' && (isLetter(rest[1]) || rest[1] == '_'):
			name, _ = tagName(rest[1:])
			return name[strings.IndexByte(name, ':')+1:], declared
		default:
			return "", declared
		}
	}
}

// IsFlat reports whether an XML document with this root is an office document
// in one file: flat OpenDocument, a flat package of Word, the formats of Office
// 2003.
func IsFlat(root string) bool {
	switch root {
	case "document", "package", "worddocument", "workbook":
		return true
	}
	return false
}

// Entities reports whether an XML document defines entities, which may say
// anything where they are used.
func Entities(src string) bool {
	return strings.Contains(src, "<!ENTITY")
}

// ReadFlat reads an office document in one XML file, and the documents that
// stand within it.
func ReadFlat(src string) Result {
	x := xmlText{keep: true}
	r := Result{Text: strings.TrimSpace(x.read(src))}
	for i, s := range x.files {
		if i >= maxFlat {
			r.Trouble = TooMuch
			break
		}
		b, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(string(s)))
		if err != nil {
			r.Trouble = Damaged
		}
		if f := Sniff(b); f != Media && f != Binary {
			r.Parts = append(r.Parts, Member{Name: "file", Data: b})
		}
	}
	return r
}
