package document

import (
	"encoding/binary"
	"unicode/utf16"
)

// Numbers and limits of a compound file.
const (
	cfbHeader  = 512
	cfbEntry   = 128
	cfbEnd     = 0xfffffffe
	maxStreams = 4096
)

// compound is an opened compound file ([MS-CFB]): a small file system.
type compound struct {
	raw     []byte
	sector  int // octets
	fat     []uint32
	entries []cfbStream
}

// cfbStream is one directory entry.
type cfbStream struct {
	name string
	kind byte // 1 storage, 2 stream, 5 root
}

// openCompound reads the tables; ok is false when they do not fit the file.
func openCompound(b []byte) (*compound, bool) {
	if len(b) < cfbHeader {
		return nil, false
	}
	shift, mini := binary.LittleEndian.Uint16(b[0x1e:]), binary.LittleEndian.Uint16(b[0x20:])
	if shift < 7 || shift > 14 || mini > shift || mini < 4 {
		return nil, false
	}
	c := &compound{raw: b, sector: 1 << shift}
	c.readFAT()
	dir := c.chain(binary.LittleEndian.Uint32(b[0x30:]), len(b))
	if len(dir) < cfbEntry {
		return nil, false
	}
	c.readEntries(dir)
	return c, true
}

func words(b []byte) []uint32 {
	list := make([]uint32, len(b)/4)
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return list
}

func (c *compound) at(sector uint32) []byte {
	from := (int64(sector) + 1) * int64(c.sector)
	if from >= int64(len(c.raw)) {
		return nil
	}
	return c.raw[from:min(from+int64(c.sector), int64(len(c.raw)))]
}

// readFAT collects the sectors of the allocation table: 109 in the header,
// the others in a chain of their own. No table can be longer than the file.
func (c *compound) readFAT() {
	list := words(c.raw[0x4c:cfbHeader])
	next := binary.LittleEndian.Uint32(c.raw[0x44:])
	for n := 0; next < cfbEnd && n <= len(c.raw)/c.sector; n++ {
		w := words(c.at(next))
		if len(w) < 2 {
			break
		}
		list = append(list, w[:len(w)-1]...)
		next = w[len(w)-1]
	}
	for _, s := range list {
		if s < cfbEnd && len(c.fat) <= len(c.raw)/c.sector {
			c.fat = append(c.fat, words(c.at(s))...)
		}
	}
}

// chain reads a chain of sectors, at most size octets. A loop ends because no
// chain is longer than the file.
func (c *compound) chain(start uint32, size int) []byte {
	size = min(size, len(c.raw))
	var out []byte
	for s := start; s < cfbEnd && len(out) < size; {
		b := c.at(s)
		if b == nil || int(s) >= len(c.fat) {
			out = append(out, b...)
			break
		}
		out = append(out, b...)
		s = c.fat[s]
	}
	return out[:min(len(out), size)]
}

func (c *compound) readEntries(dir []byte) {
	for len(dir) >= cfbEntry && len(c.entries) < maxStreams {
		e := dir[:cfbEntry]
		dir = dir[cfbEntry:]
		n := int(binary.LittleEndian.Uint16(e[64:]))
		units := make([]uint16, 0, 32)
		for i := 0; i+1 < min(n, 64) && (e[i] != 0 || e[i+1] != 0); i += 2 {
			units = append(units, binary.LittleEndian.Uint16(e[i:]))
		}
		c.entries = append(c.entries, cfbStream{name: string(utf16.Decode(units)), kind: e[66]})
	}
}
