package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gatepost/store"
	"gatepost/store/storetest"
)

func (d *Directory) importText(t testing.TB, text string) (int, error) {
	t.Helper()
	return d.Import(t.Context(), strings.NewReader(text), "uid:0")
}

func TestImport(t *testing.T) {
	mem := storetest.NewMemory()
	d, _ := newDirectory(mem)
	n, err := d.importText(t, "\ufeffEmail , phone,language,name,pin,patient,consents,email2\r\n"+
		"pat@out.example,+1 (555) 123-4567,es-mx,\"Pat, \"\"P\"\" Díaz\",123456,true,treatment; billing;treatment,second@other.example\r\n"+
		"\r\n"+
		"lee@out.example,,,,,,,\r\n")
	check(t, err)
	p, err := d.Find(t.Context(), address("pat@out.example"))
	check(t, err)
	if n != 2 || p.Phone != "+15551234567" || p.Language != "es-MX" || p.Name != `Pat, "P" Díaz` || !p.Patient || !p.Known() ||
		!p.HasConsent("billing") || len(p.Consents) != 2 || p.Second != address("second@other.example") {
		t.Errorf("%d contacts, %s %s", n, p.Phone.Reveal(), p.Language)
	}
	ok, err := d.matches(t.Context(), "", p.PIN, "123456")
	if err != nil || !ok {
		t.Errorf("the PIN does not match: %v", err)
	}
	// What a later file leaves empty stays.
	_, err = d.importText(t, "email,language,phone\npat@out.example,fr,\n")
	check(t, err)
	p, err = d.Find(t.Context(), address("pat@out.example"))
	if err != nil || p.Language != "fr" || p.Phone != "+15551234567" || p.PIN == nil || !p.Patient {
		t.Errorf("after the second import: %s %s %v", p.Phone.Reveal(), p.Language, err)
	}
	if n := len(records(t, mem)); n != 4 {
		t.Errorf("%d records of evidence, want 4: three contacts and a telephone", n)
	}
}

// TestImportErrors: each names the line and the column, says what would be
// right, quotes nothing, and leaves nothing imported.
func TestImportErrors(t *testing.T) {
	long := strings.Repeat("zebraquartz", maxLine/10)
	for text, want := range map[string]string{
		"":                                       "line 1: the line with the names of the columns is missing",
		"\n\n":                                   "line 1: the line with the names of the columns is missing",
		"email,zebraquartz\n":                    "line 1, column 2: unknown column (known: email, email2, phone",
		"email,name,Email\n":                     "line 1, column 3: email stands there twice",
		"name\nx\n":                              "line 1: column email is missing",
		"email\nzebraquartz\n":                   "line 2, column email: malformed address",
		"email,name\n,zebraquartz\n":             "line 2, column email: empty",
		"email\na@b.example\n\na@B.example\n":    "line 4, column email: the address stands in line 2 already",
		"email,phone\na@b.example,5551234\n":     "line 2, column phone: not a telephone number with country code, such as +15551234567",
		"email,phone\na@b.example,zebraquartz\n": "line 2, column phone: not a telephone number",
		"email,language\na@b.example,zebraquartz-1-2\n":                 "line 2, column language: not a language tag such as en or es-MX",
		"email,pin\na@b.example,12345\n":                                "line 2, column pin: a PIN has 6 to 12 digits",
		"email,pin\na@b.example,12345x\n":                               "line 2, column pin: a PIN has 6 to 12 digits",
		"email,pin\na@b.example,١٢٣٤٥٦\n":                               "line 2, column pin: a PIN has 6 to 12 digits",
		"email,patient\na@b.example,yes\n":                              "line 2, column patient: true or false is expected",
		"email,name\na@b.example,a\x00zebraquartz\n":                    "line 2, column name: not a name: at most 200 octets",
		"email,name\na@b.example,a\xffzebraquartz\n":                    "line 2, column name: not a name",
		"email,name\na@b.example,\"a\nzebraquartz\"\n":                  "line 2, column name: not a name",
		"email,name\na@b.example,x,zebraquartz\n":                       "line 2: not as many fields as line 1 has columns",
		"email,name\na@b.example,x\"zebraquartz\n":                      "line 2: not valid CSV (a quote in a field without quotes?)",
		"email,name\na@b.example,x\nb@c.example,\"zebra":                "line 3: a quote that does not end, or something behind it",
		"email,name\na@b.example,\"" + long:                             "a line of more than 64 KiB (a quote that does not end?)",
		"email,consents\na@b.example," + strings.Repeat("a", 65) + "\n": "line 2, column consents: at most 32 names of at most 64 octets each",
	} {
		mem := storetest.NewMemory()
		d, _ := newDirectory(mem)
		n, err := d.importText(t, text)
		if err == nil || !strings.HasPrefix(err.Error(), "contacts: "+want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), "zebra") {
			t.Errorf("the error quotes the file: %v", err)
		}
		check(t, mem.Scan(t.Context(), store.Range{}, func(store.Item) bool { n++; return true }))
		if n != 0 {
			t.Errorf("%.40q: something was imported", text)
		}
	}
}

// endless makes a file without end.
type endless struct{ line, rest string }

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest = e.line
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestEndlessFilesAreRefused(t *testing.T) {
	d, _ := newDirectory(storetest.NewMemory())
	for _, line := range []string{"x", "\"", "\n\"x"} {
		if _, err := d.Import(t.Context(), io.MultiReader(strings.NewReader("email\n"), &endless{line: line}), "uid:0"); err == nil {
			t.Errorf("%q without end was imported", line)
		}
	}
	failed := errors.New("device")
	if _, err := d.Import(t.Context(), io.MultiReader(strings.NewReader("email\n"), broken{failed}), "uid:0"); !errors.Is(err, failed) {
		t.Error(err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// TestImportSaysHowFarItCame: a store that fails in the middle.
func TestImportSaysHowFarItCame(t *testing.T) {
	text := "email\n"
	for i := range 10 {
		text += fmt.Sprintf("p%d@out.example\n", i)
	}
	mem := storetest.NewMemory()
	d, _ := newDirectory(storetest.Faulty(mem, storetest.Plan{At: 20, Rest: true}))
	n, err := d.Import(context.Background(), strings.NewReader(text), "uid:0")
	if err == nil || n == 0 || n == 10 || len(records(t, mem)) != n {
		t.Errorf("%d imported, %d in evidence, %v", n, len(records(t, mem)), err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("email,name\na@b.example,\"x\"\n")
	f.Add("\"\nemail")
	f.Add("email,phone,language\na@b.example,+15551234567,x-klingon\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "pin") {
			t.Skip("hashing is slow and has tests of its own")
		}
		mem := storetest.NewMemory()
		d, _ := newDirectory(mem)
		n, err := d.importText(t, text)
		// A telephone that comes or goes is a record of its own.
		if staged := len(records(t, mem)); staged < n || staged > 3*n || err != nil && n != 0 {
			t.Fatalf("%d imported, %d in evidence, %v", n, staged, err)
		}
	})
}
