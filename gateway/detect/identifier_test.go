package detect

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/gateway"
)

// identifiers has a row per type: a sentence with %, valid ways to write the
// value, and values that differ in as little as makes them invalid.
var identifiers = []struct {
	typ, sentence string
	valid, bad    []string
}{
	{"ssn", "Her social security number is %.",
		[]string{"536-22-8145", "536 22 8145", "536228145", "536.22.8145"},
		[]string{"000-22-8145", "666-22-8145", "936-22-8145", "536-00-8145", "536-22-0000", "078-05-1120"}},
	{"itin", "His ITIN is %.", []string{"912-70-4821", "912704821"}, []string{"912-69-4821", "912-93-4821", "812-00-4821"}},
	{"card", "Paid with card %.",
		[]string{"4532 0158 0736 2949", "4532015807362949", "4532-0158-0736-2949", "5273490182650376", "371449635398431", "3714 496353 98431", "6011.3099.2457.8130"},
		[]string{"4532 0158 0736 2948", "4532015807362940", "371449635398432"}},
	{"iban", "Please transfer to IBAN %.",
		[]string{"DE44500105175407324931", "DE44 5001 0517 5407 3249 31", "de44-5001-0517-5407-3249-31", "GB29 NWBK 6016 1331 9268 19", "FR14 2004 1010 0505 0001 3M02 606", "NL91ABNA0417164300", "CH9300762011623852957", "NO93 8601 1117 947"},
		[]string{"DE45500105175407324931", "DE44 5001 0517 5407 3249 32", "DE4450010517540732493", "XX44500105175407324931", "NL91ABNA0417164301"}},
	{"aba", "The routing number is %.", []string{"072000410"}, []string{"072000411", "472000411"}},
	{"npi", "NPI: %", []string{"1736294012"}, []string{"1736294013", "3736294010"}},
	{"dea", "DEA number %", []string{"BM4726139"}, []string{"BM4726138", "ZM4726139"}},
	{"mbi", "Medicare number %", []string{"1EG4-TE5-MK72", "1EG4TE5MK72"}, []string{"0EG4TE5MK72", "1SG4TE5MK72", "1EGATE5MK72"}},
	{"nhs", "NHS number %", []string{"943 476 5919", "9434765919", "943-476-5919"}, []string{"943 476 5918", "9434765910"}},
	{"ein", "Our EIN is %", []string{"48-2719365"}, []string{"48-271936", "22-2222222"}},
	{"gb.nino", "National insurance number %", []string{"AB123456C", "AB 12 34 56 C"}, []string{"BG123456C", "AB123456E", "QQ123456C"}},
	{"es.dni", "DNI: %", []string{"48213765S", "48213765-S"}, []string{"48213765T", "4821376S"}},
	{"es.nie", "NIE: %", []string{"Y4821376S", "Y-4821376-S"}, []string{"Y4821376T", "A4821376S"}},
	{"fr.nir", "Numéro de sécurité sociale : %", []string{"2 84 06 75 114 027 11", "284067511402711"}, []string{"2 84 06 75 114 027 12", "2 84 16 75 114 027 11"}},
	{"de.idnr", "Steuer-ID: %", []string{"48 036 519 285", "48036519285", "36574261809", "48036512970"}, []string{"48036519286", "36574261808", "36554266806"}},
	{"de.kvnr", "Krankenversichertennummer %", []string{"M302864155", "A123456780"}, []string{"M302864156", "A123456781"}},
	{"it.codicefiscale", "Codice fiscale %", []string{"RSSMRA85T10A562S", "BNCLRA84D52F205W"}, []string{"RSSMRA85T10A562T", "RSSMRA85X10A562S"}},
	{"nl.bsn", "BSN %", []string{"111222333", "284719353"}, []string{"111222334", "284719354"}},
	{"pl.pesel", "PESEL %", []string{"44051401359", "84051273613"}, []string{"44051401358", "84991273613"}},
	{"ca.sin", "Social insurance number %", []string{"482 719 366", "482-719-366", "482719366"}, []string{"482 719 367", "082719366"}},
	{"au.tfn", "Tax file number %", []string{"482 719 369", "482719369"}, []string{"482 719 368"}},
	{"au.medicare", "Medicare card number %", []string{"4827 19368 1", "4827193681"}, []string{"4827 19367 1", "7827193681"}},
	{"ca.ohip", "Health card number %", []string{"4827 193 659", "4827-193-659", "4827193659", "4827193659XK"}, []string{"4827 193 650", "0827193657"}},
	{"ca.ramq", "Health card: %", []string{"GAUM 5862 1411", "GAUM58621411"}, []string{"GAUM 5863 1411", "GAUM 5862 3211"}},
	{"ca.bc_phn", "PHN %", []string{"9698 658 215", "9698658215"}, []string{"9698 648 215", "8698658215"}},
	{"ca.ab_phn", "Alberta health number %", []string{"48271-9365", "482719365"}, []string{"4827193650", "48271936"}},
	{"it.codicefiscale", "Codice fiscale %", []string{"00743110157"}, []string{"00743110158", "00743114506"}},
	{"bank_account", "Sort code 20-45-14, account %", []string{"48219376"}, nil},
	{"bank_account", "Sort code and account number: %", []string{"20-45-14 48219376", "204514 48219376"}, []string{"20-45-14", "00-00-00 48219376"}},
	{"bank_account", "Account number % (routing number 072000410)", []string{"0048219376"}, nil},
	{"passport", "% is my passport number", []string{"482193765", "C48219376"}, nil},
	{"bic", "BIC: %", []string{"DEUTDEFF", "DEUTDEFF500", "ADECCH2G"}, []string{"DEUTQQFF", "DEUTDEF", "DEUTDEFF50", "Deutdeff"}},
	{"bitcoin", "Send it to %", []string{"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
		"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"},
		[]string{"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp", "bc1qAr0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}},
	{"ethereum", "Send it to %", []string{"0x52908400098527886E0F7030069857D2E4169EE7"}, []string{"0x52908400098527886E0F7030069857D2E4169EE", "0x0000000000000000000000000000000000000000"}},
	{"in.aadhaar", "Aadhaar %", []string{"4827 1936 5043", "482719365043"}, []string{"4827 1936 5044", "1827 1936 5043"}},
	{"in.pan", "PAN card %", []string{"ABCPK1234L"}, []string{"ABCPK0000L", "ABCPK123L"}},
	{"mrn", "MRN: %", []string{"4821937", "123-45-6789", "A-48219"}, nil},
	{"health_plan_id", "Member ID: %", []string{"XYZ482193765", "48219376"}, nil},
	{"passport", "Passport number %", []string{"482193765", "C48219376"}, nil},
	{"drivers_licence", "Driver's license: %", []string{"D4821937", "MORGA657054SM9IJ"}, nil},
	{"bank_account", "Bank account number: %", []string{"0048219376", "48219376"}, nil},
	{"case_number", "Case number %", []string{"24-CV-01934", "2024-01934"}, nil},
	{"card_security_code", "The CVV is %", []string{"737", "7371"}, nil},
	{"date_of_birth", "Date of birth: %", []string{"03/14/1975", "1975-03-14", "14.3.1975", "14 March 1975", "March 14, 1975"}, nil},
	{"phone", "Call me at %", []string{"(415) 555-0134", "415-555-0134", "+44 20 7946 0958", "+49 30 901820"}, nil},
	{"ip", "The server %", []string{"192.0.2.17", "2001:db8::8a2e:370:7334", "::1"}, []string{"192.0.2.256", "x2001:db8::1", "1:2:3:4:5:6:7:8:9:a:b:c:d:e", "2001:db8::1::2"}},
	{"email", "Write to %", []string{"ann.lee@clinic.example", "o'neil+x@mail.clinic.example"}, []string{"ann.lee@clinic"}},
	{"address", "She lives at %", []string{"42 Maple Street", "1206 North Elm Avenue"}, nil},
	{"token", "curl -u %", []string{"ghp_a8Zk29LmQ0xWv7RtY3bNc5HdJ1fGs6PeU4oi"}, []string{"ghp_short"}},
	{"token", "curl -H 'Authorization: Basic %'", []string{"YW5uOnMzY3JldFg5"}, nil},
	{"card", "The lost card number is %", []string{"3591273645019821"}, []string{"3591273645019822"}},
	{"password", "The password is: %", []string{"Tr0ub4dor&3x"}, []string{"wrong"}},
}

// spotted is the finding of type typ, with at least level, that lies where
// value stands in s.
func spotted(d *Detector, s, typ string, from, to int, level gateway.Level) bool {
	for _, f := range d.Scan(text(s)).Findings {
		if f.Type == typ && f.Level >= level && f.Start == from && f.End == to {
			return true
		}
	}
	return false
}

func TestIdentifiers(t *testing.T) {
	d := newTest(t)
	for _, row := range identifiers {
		at := utf8.RuneCountInString(row.sentence[:strings.IndexByte(row.sentence, '%')])
		for _, v := range row.valid {
			s := strings.Replace(row.sentence, "%", v, 1)
			if !spotted(d, s, row.typ, at, at+utf8.RuneCountInString(v), gateway.Medium) {
				t.Errorf("%s: not found in %q, but %+v", row.typ, s, d.Scan(text(s)).Findings)
			}
		}
		for _, v := range row.bad {
			s := strings.Replace(row.sentence, "%", v, 1)
			if got := d.Scan(text(s)); strings.Contains(" "+types(got, gateway.Low)+" ", " "+row.typ+" ") {
				t.Errorf("%s: found in %q", row.typ, s)
			}
		}
	}
}

// disguises are ways to write a value that a reader takes for the same.
var disguises = []struct {
	name string
	f    func(string) string
}{
	{"full width", func(s string) string {
		return mapDigits(s, func(r rune) string { return string(r - '0' + '０') })
	}},
	{"Arabic digits", func(s string) string {
		return mapDigits(s, func(r rune) string { return string(r - '0' + '٠') })
	}},
	{"zero width", func(s string) string { return mapDigits(s, func(r rune) string { return string(r) + "\u200b" }) }},
	{"soft hyphens", func(s string) string { return mapDigits(s, func(r rune) string { return "\u00ad" + string(r) }) }},
	{"joiners", func(s string) string { return mapDigits(s, func(r rune) string { return string(r) + "\u2060\ufeff" }) }},
	{"entities", func(s string) string {
		return mapDigits(s, func(r rune) string {
			return "&#" + string([]byte{'4' + byte((r-'0'+8)/10), '0' + byte((r-'0'+8)%10)}) + ";"
		})
	}},
	{"no-break spaces", func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }},
	{"thin spaces", func(s string) string { return strings.ReplaceAll(s, " ", "\u2009") }},
	{"dashes", func(s string) string { return strings.ReplaceAll(s, "-", "\u2013") }},
	{"line break", func(s string) string { return strings.Replace(s, " ", "\n", 1) }},
	{"quoted", func(s string) string { return strings.Replace(s, " ", "\n> ", 1) }},
	{"soft line break", func(s string) string { return s[:3] + "=\r\n" + s[3:] }},
}

func mapDigits(s string, f func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= '0' && r <= '9' {
			b.WriteString(f(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// TestDisguises: what looks the same is the same, has the same value, and is
// found where it stands.
func TestDisguises(t *testing.T) {
	d := newTest(t)
	for _, v := range []struct{ typ, value, before string }{
		{"ssn", "536-22-8145", "SSN: "}, {"card", "4532 0158 0736 2949", "card "},
		{"iban", "DE44 5001 0517 5407 3249 31", "IBAN: "}, {"nhs", "943 476 5919", "NHS number "},
		{"es.dni", "48213765S", "DNI "}, {"fr.nir", "2 84 06 75 114 027 11", "NIR: "},
		{"in.aadhaar", "4827 1936 5043", "Aadhaar "},
	} {
		plain := d.Scan(text("ééé " + v.before + v.value)).Findings
		for _, x := range disguises {
			s := "ééé " + v.before + x.f(v.value)
			got := d.Scan(text(s)).Findings
			if len(got) != 1 || got[0].Type != v.typ || got[0].Level < gateway.Medium {
				t.Errorf("%s by %s: %+v", v.typ, x.name, got)
				continue
			}
			f := got[0]
			if f.Value != plain[0].Value {
				t.Errorf("%s by %s: another value", v.typ, x.name)
			}
			if inside := string([]rune(s)[f.Start:f.End]); d.folds.text(strings.Trim(inside, "\u00ad\u200b\u2060\ufeff")) != d.folds.text(strings.Trim(x.f(v.value), "\u00ad\u200b\u2060\ufeff")) {
				t.Errorf("%s by %s: stands at %d:%d, %q", v.typ, x.name, f.Start, f.End, inside)
			}
		}
	}
}

// TestEmbedded: a valid number inside a longer one is none.
func TestEmbedded(t *testing.T) {
	d := newTest(t)
	for _, s := range []string{
		"SSN 75362281457", "number 1536-22-8145-3", "card 94532015807362949", "card 45320158073629491 33",
		"build 4532015807362949a77", "x943476591900", "IBAN XDE44500105175407324931", "IBAN DE445001051754073249310",
		"part 3.536-22-8145.7",
	} {
		if got := types(d.Scan(text(s)), gateway.Medium); strings.Contains(got, "ssn") || strings.Contains(got, "card") || strings.Contains(got, "iban") || strings.Contains(got, "nhs") {
			t.Errorf("%q: found %s", s, got)
		}
	}
}

// TestNearestLabelDecides: what a number is called is what it is.
func TestNearestLabelDecides(t *testing.T) {
	d := newTest(t)
	for _, c := range []struct{ text, want string }{
		{"MRN: 123-45-6780", "mrn"},
		{"SSN: 536-22-8145, MRN: 4821937", "ssn mrn"},
		{"Order number 536-22-8145 has shipped", ""},
		{"Tracking number: 4532015807362949", ""}, // one in ten has the checksum
		{"Order 12, card 4532 0158 0736 2949", "card"},
		{"Invoice 9434765919", ""},
		{"exp 12/27 cvv 737", "card_security_code"},
		{"SSN (name, address): 536228145", "ssn"},
		{"536228145 is my SS#", "ssn"},
		{"536228145", ""}, // nine digits alone are any number
		{"072000410", ""}, // so are these
		{"Page 48219376", ""},
		{"She was 58 years old.", ""},
		{"In 1987 and 1992 and 2004.", ""},
	} {
		if got := types(d.Scan(text(c.text)), gateway.Medium); got != c.want {
			t.Errorf("%q: found %q, want %q", c.text, got, c.want)
		}
	}
}

// TestStepsMakeTheLevel: the explanation adds up.
func TestStepsMakeTheLevel(t *testing.T) {
	d := newTest(t)
	for _, row := range identifiers {
		for _, v := range row.valid {
			for _, f := range d.Scan(text(strings.Replace(row.sentence, "%", v, 1))).Findings {
				sum := 0
				for _, s := range f.Steps {
					if sum += s.Weight; s.Name == "" {
						t.Errorf("%s: step without a name", f.Type)
					}
				}
				if levelOf(sum) != f.Level {
					t.Errorf("%s: %v from steps %+v", f.Type, f.Level, f.Steps)
				}
			}
		}
	}
}

// TestValidators uses numbers that the authorities themselves publish as
// examples, so that a formula that is wrong in code and test shows.
func TestValidators(t *testing.T) {
	for name, ok := range map[string]bool{
		"Verhoeff": verhoeff([]byte("2363")), "NHS": validNHS([]byte("9434765919")),
		"Luhn": luhn([]byte("79927398713")), "ABA": validABA([]byte("011000015")),
		"NPI": validNPI([]byte("1234567893")), "DEA": validDEA([]byte("AB1234563")),
		"BSN": validBSN([]byte("111222333")), "PESEL": validPESEL([]byte("44051401359")),
		"SIN": luhn([]byte("046454286")), "TFN": validTFN([]byte("123456782")),
		"DNI": validDNI([]byte("12345678Z")), "NIE": validNIE([]byte("X1234567L")),
		"mod 11,10": mod11_10([]byte("86095742719")), "MBI": validMBI([]byte("1EG4TE5MK72")),
		"mod 97": mod97([]byte("GB82WEST12345698765432")), "codice": validCodiceFiscale([]byte("RSSMRA85T10A562S")),
		"Corsica": validNIR([]byte("2550"+"82A"+"16802563")) || validNIR([]byte("255082A16802597")) || !validNIR([]byte("155082A16802538")),
	} {
		if !ok {
			t.Errorf("%s: the published example is refused", name)
		}
	}
}

// TestListedWithSpaces: numbers in groups, one behind the other, are found each;
// columns of figures are none.
func TestListedWithSpaces(t *testing.T) {
	d := newTest(t)
	for s, want := range map[string]int{
		"SSN 536 22 8145 537 22 8146":              2,
		"SSN: 536 22 8145":                         1,
		"SSNs 536 22 8145 537 22 8146 538 22 8147": 3,
		"SSN 536-22-8145 537-22-8146":              2,
		"SSN 536 22 8145 537 22 81467":             0,
		"SSN 536 22 8145 5":                        0,
		"SSN 536 22 8145/537 22 8146":              2,
	} {
		n := 0
		for _, f := range d.Scan(text(s)).Findings {
			if (f.Type == "ssn" || f.Type == "card") && f.Level >= gateway.Medium {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d found, not %d", s, n, want)
		}
	}
}
