package seal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"gatepost/gateway"
)

// keptSegments is how many opened segments a content keeps: the one that is
// read and the one before, so that readers that go back a little (a MIME
// boundary, a range request) do not open a segment twice.
const keptSegments = 2

// content is an opened body. It reads and opens segments as they are asked
// for. It is safe for concurrent use.
type content struct {
	sealed io.ReaderAt
	size   int64 // of the clear body
	key    *dataKey

	mu    sync.Mutex
	place *place
	kept  [keptSegments]opened
	turn  int // which of kept is replaced next
}

// opened is one segment in the clear.
type opened struct {
	n    int64 // number of the segment, -1 for none
	text []byte
	buf  []byte
}

// Content opens a sealed body of size octets that k sealed for message id. It
// opens the last segment at once, so a body that was cut short, extended or
// sealed for another message is refused here; a change further ahead is
// noticed when that place is read. Every failure to open is ErrOpen. sealed
// must stay readable as long as the content is used.
func (k Key) Content(sealed io.ReaderAt, size int64, id gateway.MessageID) (gateway.Content, error) {
	if !k.alive() {
		return nil, fmt.Errorf("opening a body: %w", ErrUnknownKey)
	}
	clearSize, ok := openedSize(size)
	if !ok {
		return nil, fmt.Errorf("opening a body of impossible size: %w", ErrOpen)
	}
	c := &content{sealed: sealed, size: clearSize, key: &dataKey{aead: k.k.aead}, place: newPlace(id)}
	for i := range c.kept {
		c.kept[i].n = -1
	}
	if _, err := c.openLocked(segments(clearSize) - 1); err != nil {
		return nil, err
	}
	return c, nil
}

// Size is the number of octets of the clear body.
func (c *content) Size() int64 { return c.size }

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("seal: negative offset")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	read := 0
	for len(p) > 0 && off < c.size {
		text, err := c.openLocked(off / segmentSize)
		if err != nil {
			return read, err
		}
		n := copy(p, text[off%segmentSize:])
		read += n
		off += int64(n)
		p = p[n:]
	}
	if len(p) > 0 {
		return read, io.EOF
	}
	return read, nil
}

// memoryPool keeps memory of opened segments for the next ones. It is wiped before
// it is put back.
type memoryPool struct{ pool sync.Pool }

var openedMemory memoryPool

func (p *memoryPool) get(length int) []byte {
	if kept, ok := p.pool.Get().(*[]byte); ok && cap(*kept) >= length {
		return *kept
	}
	return make([]byte, length)
}

func (p *memoryPool) put(buf []byte) {
	buf = buf[:cap(buf)]
	clear(buf)
	p.pool.Put(&buf)
}

// openLocked returns the clear text of segment n, valid until the next call.
func (c *content) openLocked(n int64) ([]byte, error) {
	for i := range c.kept {
		if c.kept[i].n == n {
			c.turn = (i + 1) % keptSegments
			return c.kept[i].text, nil
		}
	}
	slot := &c.kept[c.turn]
	slot.n = -1
	last := n == segments(c.size)-1
	length := min(segmentSize, c.size-n*segmentSize) + tagSize
	if int64(cap(slot.buf)) < length {
		clear(slot.buf[:cap(slot.buf)]) // nobody wipes it later: the last segment, mostly, which is opened first and short
		slot.buf = openedMemory.get(int(length))
	}
	buf := slot.buf[:length]
	if got, err := c.sealed.ReadAt(buf, n*sealedSegment); int64(got) < length {
		if err == nil || errors.Is(err, io.EOF) {
			err = ErrOpen // fewer octets than the caller said
		}
		return nil, fmt.Errorf("reading a sealed body: %w", err)
	}
	text, err := c.key.aead.Open(buf[:0], c.place.at(n, last), buf, c.place.aad[:])
	if err != nil {
		return nil, fmt.Errorf("opening a body: %w", ErrOpen)
	}
	slot.n, slot.text = n, text
	c.turn = (c.turn + 1) % keptSegments
	return text, nil
}

// Close wipes what is kept in the clear, whose memory others use then. The content
// may be used on; it opens anew. Callers that only know a gateway.Content may leave
// it to the garbage.
func (c *content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kept {
		if buf := c.kept[i].buf; buf != nil {
			openedMemory.put(buf)
		}
		c.kept[i] = opened{n: -1}
	}
	return nil
}

// Format implements fmt.Formatter: no verb shows what is kept.
func (c *content) Format(f fmt.State, _ rune) { redact(f) }

// LogValue implements slog.LogValuer.
func (c *content) LogValue() slog.Value { return redacted() }
