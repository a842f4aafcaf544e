package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"gatepost/gateway"
)

// A sealed body is a row of segments. All but the last hold exactly
// segmentSize octets, the last holds 1 to segmentSize, or none when the whole
// body is empty. Each is sealed with AES-256-GCM under the data key:
//
//	nonce  3 zero octets, segment number (8, big-endian), last flag (1)
//	AAD    bodyLabel, message id
//
// This is the STREAM construction: a segment opens only at its own place, in
// its own message, and the end of the body only as the end. Nonces are not
// random, so a data key seals one body and never a second.
const (
	segmentSize   = 64 << 10
	tagSize       = 16
	nonceSize     = 12
	sealedSegment = segmentSize + tagSize
	bodyLabel     = "gatepost body 1"
)

// segments is the number of segments of a body of n octets.
func segments(n int64) int64 { return max(1, (n+segmentSize-1)/segmentSize) }

// openedSize is the number of octets of a body by its size when sealed; ok is
// false for a size that no sealed body has.
func openedSize(sealed int64) (n int64, ok bool) {
	full, rest := sealed/sealedSegment, sealed%sealedSegment
	switch {
	case sealed < tagSize || sealed > 1<<62:
		return 0, false
	case rest == 0:
		return full * segmentSize, true
	case rest <= tagSize && full > 0 || rest < tagSize:
		return 0, false
	}
	return full*segmentSize + rest - tagSize, true
}

// place is the nonce and the additional data of a segment, in one piece of
// memory that is used for every segment.
type place struct {
	nonce [nonceSize]byte
	aad   [len(bodyLabel) + len(gateway.MessageID{})]byte
}

func newPlace(id gateway.MessageID) *place {
	p := new(place)
	copy(p.aad[copy(p.aad[:], bodyLabel):], id[:])
	return p
}

// at sets the nonce for segment n.
func (p *place) at(n int64, last bool) []byte {
	binary.BigEndian.PutUint64(p.nonce[3:], uint64(n))
	p.nonce[nonceSize-1] = 0
	if last {
		p.nonce[nonceSize-1] = 1
	}
	return p.nonce[:]
}

// segment is the memory of one segment, sealed or open.
type segment [sealedSegment]byte

// segmentPool keeps segments for the next body. What is clear in them is wiped
// before they are put back.
type segmentPool struct{ pool sync.Pool }

func (p *segmentPool) get() *segment {
	if s, ok := p.pool.Get().(*segment); ok {
		return s
	}
	return new(segment)
}

func (p *segmentPool) put(s *segment, used int) {
	clear(s[:used])
	p.pool.Put(s)
}

// bodyWriter seals what is written to it.
type bodyWriter struct {
	to    io.Writer
	key   *dataKey
	place *place
	pool  *segmentPool
	buf   *segment // nil once closed
	fill  int      // octets of buf that wait; all others are sealed ones
	n     int64    // number of the next segment
	err   error    // sticky
}

// errBodyClosed is returned for a Write after Close.
var errBodyClosed = errors.New("seal: body is closed")

// Encrypt returns a writer that seals a body with k for message id and writes
// the sealed octets to w, a segment at a time. Close seals the end and must be
// called; it does not close w. A body that is not closed does not open.
// Errors, also of k, come from Write and Close. Not for concurrent use.
func (s *Sealer) Encrypt(w io.Writer, k Key, id gateway.MessageID) io.WriteCloser {
	b := &bodyWriter{to: w, key: k.k, place: newPlace(id), pool: &s.segments, buf: s.segments.get()}
	switch {
	case !k.alive():
		b.err = ErrUnknownKey
	case !k.k.used.CompareAndSwap(false, true):
		b.err = ErrKeyUsed
	}
	return b
}

// Write seals p. A full segment stays behind until more comes, because only
// then is it known not to be the last.
func (b *bodyWriter) Write(p []byte) (int, error) {
	written := 0
	for b.err == nil && len(p) > 0 {
		if b.buf == nil {
			return written, errBodyClosed
		}
		if b.fill == segmentSize {
			b.flush(b.buf[:segmentSize], false)
			continue
		}
		var n int
		if b.fill == 0 && len(p) > segmentSize {
			n = segmentSize
			b.flush(p[:n], false)
		} else {
			n = copy(b.buf[b.fill:segmentSize], p)
			b.fill += n
		}
		written += n
		p = p[n:]
	}
	return written, b.err
}

// flush seals a segment, which is what waits or nothing waits, and writes it.
func (b *bodyWriter) flush(text []byte, last bool) {
	sealed := b.key.aead.Seal(b.buf[:0], b.place.at(b.n, last), text, b.place.aad[:])
	n, err := b.to.Write(sealed)
	if err == nil && n < len(sealed) {
		err = io.ErrShortWrite
	}
	if err != nil {
		b.err = fmt.Errorf("writing a sealed body: %w", err)
	}
	b.n++
	b.fill = 0
}

// Close seals the last segment. A second Close returns what the first did.
func (b *bodyWriter) Close() error {
	if b.buf == nil {
		return b.err
	}
	if b.err == nil {
		b.flush(b.buf[:b.fill], true)
	}
	b.pool.put(b.buf, b.fill)
	b.buf = nil
	return b.err
}

// Format implements fmt.Formatter: the buffer holds clear text.
func (b *bodyWriter) Format(f fmt.State, _ rune) { redact(f) }
