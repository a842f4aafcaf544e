package document

import (
	"bytes"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	mathbits "math/bits"
)

// decode undoes the filters of a stream (ISO 32000-1 section 7.4). What cannot
// be undone gives nil and is remembered, unless it is a picture.
func (p *pdf) decode(o *pdfObject) []byte {
	d := o.dict()
	filters, parms := p.list(d["Filter"]), p.list(d["DecodeParms"])
	if p.streams++; p.streams > maxPDFStreams {
		p.over = true
		return nil
	}
	if len(filters) > maxPDFFilters {
		p.missed = true
		return nil
	}
	data := o.data
	if len(filters) == 0 {
		return p.bounded(data)
	}
	for i, f := range filters {
		var parm pdfDict
		if i < len(parms) {
			parm = p.getDict(parms[i])
		}
		name, _ := p.get(f).(pdfName)
		data = p.undo(name, data, parm)
	}
	return data
}

// list is an array, or the one value that stands for it.
func (p *pdf) list(v any) pdfArray {
	switch v := p.get(v).(type) {
	case nil:
		return nil
	case pdfArray:
		return v
	default:
		return pdfArray{v}
	}
}

// undo undoes one filter.
func (p *pdf) undo(filter pdfName, data []byte, parms pdfDict) []byte {
	switch filter {
	case "":
		return p.bounded(data)
	case "FlateDecode", "Fl":
		return p.predicted(p.inflated(data), parms)
	case "LZWDecode", "LZW":
		return p.predicted(p.lzw(data, parms), parms)
	case "RunLengthDecode", "RL":
		return p.runLength(data)
	case "ASCII85Decode", "A85":
		return p.ascii85(data)
	case "ASCIIHexDecode", "AHx":
		return p.asciiHex(data)
	}
	p.missed = true
	return nil
}

// inflated undoes zlib; a missing end or checksum is common and forgiven.
func (p *pdf) inflated(b []byte) []byte {
	z, err := unzlib(bytes.TrimLeft(b, "\r\n"))
	if err != nil {
		p.missed = true
		return nil
	}
	defer z.done()
	data, err := p.budget.readUpTo(z, max(0, p.left()))
	p.over = p.over || errors.Is(err, errMore)
	p.inflate -= len(data)
	p.budget.inflate -= int64(len(data))
	return data
}

// left is how many octets may still be inflated.
func (p *pdf) left() int64 { return min(int64(p.inflate), p.budget.inflate) }

// bounded charges octets that needed no inflating: a stream that a thousand
// pages share is drawn a thousand times.
func (p *pdf) bounded(b []byte) []byte {
	if p.inflate -= len(b); p.inflate < 0 {
		p.over, p.inflate = true, 0
		return nil
	}
	return b
}

const (
	lzwClear = 256
	lzwEnd   = 257
	lzwWidth = 12 // bits of the longest code
)

// lzwEntry is where in the text so far a string of the table stands.
type lzwEntry struct{ from, length int }

// lzw undoes LZW (section 7.4.4). A string of the table is the one before and
// the octet that followed it, so that all of them stand in what was written.
func (p *pdf) lzw(b []byte, parms pdfDict) []byte {
	early := 1 // codes grow one early, unless the file says otherwise
	if v, ok := p.get(parms["EarlyChange"]).(float64); ok && v == 0 {
		early = 0
	}
	limit := max(0, p.left())
	var out []byte
	var table []lzwEntry
	var last lzwEntry
	bits, have, width := uint32(0), 0, 9
	for _, c := range b {
		if bits, have = bits<<8|uint32(c), have+8; have < width {
			continue
		}
		have -= width
		code := int(bits >> have & (1<<width - 1))
		if code == lzwEnd {
			break
		}
		if code == lzwClear {
			table, last, width = table[:0], lzwEntry{}, 9
			continue
		}
		if last.length > 0 && len(table) < 1<<lzwWidth-lzwEnd-1 {
			table = append(table, lzwEntry{last.from, last.length + 1})
		}
		at := len(out)
		switch n := code - lzwEnd - 1; {
		case code < lzwClear:
			out = append(out, byte(code))
		case n >= len(table):
			p.missed = true
			return p.inflatedTo(out)
		default:
			for k := range table[n].length { // the last octet may be the first that is written now
				out = append(out, out[table[n].from+k])
			}
		}
		if last = (lzwEntry{at, len(out) - at}); int64(len(out)) > limit {
			p.over = true
			return p.inflatedTo(out[:limit])
		}
		width = max(9, min(lzwWidth, mathbits.Len(uint(len(table)+lzwEnd+1+early))))
	}
	return p.inflatedTo(out)
}

// inflatedTo charges what came out of a filter.
func (p *pdf) inflatedTo(out []byte) []byte {
	p.inflate -= len(out)
	p.budget.inflate -= int64(len(out))
	return out
}

// runLength undoes run lengths (section 7.4.5).
func (p *pdf) runLength(b []byte) []byte {
	limit := max(0, p.left())
	var out []byte
	for len(b) > 0 && b[0] != 128 {
		n := int(b[0])
		b = b[1:]
		switch {
		case n < 128 && n < len(b):
			out, b = append(out, b[:n+1]...), b[n+1:]
		case n > 128 && len(b) > 0:
			out, b = append(out, bytes.Repeat(b[:1], 257-n)...), b[1:]
		default:
			p.missed = true
			return p.inflatedTo(out)
		}
		if int64(len(out)) > limit {
			p.over = true
			return p.inflatedTo(out[:limit])
		}
	}
	return p.inflatedTo(out)
}

// predicted undoes the predictors (section 7.4.4.4), which some writers use for
// object streams.
func (p *pdf) predicted(b []byte, parms pdfDict) []byte {
	number := func(key string, standard, most float64) int {
		if v, ok := p.get(parms[key]).(float64); ok {
			return int(max(1, min(v, most)))
		}
		return int(standard)
	}
	kind := number("Predictor", 1, 99)
	if kind < 2 {
		return b
	}
	colors, bits := number("Colors", 1, 32), number("BitsPerComponent", 8, 16)
	width := (colors*bits*number("Columns", 1, 1<<16) + 7) / 8
	ahead := 1 // the octet of the row's kind
	if kind == 2 {
		p.missed = p.missed || bits != 8
		ahead = 0
	}
	out := make([]byte, 0, len(b))
	above := make([]byte, min(width, len(b)))
	step := max(1, colors*bits/8)
	for len(b) > ahead {
		row, how := b[ahead:min(len(b), ahead+width)], byte(1)
		if ahead == 1 {
			how = b[0]
		}
		at := len(out)
		out = unfilter(out, how, row, above, step)
		above, b = out[at:], b[ahead+len(row):]
	}
	return out
}

// unfilter appends a row; step is how far the octet to the left is away.
func unfilter(out []byte, kind byte, row, above []byte, step int) []byte {
	from := len(out)
	for i, c := range row {
		var left, up, corner int
		if i < len(above) {
			up = int(above[i])
		}
		if i >= step {
			left, corner = int(out[from+i-step]), int(above[i-step])
		}
		switch kind {
		case 1:
			c += byte(left)
		case 2:
			c += byte(up)
		case 3:
			c += byte((left + up) / 2)
		case 4:
			c += byte(paeth(left, up, corner))
		}
		out = append(out, c)
	}
	return out
}

// paeth is the predictor of that name (PNG section 9.4).
func paeth(left, up, corner int) int {
	guess := left + up - corner
	byLeft, byUp, byCorner := distance(guess, left), distance(guess, up), distance(guess, corner)
	switch {
	case byLeft <= byUp && byLeft <= byCorner:
		return left
	case byUp <= byCorner:
		return up
	}
	return corner
}

func distance(a, b int) int { return max(a-b, b-a) }

func (p *pdf) ascii85(b []byte) []byte {
	if i := bytes.Index(b, []byte("~>")); i >= 0 {
		b = b[:i]
	}
	out := make([]byte, len(b)*4+4)
	n, _, err := ascii85.Decode(out, bytes.TrimPrefix(b, []byte("<~")), true)
	p.missed = p.missed || err != nil
	return out[:n]
}

func (p *pdf) asciiHex(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte(">"))
	b = bytes.Join(bytes.FieldsFunc(b, func(r rune) bool { return r == 0 || r < 256 && isSpace(byte(r)) }), nil)
	if len(b)%2 == 1 {
		b = append(b, '0')
	}
	out := make([]byte, len(b)/2)
	n, err := hex.Decode(out, b)
	p.missed = p.missed || err != nil
	return out[:n]
}
