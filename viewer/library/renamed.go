package library

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"gatepost/gateway"
)

// maxHeader (octets) is more than a header has that was taken in.
const maxHeader = 512 << 10

// renamed is a message whose header speaks in nobody's name but its sender's.
type renamed struct {
	gateway.Content
	once   sync.Once
	header []byte // as far as it is needed
	err    error
}

// ReadAt implements io.ReaderAt.
func (r *renamed) ReadAt(p []byte, at int64) (int, error) {
	if at < maxHeader {
		if r.once.Do(r.read); r.err != nil {
			return 0, r.err
		}
	}
	n, err := r.Content.ReadAt(p, at)
	if at < int64(len(r.header)) {
		copy(p[:n], r.header[at:])
	}
	return n, err
}

// read takes the header up to its empty line.
func (r *renamed) read() {
	for size := 1 << 10; ; size *= 4 {
		header := make([]byte, min(int64(size), r.Size()))
		n, err := r.Content.ReadAt(header, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			r.err = err
			return
		}
		header = header[:n]
		end := bytes.Index(header, []byte("\r\n\r\n"))
		if end < 0 && n == size && size < maxHeader {
			continue
		}
		if end >= 0 {
			header = header[:end]
		}
		gateway.Supplied(header)
		r.header = header
		return
	}
}
