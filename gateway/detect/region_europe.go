package detect

// europeKinds are the numbers of European countries.
func europeKinds() []kind {
	return []kind{
		{typ: "nhs", valid: validNHS, why: "checksum",
			shapes: []shape{{"3 3 4", 2}, {"10", 1}}},
		{typ: "bank_account", valid: validSortCode, why: "sort code and account",
			shapes: []shape{{"2 2 2 8", 3}, {"6 8", 1}, {"2 2 2 4 4", 2}}},
		{typ: "gb.nino", valid: validNINO, why: "prefix and suffix",
			shapes: []shape{{"LLDDDDDDL", 4}}},
		{typ: "drivers_licence", valid: validGBLicence, why: "layout",
			shapes: []shape{{"LLLLLDDDDDDLLDLL", 5}, {"LLLLLDDDDDDLDDLL", 5}, {"LLLLDDDDDDDLLDLL", 5}, {"LLLLDDDDDDDLDDLL", 5}}},
		{typ: "es.dni", valid: validDNI, why: "check letter",
			shapes: []shape{{"DDDDDDDDL", 4}}},
		{typ: "es.nie", valid: validNIE, why: "check letter",
			shapes: []shape{{"LDDDDDDDL", 4}}},
		{typ: "fr.nir", valid: validNIR, why: "key and month",
			shapes: []shape{{"15", 4}, {"1 2 2 2 3 3 2", 6}, {"13 2", 5}, {"1 2 2 5 3 2", 5}, {"DDDDDDLDDDDDDDD", 4}}},
		{typ: "de.idnr", valid: validSteuerID, why: "checksum and repetition", slow: true,
			shapes: []shape{{"11", 1}, {"2 3 3 3", 4}}},
		{typ: "de.kvnr", valid: validKVNR, why: "checksum",
			shapes: []shape{{"LDDDDDDDDD", 3}}},
		{typ: "it.codicefiscale", valid: validCodiceFiscale, why: "checksum", shapes: codiceShapes()},
		{typ: "it.codicefiscale", valid: validPartitaIVA, why: "checksum and office",
			shapes: []shape{{"11", 0}}},
		{typ: "nl.bsn", valid: validBSN, why: "checksum",
			shapes: []shape{{"9", 0}, {"4 2 3", 1}, {"3 3 3", 0}}},
		{typ: "pl.pesel", valid: validPESEL, why: "checksum and birth date",
			shapes: []shape{{"11", 2}}},
	}
}

// Weights of sums.
var (
	falling10   = weighing(10, 9, 8, 7, 6, 5, 4, 3)
	falling9    = weighing(9, 8, 7, 6, 5, 4, 3, 2)
	weights1379 = weighing(1, 3, 7, 9, 1, 3, 7, 9)
)

// validNHS is modulus 11 with weights 10 to 2.
func validNHS(v []byte) bool {
	check := 11 - (falling10.of(v)+2*int(v[8]-'0'))%11
	return check != 10 && check%11 == int(v[9]-'0') && !same(v)
}

// validSortCode: a British sort code is not all zeros, nor is the account after it.
func validSortCode(v []byte) bool { return num(v[:6]) != 0 && num(v[6:]) != 0 }

// validNINO follows HMRC's NIM39110: letters that are not used, prefixes that
// are not given out, suffix A to D.
func validNINO(v []byte) bool {
	for i, c := range v[:2] {
		switch c {
		case 'D', 'F', 'I', 'Q', 'U', 'V':
			return false
		}
		if i == 1 && c == 'O' {
			return false
		}
	}
	switch string(v[:2]) {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return false
	}
	return v[8] >= 'A' && v[8] <= 'D'
}

// validGBLicence: surname, decade, month (plus 50 for women), day, year.
func validGBLicence(v []byte) bool {
	if v[4] >= '0' && v[4] <= '8' {
		return false
	}
	m := num(v[6:8])
	return day(num(v[8:10]), m%50) && m <= 62
}

const dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

func validDNI(v []byte) bool {
	return v[8] == dniLetters[num(v[:8])%23] && num(v[:8]) != 0
}

func validNIE(v []byte) bool {
	return v[0] >= 'X' && v[0] <= 'Z' && v[8] == dniLetters[(int(v[0]-'X')*10000000+num(v[1:8]))%23]
}

// validNIR: sex, month (01-12, or 20 and above when unknown), department
// (2A and 2B are Corsica), and the key 97 - n mod 97.
func validNIR(v []byte) bool {
	var w [15]byte
	copy(w[:], v)
	less := 0
	if c := w[6]; c == 'A' {
		w[6], less = '0', 1000000
	} else if c == 'B' {
		w[6], less = '0', 2000000
	} else if isUpper(c) {
		return false
	}
	if less != 0 && v[5] != '2' {
		return false
	}
	m := num(w[3:5])
	if !(m >= 1 && m <= 12 || m >= 20 && m <= 42 || m >= 50) || w[0] == '0' || w[0] == '9' {
		return false
	}
	return 97-(num(w[:13])-less)%97 == num(w[13:])
}

// validSteuerID: ISO 7064 MOD 11,10, and among the first ten digits one occurs
// twice or three times and no other does. None at all is taken too: forms and
// letters show such a number as their example, and people copy it.
func validSteuerID(v []byte) bool {
	var seen [10]int
	for _, c := range v[:10] {
		seen[c-'0']++
	}
	twice := 0
	for _, n := range seen {
		if n > 3 {
			return false
		}
		if n > 1 {
			twice++
		}
	}
	return twice <= 1 && v[0] != '0' && mod11_10(v)
}

// mod11_10 is the hybrid system of ISO 7064 over digits.
func mod11_10(v []byte) bool {
	p := 10
	for _, c := range v[:len(v)-1] {
		if p = (p + int(c-'0')) % 10; p == 0 {
			p = 10
		}
		p = p * 2 % 11
	}
	return (p+int(v[len(v)-1]-'0'))%10 == 1
}

// validKVNR: the letter counts as two digits, weights 1 and 2 with digit sums.
func validKVNR(v []byte) bool {
	n := int(v[0]-'A') + 1
	digits := [11]int{n / 10, n % 10}
	for i, c := range v[1:] {
		digits[i+2] = int(c - '0')
	}
	sum := 0
	for i, d := range digits[:10] {
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == digits[10]
}

// codiceShapes are the masks of the Italian code: seven of its digits may be
// letters, to tell equal codes apart. Only the usual ones are listed: letters
// replace digits from the right. One digit always stays: without any, the code
// is a word like others.
func codiceShapes() []shape {
	form := []byte("LLLLLLDDLDDLDDDL")
	shapes := []shape{{string(form), 6}}
	for _, i := range []int{14, 13, 12, 10, 9, 7, 6} {
		if form[i] = 'L'; i != 6 {
			shapes = append(shapes, shape{string(form), 5})
		}
		alone := []byte("LLLLLLDDLDDLDDDL")
		if alone[i] = 'L'; i != 14 {
			shapes = append(shapes, shape{string(alone), 5})
		}
	}
	return shapes
}

// validCodiceFiscale sums odd places by table and even places by value; the
// remainder of 26 is the last letter (D.M. 23/12/1976). The month is one of
// twelve letters.
func validCodiceFiscale(v []byte) bool {
	sum := 0
	for i, c := range v[:15] {
		n := int(c - '0')
		if isUpper(c) {
			n = int(c - 'A')
		}
		if n >= len(codiceOdd) {
			return false // a letter of another script
		}
		if i%2 == 0 {
			n = codiceOdd[n]
		}
		sum += n
	}
	switch v[8] {
	case 'A', 'B', 'C', 'D', 'E', 'H', 'L', 'M', 'P', 'R', 'S', 'T':
		return v[15] == 'A'+byte(sum%26)
	}
	return false
}

// validPartitaIVA is the code of companies and associations, of which codice
// fiscale is the name too: seven digits, the office that gave it out, Luhn.
func validPartitaIVA(v []byte) bool {
	office := num(v[7:10])
	return luhn(v) && num(v[:7]) != 0 && (office >= 1 && office <= 100 || office == 120 || office == 121 || office == 888 || office == 999)
}

var codiceOdd = [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// validBSN is the eleven test with a last weight of -1.
func validBSN(v []byte) bool {
	return (falling9.of(v)-int(v[8]-'0'))%11 == 0 && !same(v) && num(v) > 9999999
}

// validPESEL: weights 1 3 7 9, and the month says the century.
func validPESEL(v []byte) bool {
	return (weights1379.of(v)+int(v[8]-'0')+3*int(v[9]-'0')+int(v[10]-'0'))%10 == 0 && day(num(v[4:6]), num(v[2:4])%20)
}
