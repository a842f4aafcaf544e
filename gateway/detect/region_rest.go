package detect

// restKinds are the numbers of the other countries.
func restKinds() []kind {
	return []kind{
		{typ: "ca.sin", valid: validSIN, why: "checksum",
			shapes: []shape{{"3 3 3", 2}, {"9", 1}}},
		{typ: "ca.ohip", valid: validOHIP, why: "checksum",
			shapes: []shape{{"4 3 3", 1}, {"10", 0}, {"DDDDDDDDDDLL", 2}}},
		{typ: "ca.bc_phn", valid: validBCPHN, why: "checksum",
			shapes: []shape{{"4 3 3", 2}, {"10", 0}}},
		{typ: "ca.ramq", valid: validRAMQ, why: "birth date",
			shapes: []shape{{"LLLLDDDDDDDD", 3}}},
		{typ: "au.tfn", valid: validTFN, why: "checksum",
			shapes: []shape{{"3 3 3", 2}, {"9", 0}, {"8", -1}, {"2 3 3", 0}}},
		{typ: "au.medicare", valid: validAUMedicare, why: "checksum",
			shapes: []shape{{"4 5 1", 4}, {"10", 1}, {"11", -1}, {"4 5 1 1", 4}}},
		{typ: "in.aadhaar", valid: validAadhaar, why: "checksum", slow: true,
			shapes: []shape{{"4 4 4", 3}, {"12", 1}}},
		{typ: "in.pan", valid: validPAN, why: "holder class",
			shapes: []shape{{"LLLLLDDDDL", 4}}},
		// What is called a PAN and looks like one is one, though nobody of its
		// class exists: people mistype.
		{typ: "in.pan", valid: func(v []byte) bool { return num(v[5:9]) != 0 }, why: "layout",
			shapes: []shape{{"LLLLLDDDDL", 0}}},
	}
}

// Weights of sums.
var (
	weightsBC   = weighing(2, 4, 8, 5, 10, 9, 7, 3)
	weightsTFN  = weighing(1, 4, 3, 7, 5, 8, 6, 9)
	weightsTFN8 = weighing(10, 7, 8, 4, 6, 3, 5, 1)
)

// validSIN is Luhn; 0 and 8 are not given to persons.
func validSIN(v []byte) bool { return luhn(v) && v[0] != '0' && v[0] != '8' }

// validOHIP is Luhn; Ontario gives out no number that begins with 0.
func validOHIP(v []byte) bool { return v[0] != '0' && luhn(v[:10]) && !same(v[:10]) }

// validBCPHN: British Columbia's numbers begin with 9, the last digit checks
// the eight before it, modulus 11.
func validBCPHN(v []byte) bool {
	return v[0] == '9' && (11-weightsBC.of(v[1:])%11)%11 == int(v[9]-'0')
}

// validRAMQ: Quebec writes three letters of the surname, one of the given name,
// the birth date with 50 added to a woman's month, and two more digits. How the
// last one is computed is not published.
func validRAMQ(v []byte) bool {
	m := num(v[6:8])
	return day(num(v[8:10]), m%50) && m <= 62
}

// validTFN is modulus 11; older numbers have eight digits.
func validTFN(v []byte) bool {
	if same(v) {
		return false
	}
	if len(v) == 8 {
		return weightsTFN8.of(v)%11 == 0
	}
	return (weightsTFN.of(v)+10*int(v[8]-'0'))%11 == 0
}

// validAUMedicare: first digit 2 to 6, the ninth checks the first eight.
func validAUMedicare(v []byte) bool {
	return v[0] >= '2' && v[0] <= '6' && weights1379.of(v)%10 == int(v[8]-'0')
}

// validAadhaar is Verhoeff; numbers begin with 2 to 9 and are no palindromes.
func validAadhaar(v []byte) bool { return v[0] >= '2' && verhoeff(v) && !palindrome(v) }

func palindrome(v []byte) bool {
	for i := range v[:len(v)/2] {
		if v[i] != v[len(v)-1-i] {
			return false
		}
	}
	return true
}

// verhoeff checks v in the dihedral group D5.
func verhoeff(v []byte) bool {
	c := 0
	for i := range v {
		c = int(dihedralTable[c&15][verhoeffPerm[i%8][v[len(v)-1-i]-'0']&15])
	}
	return c == 0
}

// dihedral multiplies in D5, whose elements 5 to 9 are reflections.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b)%5
	}
	return (a - b + 5) % 5
}

// dihedralTable are all products.
var dihedralTable = func() (t [16][16]uint8) {
	for a := range 10 {
		for b := range 10 {
			t[a][b] = uint8(dihedral(a, b))
		}
	}
	return t
}()

// verhoeffPerm are the powers of Verhoeff's permutation.
var verhoeffPerm = [8][10]int{
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
	{8, 9, 1, 6, 0, 4, 3, 5, 2, 7}, {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
	{2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
}

// validPAN: the fourth letter is the class of the holder, the number is not 0000.
func validPAN(v []byte) bool {
	switch v[3] {
	case 'P', 'C', 'F', 'A', 'T', 'B', 'L', 'J', 'G', 'H', 'K', 'E':
		return num(v[5:9]) != 0
	}
	return false
}
