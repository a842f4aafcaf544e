package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// Format of an export.
type Format uint8

// The formats.
const (
	JSON   Format = iota // an object a line; without Name exactly the leaves of the tree
	Syslog               // RFC 5424, a message a line
)

// ExportOptions say what leaves, and how.
type ExportOptions struct {
	Format Format
	Since  time.Time // records from then on; zero: from the first
	Until  time.Time // records before then; zero: to the last
	Host   string    // HOSTNAME of syslog lines; "": "-"
	// Name tells who a person is, "" when nobody knows any more. nil exports no
	// personal data at all, because records hold none.
	// An export with names is for reading: VerifyExport refuses it.
	Name func(gateway.PersonRef) string
	// Head gets the signed checkpoint of the whole log that is exported, before
	// the first record; nil when the log is empty. With it, VerifyExport proves
	// a whole JSON export.
	Head func(checkpoint []byte) error
}

// Export writes the log as it is now to w, oldest first, and returns how many
// records it wrote; what is staged is not among them. It reads the log in
// pieces, so w may be slow. It stops with an error at a record that is missing
// or cannot be read.
func (l *Log) Export(ctx context.Context, w io.Writer, o ExportOptions) (n int, err error) {
	st, _, err := readState(ctx, l.store)
	if err != nil {
		return 0, fmt.Errorf("exporting evidence: %w", err)
	}
	if o.Head != nil {
		if err := o.Head(st.Head); err != nil {
			return 0, fmt.Errorf("exporting evidence: %w", err)
		}
	}
	out := bufio.NewWriter(w)
	for from := uint64(0); from < st.Size && err == nil; from += chunk {
		var wrote int
		wrote, err = l.exportPart(ctx, out, o, from, min(from+chunk, st.Size))
		n += wrote
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return n, fmt.Errorf("exporting evidence: %w", err)
	}
	return n, nil
}

// Each calls visit for every entry of the log as it is now, oldest first, until
// visit fails; what is staged is not among them.
func (l *Log) Each(ctx context.Context, visit func(Entry) error) error {
	st, _, err := readState(ctx, l.store)
	for from := uint64(0); err == nil && from < st.Size; from += chunk {
		var part []row
		if part, err = rows(ctx, l.store, store.Log, nil, from, min(from+chunk, st.Size)); err != nil {
			break
		}
		for _, r := range part {
			_, e, bad := r.entry()
			if bad == nil {
				bad = visit(e)
			}
			if bad != nil {
				return fmt.Errorf("record %d: %w", r.n, bad)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	return nil
}

// entry reads a row of the log.
func (r row) entry() (leaf json.RawMessage, e Entry, err error) {
	if r.err != nil {
		return nil, e, r.err
	}
	if err := store.Decode(r.value, &leaf); err != nil {
		return nil, e, err
	}
	e, err = parseLeaf(leaf, r.n)
	return leaf, e, err
}

func (l *Log) exportPart(ctx context.Context, out *bufio.Writer, o ExportOptions, from, to uint64) (n int, err error) {
	part, err := rows(ctx, l.store, store.Log, nil, from, to)
	if err != nil {
		return 0, err
	}
	for seq := from; seq < to; seq++ {
		if len(part) == 0 || part[0].n != seq {
			return n, fmt.Errorf("record %d: %w", seq, store.ErrNotFound)
		}
		wrote, err := o.write(out, part[0])
		if err != nil {
			return n, fmt.Errorf("record %d: %w", seq, err)
		}
		n += wrote
		part = part[1:]
	}
	return n, nil
}

// write writes one row, if it is wanted.
func (o *ExportOptions) write(out *bufio.Writer, r row) (int, error) {
	leaf, e, err := r.entry()
	if err != nil {
		return 0, err
	}
	if e.At.Before(o.Since) || !o.Until.IsZero() && !e.At.Before(o.Until) {
		return 0, nil
	}
	line := []byte(leaf)
	switch {
	case o.Format == Syslog:
		line = o.syslog(e)
	case o.Name != nil:
		if line, err = o.named(e); err != nil {
			return 0, err
		}
	}
	_, err = out.Write(append(line, '\n'))
	return 1, err
}

// named is the entry as JSON with the names of its persons behind it. It is
// not a leaf any more.
func (o *ExportOptions) named(e Entry) ([]byte, error) {
	names := make(map[string]string)
	for _, p := range e.Persons {
		if name := o.Name(p); name != "" {
			names[p.String()] = name
		}
	}
	line, err := json.Marshal(struct {
		Entry
		Names map[string]string `json:"names,omitempty"`
	}{e, names})
	if err != nil {
		return nil, fmt.Errorf("encoding evidence: %w", err)
	}
	return line, nil
}

// Parts of a syslog line.
const (
	// priority is facility 13 (log audit) and severity 5 (notice): RFC 5424
	// section 6.2.1.
	priority = 13*8 + 5
	// structuredID names our element. 32473 is the enterprise number that RFC
	// 5612 sets aside for documentation: we own none.
	structuredID  = "gatepost@32473"
	syslogTime    = "2006-01-02T15:04:05.000000Z" // at most six digits, RFC 5424 section 6.2.3
	maxHost       = 255
	maxMessageID  = 32
	maxParamName  = 32
	nothingSyslog = "-"
)

// syslog is the entry as a message of RFC 5424 without free text: everything
// stands in one element of structured data.
func (o *ExportOptions) syslog(e Entry) []byte {
	line := fmt.Appendf(nil, "<%d>1 %s %s gatepost - %s [%s", priority, e.At.UTC().Format(syslogTime),
		printable(o.Host, maxHost), printable(string(e.Event), maxMessageID), structuredID)
	add := func(name, value string) {
		if value != "" {
			line = append(line, ' ')
			line = append(line, name...)
			line = append(line, `="`...)
			line = appendEscaped(line, value)
			line = append(line, '"')
		}
	}
	add("seq", strconv.FormatUint(e.Seq, 10))
	add("actor", e.Actor)
	if !e.Message.IsZero() {
		add("message", e.Message.String())
	}
	add("envelope", e.Envelope)
	if !e.Thread.IsZero() {
		add("thread", e.Thread.String())
	}
	if !e.Link.IsZero() {
		add("link", e.Link.String())
	}
	for _, p := range e.Persons {
		add("person", p.String())
		if o.Name != nil {
			add("name", o.Name(p))
		}
	}
	for _, name := range sortedKeys(e.Detail) {
		add(paramName(name), e.Detail[name])
	}
	return append(line, ']')
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// printable keeps what a header field may hold (RFC 5424 section 6: PRINTUSASCII).
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return nothingSyslog
	}
	return s[:min(len(s), limit)]
}

// paramName makes an SD-NAME (RFC 5424 section 6.3.3) of a detail's key. The
// prefix keeps it apart from ours.
func paramName(key string) string {
	key = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`="]`, r) {
			return '_'
		}
		return r
	}, key)
	key = "detail." + key
	return key[:min(len(key), maxParamName)]
}

// appendEscaped appends a PARAM-VALUE: quote, backslash and closing bracket
// behind a backslash (RFC 5424 section 6.3.3). Control characters, which could
// end the line, become U+FFFD.
func appendEscaped(to []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == ']':
			to = append(to, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u2028' || r == '\u2029':
			to = append(to, "\ufffd"...)
		default:
			to = append(to, string(r)...)
		}
	}
	return to
}
