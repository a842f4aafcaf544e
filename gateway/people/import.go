package people

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"

	"gatepost/gateway"
)

// columns of a contact file, in their usual order. Only email is required;
// columns may come in any order and unknown ones are refused.
var columns = [...]string{"email", "email2", "phone", "language", "name", "pin", "patient", "consents"}

// maxContacts bounds one import.
const maxContacts = 1_000_000

// Import reads contacts as CSV (RFC 4180, with a header line) and returns how
// many persons it changed. The file is checked whole before the first change.
// Errors name the line and the column, never the value.
func (d *Directory) Import(ctx context.Context, r io.Reader, actor string) (int, error) {
	rows, err := d.parseContacts(r)
	if err != nil {
		return 0, err
	}
	for i, row := range rows {
		if err := d.Update(ctx, row.Address, actor, func(p *Person) { merge(p, row) }); err != nil {
			return i, fmt.Errorf("importing contact %d of %d: %w", i+1, len(rows), err)
		}
	}
	return len(rows), nil
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

func (d *Directory) parseContacts(r io.Reader) ([]Person, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, errors.New("contacts: no header line")
	}
	names := slices.Clone(head)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns[:], names[i]) {
			return nil, fmt.Errorf("contacts: line 1, column %d: unknown column (known: %s)", i+1, strings.Join(columns[:], ", "))
		}
	}
	if !slices.Contains(names, "email") {
		return nil, errors.New("contacts: line 1: column email is missing")
	}
	var rows []Person
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, fmt.Errorf("contacts: line %d: not valid CSV", line)
		}
		if len(rows) == maxContacts {
			return nil, fmt.Errorf("contacts: more than %d lines", maxContacts)
		}
		var p Person
		for i, value := range fields {
			if err := d.setColumn(&p, names[i], strings.TrimSpace(value)); err != nil {
				return nil, fmt.Errorf("contacts: line %d, column %s: %w", line, names[i], err)
			}
		}
		if p.Address.IsNull() {
			return nil, fmt.Errorf("contacts: line %d, column email: empty", line)
		}
		rows = append(rows, p)
	}
}

func (d *Directory) setColumn(p *Person, column, value string) (err error) {
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
		if strings.ContainsAny(value, "\r\n\x00") || len(value) > 200 {
			return errors.New("not a name")
		}
		p.Name = gateway.Sensitive(value)
	case "pin":
		if !validPIN(value) {
			return errors.New("a PIN has 6 to 12 digits")
		}
		p.PIN, err = d.hash(value)
	case "patient":
		p.Patient, err = parseBool(value)
	case "consents":
		for c := range strings.SplitSeq(value, ";") {
			if c = strings.TrimSpace(c); c != "" {
				p.Consents = append(p.Consents, c)
			}
		}
	}
	return err
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
	return len(s) >= 6 && len(s) <= 12
}

func parsePhone(s string) (gateway.Sensitive, error) {
	n, err := phonenumbers.Parse(s, "ZZ") // no default country: "+" is required
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", errors.New("not a telephone number with country code, such as +15551234567")
	}
	return gateway.Sensitive(phonenumbers.Format(n, phonenumbers.E164)), nil
}
