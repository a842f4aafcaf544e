package library

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName bounds a file name, in octets: below every file system's limit, with
// room for a " (2)".
const maxName = 180

// FileName makes a name under which a file may be saved anywhere: the last
// part of any path, without control, direction and reserved characters,
// without leading or trailing dots, not a device of Windows. A name of which
// nothing is left is made from n, counted from 0, and mediaType.
func FileName(raw, mediaType string, n int) string {
	name := norm.NFC.String(strings.ToValidUTF8(cut(raw, 4096), ""))
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = norm.NFC.String(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || turns(r) || unicode.Is(unicode.Cf, r):
			return -1
		case strings.ContainsRune(`<>:"|?*%`, r):
			return '_'
		}
		return r
	}, name)) // marks that what went had kept apart stand in order
	name = strings.Trim(strings.Join(strings.Fields(name), " "), ". ")
	name = shorten(name)
	if name == "" || strings.Trim(name, "_") == "" {
		return fmt.Sprintf("file-%d%s", n+1, extension(mediaType))
	}
	if device(name) {
		return "_" + name
	}
	return name
}

// shorten cuts a name to maxName octets and keeps a short extension.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 12 {
		ext = name[i:]
	}
	return strings.TrimRight(cut(name, maxName-len(ext)), ". ") + ext
}

// device reports whether Windows takes name for a device, whatever its
// extension.
func device(name string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	base = strings.TrimSpace(base)
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, ok := strings.CutPrefix(base, "COM")
	if !ok {
		port, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && utf8.RuneCountInString(port) == 1 && strings.ContainsAny(port, "0123456789\u00b9\u00b2\u00b3")
}

// extension for the types that have one on every system.
func extension(mediaType string) string {
	switch mediaType {
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "image/gif":
		return ".gif"
	case "image/webp":
		return ".webp"
	case "application/pdf":
		return ".pdf"
	case "text/plain":
		return ".txt"
	case "text/calendar":
		return ".ics"
	case "audio/mpeg":
		return ".mp3"
	case "video/mp4":
		return ".mp4"
	default:
		return ".bin"
	}
}

// Disposition is the value of Content-Disposition for name, which FileName
// made: RFC 6266 with an ASCII name for old clients and the real one in the
// form of RFC 8187. kind is "attachment" or "inline".
func Disposition(kind, name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	var b strings.Builder
	b.WriteString(kind + `; filename="` + plain + `"`)
	if plain == name {
		return b.String()
	}
	b.WriteString("; filename*=UTF-8''")
	for _, c := range []byte(name) {
		// attr-char of RFC 8187 section 3.2.1.
		if c < 0x80 && (c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0) {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
