package detect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

// example is one record of the development set.
type example struct {
	ID, Channel, Subject, Text, Mode, Rule, Source string
	Entities                                       []marked
	ExhaustiveTypes                                []string `json:"exhaustive_types"`
	NegativeFor                                    []string `json:"negative_for"`
	Unit                                           bool
}

type marked struct {
	Type       string
	Start, End int
}

// readLines calls f with each line of a file of the corpus, or skips the test.
func readLines(t *testing.T, name string, f func(line []byte) error) {
	t.Helper()
	dir := os.Getenv("GATEPOST_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: GATEPOST_CORPUS is unset, so nothing was scored")
	}
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if err := f(in.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

// corpus is the development set.
func corpus(t *testing.T) (all []example) {
	t.Helper()
	readLines(t, "dev.jsonl", func(line []byte) error {
		all = append(all, example{})
		return json.Unmarshal(line, &all[len(all)-1])
	})
	if len(all) == 0 {
		t.Fatal("the corpus is empty")
	}
	return all
}

// corpusTypes maps the corpus's names of entities to types of findings.
var corpusTypes = map[string]string{
	"SSN": "ssn", "ITIN": "itin", "CREDIT_CARD": "card", "IBAN": "iban", "ABA_ROUTING": "aba", "MRN": "mrn", "HEALTH_PLAN_ID": "health_plan_id",
	"US_MBI": "mbi", "US_NPI": "npi", "US_DEA": "dea", "UK_NHS": "nhs", "UK_NINO": "gb.nino", "ES_NIF": "es.dni", "ES_NIE": "es.nie", "DE_TAX_ID": "de.idnr",
	"DE_HEALTH_INSURANCE": "de.kvnr", "IT_FISCAL_CODE": "it.codicefiscale", "PL_PESEL": "pl.pesel", "CA_SIN": "ca.sin", "AU_TFN": "au.tfn",
	"AU_MEDICARE": "au.medicare", "IN_AADHAAR": "in.aadhaar", "IN_PAN": "in.pan", "UK_DRIVING_LICENCE": "drivers_licence",
	"PHONE": "phone", "EMAIL": "email", "IP": "ip", "URL": "url", "PERSON": "name", "ADDRESS": "address",
}

func (e *example) parts() []gateway.Part {
	return []gateway.Part{
		{Kind: gateway.PartSubject, Text: gateway.Sensitive(e.Subject)},
		{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(e.Text)},
	}
}

// regulatedTypes and the rules of protective mirror the built-in policy, which
// this package cannot import: they say what findings are for.
var regulatedTypes = []string{"ssn", "itin", "card", "iban", "bank_account", "passport", "drivers_licence",
	"mbi", "mrn", "health_plan_id", "nhs"}

func protective(out *gateway.Detections) (why string) {
	has := func(types ...string) bool {
		return slices.ContainsFunc(out.Findings, func(f gateway.Finding) bool {
			return f.Level >= gateway.Medium && slices.Contains(types, f.Type)
		})
	}
	national := slices.ContainsFunc(out.Findings, func(f gateway.Finding) bool {
		return f.Level >= gateway.Medium && isNationalID(f.Type)
	})
	level := func(name string) gateway.Level {
		for _, s := range out.Topics {
			if s.Name == name {
				return s.Level
			}
		}
		return gateway.None
	}
	regulated := national || has(regulatedTypes...)
	person := has("name") || regulated || out.AddressedToReader
	reminds := slices.Contains(out.Kinds, "reminder") && level("health") < gateway.High && !regulated
	switch {
	case regulated:
		return "ids"
	case has("card_security_code"):
		return "cvv"
	case has("password", "private_key", "token"):
		return "secrets"
	case level("health") >= gateway.Medium && person && !reminds:
		return "health"
	case level("finance") >= gateway.Medium && person:
		return "finance"
	case level("legal") >= gateway.Medium && person:
		return "legal"
	}
	return ""
}

// floors are a little below what was reached when they were written: the
// share that must be protected (S) or at most is (N).
var floors = map[string]float64{
	"S1": 0.97, "S2": 0.88, "S3": 0.95, "S4": 0.86, "S5": 0.95,
	"N1": 0.013, "N2": 0.007, "N3": 0.012, "N4": 0.002, "N5": 0.01,
}

// TestScore judges the development set as the built-in policy would. With
// GATEPOST_MISSES set to a rule it prints the ids that are judged wrongly.
func TestScore(t *testing.T) {
	d := newTest(t)
	type count struct{ hit, n int }
	byRule, sms, why := map[string]count{}, count{}, map[string]int{}
	for _, e := range corpus(t) {
		if e.Mode == "" {
			continue
		}
		out := d.Scan(e.parts())
		rule := protective(out)
		c := byRule[e.Rule]
		c.n++
		if rule != "" {
			c.hit++
			why[e.Rule+" "+rule]++
		}
		byRule[e.Rule] = c
		if e.Mode == "secure" && e.Channel == "sms" {
			if sms.n++; rule != "" {
				sms.hit++
			}
		}
		if e.Rule == os.Getenv("GATEPOST_MISSES") && (rule == "") == (e.Mode == "secure") {
			t.Logf("%s %q %v %v %v", e.ID, rule, out.AddressedToReader, out.Kinds, out.Topics)
		}
	}
	var table strings.Builder
	macro, fp, standard, protected := 0.0, 0, 0, 0
	for _, r := range []string{"S1", "S2", "S3", "S4", "S5", "N1", "N2", "N3", "N4", "N5"} {
		c := byRule[r]
		share := float64(c.hit) / float64(c.n)
		fmt.Fprintf(&table, "%s %5d of %5d protected %.4f", r, c.hit, c.n, share)
		for _, w := range []string{"ids", "cvv", "secrets", "health", "finance", "legal"} {
			if n := why[r+" "+w]; n > 0 {
				fmt.Fprintf(&table, "  %s %d", w, n)
			}
		}
		table.WriteByte('\n')
		if r[0] == 'S' {
			macro += share / 5
			protected += c.hit
			if share < floors[r] {
				t.Errorf("%s: %.4f protected, must be at least %.4f", r, share, floors[r])
			}
			continue
		}
		fp, standard = fp+c.hit, standard+c.n
		if share > floors[r] {
			t.Errorf("%s: %.4f protected, may be at most %.4f", r, share, floors[r])
		}
	}
	t.Logf("\n%smacro recall %.4f, SMS recall %.4f, false positives %.2f per 1,000 (%d of %d), precision %.4f",
		&table, macro, float64(sms.hit)/float64(sms.n), 1000*float64(fp)/float64(standard), fp, standard,
		float64(protected)/float64(protected+fp))
}

// typeFloors are a little below what was reached: recall and precision.
var typeFloors = map[string][2]float64{
	"card": {0.99, 0.99}, "iban": {0.99, 0.98}, "ssn": {0.89, 0.99}, "mrn": {0.94, 0.99}, "health_plan_id": {0.99, 0.99},
	"email": {0.98, 0.96}, "phone": {0.82, 0.94}, "name": {0.56, 0.90},
}

// TestScoreTypes compares findings with the entities that the development set
// marks. A message's finding counts from MEDIUM on, a bare test string's, which
// has no context, from LOW on. Precision is taken where the source marked every
// entity of a type.
func TestScoreTypes(t *testing.T) {
	d := newTest(t)
	type count struct{ found, n, right, wrong int }
	byType := map[string]*count{}
	for _, typ := range corpusTypes {
		byType[typ] = &count{}
	}
	for _, e := range corpus(t) {
		level := gateway.Medium
		if e.Unit {
			level = gateway.Low
		}
		findings := d.Scan(e.parts()).Findings
		for _, x := range e.Entities {
			if c := byType[corpusTypes[x.Type]]; c != nil {
				c.n++
				if slices.ContainsFunc(findings, func(f gateway.Finding) bool {
					return f.Part == 1 && f.Level >= level && f.Type == corpusTypes[x.Type] && f.Start < x.End && f.End > x.Start
				}) {
					c.found++
				} else if os.Getenv("GATEPOST_MISSES") == x.Type {
					t.Logf("missed %s", e.ID)
				}
			}
		}
		for _, typ := range e.ExhaustiveTypes {
			c := byType[corpusTypes[typ]]
			if c == nil {
				continue
			}
			for _, f := range findings {
				if f.Type != corpusTypes[typ] || f.Part != 1 || f.Level < gateway.Medium {
					continue
				}
				if slices.ContainsFunc(e.Entities, func(x marked) bool { return x.Type == typ && f.Start < x.End && f.End > x.Start }) {
					c.right++
				} else if c.wrong++; os.Getenv("GATEPOST_MISSES") == typ {
					t.Logf("wrong %s %s", e.ID, f.Masked)
				}
			}
		}
	}
	var table strings.Builder
	for _, typ := range slices.Sorted(maps.Keys(byType)) {
		c := byType[typ]
		recall, precision := share(c.found, c.n), share(c.right, c.right+c.wrong)
		fmt.Fprintf(&table, "%-18s recall %.3f (%d of %d)  precision %.3f (%d of %d)\n", typ, recall, c.found, c.n, precision, c.right, c.right+c.wrong)
		if floor := typeFloors[typ]; recall < floor[0] || precision < floor[1] {
			t.Errorf("%s: recall %.3f, precision %.3f, must be at least %v", typ, recall, precision, floor)
		}
	}
	t.Logf("\n%s", &table)
}

// share is a of n; 1 of nothing.
func share(a, n int) float64 {
	if n == 0 {
		return 1
	}
	return float64(a) / float64(n)
}

// validatorTypes maps the names of the validators file to types of findings,
// with the label that a text needs.
var validatorTypes = map[string][2]string{
	"us.ssn": {"ssn", "SSN"}, "us.itin": {"itin", "ITIN"}, "us.rtn": {"aba", "routing number"}, "us.ein": {"ein", "EIN"}, "iban": {"iban", "IBAN"},
	"gb.nhs": {"nhs", "NHS number"}, "es.dni": {"es.dni", "DNI"}, "es.nie": {"es.nie", "NIE"}, "fr.nir": {"fr.nir", "NIR"}, "de.idnr": {"de.idnr", "Steuer-ID"},
	"it.codicefiscale": {"it.codicefiscale", "codice fiscale"}, "nl.bsn": {"nl.bsn", "BSN"}, "pl.pesel": {"pl.pesel", "PESEL"}, "ca.sin": {"ca.sin", "SIN number"},
	"au.tfn": {"au.tfn", "TFN"}, "in_.aadhaar": {"in.aadhaar", "Aadhaar"}, "in_.pan": {"in.pan", "PAN card"}, "in.pan": {"in.pan", "PAN card"},
	"bic": {"bic", "BIC"}, "bitcoin": {"bitcoin", "wallet"}, "ca.bc_phn": {"ca.bc_phn", "PHN"},
}

// TestScoreValidators reads numbers that other software calls valid or not.
func TestScoreValidators(t *testing.T) {
	d := newTest(t)
	var good, bad, wrong int
	readLines(t, "validators.jsonl", func(line []byte) error {
		var v struct {
			ID, Type, Value string
			Valid           bool
		}
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		typ, ok := validatorTypes[v.Type]
		if !ok {
			return nil
		}
		found := slices.ContainsFunc(d.Scan(text(typ[1]+": "+v.Value)).Findings, func(f gateway.Finding) bool { return f.Type == typ[0] && f.Level >= gateway.Medium })
		if v.Valid {
			good++
		} else {
			bad++
		}
		if found != v.Valid {
			wrong++
			t.Logf("%s: found %v", v.ID, found)
		}
		return nil
	})
	t.Logf("%d valid, %d invalid, %d judged otherwise", good, bad, wrong)
	if good == 0 || wrong > 4 {
		t.Errorf("%d of %d judged otherwise", wrong, good+bad)
	}
}

// isNationalID reports whether t is a person's number under a country's
// scheme, "<cc>.<name>": the class that policy calls national_id.
func isNationalID(t string) bool {
	return len(t) > 3 && t[2] == '.' && t[0] >= 'a' && t[0] <= 'z' && t[1] >= 'a' && t[1] <= 'z'
}
