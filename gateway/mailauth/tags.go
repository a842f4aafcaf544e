package mailauth

import (
	"strings"
)

// tag is one tag=value of a DKIM-Signature, a key record or a DMARC record.
type tag struct {
	name, value string // without white space around
	from, to    int    // octets of the list between "=" and the next ";"
}

// tagList is a list of tags (RFC 6376 section 3.2).
type tagList []tag

// parseTags reads a list; ok is false when it is malformed or names a tag
// twice.
func parseTags(s string) (list tagList, ok bool) {
	for at := 0; at <= len(s); {
		end := len(s)
		if n := strings.IndexByte(s[at:], ';'); n >= 0 {
			end = at + n
		}
		if strings.Trim(s[at:end], fws) != "" {
			name, value, found := strings.Cut(s[at:end], "=")
			from := at + len(name) + 1
			name = strings.Trim(name, fws)
			if _, twice := list.get(name); !found || twice || !isTagName(name) {
				return nil, false
			}
			list = append(list, tag{name: name, value: strings.Trim(value, fws), from: from, to: end})
			if len(list) > maxTags {
				return nil, false
			}
		}
		at = end + 1
	}
	return list, true
}

const (
	fws     = " \t\r\n"
	maxTags = 100
)

func isTagName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || (s[i] < '0' || s[i] > '9') && s[i] != '_') {
			return false
		}
	}
	return s != ""
}

func (l tagList) get(name string) (value string, ok bool) {
	for _, t := range l {
		if t.name == name {
			return t.value, true
		}
	}
	return "", false
}

// solid is the value of a tag that holds no white space but folding.
func (l tagList) solid(name string) string {
	v, _ := l.get(name)
	return withoutSpace(v)
}

// items is a value as a list with colons between; nil without the tag.
func (l tagList) items(name string) []string {
	v, ok := l.get(name)
	if !ok {
		return nil
	}
	return strings.Split(withoutSpace(v), ":")
}

func withoutSpace(s string) string {
	if !strings.ContainsAny(s, fws) {
		return s
	}
	return strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(s)
}
