package viewer

import (
	"html/template"
	"net/url"
	"strings"
	"unicode"
)

// linked escapes plain text and makes links of the web addresses in it.
func linked(text string) template.HTML {
	var b strings.Builder
	for text != "" {
		at := nextAddress(text)
		if at < 0 {
			b.WriteString(template.HTMLEscapeString(text))
			break
		}
		end := at + addressLength(text[at:])
		b.WriteString(template.HTMLEscapeString(text[:at]))
		if target, ok := webAddress(text[at:end]); ok {
			b.WriteString(`<a href="` + template.HTMLEscapeString(target) + `" target="_blank" rel="noopener noreferrer nofollow">`)
			b.WriteString(template.HTMLEscapeString(text[at:end]) + `</a>`)
		} else {
			b.WriteString(template.HTMLEscapeString(text[at:end]))
		}
		text = text[end:]
	}
	return template.HTML(b.String()) // every piece above is escaped
}

// nextAddress is where the next web address may begin, -1 for nowhere.
func nextAddress(text string) int {
	from := 0
	for {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return -1
		}
		i += from
		for _, scheme := range []string{"https", "http"} {
			if i >= len(scheme) && strings.EqualFold(text[i-len(scheme):i], scheme) {
				return i - len(scheme)
			}
		}
		from = i + len("://")
	}
}

// addressLength is how far the address at the beginning of text goes: to the
// next blank or quote, without the punctuation of the sentence around it.
func addressLength(text string) int {
	n := strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>\"'`{}|\\^", r)
	})
	if n < 0 {
		n = len(text)
	}
	unclosed := strings.Count(text[:n], "(") - strings.Count(text[:n], ")")
	for ; n > 0 && strings.IndexByte(".,;:!?)]*_", text[n-1]) >= 0; n-- {
		if text[n-1] != ')' {
			continue
		}
		if unclosed >= 0 { // it closes a bracket of the address itself
			break
		}
		unclosed++
	}
	return max(n, len("http://"))
}

func webAddress(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return "", false
	}
	return u.String(), true
}
