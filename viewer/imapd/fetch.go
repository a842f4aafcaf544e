package imapd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// Messages that are looked at together: of which only the list is shown, of
// which octets are, and that are searched.
const (
	listBatch   = 500
	readBatch   = 100
	searchBatch = 200
)

// fetch is a FETCH under way. Its answers do not go through go-imap: they are
// written as they are kept, octets of messages without a copy.
type fetch struct {
	s        *session
	b        *box
	o        *imap.FetchOptions
	sections []section
	body     bool // BODY
	full     bool // BODYSTRUCTURE
	seen     bool // octets are read in earnest: \Seen is set
	whole    bool // only whole messages are asked for, which takes no layout
	out      []byte
}

// section is a body section that was asked for.
type section struct {
	body   *imap.FetchItemBodySection
	binary *imap.FetchItemBinarySection
	size   *imap.FetchItemBinarySectionSize
	name   string // with the origin
}

// item is one message of a FETCH.
type item struct {
	place  int
	uid    gateway.UID
	row    *row
	layout *gateway.Layout
	pieces []piece // of the sections
	opens  bool    // octets of the message are needed
	grant  gateway.Grant
	told   bool // its marks changed and are to be told
}

// Fetch implements imapserver.Session.
func (s *session) Fetch(_ *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	f := &fetch{s: s, b: s.selected(), o: o}
	if err := f.plan(); err != nil {
		return err
	}
	places := f.b.positions(set)
	s.c.raise(true)
	defer s.c.raise(false)
	size := listBatch
	if len(f.sections) > 0 {
		size = readBatch
	}
	for len(places) > 0 {
		n := min(size, len(places))
		if err := f.batch(places[:n]); err != nil {
			_ = f.send() // whole answers to the messages before
			return s.answer(err)
		}
		places = places[n:]
	}
	return f.send()
}

// plan prepares what is the same for every message.
func (f *fetch) plan() error {
	o := f.o
	if len(o.BodySection)+len(o.BinarySection)+len(o.BinarySectionSize) > maxSections {
		return bad("Too many sections")
	}
	f.body, f.full = structuresOf(f.s.c.now.rest, o)
	names := olderNames(f.s.c.now.rest)
	for i, b := range o.BodySection {
		name := bodyName(b)
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		f.sections = append(f.sections, section{body: b, name: name})
		f.seen = f.seen || !b.Peek
	}
	for _, b := range o.BinarySection {
		f.sections = append(f.sections, section{binary: b, name: "BINARY[" + number(b.Part) + "]" + origin(b.Partial)})
		f.seen = f.seen || !b.Peek
	}
	for _, b := range o.BinarySectionSize {
		f.sections = append(f.sections, section{size: b, name: "BINARY.SIZE[" + number(b.Part) + "]"})
	}
	f.seen = f.seen && !f.b.readOnly
	f.whole = len(f.sections) == len(o.BodySection) && !slices.ContainsFunc(o.BodySection, func(b *imap.FetchItemBodySection) bool {
		return len(b.Part) > 0 || b.Specifier != imap.PartSpecifierNone
	})
	return nil
}

// bodyName is how a section is called in the answer.
func bodyName(s *imap.FetchItemBodySection) string {
	var b strings.Builder
	b.WriteString("BODY[" + number(s.Part))
	if s.Specifier != imap.PartSpecifierNone {
		if len(s.Part) > 0 {
			b.WriteByte('.')
		}
		b.WriteString(string(s.Specifier))
		list, not := s.HeaderFields, ""
		if len(list) == 0 {
			list, not = s.HeaderFieldsNot, ".NOT"
		}
		if len(list) > 0 {
			b.WriteString(".FIELDS" + not + " (")
			for i, name := range list {
				if i > 0 {
					b.WriteByte(' ')
				}
				b.Write(atomOrText(name))
			}
			b.WriteByte(')')
		}
	}
	return b.String() + "]" + origin(s.Partial)
}

// atomOrText spells the name of a field as clients expect it: bare.
func atomOrText(name string) []byte {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return text(nil, name)
		}
	}
	return []byte(name)
}

func number(part []int) string {
	var b []byte
	for i, n := range part {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return string(b)
}

func origin(p *imap.SectionPartial) string {
	if p == nil {
		return ""
	}
	return "<" + strconv.FormatInt(p.Offset, 10) + ">"
}

// batch answers for some messages.
func (f *fetch) batch(places []int) error {
	ctx, cancel := f.s.work()
	defer cancel()
	items, err := f.load(ctx, places)
	if err != nil {
		return err
	}
	if items, err = f.grants(ctx, items); err != nil {
		return err
	}
	if err := f.markSeen(items); err != nil {
		return err
	}
	ahead := f.openAhead(ctx, items)
	defer ahead.stop()
	for i := range items {
		o, err := ahead.next(i)
		if err != nil {
			return err
		}
		err = f.answer(o, &items[i])
		if closed := o.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load finds what is listed of the messages. Those that are gone are left out
// where more is asked for than is known of them.
func (f *fetch) load(ctx context.Context, places []int) ([]item, error) {
	items := make([]item, len(places))
	for n, i := range places {
		items[n] = item{place: i, uid: f.b.view.UIDs[i]}
	}
	outline := f.o.Envelope || f.body || f.full
	if !outline && !f.o.InternalDate && !f.o.RFC822Size && len(f.sections) == 0 {
		return items, nil
	}
	done, err := f.s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := f.s.rowsOf(ctx, f.b, items, outline); err != nil {
		return nil, err
	}
	there := items[:0]
	for _, it := range items {
		if it.row != nil {
			there = append(there, it)
		}
	}
	if len(f.sections) == 0 {
		return there, nil
	}
	if f.whole {
		for i := range there {
			there[i].layout = bare(&there[i].row.entry)
		}
	} else if err := f.s.layoutsOf(ctx, f.b, there); err != nil {
		return nil, err
	}
	for i := range there {
		f.locate(&there[i])
	}
	return there, nil
}

// locate finds the sections in the layout of a message.
func (f *fetch) locate(it *item) {
	it.pieces = make([]piece, len(f.sections))
	for n, s := range f.sections {
		switch {
		case s.body != nil:
			it.pieces[n] = find(it.layout, s.body)
		case s.binary != nil:
			it.pieces[n] = findBinary(it.layout, s.binary.Part)
		default:
			it.pieces[n] = findBinary(it.layout, s.size.Part)
		}
		if p := it.pieces[n]; !p.known && !p.missing {
			it.opens = true
		}
	}
}

// grants asks for the octets of those messages whose octets are needed: the
// evidence of all these reads is one commit. What went, or was taken back, since
// it was listed is left out, as what left the folder is: its UID never showed
// anything else, and the client hears in a moment that it is gone.
func (f *fetch) grants(ctx context.Context, items []item) ([]item, error) {
	var entries []gateway.MailEntry
	for i := range items {
		if items[i].asks() {
			entries = append(entries, items[i].row.entry)
		}
	}
	if len(entries) == 0 {
		return items, nil
	}
	granted, err := f.s.srv.mail.MailRead(ctx, f.s.account, f.b.folder, entries)
	if err != nil {
		return nil, err
	}
	if len(granted) != len(entries) {
		return nil, fmt.Errorf("reading %d messages: %d grants", len(entries), len(granted))
	}
	readable := items[:0]
	for _, it := range items {
		if it.asks() {
			it.grant, granted = granted[0], granted[1:]
			if it.grant.Message.IsZero() {
				continue
			}
		}
		readable = append(readable, it)
	}
	return readable, nil
}

// asks reports whether a grant is needed to answer for an item.
func (it *item) asks() bool {
	return it.opens && sealed(&it.row.entry)
}

// markSeen marks what is read in earnest.
func (f *fetch) markSeen(items []item) error {
	if !f.seen {
		return nil
	}
	var uids []gateway.UID
	for i := range items {
		if m := f.b.marks(items[i].place); !m.Seen {
			items[i].told = true
			uids = append(uids, items[i].uid)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	change := gateway.MarksChange{Add: gateway.Marks{Seen: true}}
	if err := f.s.mark(f.b, uids, change); err != nil {
		return err
	}
	for i := range items {
		if items[i].told {
			f.b.tell(items[i].uid, change.Apply(f.b.marks(items[i].place)))
		}
	}
	return nil
}

// answer writes one FETCH response, of which o has the octets.
func (f *fetch) answer(o *octets, it *item) error {
	f.out = append(f.out, "* "...)
	f.out = strconv.AppendUint(f.out, uint64(it.place+1), 10)
	f.out = append(f.out, " FETCH "...)
	between := byte('(')
	put := func(name string) {
		f.out = append(f.out, between)
		f.out = append(append(f.out, name...), ' ')
		between = ' '
	}
	if f.o.UID {
		put("UID")
		f.out = strconv.AppendUint(f.out, uint64(it.uid), 10)
	}
	if f.o.Flags || it.told {
		put("FLAGS")
		f.out = appendFlags(f.out, f.b.marks(it.place))
	}
	f.listed(it, put)
	for n := range f.sections {
		put(f.sections[n].name)
		if err := f.section(o, it, n); err != nil {
			return err
		}
	}
	if between == '(' {
		f.out = append(f.out, '(')
	}
	f.out = append(f.out, ")\r\n"...)
	if len(f.out) >= outBuffer {
		return f.send()
	}
	return nil
}

// listed writes what the row knows.
func (f *fetch) listed(it *item, put func(string)) {
	if f.o.InternalDate {
		put("INTERNALDATE")
		f.out = appendTime(f.out, it.row.at)
	}
	if f.o.RFC822Size {
		put("RFC822.SIZE")
		f.out = strconv.AppendInt(f.out, it.row.size, 10)
	}
	if f.o.Envelope {
		put("ENVELOPE")
		f.out = append(f.out, it.row.envelope...)
	}
	if f.body {
		put("BODY")
		f.out = append(f.out, it.row.body...)
	}
	if f.full {
		put("BODYSTRUCTURE")
		f.out = append(f.out, it.row.structure...)
	}
}

// send hands over what was written so far.
func (f *fetch) send() error {
	err := f.s.c.emit(f.out)
	f.out = f.out[:0]
	return err
}

// appendFlags appends a list of flags.
func appendFlags(b []byte, m gateway.Marks) []byte {
	b = append(b, '(')
	n := len(b)
	for _, f := range [...]struct {
		on   bool
		flag string
	}{{m.Answered, `\Answered `}, {m.Flagged, `\Flagged `}, {m.Deleted, `\Deleted `}, {m.Seen, `\Seen `}, {m.Draft, `\Draft `}} {
		if f.on {
			b = append(b, f.flag...)
		}
	}
	for _, k := range m.Keywords {
		b = append(append(b, k...), ' ')
	}
	if len(b) > n {
		b = b[:len(b)-1]
	}
	return append(b, ')')
}
