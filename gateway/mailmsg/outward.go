package mailmsg

import (
	"bytes"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// Shown says how an address stands in the copy of a mail that a correspondent
// reads; ok false leaves it out, and without keepName it stands alone.
type Shown func(gateway.Address) (as gateway.Address, keepName, ok bool)

// outwardFields are those of a staff member's mail that a correspondent's copy
// has, besides From, To, Cc and Subject. What names hosts, programs, lists or
// other mails of the inside is not among them.
func outwardFields() []string {
	return []string{
		"date", "mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-language", "content-id", "content-description",
	}
}

// Outward makes the header of a correspondent's copy of a mail of staff, its
// blank line included, and says where the body of raw begins: the copy is the
// one followed by the other. The entity stays as it is; the tags of the subject
// that bind go, and so do those behind "Re:" that name a PIN.
func Outward(raw []byte, shown Shown) (head []byte, body int) {
	block := header.Split(raw)
	var l letter
	for _, f := range block.Fields {
		switch name := strings.ToLower(f.Name); {
		case name == "from" || name == "to" || name == "cc":
			l.people(f, shown)
		case name == "subject":
			l.verbatim(f, untagged(f))
		case slices.Contains(outwardFields(), name):
			l.verbatim(f, f.Raw)
		}
	}
	l.WriteString("\r\n")
	return l.Bytes(), block.Body
}

// verbatim writes a field under the name that it has, folded as it is.
func (l *letter) verbatim(f header.Field, value string) {
	l.WriteString(f.Name + ":" + value + "\r\n")
}

// untagged is the value of a Subject field without the tags that are cut.
func untagged(f header.Field) string {
	edits := subjectEdits(f)
	var b bytes.Buffer
	at := int64(f.Value)
	for _, e := range edits {
		b.WriteString(f.Raw[at-int64(f.Value):e.Offset-int64(f.Value)] + e.Text.Reveal())
		at = e.Offset + e.Length
	}
	b.WriteString(f.Raw[at-int64(f.Value):])
	return b.String()
}

// people writes an address field anew with those who are shown, if any.
func (l *letter) people(f header.Field, shown Shown) {
	var list []string
	for _, m := range header.Mailboxes(f.Raw) {
		a, err := gateway.ParseAddress(m.Addr)
		if err != nil || a.IsNull() {
			continue
		}
		as, keepName, ok := shown(a)
		switch {
		case !ok:
		case keepName:
			list = append(list, mailbox(m.Name, as))
		default:
			list = append(list, mailbox("", as))
		}
	}
	if len(list) > 0 {
		l.field(f.Name, strings.Join(list, ", "))
	}
}
