package detect

import "strings"

// ibanRegistry lists the structure of the account part per country, as of the
// SWIFT IBAN registry: n digits, a letters, c letters or digits.
const ibanRegistry = `
	AD 8n12c, AE 19n, AL 8n16c, AT 16n, AZ 4a20c, BA 16n, BE 12n, BG 4a6n8c, BH 4a14c, BI 23n,
	BR 23n1a1c, BY 4c4n16c, CH 5n12c, CR 18n, CY 8n16c, CZ 20n, DE 18n, DJ 23n, DK 14n, DO 4c20n, EE 16n,
	EG 25n, ES 20n, FI 14n, FK 2a12n, FO 14n, FR 10n11c2n, GB 4a14n, GE 2a16n, GI 4a15c, GL 14n,
	GR 7n16c, GT 24c, HN 4a20n, HR 17n, HU 24n, IE 4a14n, IL 19n, IQ 4a15n, IS 22n, IT 1a10n12c,
	JO 4a4n18c, KW 4a22c, KZ 3n13c, LB 4n20c, LC 4a24c, LI 5n12c, LT 16n, LU 3n13c, LV 4a13c, LY 21n,
	MC 10n11c2n, MD 20c, ME 18n, MK 3n10c2n, MN 16n, MR 23n, MT 4a5n18c, MU 4a19n3a, NI 4a20n, NL 4a10n,
	NO 11n, OM 3n16c, PK 4a16c, PL 24n, PS 4a21c, PT 21n, QA 4a21c, RO 4a16c, RS 18n, RU 14n15c,
	SA 2n18c, SC 4a20n3a, SD 14n, SE 20n, SI 15n, SK 20n, SM 1a10n12c, SO 19n, ST 21n, SV 4a20n, TL 19n,
	TN 20n, TR 6n16c, UA 6n19c, VA 18n, VG 4a16n, XK 16n, YE 4a4n18c`

// ibanMax is the longest IBAN of the registry.
const ibanMax = 33

// ibans holds per country, by its two letters, one class per character of the
// account part: "nnnnaacc".
type ibans [26 * 26]string

func newIBANs() *ibans {
	t := &ibans{}
	for _, entry := range strings.Split(ibanRegistry, ",") {
		country, parts, _ := strings.Cut(strings.TrimSpace(entry), " ")
		form, n := "", 0
		for i := 0; i < len(parts); i++ {
			if c := parts[i]; c >= '0' && c <= '9' {
				n = n*10 + int(c-'0')
			} else {
				form += strings.Repeat(string(c), n)
				n = 0
			}
		}
		t[countryIndex(country[0], country[1])] = form
	}
	return t
}

func countryIndex(a, b byte) int { return int(a-'A')*26 + int(b-'A') }

// form is the account part's structure for the country at b[i:], "" when the
// two octets are no country of the registry.
func (t *ibans) form(b []byte, i int) string {
	x, y := b[i]&^0x20, b[i+1]&^0x20
	if !isUpper(x) || !isUpper(y) || b[i] >= 0x80 || b[i+1] >= 0x80 {
		return ""
	}
	return t[countryIndex(x, y)]
}

// read takes an IBAN at b[i:], in any grouping by spaces, hyphens, dots or
// one line break. It returns the end of the IBAN, 0 when there is none, and
// its value appended to v.
func (t *ibans) read(b []byte, n, i int, v []byte) (int, []byte) {
	form := t.form(b, i)
	if form == "" {
		return 0, v
	}
	v, gap := v[:0], 0
	for ; i < n && len(v) < len(form)+4; i++ {
		c := b[i]
		if class[c] == digit && len(v) >= 2 {
			if len(v) >= 4 && form[len(v)-4] == 'a' {
				return 0, v
			}
			v, gap = append(v, c), 0
			continue
		}
		if class[c]&(letter|digit) == 0 {
			if gap++; gap > 3 || !ibanGaps[c] {
				return 0, v
			}
			continue
		}
		gap = 0
		if len(v) >= 2 && !fits(upper(c), ibanClass(form, len(v))) {
			if c = disguise(c); c == 0 || ibanClass(form, len(v)) != 'n' {
				return 0, v
			}
		}
		v = append(v, upper(c))
	}
	if len(v) < len(form)+4 || class[b[i]]&(letter|digit) != 0 || !mod97(v) {
		return 0, v
	}
	return i, v
}

// ibanGaps are the signs that may stand within.
var ibanGaps = func() (t [256]bool) {
	for _, c := range " -./_\n\r\t>" {
		t[c] = true
	}
	return t
}()

func ibanClass(form string, i int) byte {
	if i < 4 {
		return 'n'
	}
	return form[i-4]
}

func fits(c, class byte) bool {
	switch class {
	case 'n':
		return c >= '0' && c <= '9'
	case 'a':
		return isUpper(c)
	}
	return c < 0x80
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

// mod97 checks ISO 7064 MOD 97-10 with the first four characters moved to the end.
func mod97(v []byte) bool {
	return rest97(rest97(0, v[4:]), v[:4])%97 == 1
}

// rest97 is the rest of r with v behind it, made small only where it grows large.
func rest97(r uint64, v []byte) uint64 {
	for _, c := range v {
		if c >= 'A' {
			r = r*100 + uint64(c-'A') + 10
		} else {
			r = r*10 + uint64(c-'0')
		}
		if r >= 1<<56 {
			r %= 97
		}
	}
	return r
}
