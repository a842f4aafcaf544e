package document

import (
	"bytes"
	"unicode/utf8"
)

// Format is what octets are by their own look, whatever was declared.
type Format uint8

// The formats.
const (
	Binary   Format = iota // none of the others
	Text                   // readable text without a structure known here
	Markup                 // HTML
	RichText               // RTF
	PDFFile
	ZIP
	OLE // compound file: legacy office, encrypted office, Outlook message
	Gzip
	Bzip2
	Tar
	SevenZip
	RAR
	Media // image, audio, video, font
	TNEF
)

// Sniff looks at the first octets of b.
func Sniff(b []byte) Format {
	for _, m := range magics() {
		if len(b) >= m.at+len(m.magic) && string(b[m.at:m.at+len(m.magic)]) == m.magic {
			return m.format
		}
	}
	head := b[:min(len(b), 1024)]
	switch {
	case isMedia(head):
		return Media
	case bytes.Contains(head, []byte("%PDF-")):
		return PDFFile
	case !readable(head):
		return Binary
	case LooksHTML(head):
		return Markup
	}
	return Text
}

type magic struct {
	at     int
	magic  string
	format Format
}

func magics() []magic {
	return []magic{
		{0, "PK\x03\x04", ZIP}, {0, "PK\x05\x06", ZIP}, {0, "PK\x07\x08PK", ZIP},
		{0, "%PDF-", PDFFile},
		{0, "{\\rtf", RichText},
		{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE},
		{0, "\x1f\x8b\x08", Gzip},
		{0, "BZh", Bzip2},
		{257, "ustar", Tar},
		{0, "7z\xbc\xaf\x27\x1c", SevenZip},
		{0, "Rar!\x1a\x07", RAR},
		{0, "\x78\x9f\x3e\x22", TNEF},
	}
}

// isMedia knows the containers of pictures, sound, film and fonts.
func isMedia(b []byte) bool {
	for _, m := range [...]string{
		"\x89PNG", "\xff\xd8\xff", "GIF8", "BM", "II*\x00", "MM\x00*", "\x00\x00\x01\x00", "8BPS", "\xff\x4f\xff\x51", "\x00\x00\x00\x0cjP",
		"ID3", "\xff\xfb", "\xff\xf3", "\xff\xf2", "\xff\xf1", "\xff\xf9", "OggS", "fLaC", "#!AMR", "MThd", "FORM", ".snd", "\x30\x26\xb2\x75\x8e\x66\xcf\x11",
		"\x1aE\xdf\xa3", "FLV\x01", "\x00\x00\x01\xba", "\x00\x00\x01\xb3", "wOFF", "wOF2", "\x00\x01\x00\x00\x00", "OTTO", "\xd7\xcd\xc6\x9a",
	} {
		if bytes.HasPrefix(b, []byte(m)) && !readable(b) {
			return true
		}
	}
	return len(b) >= 12 && (string(b[4:8]) == "ftyp" || string(b[:4]) == "RIFF") && !readable(b)
}

// IsMediaExt reports whether files with an extension, in lower case and without
// its dot, are pictures, sounds, films or fonts.
func IsMediaExt(ext string) bool {
	switch ext {
	case "png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "dib", "tif", "tiff", "ico", "cur", "psd", "jp2", "j2k", "jpf", "jpx", "heic", "heif", "hif", "avif", "webp", "emf", "wmf", "jxl",
		"mp3", "aac", "ogg", "oga", "opus", "flac", "amr", "mid", "midi", "aif", "aiff", "aifc", "au", "snd", "wav", "wma", "m4a", "m4b", "caf",
		"ogv", "wmv", "asf", "mkv", "mka", "webm", "flv", "mpg", "mpeg", "mp2", "mp4", "m4v", "m4p", "mov", "qt", "3gp", "3g2", "avi", "vob",
		"woff", "woff2", "ttf", "otf", "ttc", "ani":
		return true
	}
	return false
}

// HoldsZip reports whether octets end with the directory of an archive (APPNOTE
// section 4.3.16), whatever they begin with.
func HoldsZip(b []byte) bool {
	tail := b[max(0, len(b)-1<<16-22):]
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	return i >= 0 && len(tail)-i >= 22 && bytes.Contains(b, []byte("PK\x01\x02"))
}

// readable reports whether b is text: UTF-8, or an 8-bit set, or UTF-16 with
// a mark, without the control characters that text does not have.
func readable(b []byte) bool {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return true
	}
	high, nul, control := 0, 0, 0
	for _, c := range b {
		switch {
		case c >= 0x80:
			high++
		case c == 0:
			nul++
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b && c != 0x1a:
			control++
		}
	}
	if nul > 0 {
		return control == 0 && high == 0 && nul*2 >= len(b)-2 && nul*2 <= len(b)+2
	}
	return control == 0 && (high*3 <= len(b) || validStart(b))
}

// validStart is utf8.Valid for a prefix that may end within a character.
func validStart(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ {
		b = b[:len(b)-1]
	}
	return utf8.Valid(b)
}

// LooksHTML reports whether text begins as HTML documents do.
func LooksHTML(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	for bytes.HasPrefix(b, []byte("<!--")) {
		_, after, found := bytes.Cut(b, []byte("-->"))
		if !found {
			break
		}
		b = bytes.TrimLeft(after, " \t\r\n")
	}
	if len(b) == 0 || b[0] != '<' {
		return false
	}
	head := bytes.ToLower(b[:min(len(b), 256)])
	for _, tag := range [...]string{"<!doctype html", "<html", "<head", "<body", "<div", "<p>", "<p ", "<table", "<meta", "<title", "<br", "<font", "<span", "<style", "<center", "<svg"} {
		if bytes.HasPrefix(head, []byte(tag)) {
			return true
		}
	}
	return bytes.Contains(head, []byte("<html"))
}
