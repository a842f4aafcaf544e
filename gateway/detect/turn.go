package detect

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// The marks of UAX #9 section 2 that matter here.
const (
	leftEmbedding  = '\u202a'
	rightEmbedding = '\u202b'
	popDirection   = '\u202c'
	leftOverride   = '\u202d'
	rightOverride  = '\u202e'
	maxTurns       = 8 // overrides within overrides; deeper ones turn nothing
)

// turned is text in the order in which it is shown, where right-to-left
// overrides make that another one; ok is false where there are none. Each code
// point of the result stands for one of text, on the same line.
func turned(text string) (shown string, ok bool) {
	if !strings.Contains(text, string(rightOverride)) {
		return "", false
	}
	t := turner{out: make([]byte, 0, len(text)), ended: -1}
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && text[j] < utf8.RuneSelf && text[j] != '\n' {
			j++
		}
		if j > i {
			t.flush()
			t.out = append(t.out, text[i:j]...)
			i = j
			continue
		}
		c, size := decode(text, i)
		t.rune(c)
		i += size
	}
	t.line()
	mend(t.out)
	return string(t.out), true
}

type turner struct {
	out   []byte // UTF-8, but the octets of what was turned an odd number of times are turned too
	open  []turn
	ended int // where the run begins that the latest mark ended, not turned yet; -1 when none
}

// turn is an embedding or an override that is open.
type turn struct {
	from  int  // its first octet
	right bool // in it text runs to the left
	flips bool // around it it does not
}

func (t *turner) rune(c rune) {
	switch c {
	case leftEmbedding, rightEmbedding:
		t.begin(t.right())
	case leftOverride:
		t.begin(false)
	case rightOverride:
		t.begin(true)
	case popDirection:
		t.flush()
		t.put(c)
		t.end()
		return
	case '\n', '\u2029':
		t.line()
	}
	t.flush()
	t.put(c)
}

// put appends c. The marks have three octets.
func (t *turner) put(c rune) {
	if c >= 0x800 && c < 0x10000 { // no surrogate: it was decoded
		t.out = append(t.out, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0xbf, 0x80|byte(c)&0xbf)
		return
	}
	t.out = utf8.AppendRune(t.out, c)
}

// right reports the direction at hand.
func (t *turner) right() bool { return len(t.open) > 0 && t.open[len(t.open)-1].right }

// begin opens a run. One that begins where another like it ended continues it,
// as UAX #9 joins what has the same level.
func (t *turner) begin(right bool) {
	e := turn{from: len(t.out), right: t.right()}
	if right != e.right && len(t.open) < maxTurns {
		e.right, e.flips = right, true
		if t.ended >= 0 {
			e.from, t.ended = t.ended, -1
		}
	}
	t.flush()
	if len(t.open) < 1<<10 {
		t.open = append(t.open, e)
	}
}

// end closes the latest run.
func (t *turner) end() {
	if len(t.open) == 0 {
		return
	}
	if e := t.open[len(t.open)-1]; e.flips {
		t.ended = e.from
	}
	t.open = t.open[:len(t.open)-1]
}

// flush turns the run that ended.
func (t *turner) flush() {
	if t.ended >= 0 {
		reverse(t.out[t.ended:])
		t.ended = -1
	}
}

// reverse puts b in the other order, sixteen octets at a time.
func reverse(b []byte) {
	for ; len(b) >= 16; b = b[8 : len(b)-8] {
		first, last := b[:8], b[len(b)-8:]
		x, y := binary.BigEndian.Uint64(first), binary.BigEndian.Uint64(last)
		binary.LittleEndian.PutUint64(first, y)
		binary.LittleEndian.PutUint64(last, x)
	}
	slices.Reverse(b)
}

// mend puts the octets of those runes in order whose first octet stands last.
func mend(b []byte) {
	for i := 0; i < len(b); i++ {
		if i+8 <= len(b) && load(b, i)&(0x80*octets) == 0 {
			i += 7
			continue
		}
		switch from := i; {
		case b[i] < utf8.RuneSelf:
		case b[i] >= 0xc0: // in order
			i += bits.LeadingZeros8(^b[i]) - 1
		default:
			for b[i]&0xc0 == 0x80 {
				i++
			}
			if i-from == 2 {
				b[from], b[i] = b[i], b[from]
				continue
			}
			slices.Reverse(b[from : i+1])
		}
	}
}

// line ends all that is open.
func (t *turner) line() {
	for len(t.open) > 0 {
		t.flush()
		t.end()
	}
	t.flush()
}

// again scans a part in its other order and adds what is new. Of two readings
// of one place as the same type, of which one is chance, the likelier is kept.
func (s *scan) again(index int, text string) {
	before := len(s.all)
	places := s.places(index)
	s.part(index, text)
	kept := s.all[:before]
	for _, f := range s.all[before:] {
		i, ok := taken(places, f.typ, f.start)
		if !ok {
			i, ok = taken(places, f.typ, min(f.end, f.start+maxWord)-1)
		}
		switch {
		case !ok:
			kept = append(kept, f)
		case f.level > kept[i].level:
			kept[i] = f
		}
	}
	s.all = kept
}

// place is a stretch of a part, at most maxWord code points, that a finding takes.
type place struct {
	typ        uint16
	start, end int32
	finding    int
}

// places are those of the findings of a part so far, in order.
func (s *scan) places(index int) (all []place) {
	for i, f := range s.all {
		if int(f.part) == index {
			all = append(all, place{f.typ, f.start, min(f.end, f.start+maxWord), i})
		}
	}
	slices.SortFunc(all, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.start, b.start), cmp.Compare(a.finding, b.finding))
	})
	return all
}

// taken is the latest finding of type typ at code point at.
func taken(places []place, typ uint16, at int32) (finding int, ok bool) {
	i, _ := slices.BinarySearchFunc(places, at, func(p place, at int32) int {
		return cmp.Or(cmp.Compare(p.typ, typ), cmp.Compare(p.start, at+1))
	})
	for i--; i >= 0 && places[i].typ == typ && places[i].start > at-maxWord; i-- {
		if at < places[i].end && (!ok || places[i].finding > finding) {
			finding, ok = places[i].finding, true
		}
	}
	return finding, ok
}
