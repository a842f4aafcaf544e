package mailbox

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// record is a folder itself. It changes with every change of an entry, so that
// its version stands for the whole folder.
type record struct {
	Next   gateway.UID
	Change uint64
	// Counts of all entries.
	Messages, Unseen, Deleted uint32
	Size                      int64
	// Own and OwnSize count of them what the owner put there.
	Own     int   `json:",omitzero"`
	OwnSize int64 `json:",omitzero"`
}

// own reports whether an entry shows nothing but what its owner keeps: before
// everything else there is a head of ours.
func own(e *gateway.MailEntry) bool { return e.Head == "" && e.Inline == "" }

// count adds an entry, or takes it away.
func (r *record) count(e *gateway.MailEntry, by int) {
	r.Messages += uint32(by)
	r.Size += int64(by) * e.Size
	r.countMarks(&e.Marks, by)
	if own(e) { // a record of the time before these were counted has too few
		r.Own, r.OwnSize = max(0, r.Own+by), max(0, r.OwnSize+int64(by)*e.Size)
	}
}

func (r *record) countMarks(m *gateway.Marks, by int) {
	if !m.Seen {
		r.Unseen += uint32(by)
	}
	if m.Deleted {
		r.Deleted += uint32(by)
	}
}

// Marks and entries are not JSON: a folder of 100,000 is read as a whole. The
// octet is their format's, beside those of package store.
const binaryFormat = 2

func marksKey(o Owner, f gateway.Folder, uid gateway.UID) []byte {
	return store.Key(store.Folders, o[:], []byte{byte(f)}, store.Uint32(uint32(uid)))
}

// folderKey is that of a folder's record: the UID that no entry has.
func folderKey(o Owner, f gateway.Folder) []byte { return marksKey(o, f, 0) }

func entryKey(o Owner, f gateway.Folder, uid gateway.UID) []byte {
	return store.Key(store.Entries, o[:], []byte{byte(f)}, store.Uint32(uint32(uid)))
}

// entryRange is of the entries from..to, both counted in, in t.
func entryRange(t store.Table, o Owner, f gateway.Folder, from, to gateway.UID) store.Range {
	r := store.Prefix(t, o[:], []byte{byte(f)})
	r.From = store.Key(t, o[:], []byte{byte(f)}, store.Uint32(uint32(from)))
	if to < math.MaxUint32 {
		r.To = store.Key(t, o[:], []byte{byte(f)}, store.Uint32(uint32(to)+1))
	}
	return r
}

func uidOf(key []byte) gateway.UID {
	if len(key) < 4 {
		return 0
	}
	return gateway.UID(binary.BigEndian.Uint32(key[len(key)-4:]))
}

// The bits of marks.
const (
	bitSeen = 1 << iota
	bitAnswered
	bitFlagged
	bitDeleted
	bitDraft
)

// encodeMarks: format, bits, and each keyword behind its length (1).
func encodeMarks(m *gateway.Marks) []byte {
	var bits byte
	for _, b := range []struct {
		set bool
		bit byte
	}{{m.Seen, bitSeen}, {m.Answered, bitAnswered}, {m.Flagged, bitFlagged}, {m.Deleted, bitDeleted}, {m.Draft, bitDraft}} {
		if b.set {
			bits |= b.bit
		}
	}
	v := []byte{binaryFormat, bits}
	for _, k := range m.Keywords {
		v = append(append(v, byte(len(k))), k...)
	}
	return v
}

// words keeps the lists of keywords that were read, so that entries with the
// same ones share memory. Nobody changes a list.
type words map[string][]string

func (w words) decodeMarks(value []byte) (gateway.Marks, error) {
	if len(value) < 2 || value[0] != binaryFormat {
		return gateway.Marks{}, store.ErrBadRecord
	}
	bits, rest := value[1], value[2:]
	m := gateway.Marks{
		Seen: bits&bitSeen != 0, Answered: bits&bitAnswered != 0, Flagged: bits&bitFlagged != 0,
		Deleted: bits&bitDeleted != 0, Draft: bits&bitDraft != 0,
	}
	if len(rest) == 0 {
		return m, nil
	}
	list, known := w[string(rest)]
	if !known {
		var err error
		if list, err = decodeWords(rest); err != nil {
			return gateway.Marks{}, err
		}
		w[string(rest)] = list
	}
	m.Keywords = list
	return m, nil
}

func decodeWords(raw []byte) ([]string, error) {
	var list []string
	for len(raw) > 0 {
		n := int(raw[0])
		if len(raw) <= n {
			return nil, store.ErrBadRecord
		}
		list = append(list, string(raw[1:1+n]))
		raw = raw[1+n:]
	}
	return list, nil
}

// encodeEntry: format, message (16), time, size, and Head and Inline behind
// their lengths. UID and marks stand elsewhere.
func encodeEntry(e *gateway.MailEntry) []byte {
	v := make([]byte, 0, 64+len(e.Head)+len(e.Inline))
	v = append(append(v, binaryFormat), e.Message[:]...)
	_, offset := e.At.Zone()
	v = binary.AppendVarint(v, e.At.Unix())
	v = binary.AppendVarint(v, int64(e.At.Nanosecond()))
	v = binary.AppendVarint(v, int64(offset))
	v = binary.AppendVarint(v, e.Size)
	for _, text := range []gateway.Sensitive{e.Head, e.Inline} {
		v = binary.AppendVarint(v, int64(len(text)))
		v = append(v, text.Reveal()...)
	}
	return v
}

func decodeEntry(value []byte, e *gateway.MailEntry) error {
	if len(value) < 17 || value[0] != binaryFormat {
		return store.ErrBadRecord
	}
	*e = gateway.MailEntry{Message: gateway.MessageID(value[1:17])}
	d := decoder{rest: value[17:]}
	seconds, nanos, offset := d.number(), d.number(), d.number()
	e.At = time.Unix(seconds, nanos).UTC()
	if offset != 0 {
		e.At = e.At.In(time.FixedZone("", int(offset)))
	}
	e.Size = d.number()
	e.Head, e.Inline = d.text(), d.text()
	if d.bad || len(d.rest) > 0 {
		return store.ErrBadRecord
	}
	return nil
}

// AppendRecord appends p as it is kept: Hidden (1), and of each place folder (1)
// and UID (4). Every reading of a message looks at it.
func (p Places) AppendRecord(b []byte) ([]byte, error) {
	hidden := byte(0)
	if p.Hidden {
		hidden = 1
	}
	b = append(b, hidden)
	for _, at := range p.At {
		b = binary.BigEndian.AppendUint32(append(b, byte(at.Folder)), uint32(at.UID))
	}
	return b, nil
}

// ReadRecord reads what AppendRecord wrote.
func (p *Places) ReadRecord(value []byte) error {
	const size = 5
	if len(value)%size != 1 || value[0] > 1 {
		return store.ErrBadRecord
	}
	*p = Places{Hidden: value[0] == 1}
	for value = value[1:]; len(value) > 0; value = value[size:] {
		p.At = append(p.At, Place{gateway.Folder(value[0]), gateway.UID(binary.BigEndian.Uint32(value[1:]))})
	}
	return nil
}

// decoder reads the parts of a value; after a bad one all are empty.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) number() int64 {
	n, size := binary.Varint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) text() gateway.Sensitive {
	n := d.number()
	if n < 0 || n > int64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return ""
	}
	text := gateway.Sensitive(d.rest[:n])
	d.rest = d.rest[n:]
	return text
}

// tidy orders keywords. What is too much for one entry is refused.
func tidy(m gateway.Marks) (gateway.Marks, error) {
	if len(m.Keywords) == 0 {
		m.Keywords = nil
		return m, nil
	}
	m.Keywords = slices.Clone(m.Keywords)
	slices.Sort(m.Keywords)
	m.Keywords = slices.Compact(m.Keywords)
	if len(m.Keywords) > gateway.MaxKeywords {
		return m, &gateway.FolderError{Code: gateway.FolderLimit, Text: "A message cannot have that many keywords"}
	}
	for _, k := range m.Keywords {
		if k == "" || len(k) > gateway.MaxKeyword {
			return m, &gateway.FolderError{Code: gateway.FolderLimit, Text: "That keyword is too long"}
		}
	}
	return m, nil
}
