package imapd

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// fetchItems splits the items of a FETCH as the client wrote them: names
// without what stands in brackets, which is shown as "[".
func fetchItems(rest string) []string {
	_, rest, _ = strings.Cut(rest, " ")
	var list []string
	begin := -1
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; c {
		case ' ', '(', ')':
			if begin >= 0 {
				list = append(list, strings.ToUpper(rest[begin:i]))
			}
			begin = -1
		case '[':
			list = append(list, strings.ToUpper(rest[max(begin, 0):i])+"[")
			begin = -1
			for quoted := false; i < len(rest) && (quoted || rest[i] != ']'); i++ {
				if rest[i] == '"' {
					quoted = !quoted
				} else if quoted && rest[i] == '\\' {
					i++
				}
			}
		case '<':
			begin = -1
			for i+1 < len(rest) && rest[i] != '>' {
				i++
			}
		default:
			if begin < 0 {
				begin = i
			}
		}
	}
	if begin >= 0 {
		list = append(list, strings.ToUpper(rest[begin:]))
	}
	return list
}

// olderNames are the names by which body sections were asked for, in order:
// "" for those of today. go-imap has read them and kept what they mean.
func olderNames(rest string) []string {
	var names []string
	for _, it := range fetchItems(rest) {
		switch it {
		case "RFC822", "RFC822.HEADER", "RFC822.TEXT":
			names = append(names, it)
		case "RFC822.PEEK":
			names = append(names, "RFC822")
		case "BODY[", "BODY.PEEK[":
			names = append(names, "")
		}
	}
	return names
}

// structuresOf says which of BODY and BODYSTRUCTURE were asked for.
func structuresOf(rest string, o *imap.FetchOptions) (body, full bool) {
	if o.BodyStructure == nil {
		return false, false
	}
	for _, it := range fetchItems(rest) {
		body = body || it == "BODY" || it == "FULL"
	}
	return body || !o.BodyStructure.Extended, o.BodyStructure.Extended
}
