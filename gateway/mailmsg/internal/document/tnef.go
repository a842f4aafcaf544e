package document

import (
	"encoding/binary"
	"strings"

	"gatepost/gateway/mailmsg/internal/charset"
)

// Identifiers of TNEF attributes (MS-OXTNEF section 2.1.3.2), without their
// type.
const (
	tnefAttachData  = 0x800f
	tnefAttachTitle = 0x8010
	tnefAttachStart = 0x9002
	tnefProps       = 0x9003
	tnefAttachProps = 0x9005
)

// Types and identifiers of MAPI properties (MS-OXCDATA, MS-OXPROPS).
const (
	mapiObject     = 0x000d
	mapiString8    = 0x001e
	mapiUnicode    = 0x001f
	mapiBinary     = 0x0102
	mapiMulti      = 0x1000
	mapiNamed      = 0x8000
	mapiRTF        = 0x1009
	mapiHTML       = 0x1013
	mapiAttachData = 0x3701
)

const maxTNEFValues = 10000

// tnef reads a winmail.dat. What is skipped because it is no text of a person
// is bounded by the length of b; nothing is read twice.
type tnef struct {
	budget *Budget
	text   strings.Builder
	parts  []Member
	file   Member // attachment being read
	values int
}

// ReadTNEF reads what Outlook puts into winmail.dat: body, properties and
// attachments.
func ReadTNEF(b []byte, budget *Budget) Result {
	t := &tnef{budget: budget}
	trouble := t.attributes(b)
	t.attach()
	return Result{Text: t.text.String(), Trouble: trouble, Parts: t.parts}
}

func (t *tnef) attributes(b []byte) Trouble {
	const signature, frame = 6, 9
	if len(b) < signature {
		return Damaged
	}
	for b = b[signature:]; len(b) > 0; {
		if len(b) < frame {
			return Damaged
		}
		id, n := binary.LittleEndian.Uint16(b[1:]), int64(binary.LittleEndian.Uint32(b[5:]))
		b = b[frame:]
		if n+2 > int64(len(b)) {
			return Damaged
		}
		if trouble := t.attribute(id, b[:n]); trouble != Fine {
			return trouble
		}
		b = b[n+2:] // the checksum proves nothing here
	}
	return Fine
}

func (t *tnef) attribute(id uint16, data []byte) Trouble {
	switch id {
	case tnefAttachStart:
		t.attach()
		if !t.budget.member() {
			return TooMuch
		}
	case tnefAttachTitle:
		t.file.Name = string(zeroEnded(data))
	case tnefAttachData:
		t.file.Data = data
	case tnefProps, tnefAttachProps:
		return t.properties(data)
	default:
		t.line(string(zeroEnded(data)))
	}
	return Fine
}

// attach ends the attachment at hand.
func (t *tnef) attach() {
	if t.file.Name != "" || len(t.file.Data) > 0 {
		t.parts = append(t.parts, t.file)
	}
	t.file = Member{}
}

// line adds a text, when it is one.
func (t *tnef) line(s string) {
	if s != "" && readable([]byte(s)) {
		t.text.WriteString(charset.Decode("", []byte(s)).Main)
		t.text.WriteByte('\n')
	}
}

func zeroEnded(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// properties reads a list of MAPI properties (MS-OXTNEF section 2.1.3.4).
func (t *tnef) properties(b []byte) Trouble {
	c := cursor{b: b}
	for n := c.uint32(); n > 0 && !c.short; n-- {
		kind, id := c.uint16(), c.uint16()
		if id >= mapiNamed {
			c.take(16)
			if c.uint32() == 0 {
				c.take(4)
			} else {
				t.line(utf16Text(c.padded(c.uint32())))
			}
		}
		if !t.property(&c, kind, id) {
			return Unknown
		}
		if t.values > maxTNEFValues {
			return TooMuch
		}
	}
	if c.short {
		return Damaged
	}
	return Fine
}

// property reads the values of one property; false means a type that is not
// known, behind which nothing can be found any more.
func (t *tnef) property(c *cursor, kind, id uint16) bool {
	count, single := uint32(1), kind&^mapiMulti
	variable := single == mapiString8 || single == mapiUnicode || single == mapiBinary || single == mapiObject
	if variable || kind&mapiMulti != 0 {
		count = c.uint32()
	}
	size := fixedSize(single)
	if !variable && size == 0 {
		return false
	}
	for ; count > 0 && !c.short; count-- {
		if t.values++; t.values > maxTNEFValues {
			return true
		}
		if !variable {
			c.take(size)
			continue
		}
		t.value(single, id, c.padded(c.uint32()))
	}
	return true
}

// fixedSize is how many octets a value takes, padding included.
func fixedSize(kind uint16) uint32 {
	switch kind {
	case 0x0002, 0x0003, 0x0004, 0x000a, 0x000b:
		return 4
	case 0x0005, 0x0006, 0x0007, 0x0014, 0x0040:
		return 8
	case 0x0048:
		return 16
	}
	return 0
}

func (t *tnef) value(kind, id uint16, data []byte) {
	const object = 16 // the interface that an embedded object begins with
	switch {
	case kind == mapiUnicode:
		t.line(utf16Text(data))
	case kind == mapiString8:
		t.line(string(zeroEnded(data)))
	case id == mapiRTF:
		t.rtf(data)
	case id == mapiHTML:
		page := HTML(charset.Decode("", data).Main)
		t.line(page.Visible + "\n" + page.Quoted + "\n" + page.Hidden)
	case id == mapiAttachData && kind == mapiObject && len(data) > object:
		t.file.Data = data[object:]
	case id == mapiAttachData && kind == mapiBinary:
		t.file.Data = data
	}
}

func (t *tnef) rtf(data []byte) {
	src, trouble := UnpackRTF(data, t.budget)
	text, _ := RTF(src)
	t.line(text)
	if trouble != Fine {
		t.parts = append(t.parts, Member{Name: "body.rtf", Trouble: trouble})
	}
}

func utf16Text(b []byte) string {
	text := charset.Decode("utf-16le", b).Main
	return strings.TrimRight(text, "\x00")
}

// cursor reads little-endian values; short says that there were too few
// octets, and then everything is zero.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n uint32) []byte {
	if uint64(n) > uint64(len(c.b)) {
		c.b, c.short = nil, true
		return nil
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

// padded takes n octets and what fills them up to a multiple of four.
func (c *cursor) padded(n uint32) []byte {
	taken := c.take(n)
	c.take(min(-n&3, uint32(len(c.b))))
	return taken
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}
