package mailmsg

import (
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/charset"
	"gatepost/gateway/mailmsg/internal/document"
	"gatepost/gateway/mailmsg/internal/transfer"
)

// maxRecordFiles bounds the files and pages within one calendar or address book.
const maxRecordFiles = 1000

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// isRecords reports whether text is an iCalendar or vCard object.
func isRecords(text string) bool {
	text = strings.TrimLeft(text[:min(len(text), 64)], "\r\n\ufeff ")
	return hasFold(text, "BEGIN:VCALENDAR") || hasFold(text, "BEGIN:VCARD")
}

// records reads content lines (RFC 5545 section 3.1, RFC 6350 section 3.2): texts
// without their escapes, those in HTML as pages besides, and octets within as
// files of their own.
func (r *reader) records(e entity, text string) {
	text = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(text)
	var b strings.Builder
	escapes := strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`)
	files := 0
	for text != "" {
		var line string
		line, text = cutRecord(text)
		name, value, _ := strings.Cut(line, ":")
		upper := strings.ToUpper(name)
		if files > maxRecordFiles {
			r.unreadable(gateway.UnreadableLimit, e.leaf())
			break
		}
		if data, ok := recordOctets(upper, value); ok {
			if files++; !hasFold(name, "KEY") || document.Sniff(data) != document.Binary {
				r.member(e, files, document.Member{Data: data})
			}
			continue // a key says nothing
		}
		if strings.Contains(upper, "QUOTED-PRINTABLE") {
			value = charset.Decode("", transfer.QuotedPrintable([]byte(value))).Main
		}
		value = escapes.Replace(value)
		b.WriteString(name + ": " + value + "\n")
		if strings.Contains(upper, "TEXT/HTML") {
			files++
			r.html(value, e.leaf(), e.place)
		}
	}
	r.lines([]byte(b.String()), e.leaf(), e.place, fixed)
}

// cutRecord takes the first line of text without its end; in quoted-printable one
// that ends with "=" goes on.
func cutRecord(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, "\r")
	name, _, _ := strings.Cut(line, ":")
	if !strings.Contains(strings.ToUpper(name), "QUOTED-PRINTABLE") || !strings.HasSuffix(line, "=") {
		return line, rest
	}
	whole := text
	for strings.HasSuffix(line, "=") && rest != "" {
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
	}
	return strings.TrimRight(whole[:len(whole)-len(rest)], "\r\n"), rest
}

// recordOctets are what the value of a line in base64 or a "data:" address (RFC
// 2397) holds.
func recordOctets(upperName, value string) ([]byte, bool) {
	if strings.Contains(upperName, "ENCODING=B") || strings.HasSuffix(upperName, ";BASE64") {
		return transfer.DecodeBase64([]byte(value)).Data, true
	}
	if hasFold(value, "data:") {
		if kind, data, ok := strings.Cut(value, ","); ok && strings.HasSuffix(strings.ToLower(kind), ";base64") {
			return transfer.DecodeBase64([]byte(data)).Data, true
		}
	}
	return nil, false
}
