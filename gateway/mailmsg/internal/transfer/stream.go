package transfer

import (
	"bytes"
	"errors"
	"io"
	"sort"
)

// File access without the file in memory: an Index knows where in the encoded
// octets a decoded one comes from, at marks markEvery apart, so that reading
// from the middle decodes no more than that.

const (
	markEvery = 256 << 10 // encoded octets between two marks
	pieceSize = 32 << 10  // encoded octets decoded at once
)

// Index is the map of encoded octets. It is immutable and safe for concurrent
// use as far as its source is.
type Index struct {
	src      io.ReaderAt
	lo, hi   int64 // encoded octets of src
	encoding string
	size     int64 // decoded
	marks    []mark
}

// mark is a place where decoding may begin anew.
type mark struct{ encoded, decoded int64 }

// NewIndex maps src[lo:hi], encoded as "base64", "quoted-printable" or else
// not at all. It decodes the octets once.
func NewIndex(src io.ReaderAt, lo, hi int64, encoding string) (*Index, error) {
	x := &Index{src: src, lo: lo, hi: hi, encoding: encoding, size: hi - lo, marks: []mark{{encoded: lo}}}
	if encoding != "base64" && encoding != "quoted-printable" {
		return x, nil
	}
	r := x.decoder(mark{encoded: lo})
	var n int64
	for {
		if last := x.marks[len(x.marks)-1]; r.clean() && r.at >= last.encoded+markEvery {
			x.marks = append(x.marks, mark{r.at, n})
		}
		piece, err := r.next()
		n += int64(len(piece))
		if errors.Is(err, io.EOF) {
			x.size = n
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Size is the number of decoded octets.
func (x *Index) Size() int64 { return x.size }

// Open returns the decoded octets from the first one on.
func (x *Index) Open() io.ReadSeekCloser {
	if x.encoding != "base64" && x.encoding != "quoted-printable" {
		return plainFile{io.NewSectionReader(x.src, x.lo, x.hi-x.lo)}
	}
	return &file{Index: x}
}

type plainFile struct{ *io.SectionReader }

func (plainFile) Close() error { return nil }

// file reads decoded octets.
type file struct {
	*Index
	at    int64    // decoded
	from  *decoder // nil: a seek happened
	piece []byte   // decoded and not yet read
}

// Seek implements io.Seeker.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the beginning of a file")
	}
	if offset != f.at {
		f.at, f.from, f.piece = offset, nil, nil
	}
	return offset, nil
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	if f.from == nil {
		if err := f.start(); err != nil {
			return 0, err
		}
	}
	for len(f.piece) == 0 {
		var err error
		if f.piece, err = f.from.next(); err != nil && len(f.piece) == 0 {
			return 0, err
		}
	}
	n := copy(p, f.piece)
	f.piece = f.piece[n:]
	f.at += int64(n)
	return n, nil
}

// start begins decoding at the last mark before the place to read.
func (f *file) start() error {
	i := sort.Search(len(f.marks), func(i int) bool { return f.marks[i].decoded > f.at }) - 1
	f.from = f.decoder(f.marks[i])
	for skip := f.at - f.marks[i].decoded; skip > 0; {
		piece, err := f.from.next()
		if err != nil && len(piece) == 0 {
			return err
		}
		n := min(skip, int64(len(piece)))
		f.piece, skip = piece[n:], skip-n
	}
	return nil
}

// Close implements io.Closer; the source stays open.
func (f *file) Close() error { return nil }

// decoder decodes piece by piece from a mark on.
type decoder struct {
	src    io.ReaderAt
	at, hi int64 // encoded octets not yet taken
	base64 bool
	run    run
	buf    []byte
	out    []byte // of the last piece, used again
}

func (x *Index) decoder(m mark) *decoder {
	return &decoder{src: x.src, at: m.encoded, hi: x.hi, base64: x.encoding == "base64", buf: make([]byte, min(pieceSize, x.hi-m.encoded))}
}

// clean reports whether decoding may begin anew at the next encoded octet.
func (d *decoder) clean() bool { return d.run.n == 0 }

// next decodes the next piece; io.EOF comes after or with the last one. The
// result is valid until the next call.
func (d *decoder) next() ([]byte, error) {
	b := d.buf[:min(int64(len(d.buf)), d.hi-d.at)]
	if n, err := d.src.ReadAt(b, d.at); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	last := d.at+int64(len(b)) == d.hi
	if !d.base64 && !last {
		b = b[:wholeLines(b)]
	}
	d.at += int64(len(b))
	d.out = d.out[:0]
	if d.base64 {
		d.out = d.run.decode(d.out, b)
		if last {
			d.out = d.run.flush(d.out)
		}
	} else {
		d.out = appendQuoted(d.out, b)
	}
	if last {
		return d.out, io.EOF
	}
	return d.out, nil
}

// wholeLines is where b can be cut so that both halves decode on their own:
// behind its last line, or, in a line longer than b, before each "=" at the end
// that may need what follows.
func wholeLines(b []byte) int {
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	cut := len(b)
	for {
		i := bytes.LastIndexByte(b[:cut], '=')
		switch {
		case i < 0 || i < cut-2 && len(bytes.TrimLeft(b[i+1:cut], " \t\r")) > 0:
			return cut
		case i == 0:
			return len(b) // nothing but such signs
		}
		cut = i
	}
}
