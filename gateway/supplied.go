package gateway

import "bytes"

// Names of fields that Gatepost writes, and what stands for them in a message
// that came with such fields of its own: as many octets.
const (
	ownFields      = "X-Gatepost-"
	suppliedFields = "X-Supplied-"
)

// Supplied gives other names to the fields of a header that speak in Gatepost's
// name, in place: who lists a message believes what X-Gatepost-Status says, and
// only that of Gatepost, which stands before, may have that name. The header
// begins with its first field; what follows its empty line is left alone.
func Supplied(header []byte) {
	for len(header) > 0 {
		end := bytes.IndexByte(header, '\n')
		if end == 0 || end == 1 && header[0] == '\r' {
			return
		}
		if len(header) >= len(ownFields) && bytes.EqualFold(header[:len(ownFields)], []byte(ownFields)) {
			copy(header, suppliedFields)
		}
		if end < 0 {
			return
		}
		header = header[end+1:]
	}
}
