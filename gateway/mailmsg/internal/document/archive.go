package document

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"sync"
)

// Limits of all documents of one message together.
const (
	maxMembers = 1000
	maxInflate = 40 << 20
	maxMember  = 24 << 20 // of it by one member
	maxAgain   = 16 << 20
	// A member that grew more than a hundredfold, beyond a size that office
	// documents reach by themselves, is a bomb.
	maxRatio  = 100
	freeRatio = 8 << 20
)

// Budget is what inflating may still cost. One Budget serves one message.
type Budget struct {
	members int
	inflate int64
	again   int64 // octets of text that may stand in more places than one
	heavy   func()
}

// NewBudget returns the budget of one message: 1,000 members, 40 MiB inflated, of
// which one member may take 24, and 16 MiB of text that is repeated by reference. heavy is called before more
// than a little memory is used, maybe often.
func NewBudget(heavy func()) *Budget {
	return &Budget{members: maxMembers, inflate: maxInflate, again: maxAgain, heavy: heavy}
}

// light is what all documents of one message may inflate to, and what one may
// have in octets, before reading it counts as heavy.
const light = 1 << 20

// Trouble is why octets could not be read, or not all of them.
type Trouble uint8

// The troubles.
const (
	Fine       Trouble = iota
	Encrypted          // under a password
	Damaged            // does not parse
	TooMuch            // a limit was met
	Unknown            // a method or structure that is not known here
	Suspicious         // readers may see other members than the directory names
)

// Member is one file of an archive.
type Member struct {
	Name    string
	Data    []byte // what could be read of it
	Trouble Trouble
}

func (b *Budget) member() bool {
	b.members--
	return b.members >= 0
}

// read reads r to its end within the budget. packed is the compressed size.
func (b *Budget) read(r io.Reader, packed int64) ([]byte, Trouble) {
	limit := max(0, min(b.inflate, maxMember, max(packed*maxRatio, freeRatio)))
	data, err := b.readUpTo(r, limit)
	b.inflate -= int64(len(data))
	switch {
	case errors.Is(err, errMore):
		return data, TooMuch
	case err != nil:
		return data, Damaged
	}
	return data, Fine
}

var errMore = errors.New("more than the limit")

// readUpTo reads at most limit octets; errMore says that there are more. Unlike
// io.ReadAll it does not hold a large result twice.
func (b *Budget) readUpTo(r io.Reader, limit int64) ([]byte, error) {
	data := make([]byte, 0, min(limit, 4<<10))
	for {
		if int64(len(data)) == limit {
			var one [1]byte
			switch n, err := io.ReadFull(r, one[:]); {
			case n > 0:
				return data, errMore
			case errors.Is(err, io.EOF):
				return data, nil
			default:
				return data, err
			}
		}
		if len(data) == cap(data) {
			if maxInflate-b.inflate+int64(len(data)) > light {
				b.heavy()
			}
			more := max(int64(cap(data))*2, 4<<10)
			if more > limit/2 {
				more = limit // no second large copy
			}
			data = append(make([]byte, 0, more), data...)
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return data, err
		}
	}
}

// Gunzip inflates a gzip file, all its streams.
func Gunzip(b []byte, budget *Budget) Member {
	if !budget.member() {
		return Member{Trouble: TooMuch}
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return Member{Trouble: Damaged}
	}
	data, trouble := budget.read(z, int64(len(b)))
	return Member{Name: z.Name, Data: data, Trouble: trouble}
}

// Bunzip inflates a bzip2 file.
func Bunzip(b []byte, budget *Budget) Member {
	if !budget.member() {
		return Member{Trouble: TooMuch}
	}
	data, trouble := budget.read(bzip2.NewReader(bytes.NewReader(b)), int64(len(b)))
	return Member{Data: data, Trouble: trouble}
}

// inflateRaw inflates a deflate stream without frame.
func inflateRaw(b []byte, budget *Budget) ([]byte, Trouble) {
	return budget.read(flate.NewReader(bytes.NewReader(b)), int64(len(b)))
}

// inflaters are readers of zlib for the next stream: the window and the tables
// of one are 40 KiB, and a document has a stream for each page.
var inflaters sync.Pool

type inflater struct {
	in   bytes.Reader
	zlib io.Reader
}

// unzlib reads a zlib stream (RFC 1950), until it is done. The error is that of
// what the stream begins with.
func unzlib(b []byte) (*inflater, error) {
	z, ok := inflaters.Get().(*inflater)
	if !ok {
		z = new(inflater)
	}
	z.in.Reset(b)
	var err error
	if z.zlib == nil {
		z.zlib, err = zlib.NewReader(&z.in)
	} else {
		err = z.zlib.(zlib.Resetter).Reset(&z.in, nil)
	}
	if err != nil {
		return nil, err
	}
	return z, nil
}

// Read implements io.Reader.
func (z *inflater) Read(p []byte) (int, error) { return z.zlib.Read(p) }

// done lets the next stream have it. Nothing of this one stays: a window of zeros
// takes the place of the last 32 KiB of its text.
func (z *inflater) done() {
	z.in.Reset(emptyZlib)
	if z.zlib.(zlib.Resetter).Reset(&z.in, zeros[:]) != nil {
		return
	}
	z.in.Reset(nil)
	inflaters.Put(z)
}

// members are what inflateMember returned, for the next member of an archive. Those of
// archive/zip keep the text of the last one.
var members sync.Pool

// memberReader inflates a member of an archive.
type memberReader struct{ io.ReadCloser }

// inflateMember returns a reader of a deflate stream, to be closed once.
func inflateMember(r io.Reader) io.ReadCloser {
	m, ok := members.Get().(*memberReader)
	if !ok {
		return &memberReader{flate.NewReader(r)}
	}
	_ = m.ReadCloser.(flate.Resetter).Reset(r, nil) // has no error
	return m
}

// Close lets the next member have it. Zeros take the place of the window, and, being
// read, of what was read ahead.
func (m *memberReader) Close() error {
	var none [1]byte
	_ = m.ReadCloser.(flate.Resetter).Reset(nought{}, zeros[:])
	_, _ = m.Read(none[:]) // no deflate stream, so it reads no more
	members.Put(m)
	return nil
}

// nought reads as zeros.
type nought struct{}

// Read implements io.Reader.
func (nought) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// zeros are a window of deflate, and emptyZlib is the head of a stream behind which
// they can be put in.
var (
	zeros     [32 << 10]byte
	emptyZlib = []byte{0x78, 0x9c}
)

// EachTar calls f for each file of a tar archive.
func EachTar(b []byte, budget *Budget, f func(Member)) Trouble {
	t := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return Fine
		case err != nil:
			return Damaged
		case !budget.member():
			return TooMuch
		case h.Size > int64(len(b)): // a sparse file need not stand in b
			f(Member{Name: h.Name, Trouble: TooMuch})
			continue
		}
		data, trouble := budget.read(t, h.Size)
		f(Member{Name: h.Name, Data: data, Trouble: trouble})
	}
}

// Unzlib inflates a zlib stream (RFC 1950).
func Unzlib(b []byte, budget *Budget) Member {
	z, err := unzlib(b)
	if err != nil {
		return Member{Trouble: Damaged}
	}
	defer z.done()
	data, trouble := budget.read(z, int64(len(b)))
	return Member{Data: data, Trouble: trouble}
}

// ArchiveEncrypted reports whether a RAR archive says that it is encrypted: as
// a whole, or its first file. 7z hides this in its packed header, so 7z is
// never told to be.
func ArchiveEncrypted(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("Rar!\x1a\x07\x01\x00")):
		// RAR 5: CRC32, header size, header type; 4 is the encryption header.
		return len(b) > 14 && b[13] == 4
	case bytes.HasPrefix(b, []byte("Rar!\x1a\x07\x00")):
		// RAR 4: the archive header at 7 has flag 0x0080 for encrypted headers;
		// the first file header behind it has flag 0x0004.
		const main, flags = 7, 3
		if len(b) < 32 {
			return false
		}
		next := main + int(b[main+5]) + int(b[main+6])<<8
		return b[main+flags]&0x80 != 0 || next+flags < len(b) && b[next+flags]&0x04 != 0
	}
	return false
}

// IsResourceFork knows AppleDouble (RFC 1740), which describes the file beside
// it and holds none itself.
func IsResourceFork(b []byte) bool { return bytes.HasPrefix(b, []byte("\x00\x05\x16\x07")) }
