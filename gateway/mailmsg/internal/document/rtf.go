package document

import (
	"strconv"
	"strings"
	"unicode/utf16"

	"gatepost/gateway/mailmsg/internal/charset"
)

const (
	maxGroups = 512
	// maxRTF bounds the text of one document, in octets.
	maxRTF = 16 << 20
)

// RTF takes the text out of a Rich Text document (RTF 1.9.1), hidden text
// included; where there is some, the text without it follows, and so it does for
// destinations marked as optional, which readers leave out that do not know them.
// Pictures, fonts, styles and embedded objects are left out; objects says that
// there were some.
func RTF(src []byte) (text string, objects bool) {
	text, objects, hidden := readRTF(src, false)
	if hidden {
		shown, _, _ := readRTF(src, true)
		text += "\n" + shown
	}
	return text, objects
}

// readRTF reads the text with what is hidden or deleted in it, or, with leave,
// without; hidden says that there is some.
func readRTF(src []byte, leave bool) (text string, objects, hidden bool) {
	r := rtf{src: src, page: "windows-1252", groups: make([]group, 1, 16), leave: leave}
	r.groups[0].unicode = 1
	for r.at < len(src) && r.out.Len() < maxRTF {
		r.step()
	}
	r.flush()
	return r.out.String(), r.objects, r.hidden
}

// group is the state that braces save.
type group struct {
	skip     bool
	hidden   bool // not shown
	optional bool // left out by readers that do not know it
	unicode  int  // \ucN: fallback characters behind each \u
}

type rtf struct {
	src     []byte
	at      int
	out     strings.Builder
	pending []byte // octets of the code page that were not decoded yet
	page    string
	groups  []group
	deep    int // groups beyond maxGroups
	ignore  int // fallback characters still to skip
	objects bool
	hidden  bool // some text is
	leave   bool // hidden text out
	high    rune // first half of a surrogate pair, 0 when there is none
}

// skips reports whether the text at hand is left out.
func (r *rtf) skips() bool { return r.top().skip || r.leave && (r.top().hidden || r.top().optional) }

func (r *rtf) top() *group { return &r.groups[len(r.groups)-1] }

func (r *rtf) step() {
	c := r.src[r.at]
	r.at++
	switch c {
	case '{':
		if len(r.groups) < maxGroups {
			r.groups = append(r.groups, *r.top())
		} else {
			r.deep++
		}
	case '}':
		if r.deep > 0 {
			r.deep--
		} else if len(r.groups) > 1 {
			r.groups = r.groups[:len(r.groups)-1]
		}
		r.ignore = 0
	case '\\':
		r.control()
	case '\r', '\n', 0:
	default:
		r.char(c)
	}
}

// char adds an octet in the code page of the document.
func (r *rtf) char(c byte) {
	if r.ignore > 0 {
		r.ignore--
		return
	}
	if !r.skips() {
		r.pending = append(r.pending, c)
	}
}

func (r *rtf) flush() {
	if len(r.pending) > 0 {
		r.out.WriteString(charset.Decode(r.page, r.pending).Main)
		r.pending = r.pending[:0]
	}
}

func (r *rtf) text(s string) {
	if !r.skips() {
		r.flush()
		r.out.WriteString(s)
	}
}

// unit adds a unit of UTF-16; what lies beyond the first plane comes in two.
func (r *rtf) unit(u uint16) {
	c := rune(u)
	switch {
	case c >= 0xd800 && c < 0xdc00:
		r.high = c
		return
	case r.high != 0:
		c = utf16.DecodeRune(r.high, c)
		r.high = 0
	}
	r.text(string(c))
}

// control reads a control symbol or a control word with its number.
func (r *rtf) control() {
	if r.at >= len(r.src) {
		return
	}
	if c := r.src[r.at]; !isLetter(c) {
		r.at++
		r.symbol(c)
		return
	}
	start := r.at
	for r.at < len(r.src) && isLetter(r.src[r.at]) && r.at-start < 32 {
		r.at++
	}
	word := string(r.src[start:r.at])
	number := r.number()
	if r.at < len(r.src) && r.src[r.at] == ' ' {
		r.at++
	}
	r.word(word, number)
}

// number reads the parameter of a control word, -1 when there is none.
func (r *rtf) number() int {
	start := r.at
	for r.at < len(r.src) && r.at-start < 11 && (r.src[r.at] >= '0' && r.src[r.at] <= '9' || r.at == start && r.src[r.at] == '-') {
		r.at++
	}
	n, err := strconv.Atoi(string(r.src[start:r.at]))
	if err != nil {
		return -1
	}
	return n
}

func (r *rtf) symbol(c byte) {
	switch c {
	case '\'':
		if r.at+2 <= len(r.src) {
			v, err := strconv.ParseUint(string(r.src[r.at:r.at+2]), 16, 8)
			r.at += 2
			if err == nil {
				r.char(byte(v))
			}
		}
	case '~':
		r.text("\u00a0")
	case '_':
		r.text("-")
	case '\\', '{', '}':
		r.char(c)
	case '*':
		r.top().optional, r.hidden = true, true
	case '\r', '\n':
		r.text("\n")
	}
}

func (r *rtf) word(word string, n int) {
	switch word {
	case "par", "line", "row", "sect", "page", "softline":
		r.text("\n")
	case "tab", "cell", "nestcell":
		r.text("\t")
	case "emspace", "enspace":
		r.text(" ")
	case "endash", "emdash":
		r.text("-")
	case "u":
		r.unit(uint16(n))
		r.ignore = r.top().unicode
	case "uc":
		r.top().unicode = max(0, min(n, 16))
	case "ansicpg":
		r.flush()
		r.page = "windows-" + strconv.Itoa(n)
	case "bin":
		r.at = min(len(r.src), r.at+max(0, n))
	case "v", "deleted":
		r.top().hidden = n != 0
		r.hidden = r.hidden || n != 0
	case "plain":
		r.top().hidden = false
	case "htmlrtf":
		r.top().skip = n != 0
	default:
		r.destination(word)
	}
}

// destination skips the groups that hold no text of a person.
func (r *rtf) destination(word string) {
	switch word {
	case "objdata":
		r.objects = true
		r.top().skip = true
	case "fonttbl", "colortbl", "stylesheet", "pict", "themedata", "colorschememapping", "datastore", "latentstyles", "listtable",
		"listoverridetable", "rsidtbl", "generator", "xmlnstbl", "blipuid", "datafield", "htmltag", "filetbl", "revtbl", "bkmkstart", "bkmkend", "mmathPr", "wgrffmtfilter":
		r.top().skip = true
	}
}
