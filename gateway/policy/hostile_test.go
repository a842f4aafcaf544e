package policy_test

import (
	"cmp"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// repeated are texts that try to make work out of proportion to their size by
// one thing said again and again: long runs, values that are nearly right,
// values that are right and all have to be kept, things within things, one
// beginning after the other.
func repeated() map[string]string {
	return map[string]string{
		"digit run": "1", "digit groups": "12 ", "groups of three": "123 ", "dotted digits": "1.", "grouped oddly": "4 53-20.15/8 0 73 ",
		"near SSNs": "000-22-8145 ", "SSNs": "536-22-8145 ", "near cards": "4532 0158 0736 2948 ", "cards": "4532 0158 0736 2949 ",
		"IBANs": "DE44500105175407324931 ", "near IBANs": "DE44500105175407324932 ", "spaced IBANs": "DE44 5001 0517 5407 3249 31 ", "countries": "DE4 ",
		"dates": "12/12/1975 ", "telephones": "(415) 555-0134 ", "addresses of the net": "10.1.22.3 ", "addresses": "a@b.cd ", "near addresses": "a@b.c ",
		"at": "@", "local parts": "a.", "URLs": "http://a.b/ ", "slashes": "://", "colons": ":", "hex": "a:", "tokens": "ghp_", "AKIA": "AKIA",
		"eyJ": "eyJ.", "keys": "-----BEGIN PRIVATE KEY-----", "dashes": "-----BEGIN ", "passwords": "password: ", "secrets": "password is aB3$xy ",
		"labels": "ssn ", "labels and digits": "ssn 1 ", "labels and words": "passport number a ", "your": "your ", "biopsy": "biopsy ", "your biopsy": "your biopsy ",
		"names": "Mary Miller ", "Mary": "Mary ", "initials": "J. ", "Dear": "Dear ", "titles": "Mr Dr ", "patients": "patient Xy Ab ", "streets": "1 A Street ", "street": "street ",
		"March": "March 1 ", "questions": "?", "dollars": "$1", "brackets": "((((", "markup": "<<b>", "depth": "<b>[{(",
		"entities": "&#48;", "ampersands": "&", "soft breaks": "=\n", "equals": "=", "zero width": "\u200b", "accents": "é", "Cyrillic": "а", "mixed": "аa",
		"ideographs": "中", "invalid": "\xff", "ligatures": "ﷺ", "full width": "０", "overrides": "\u202e1", "turns": "\u202e1\u202d", "runs": "\u202e1\u202c \u202e1",
		"one word": "a", "one letter words": "a ", "x": "x1", "O for 0": "0OIl", "lines": "\n", "spaces": " ", "stems": "abcdectomy ", "phrases": "social security social ",

		"short lines": "a1\n", "lines of numbers": "12\n", "mixed labels": "MRN SSN NHS DOB IBAN BIC ", "labelled mixture": "MRN: 536-22-8145 NHS no: 943 476 5919 DOB: 12/12/1975 ",
		"headings": "SSN,IBAN,MRN\n", "tables of headings": "SSN,MRN,DOB\n1,2,3\n", "tables in tables": "SSN\tMRN\n\"1,2\"\t3\nSSN;MRN\n1;2\n", "list under a heading": "SSN\n536228145\n1\n",
		"quotes": "> > ", "quoted digits": "> 12\n", "digits in words": "five three six ", "near digits in words": "five three ", "one and 1": "one 1 ",
		"wallets": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 ", "near wallets": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3 ", "segwit": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq ", "ether": "0x52908400098527886E0F7030069857D2E4169EE7 ",
		"hex words": "deadbeef01 ", "UUIDs": "123e4567-e89b-12d3-a456-426614174000 ", "near UUIDs": "123e4567-e89b-12d3-a456-42661417400 ", "IPv6": "2001:db8::1 ", "near IPv6": "2001:db8:1:1:1:1:1:z ",
		"emoji": "😀", "marks": "a\u0301", "zalgo": "a\u0301\u0302\u0303\u0304", "entity names": "&eacute;", "long entities": "&CounterClockwiseContourIntegral;", "near entities": "&eacut;", "unknown entities": "&abcdefg;",
		"O and l": "O0 l1 ", "spelled SSNs": "ssn 5*3*6*2*2*8*1*4*5 ", "near spelled SSNs": "ssn 0*3*6*2*2*8*1*4*5 ", "near spelled IBANs": "iban D*E*4*5*5*0*0*1*0*5*1*7*5*4*0*7*3*2*4*9*3*1 ",
		"pieces with letters": "A1 B2 C3 ", "letters and groups": "AB 12 34 56 C ", "near MBIs": "1EG4-TE5-MK7 ", "near codici": "ABCDEF 12 G34 H567 ", "codici": "RSSMRA85T10A562S ", "DNIs": "12345678-Z ", "NHS": "943 476 5919 ",
		"international": "+49 170 1234567 ", "sort codes": "sort code 12-34-56 account 12345678 ", "written dates": "March 12, 1975 ", "births": "DOB: 12/12/1975 ", "ages": "Qarth Vuzz, 58 years old ", "who": "Qarth Vuzz, who ",
		"labelled names": "Name: Mary Miller ", "labelled addresses": "Address: 12 Elm Way ", "BICs": "BIC DEUTDEFF ", "near BICs": "BIC: a b c d e f g h i j k l ", "JWTs": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.aB3 ",
		"amounts of mine": "my ", "I": "I ", "Doctor": "Doctor: a Patient: b ", "times": "12:30 ", "clocks": "10:11:12 ", "order numbers": "order number 536-22-8145 ", "capitals": "MARY MILLER ", "Latin": "Mary-Ann O'Neil ",
		"www": "www.a.b ", "long numbers": "12345678901234567890 ", "nineteen digits": "4532015807362949123 ", "nine digits": "536228145 ", "labelled nine": "ssn 536228145 mrn 536228146 ", "underscores": "1_2_", "apostrophes": "1'2'", "two words": "a1 a ",
	}
}

// varied are hostile texts of about size octets whose pieces are all different.
func varied(size int) map[string]string {
	r := rand.New(rand.NewSource(5))
	fill := func(next func() string) string {
		var b strings.Builder
		for b.Len() < size {
			b.WriteString(next())
		}
		return b.String()
	}
	octets := func(alphabet string, n int) string {
		v := make([]byte, n)
		for i := range v {
			v[i] = alphabet[r.Intn(len(alphabet))]
		}
		return string(v)
	}
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyz"
	const mixture = digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + letters
	names := strings.Fields("Mary John Susan Peter Ann Harold Linda James Robert Carol David Nancy Paul Laura")
	terms := lexicon()
	all := map[string]string{
		"different SSNs":  fill(func() string { return fmt.Sprintf("%03d-%02d-%04d ", 101+r.Intn(500), 1+r.Intn(99), 1+r.Intn(9999)) }),
		"different cards": fill(func() string { return card(octets(digits, 14)) + " " }),
		"grouped cards": fill(func() string {
			c := card(octets(digits, 14))
			return c[:4] + " " + c[4:8] + " " + c[8:12] + " " + c[12:] + "\n"
		}),
		"different IBANs":      fill(func() string { return iban("DE", octets(digits, 18)) + " " }),
		"IBANs of all":         fill(func() string { return nearIBAN(r) + " " }),
		"spaced IBANs of all":  fill(func() string { return spaced(nearIBAN(r)) + " " }),
		"different dates":      fill(func() string { return fmt.Sprintf("%d/%d/%d ", 1+r.Intn(12), 1+r.Intn(28), 1930+r.Intn(80)) }),
		"different telephones": fill(func() string { return fmt.Sprintf("(%d) %d-%04d ", 201+r.Intn(700), 201+r.Intn(700), r.Intn(9999)) }),
		"different births":     fill(func() string { return fmt.Sprintf("DOB: %d/%d/%d ", 1+r.Intn(12), 1+r.Intn(28), 1930+r.Intn(80)) }),
		"different names": fill(func() string {
			return names[r.Intn(len(names))] + " " + strings.ToUpper(octets(letters, 1)) + octets(letters, 5) + " "
		}),
		"different addresses": fill(func() string { return octets(letters, 5) + "@" + octets(letters, 4) + ".com " }),
		"MRNs":                fill(func() string { return "MRN: " + octets(digits, 7) + " " }),
		"all labels":          fill(func() string { return terms["labels"][r.Intn(len(terms["labels"]))] + " " }),
		"labels and numbers":  fill(func() string { return terms["labels"][r.Intn(len(terms["labels"]))] + ": " + octets(digits, 9) + " " }),
		"windows": fill(func() string {
			return "SSN " + octets(digits, 9) + " card " + card(octets(digits, 14)) + " IBAN " + iban("DE", octets(digits, 18)) + " NHS " + octets(digits, 10) + " "
		}),
		"all names":        fill(func() string { return terms["names"][r.Intn(len(terms["names"]))] + " " }),
		"all words":        fill(func() string { return terms["words"][r.Intn(len(terms["words"]))] + " " }),
		"base64":           fill(func() string { return octets(mixture+"+/", 76) + "\n" }),
		"base64 line":      fill(func() string { return octets(mixture+"+/", 76) }),
		"hex wall":         fill(func() string { return octets("0123456789abcdef", 64) + "\n" }),
		"base32":           fill(func() string { return octets("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 8) + " " }),
		"random words":     fill(func() string { return octets(letters, 1+r.Intn(10)) + " " }),
		"random pieces":    fill(func() string { return octets(mixture, 1+r.Intn(8)) + octets(" -./,", 1) }),
		"random groups":    fill(func() string { return octets(digits, 1+r.Intn(6)) + octets("  -./\n", 1) }),
		"random signs":     fill(func() string { return octets(mixture+" .,;:-_@#$%&*()[]{}<>!?/\\|\"'~^=+\n", 40) }),
		"random digits":    fill(func() string { return octets(digits+digits+" ", 40) }),
		"codes":            fill(func() string { return octets(mixture[10:36], 2) + octets(digits, 2+r.Intn(7)) + " " }),
		"accents in words": fill(func() string { return octets(letters, 2) + "é" + octets(letters, 2) + "ü " }),
		"disguised digits": fill(func() string { return octets("0123456789OIl", 9) + " " }),
		"own script": fill(func() string {
			return string([]rune{rune(0x430 + r.Intn(32)), rune(0x430 + r.Intn(32)), ' ', rune('a' + r.Intn(26))})
		}),
	}
	for _, list := range []string{"health", "finance", "legal"} {
		all["terms of "+list] = fill(func() string { return terms[list][r.Intn(len(terms[list]))] + " " })
		all["your "+list] = fill(func() string { return "your " + terms[list][r.Intn(len(terms[list]))] + ". " })
	}
	return all
}

// lexicon are the terms of the lists, by list.
func lexicon() map[string][]string {
	all := map[string][]string{}
	for _, list := range []string{"health", "finance", "legal", "labels", "names", "words"} {
		text, err := os.ReadFile("../detect/lexicon/" + list + ".txt")
		if err != nil {
			panic(err)
		}
		for line := range strings.Lines(string(text)) {
			term, _, _ := strings.Cut(strings.TrimSpace(line), ",")
			if term != "" && !strings.ContainsAny(term[:1], "#~[") {
				all[list] = append(all[list], term)
			}
		}
	}
	return all
}

// card is a card of a known issuer with 14 digits given.
func card(v string) string {
	v, sum := "4"+v, 0
	for i := range v {
		d := int(v[len(v)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return v + string(rune('0'+(10-sum%10)%10))
}

// iban is that of an account.
func iban(country, account string) string {
	r := 0
	for _, c := range account + country + "00" {
		if c >= 'A' {
			r = (r*100 + int(c-'A') + 10) % 97
		} else {
			r = (r*10 + int(c-'0')) % 97
		}
	}
	return fmt.Sprintf("%s%02d%s", country, 98-r, account)
}

// nearIBAN is one of any country with a checksum that is seldom right.
func nearIBAN(r *rand.Rand) string {
	forms := []string{"AT16n", "BE12n", "CH17n", "DE18n", "DK14n", "ES20n", "FI14n", "FR23n", "GR23n", "HR17n", "HU24n", "IT1a22n", "NL4a10n", "NO11n", "PL24n", "PT21n", "SE20n", "GB4a14n", "MT4a23n", "LC4a24n"}
	form := forms[r.Intn(len(forms))]
	v, n := form[:2]+fmt.Sprintf("%02d", r.Intn(99)), 0
	for _, c := range form[2:] {
		if c >= '0' && c <= '9' {
			n = 10*n + int(c-'0')
			continue
		}
		for ; n > 0; n-- {
			v += string(map[rune]rune{'n': '0', 'a': 'A'}[c] + rune(r.Intn(10)))
		}
	}
	return v
}

func spaced(v string) string {
	var b strings.Builder
	for i := range v {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// hostile are all these texts, of size octets, and those of many small parts.
func hostile(size int) map[string][]gateway.Part {
	all := map[string][]gateway.Part{}
	for name, unit := range repeated() {
		all[name] = onePart(strings.Repeat(unit, size/len(unit)+1)[:size])
	}
	for name, text := range varied(size) {
		all[name] = onePart(text[:size])
	}
	for name, n := range map[string]int{"parts of 10 octets": 10, "parts of 100 octets": 100} {
		text := office(size, 1)
		for ; len(text) >= n; text = text[n:] {
			all[name] = append(all[name], onePart(text[:n])...)
		}
	}
	return all
}

// asked is what ordinary mail may take for each octet: 100 µs for 10 KB, 100 MB/s.
const asked = 10 * time.Nanosecond

// slowness is how long a text takes, how many times as long as ordinary mail of the
// same size, and how many times as long as that may take.
type slowness struct {
	name           string
	least          time.Duration
	ratio, ofAsked float64
}

// BenchmarkHostile prints, for each hostile text, how long it takes of the
// processor, how many times as long as ordinary mail of the same size, which is the
// median of pairs that were judged one behind the other, and how many times as long
// as is asked of ordinary mail, by the least, which other programs disturb less. At the
// end it says how many take more than three times each. None should.
//
//	go test -run xxx -bench Hostile -cpu 1 -benchtime 1x ./gateway/policy
//
// GATEPOST_HOSTILE names the texts to judge, where not all: "dates,cards".
func BenchmarkHostile(b *testing.B) {
	w := newWhole(b)
	var summary strings.Builder
	for _, size := range []int{10_000, 200_000, 2_000_000} {
		b.Run(fmt.Sprintf("%dKB", size/1000), func(b *testing.B) {
			var all []slowness
			for b.Loop() {
				all = w.slownesses(b, size)
			}
			var t strings.Builder
			fmt.Fprintf(&t, "%-24s %10s %15s %11s %11s\n", "text", "size", "least", "of our own", "of asked")
			for _, s := range all {
				fmt.Fprintf(&t, "%-24s %7d KB %12d ns %9.2f x %9.2f x\n", s.name, size/1000, s.least.Nanoseconds(), s.ratio, s.ofAsked)
			}
			fmt.Printf("\n%s", t.String())
			fmt.Fprintf(&summary, "%d KB: of %d texts %s\n", size/1000, len(all), above(all))
			b.ReportMetric(all[0].ratio, "x-normal")
			b.ReportMetric(0, "ns/op")
		})
	}
	fmt.Printf("\n%s", summary.String())
}

// above says how many texts take more than 3, 4 and 5 times as long as ordinary mail
// does, and as it may.
func above(all []slowness) string {
	var own, may [3]int
	for _, s := range all {
		for i := range own {
			if s.ratio > float64(3+i) {
				own[i]++
			}
			if s.ofAsked > float64(3+i) {
				may[i]++
			}
		}
	}
	return fmt.Sprintf("%d take more than 3 x our own ordinary mail (%d more than 4 x, %d more than 5 x), %d more than 3 x what is asked of it (%d, %d)",
		own[0], own[1], own[2], may[0], may[1], may[2])
}

// slownesses are those of all hostile texts, the slowest first.
func (w whole) slownesses(b *testing.B, size int) (all []slowness) {
	var normal [][]gateway.Part
	for _, text := range mails(size) {
		normal = append(normal, onePart(text))
	}
	chosen := os.Getenv("GATEPOST_HOSTILE")
	for name, parts := range hostile(size) {
		if chosen == "" || slices.Contains(strings.Split(chosen, ","), name) {
			all = append(all, w.slowness(b, name, parts, normal))
		}
	}
	slices.SortFunc(all, func(a, b slowness) int { return cmp.Compare(b.ratio, a.ratio) })
	return all
}

func (w whole) slowness(b *testing.B, name string, parts []gateway.Part, normal [][]gateway.Part) slowness {
	s := slowness{name: name, least: time.Hour}
	var ratios []float64
	for i := range min(101, max(5, 4_000_000/sizeOf(parts))) {
		t := w.time(b, parts).core
		s.least = min(s.least, t)
		ratios = append(ratios, float64(t)/float64(w.time(b, normal[i%len(normal)]).core))
	}
	slices.Sort(ratios)
	s.ratio, s.ofAsked = ratios[len(ratios)/2], float64(s.least)/float64(asked)/float64(sizeOf(parts))
	return s
}
