package blob

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gatepost/store"
)

// The three kinds of places, as references and keys begin.
const (
	inRecord  = 'k'
	inSegment = 's'
	inFile    = 'f'
)

// place is where a body is. It is comparable.
type place struct {
	kind    byte
	id      [16]byte // of a record or a file
	segment uint64
	offset  int64 // in the segment
	size    int64 // 0 for a record
}

// record is what store.BlobFiles holds of a body in a file.
type record struct {
	Size int64 `json:"size"` // octets
}

var errBadRef = errors.New("blob: malformed reference")

// ref is the text form: "k.<id>", "s.<segment>.<offset>.<size>" or
// "f.<id>.<size>"; ids and segments in hexadecimal, the rest in decimal.
func (p place) ref() string {
	switch p.kind {
	case inRecord:
		return fmt.Sprintf("k.%x", p.id)
	case inSegment:
		return fmt.Sprintf("s.%016x.%d.%d", p.segment, p.offset, p.size)
	default:
		return fmt.Sprintf("f.%x.%d", p.id, p.size)
	}
}

// parse reads a reference in exactly the form that ref writes.
func parse(ref string) (place, error) {
	p, err := parseParts(strings.Split(ref, "."))
	if err != nil || p.ref() != ref || p.size < 0 || p.offset < 0 || p.offset+p.size < 0 {
		return place{}, errBadRef
	}
	return p, nil
}

func parseParts(parts []string) (p place, err error) {
	switch {
	case len(parts) == 2 && parts[0] == "k":
		p.kind = inRecord
		return p, p.parseID(parts[1])
	case len(parts) == 3 && parts[0] == "f":
		p.kind = inFile
		p.size, err = strconv.ParseInt(parts[2], 10, 64)
		return p, errors.Join(err, p.parseID(parts[1]))
	case len(parts) == 4 && parts[0] == "s":
		p.kind = inSegment
		var errs [3]error
		p.segment, errs[0] = strconv.ParseUint(parts[1], 16, 64)
		p.offset, errs[1] = strconv.ParseInt(parts[2], 10, 64)
		p.size, errs[2] = strconv.ParseInt(parts[3], 10, 64)
		return p, errors.Join(errs[:]...)
	}
	return p, errBadRef
}

func (p *place) parseID(text string) error {
	if len(text) != hex.EncodedLen(len(p.id)) {
		return errBadRef
	}
	_, err := hex.Decode(p.id[:], []byte(text))
	return err
}

// key is the key of the record.
func (p place) key() []byte {
	switch p.kind {
	case inRecord:
		return store.Key(store.Bodies, p.id[:])
	case inSegment:
		return store.Key(store.BlobFiles, []byte{inSegment}, store.Uint64(p.segment), store.Uint64(uint64(p.offset)))
	default:
		return store.Key(store.BlobFiles, []byte{inFile}, p.id[:])
	}
}

// path is the file that holds the octets of p.
func (s *Store) path(p place) string {
	if p.kind == inSegment {
		return s.segmentPath(p.segment)
	}
	return s.fs.PathJoin(s.dirs.files, hex.EncodeToString(p.id[:]))
}

func (s *Store) segmentPath(name uint64) string {
	return s.fs.PathJoin(s.dirs.segments, fmt.Sprintf("%016x", name))
}

// segmentNamed reads the name of a segment's file.
func segmentNamed(name string) (uint64, bool) {
	n, err := strconv.ParseUint(name, 16, 64)
	return n, err == nil && fmt.Sprintf("%016x", n) == name
}

// fileNamed reads the name of a body's own file; the size is not in it.
func fileNamed(name string) (p place, ok bool) {
	p.kind = inFile
	err := p.parseID(name)
	return p, err == nil && hex.EncodeToString(p.id[:]) == name
}
