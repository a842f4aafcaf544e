package people

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"

	"gatepost/gateway"
)

// columns of a contact file, in their usual order. Only email is required;
// columns may come in any order and unknown ones are refused.
var columns = [...]string{"email", "email2", "phone", "language", "name", "pin", "patient", "consents"}

// Limits of one import.
const (
	maxContacts = 1_000_000 // lines
	maxImport   = 256 << 20 // octets of the file
	maxLine     = 64 << 10  // octets of one record
	maxText     = 200       // octets of a name
	maxConsents = 32        // of a person
	maxConsent  = 64        // octets of a consent's name
)

// Import reads contacts as CSV (RFC 4180, with a header line) and returns how
// many persons it changed. The file is checked whole before the first change.
// Errors name the line and the column, never the value.
func (d *Directory) Import(ctx context.Context, r io.Reader, actor string) (int, error) {
	rows, err := d.parseContacts(ctx, r)
	if err != nil {
		return 0, err
	}
	for i, row := range rows {
		err := d.telephone(ctx, row, actor)
		if err == nil {
			err = d.Update(ctx, row.Address, actor, func(p *Person) { merge(p, row) })
		}
		if err != nil {
			return i, fmt.Errorf("importing contact %d of %d: %w", i+1, len(rows), err)
		}
	}
	return len(rows), nil
}

// telephone makes a contact's telephone a correspondent with the contact's
// mailbox as its other channel, and takes that from the telephone that they had
// before. A telephone that several contacts share has no other channel: a code
// must not reach the mailbox of another member of the family.
func (d *Directory) telephone(ctx context.Context, row Person, actor string) error {
	if row.Phone == "" {
		return nil
	}
	known, err := d.Find(ctx, row.Address)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	if known.Phone != "" && known.Phone != row.Phone {
		if err := d.hangUp(ctx, known, actor); err != nil {
			return err
		}
	}
	phone, err := gateway.PhoneAddress(row.Phone.Reveal())
	if err != nil {
		return err
	}
	row.Phone, row.PIN = "", nil // a PIN is the person's: it opens what went to their mailbox
	return d.Update(ctx, phone, actor, func(p *Person) {
		other := row.Address
		if p.Shared || !p.Second.IsNull() && p.Second.Key() != other.Key() {
			p.Shared, other = true, gateway.Address{}
		}
		row.Second = gateway.Address{}
		merge(p, row)
		p.Second = other
	})
}

// hangUp takes a contact's mailbox from the telephone that was theirs.
func (d *Directory) hangUp(ctx context.Context, p Person, actor string) error {
	phone, err := gateway.PhoneAddress(p.Phone.Reveal())
	if err != nil {
		return nil
	}
	before, err := d.Find(ctx, phone)
	if errors.Is(err, ErrUnknown) || err == nil && before.Second.Key() != p.Address.Key() {
		return nil
	}
	if err != nil {
		return err
	}
	return d.Update(ctx, phone, actor, func(old *Person) {
		if old.Second.Key() == p.Address.Key() {
			old.Second = gateway.Address{}
		}
	})
}

// merge replaces what the file says and keeps what it leaves empty.
func merge(p *Person, row Person) {
	if !row.Second.IsNull() {
		p.Second = row.Second
	}
	if row.Phone != "" {
		p.Phone = row.Phone
	}
	if row.Language != "" {
		p.Language = row.Language
	}
	if row.Name != "" {
		p.Name = row.Name
	}
	if row.PIN != nil {
		p.PIN = row.PIN
	}
	p.Patient = p.Patient || row.Patient
	if row.Consents != nil {
		p.Consents = row.Consents
	}
}

// parseContacts reads a whole file.
func (d *Directory) parseContacts(ctx context.Context, r io.Reader) ([]Person, error) {
	limited := &io.LimitedReader{R: r, N: maxImport + 1}
	in := csv.NewReader(&lineLimit{r: limited})
	in.ReuseRecord = true
	names, err := parseHeader(in)
	if err != nil {
		return nil, err
	}
	var rows []Person
	lines := make(map[string]int) // of each address
	for {
		fields, err := in.Read()
		switch {
		case limited.N <= 0:
			return nil, fmt.Errorf("contacts: more than %d MiB", maxImport>>20)
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, notCSV(err)
		case len(rows) == maxContacts:
			return nil, fmt.Errorf("contacts: more than %d lines", maxContacts)
		}
		line, _ := in.FieldPos(0)
		p, err := d.parseRow(ctx, names, fields)
		if err != nil {
			return nil, fmt.Errorf("contacts: line %d, %w", line, err)
		}
		if first, twice := lines[p.Address.Key()]; twice {
			return nil, fmt.Errorf("contacts: line %d, column email: the address stands in line %d already", line, first)
		}
		lines[p.Address.Key()] = line
		rows = append(rows, p)
	}
}

// parseHeader reads the first line: which column stands where.
func parseHeader(in *csv.Reader) ([]string, error) {
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("contacts: line 1: the line with the names of the columns is missing")
	}
	if err != nil {
		return nil, notCSV(err)
	}
	names := slices.Clone(head)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns[:], names[i]) {
			return nil, fmt.Errorf("contacts: line 1, column %d: unknown column (known: %s)", i+1, strings.Join(columns[:], ", "))
		}
		if slices.Contains(names[:i], names[i]) {
			return nil, fmt.Errorf("contacts: line 1, column %d: %s stands there twice", i+1, names[i])
		}
	}
	if !slices.Contains(names, "email") {
		return nil, errors.New("contacts: line 1: column email is missing")
	}
	return names, nil
}

// notCSV says where a file is no CSV. The reader's own words could quote it.
func notCSV(err error) error {
	var at *csv.ParseError
	switch {
	case errors.Is(err, errLongLine):
		return fmt.Errorf("contacts: a line of more than %d KiB (a quote that does not end?)", maxLine>>10)
	case !errors.As(err, &at):
		return fmt.Errorf("contacts: reading: %w", err)
	case errors.Is(at.Err, csv.ErrFieldCount):
		return fmt.Errorf("contacts: line %d: not as many fields as line 1 has columns", at.Line)
	case errors.Is(at.Err, csv.ErrQuote):
		return fmt.Errorf("contacts: line %d: a quote that does not end, or something behind it", at.StartLine)
	}
	return fmt.Errorf("contacts: line %d: not valid CSV (a quote in a field without quotes?)", at.Line)
}

// errLongLine: one record would take too much memory.
var errLongLine = errors.New("line is too long")

// lineLimit reads until more than maxLine octets come without a line feed
// outside of quotes.
type lineLimit struct {
	r      io.Reader
	quoted bool
	length int
}

// Read implements io.Reader.
func (l *lineLimit) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, c := range p[:n] {
		l.length++
		if c == '"' {
			l.quoted = !l.quoted
		}
		if c == '\n' && !l.quoted {
			l.length = 0
		}
		if l.length > maxLine {
			return 0, errLongLine
		}
	}
	return n, err
}

// parseRow reads one line. Its error begins with the column.
func (d *Directory) parseRow(ctx context.Context, names, fields []string) (Person, error) {
	var p Person
	for i, value := range fields {
		if err := d.setColumn(ctx, &p, names[i], strings.TrimSpace(value)); err != nil {
			return Person{}, fmt.Errorf("column %s: %w", names[i], err)
		}
	}
	if p.Address.IsNull() {
		return Person{}, errors.New("column email: empty")
	}
	return p, nil
}

func (d *Directory) setColumn(ctx context.Context, p *Person, column, value string) (err error) {
	if value == "" {
		return nil
	}
	switch column {
	case "email":
		p.Address, err = gateway.ParseAddress(value)
	case "email2":
		p.Second, err = gateway.ParseAddress(value)
	case "phone":
		p.Phone, err = parsePhone(value)
	case "language":
		var tag language.Tag
		if tag, err = language.Parse(value); err != nil {
			return errors.New("not a language tag such as en or es-MX")
		}
		p.Language = tag.String()
	case "name":
		if !plain(value, maxText) {
			return fmt.Errorf("not a name: at most %d octets of UTF-8 without control characters", maxText)
		}
		p.Name = gateway.Sensitive(value)
	case "pin":
		if !validPIN(value) {
			return errors.New("a PIN has 6 to 12 digits")
		}
		p.PIN, err = d.hash(ctx, value)
	case "patient":
		p.Patient, err = parseBool(value)
	case "consents":
		p.Consents, err = parseConsents(value)
	}
	return err
}

// parseConsents reads names separated by semicolons.
func parseConsents(value string) (names []string, err error) {
	for name := range strings.SplitSeq(value, ";") {
		name = strings.TrimSpace(name)
		if !plain(name, maxConsent) || len(names) == maxConsents {
			return nil, fmt.Errorf("at most %d names of at most %d octets each", maxConsents, maxConsent)
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// plain reports whether s is short UTF-8 without control characters.
func plain(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("true or false is expected")
}

func validPIN(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= minPIN && len(s) <= maxPIN
}

func parsePhone(s string) (gateway.Sensitive, error) {
	n, err := phonenumbers.Parse(s, "ZZ") // no default country: "+" is required
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", errors.New("not a telephone number with country code, such as +15551234567")
	}
	return gateway.Sensitive(phonenumbers.Format(n, phonenumbers.E164)), nil
}
