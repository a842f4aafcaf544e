package document

import "encoding/binary"

// rtfStart is what the dictionary of compressed RTF holds at first
// (MS-OXRTFCP section 2.1.2.1).
const rtfStart = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// UnpackRTF undoes the compression of RTF bodies (MS-OXRTFCP section 2.2):
// runs of literals and of references into a ring of 4,096 octets.
func UnpackRTF(b []byte, budget *Budget) ([]byte, Trouble) {
	const frame = 16
	if len(b) < frame {
		return nil, Damaged
	}
	want := int64(binary.LittleEndian.Uint32(b[4:]))
	switch string(b[8:12]) {
	case "MELA": // stored
		return b[frame:min(int64(len(b)), frame+want)], Fine
	case "LZFu":
	default:
		return nil, Unknown
	}
	// A reference of two octets yields at most 17: no bomb, but not free.
	limit := min(want, budget.inflate, 17*int64(len(b)))
	out := unpack(b[frame:], limit)
	budget.inflate -= int64(len(out))
	if int64(len(out)) < want {
		return out, Damaged
	}
	return out, Fine
}

func unpack(b []byte, limit int64) []byte {
	const size = 4096
	var ring [size]byte
	at := copy(ring[:], rtfStart)
	var out []byte
	emit := func(c byte) {
		ring[at%size] = c
		at++
		out = append(out, c)
	}
	for len(b) > 0 && int64(len(out)) < limit {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if flags>>bit&1 == 0 {
				emit(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out
			}
			from, n := int(b[0])<<4|int(b[1])>>4, int(b[1]&15)+2
			b = b[2:]
			if from == at%size {
				return out // the end
			}
			for ; n > 0; n-- {
				emit(ring[from%size])
				from++
			}
		}
	}
	return out[:min(int64(len(out)), limit)]
}
