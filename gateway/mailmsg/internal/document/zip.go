package document

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
)

// Zip is an opened ZIP archive.
type Zip struct {
	raw    []byte
	files  []*zip.File
	stray  []int // local headers that the directory does not name
	notes  []string
	damage Trouble
}

const (
	localMagic  = "PK\x03\x04"
	localHeader = 30
	methodBzip2 = 12 // APPNOTE section 4.4.5
	maxStray    = 64
	// maxDirectory bounds the entries of directories, those of archives that are
	// stored within included: each takes memory before any member is read.
	maxDirectory = 20_000
)

// directoryEntries counts what may be entries of a directory.
func directoryEntries(b []byte) int { return bytes.Count(b, []byte("PK\x01\x02")) }

// OpenZip reads the directory of an archive. Without a usable directory the
// local headers are what is left to read, and Trouble says Damaged.
func OpenZip(b []byte) *Zip {
	z := &Zip{raw: b}
	if directoryEntries(b) > maxDirectory {
		z.damage = TooMuch
		return z
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		z.damage = Damaged
		z.stray = locals(b, 0, len(b), nil)
		return z
	}
	r.RegisterDecompressor(methodBzip2, func(in io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(in)) })
	r.RegisterDecompressor(zip.Deflate, inflateMember)
	z.files = r.File
	z.notes = append(z.notes, r.Comment)
	for _, f := range r.File {
		z.notes = append(z.notes, f.Comment)
	}
	z.layout()
	return z
}

// Trouble is what is wrong with the archive as a whole.
func (z *Zip) Trouble() Trouble { return z.damage }

// Comments are those of the archive and of its members, a line each.
func (z *Zip) Comments() string { return strings.TrimSpace(strings.Join(z.notes, "\n")) }

// Has reports whether a member has one of the names.
func (z *Zip) Has(names ...string) bool {
	return slices.ContainsFunc(z.files, func(f *zip.File) bool { return slices.Contains(names, f.Name) })
}

// span is where the data of a member lies.
type span struct{ from, to int64 }

// layout compares the directory with what lies in the file: members that
// overlap are a bomb, local headers between them are members that other
// readers see.
func (z *Zip) layout() {
	spans := make([]span, 0, len(z.files))
	for _, f := range z.files {
		from, err := f.DataOffset()
		if err != nil {
			z.damage = Damaged
			continue
		}
		spans = append(spans, span{from, from + int64(min(f.CompressedSize64, uint64(len(z.raw))))})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	last := int64(0)
	for _, s := range spans {
		if s.from < last {
			z.damage = Suspicious
		}
		z.gap(last, s.from, 1)
		last = max(last, s.to)
	}
	z.gap(last, int64(len(z.raw)), 0)
	if len(z.stray) > 0 {
		z.damage = Suspicious
	}
}

// gap looks for local headers between two members, of which known belong to
// the member behind the gap.
func (z *Zip) gap(from, to int64, known int) {
	if from >= to || to > int64(len(z.raw)) || len(z.stray) >= maxStray {
		return
	}
	found := locals(z.raw, int(from), int(to), nil)
	if len(found) > known {
		z.stray = append(z.stray, found[:len(found)-known]...)
	}
}

func locals(b []byte, from, to int, list []int) []int {
	for from < to && len(list) < maxStray {
		i := bytes.Index(b[from:to], []byte(localMagic))
		if i < 0 {
			break
		}
		list = append(list, from+i)
		from += i + len(localMagic)
	}
	return list
}

// Each calls f for each member: first those of the directory, then strays.
func (z *Zip) Each(budget *Budget, f func(Member)) Trouble {
	for _, file := range z.files {
		if !budget.member() {
			return TooMuch
		}
		if strings.HasSuffix(file.Name, "/") && file.UncompressedSize64 == 0 {
			f(Member{Name: file.Name})
			continue
		}
		f(z.member(file, budget))
	}
	for _, at := range z.stray {
		if !budget.member() {
			return TooMuch
		}
		if m, ok := z.local(at, budget); ok {
			f(m)
		}
	}
	return Fine
}

func (z *Zip) member(file *zip.File, budget *Budget) Member {
	m := Member{Name: file.Name}
	if file.Flags&1 != 0 {
		m.Trouble = Encrypted
		return m
	}
	r, err := file.Open()
	switch {
	case errors.Is(err, zip.ErrAlgorithm):
		m.Trouble = Unknown
		return m
	case err != nil:
		m.Trouble = Damaged
		return m
	}
	defer r.Close()
	m.Data, m.Trouble = budget.read(r, int64(min(file.CompressedSize64, uint64(len(z.raw)))))
	return m
}

// local reads a member by its local header alone (APPNOTE section 4.3.7).
func (z *Zip) local(at int, budget *Budget) (Member, bool) {
	b := z.raw[at:]
	if len(b) < localHeader {
		return Member{}, false
	}
	flags, method := binary.LittleEndian.Uint16(b[6:]), binary.LittleEndian.Uint16(b[8:])
	packed := int(binary.LittleEndian.Uint32(b[18:]))
	name := int(binary.LittleEndian.Uint16(b[26:]))
	data := localHeader + name + int(binary.LittleEndian.Uint16(b[28:]))
	if data > len(b) {
		return Member{}, false
	}
	m := Member{Name: string(b[localHeader : localHeader+name])}
	b = b[data:]
	if packed > 0 && packed < len(b) {
		b = b[:packed]
	}
	switch {
	case flags&1 != 0:
		m.Trouble = Encrypted
	case method == zip.Store:
		m.Data, m.Trouble = budget.read(bytes.NewReader(b), int64(len(b)))
	case method == zip.Deflate:
		m.Data, m.Trouble = inflateRaw(b, budget)
	default:
		m.Trouble = Unknown
	}
	return m, true
}
