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
	"S1": 0.97, "S2": 0.93, "S3": 0.95, "S4": 0.94, "S5": 0.97,
	"N1": 0.008, "N2": 0.0075, "N3": 0.008, "N4": 0.002, "N5": 0.012,
}

// What must be reached over all rules: the mean recall of S1 to S5, the recall
// of short messages, and at most so many false positives in 1,000 messages of
// N1 to N5.
const (
	macroFloor  = 0.95
	smsFloor    = 0.95
	falseAtMost = 4.5
)

// alarmTypes are the identifiers whose false alarms are counted on everyday
// messages: at most alarmsAtMost in 1,000 messages may hold one.
var alarmTypes = []string{"ssn", "card", "iban", "passport", "mbi", "private_key"}

const alarmsAtMost = 0.5

// scored is what is counted of a group of messages.
type scored struct{ hit, n int }

func (c scored) share() float64 { return float64(c.hit) / float64(max(c.n, 1)) }

// scoreCard counts a judged set by rule, by rule and source, by rule of the
// policy that protects, and the false alarms per type.
type scoreCard struct {
	rules, sources map[string]scored
	sms            scored
	why, alarms    map[string]int
}

func (k *scoreCard) count(e *example, out *gateway.Detections) (rule string) {
	rule = protective(out)
	add := func(c scored) scored {
		c.n++
		if rule != "" {
			c.hit++
		}
		return c
	}
	k.rules[e.Rule] = add(k.rules[e.Rule])
	k.sources[e.Rule+" "+e.Source] = add(k.sources[e.Rule+" "+e.Source])
	if rule != "" {
		k.why[e.Rule+" "+rule]++
	}
	if e.Mode == "secure" {
		if e.Channel == "sms" {
			k.sms = add(k.sms)
		}
		return rule
	}
	for _, typ := range alarmTypes {
		if slices.ContainsFunc(out.Findings, func(f gateway.Finding) bool { return f.Type == typ && f.Level >= gateway.Medium }) {
			k.alarms[typ]++
		}
	}
	return rule
}

// TestScore judges the development set as the built-in policy would. With
// GATEPOST_MISSES set to a rule it prints the ids that are judged wrongly.
func TestScore(t *testing.T) {
	d := newTest(t)
	card := scoreCard{map[string]scored{}, map[string]scored{}, scored{}, map[string]int{}, map[string]int{}}
	for _, e := range corpus(t) {
		if e.Mode == "" {
			continue
		}
		out := d.Scan(e.parts())
		rule := card.count(&e, out)
		if e.Rule == os.Getenv("GATEPOST_MISSES") && (rule == "") == (e.Mode == "secure") {
			t.Logf("%s %q %v %v %v", e.ID, rule, out.AddressedToReader, out.Kinds, out.Topics)
		}
	}
	card.check(t)
}

// check prints the card and holds it against the floors.
func (k *scoreCard) check(t *testing.T) {
	var table strings.Builder
	macro, secure, standard := 0.0, scored{}, scored{}
	for _, r := range []string{"S1", "S2", "S3", "S4", "S5", "N1", "N2", "N3", "N4", "N5"} {
		c := k.rules[r]
		fmt.Fprintf(&table, "%s %5d of %5d protected %.4f", r, c.hit, c.n, c.share())
		for _, w := range []string{"ids", "cvv", "secrets", "health", "finance", "legal"} {
			if n := k.why[r+" "+w]; n > 0 {
				fmt.Fprintf(&table, "  %s %d", w, n)
			}
		}
		table.WriteByte('\n')
		switch {
		case c.n == 0:
			t.Errorf("%s: no message", r)
		case r[0] == 'S':
			macro += c.share() / 5
			secure = scored{secure.hit + c.hit, secure.n + c.n}
			if c.share() < floors[r] {
				t.Errorf("%s: %.4f protected, must be at least %.4f", r, c.share(), floors[r])
			}
		default:
			standard = scored{standard.hit + c.hit, standard.n + c.n}
			if c.share() > floors[r] {
				t.Errorf("%s: %.4f protected, may be at most %.4f", r, c.share(), floors[r])
			}
		}
	}
	wrong := 1000 * standard.share()
	t.Logf("\n%smacro recall %.4f, SMS recall %.4f (%d of %d), false positives %.2f per 1,000 (%d of %d), precision %.4f",
		&table, macro, k.sms.share(), k.sms.hit, k.sms.n, wrong, standard.hit, standard.n,
		float64(secure.hit)/float64(secure.hit+standard.hit))
	if macro < macroFloor || k.sms.share() < smsFloor || wrong > falseAtMost {
		t.Errorf("macro recall must be at least %.2f, SMS recall %.2f, false positives at most %.1f per 1,000", macroFloor, smsFloor, falseAtMost)
	}
	k.checkAlarms(t, standard.n)
}

// checkAlarms prints what each source holds, and the false alarms per type on
// n everyday messages.
func (k *scoreCard) checkAlarms(t *testing.T, n int) {
	var table strings.Builder
	for _, source := range slices.Sorted(maps.Keys(k.sources)) {
		c := k.sources[source]
		fmt.Fprintf(&table, "%-70s %5d of %5d protected %.4f\n", source, c.hit, c.n, c.share())
	}
	for _, typ := range alarmTypes {
		per := 1000 * float64(k.alarms[typ]) / float64(n)
		fmt.Fprintf(&table, "%-12s %2d false alarms in %d everyday messages, %.2f per 1,000\n", typ, k.alarms[typ], n, per)
		if per > alarmsAtMost {
			t.Errorf("%s: %.2f false alarms per 1,000, may be %.1f", typ, per, alarmsAtMost)
		}
	}
	t.Logf("\n%s", &table)
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
