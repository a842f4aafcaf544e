package mailmsg

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/document"
)

// Limits of one message. Beyond them the message is judged at its worst.
const (
	maxDepth = 50       // parts within parts
	maxParts = 1000     // MIME parts, all readings together
	maxText  = 10 << 20 // octets of text handed to detection
	maxInner = 5        // archives within archives
	// maxWalk bounds the octets walked, as a multiple of the message: every
	// doubt is walked twice, and doubts can be nested.
	maxWalk = 12
)

// The phrases of Reading.Uncertain that do not come from the header's own.
const (
	uncertainFailed    = "reader failed"
	uncertainType      = "duplicate Content-Type"
	uncertainEncoding  = "duplicate Content-Transfer-Encoding"
	uncertainSubject   = "duplicate Subject"
	uncertainFrom      = "duplicate From"
	uncertainCharset   = "unknown charset"
	uncertainCharsets  = "duplicate charset"
	uncertainBoundary  = "duplicate boundary"
	uncertainNone      = "multipart without boundary"
	uncertainLost      = "multipart whose boundary does not occur"
	uncertainClosed    = "part after the closing boundary"
	uncertainEncoded   = "encoded multipart"
	uncertainTransfer  = "unknown transfer encoding"
	uncertainPadding   = "data after base64 padding"
	uncertainDepth     = "nested too deep"
	uncertainParts     = "too many parts"
	uncertainWork      = "too many readings"
	uncertainPartial   = "fragment of a message"
	uncertainArchive   = "archive with members that its directory does not name"
	uncertainEntities  = "document that defines entities"
	uncertainStyle     = "style sheet that moves or makes letters"
	uncertainNoHeaders = "header begins after an empty line"
)

// Read reads a canonical message. It never fails: doubts stand in Uncertain,
// content without text in Unreadable. raw is not kept.
func Read(raw []byte) *gateway.Reading { return new(Reader).Read(raw) }

// Reader reads messages, of which only some at a time may be heavy: a hostile
// one takes up to 200 MiB for a second, and many can come at once. The zero
// Reader has no such limit. It is safe for concurrent use.
type Reader struct {
	heavy chan struct{} // a place for each heavy reading; nil without a limit
}

// NewReader returns a Reader with atOnce heavy readings at the same time; the
// others wait.
func NewReader(atOnce int) *Reader { return &Reader{heavy: make(chan struct{}, atOnce)} }

// heavyFrom is the size in octets from which any message is heavy.
const heavyFrom = 4 << 20

// Read is the function Read, which waits for a place before it gets heavy.
func (q *Reader) Read(raw []byte) *gateway.Reading {
	place := func() {}
	leave := func() {}
	if q.heavy != nil {
		place = sync.OnceFunc(func() {
			q.heavy <- struct{}{}
			leave = func() { <-q.heavy }
		})
	}
	defer func() { leave() }()
	if len(raw) > heavyFrom {
		place()
	}
	r := &reader{
		out:    &gateway.Reading{Channel: gateway.Email},
		text:   maxText,
		walk:   maxWalk*len(raw) + 1<<20,
		budget: document.NewBudget(place),
	}
	r.safely(raw)
	if r.image && !r.own {
		r.unreadable(gateway.UnreadableImageOnly, r.imagePath)
	}
	return r.out
}

// safely keeps a mistake of this package from losing a message: what was read
// so far stays, and Uncertain makes the policy protect it.
func (r *reader) safely(raw []byte) {
	defer func() {
		if recover() != nil {
			r.note(uncertainFailed)
		}
	}()
	r.message(newSource(raw), "", place{}, true)
}

// reader is one reading of one message.
type reader struct {
	out    *gateway.Reading
	text   int // octets of text that may still be added
	walk   int // octets that may still be walked
	parts  int
	budget *document.Budget
	own    bool // the message has text of its own

	image     bool // an image was seen, first at imagePath
	imagePath string
}

// place is where a part stands.
type place struct {
	depth    int
	inner    int  // archives around it
	attached bool // within an attachment: its texts are not the message's own
	hidden   bool // no reader shows it without effort
}

func (p place) deeper() place { p.depth++; return p }

// note adds a phrase to Uncertain once.
func (r *reader) note(phrase string) {
	if !slices.Contains(r.out.Uncertain, phrase) {
		r.out.Uncertain = append(r.out.Uncertain, phrase)
	}
}

// unreadable reports content once for each kind and path.
func (r *reader) unreadable(kind, path string) {
	u := gateway.Unreadable{Kind: kind, Path: path}
	if !slices.Contains(r.out.Unreadable, u) && len(r.out.Unreadable) < maxParts {
		r.out.Unreadable = append(r.out.Unreadable, u)
	}
}

// spend takes n octets from the walk; false means that the message asks for
// more readings than its size warrants.
func (r *reader) spend(n int) bool {
	r.walk -= n
	if r.walk < 0 {
		r.note(uncertainWork)
		return false
	}
	return true
}

// add hands a text to detection, and what its escapes and spellings hide.
func (r *reader) add(kind gateway.PartKind, path, text string) {
	r.put(kind, path, text)
	hidden := disguised(kind)
	r.put(hidden, path, document.Unescaped(text))
	words, whole := document.Respelled(text)
	if !whole {
		r.note(uncertainWork)
	}
	r.put(hidden, path, words)
}

// disguised is the kind of what a part says in disguise. Of machines it is theirs
// as well: three in 100,000 signatures, read as a disguise, spell an identifier.
func disguised(kind gateway.PartKind) gateway.PartKind {
	if kind == gateway.PartMachine {
		return kind
	}
	return gateway.PartHidden
}

// Undisguised is a hidden part for each of parts in which words are spelled in
// disguise ("c4ncer", "c a n c e r"), as Read adds it for a mail. whole is false
// where there are more such words than it gives.
func Undisguised(parts []gateway.Part) (undone []gateway.Part, whole bool) {
	whole = true
	for _, p := range parts {
		words, all := document.Respelled(p.Text.Reveal())
		if whole = whole && all; words != "" {
			undone = append(undone, gateway.Part{Kind: disguised(p.Kind), Path: p.Path, Text: gateway.Sensitive(words)})
		}
	}
	return undone, whole
}

func (r *reader) put(kind gateway.PartKind, path, text string) {
	if isBlank(text) {
		return
	}
	if len(text) > r.text {
		text = text[:r.text]
		r.unreadable(gateway.UnreadableLimit, path)
	}
	r.text -= len(text)
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	if text != "" {
		r.out.Parts = append(r.out.Parts, gateway.Part{Kind: kind, Path: path, Text: gateway.Sensitive(text)})
	}
}

func isBlank(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// source is a run of octets with the places where a boundary may stand.
type source struct {
	raw    []byte
	dashes []int // offsets of lines that begin with "--"
}

// newSource finds the lines once, so that walking nested parts stays linear.
func newSource(raw []byte) *source {
	s := &source{raw: raw}
	if bytes.HasPrefix(raw, []byte("--")) {
		s.dashes = append(s.dashes, 0)
	}
	for at := 0; ; {
		i := bytes.Index(raw[at:], []byte("\n--"))
		if i < 0 {
			return s
		}
		at += i + 1
		s.dashes = append(s.dashes, at)
	}
}

// within returns the boundary candidates in raw[lo:hi].
func (s *source) within(lo, hi int) []int {
	from, _ := slices.BinarySearch(s.dashes, lo)
	to, _ := slices.BinarySearch(s.dashes, hi)
	return s.dashes[from:to]
}

// line is the line that begins at lo, without its end, and where the next one
// begins, both within hi.
func (s *source) line(lo, hi int) (line []byte, next int) {
	n := bytes.IndexByte(s.raw[lo:hi], '\n')
	if n < 0 {
		return bytes.TrimSuffix(s.raw[lo:hi], []byte("\r")), hi
	}
	return bytes.TrimSuffix(s.raw[lo:lo+n], []byte("\r")), lo + n + 1
}
