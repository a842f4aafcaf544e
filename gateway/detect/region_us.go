package detect

// usKinds are the numbers of the United States.
func usKinds() []kind {
	return []kind{
		{typ: "ssn", valid: validSSN, why: "area, group and serial in range",
			shapes: []shape{{"3 2 4", 4}, {"9", 0}, {"3 6", 0}, {"5 4", 0}}},
		{typ: "itin", valid: validITIN, why: "group in range",
			shapes: []shape{{"3 2 4", 4}, {"9", 1}, {"3 6", 0}, {"5 4", 0}}},
		{typ: "aba", valid: validABA, why: "district and checksum",
			shapes: []shape{{"9", 1}, {"4 4 1", 2}}},
		{typ: "npi", valid: validNPI, why: "checksum",
			shapes: []shape{{"10", 1}, {"4 3 3", 2}}},
		{typ: "ein", valid: func(v []byte) bool { return !same(v) }, why: "shape",
			shapes: []shape{{"2 7", 1}, {"9", 0}}},
		{typ: "dea", valid: validDEA, why: "checksum",
			shapes: []shape{{"LLDDDDDDD", 3}}},
		{typ: "mbi", valid: validMBI, why: "layout", shapes: mbiShapes()},
	}
}

// Weights of sums.
var (
	weights371 = weighing(3, 7, 1, 3, 7, 1, 3, 7)
	weightsDEA = weighing(0, 1, 2, 1, 2, 1, 2, 0)
)

// validSSN follows the rules of the Social Security Administration: area not
// 000, 666 or 9xx, group not 00, serial not 0000; numbers that were printed
// in advertisements are not given out.
func validSSN(v []byte) bool { return isSSN(load(v, 0)-'0'*octets, v[8]-'0') && !same(v) }

// isSSN is validSSN for digits that are not all the same: the first eight as load has
// them, the first one lowest, and the last.
func isSSN(x uint64, last byte) bool {
	const area, group, serial = 0xffffff, 0xffff << 24, 0xffffff << 40
	if x&area == 0 || x&area == 0x060606 || x&0xff == 9 || x&group == 0 || x&serial == 0 && last == 0 {
		return false
	}
	for i := range advertisedSSNs {
		if a := &advertisedSSNs[i]; a.x == x && a.last == last {
			return false
		}
	}
	return true
}

// advertisedSSNs were printed in advertisements and on cards to be filled in.
var advertisedSSNs = func() (t [4]struct {
	x    uint64
	last byte
}) {
	for i, v := range []string{"078051120", "219099999", "123456789", "457555462"} {
		t[i].x, t[i].last = load([]byte(v), 0)-'0'*octets, v[8]-'0'
	}
	return t
}()

// validITIN: 9xx, and a group of the ranges that the IRS gives out.
func validITIN(v []byte) bool {
	if v[0] != '9' {
		return false
	}
	return itinGroups[num(v[3:5])]
}

// itinGroups are the groups that the IRS gives out.
var itinGroups = func() (t [100]bool) {
	for g := range t {
		t[g] = g >= 50 && g <= 65 || g >= 70 && g <= 88 || g >= 90 && g <= 92 || g >= 94
	}
	return t
}()

// validABA checks the routing number's 3-7-1 sum and its Federal Reserve prefix.
func validABA(v []byte) bool {
	return districts[num(v[:2])] && (weights371.of(v)+int(v[8]-'0'))%10 == 0
}

// districts are the first two digits of routing numbers.
var districts = func() (t [100]bool) {
	for p := range t {
		t[p] = p >= 1 && p <= 12 || p >= 21 && p <= 32 || p >= 61 && p <= 72 || p == 80
	}
	return t
}()

// validNPI runs Luhn over 80840 and the number (45 CFR 162.406).
func validNPI(v []byte) bool {
	var w [15]byte
	copy(w[:], "80840")
	copy(w[5:], v)
	return (v[0] == '1' || v[0] == '2') && luhn(w[:])
}

// validDEA: registrant class, and (1+3+5) + 2(2+4+6) ends in the last digit.
func validDEA(v []byte) bool {
	switch v[0] {
	case 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'P', 'R', 'S', 'T', 'U', 'X':
		return weightsDEA.of(v[1:])%10 == int(v[8]-'0')
	}
	return false
}

// mbiShapes are the Medicare beneficiary identifier's masks: positions 3 and
// 6 are letter or digit.
func mbiShapes() []shape {
	return []shape{
		{"DLLDLLDLLDD", 4}, {"DLDDLLDLLDD", 4}, {"DLLDLDDLLDD", 4}, {"DLDDLDDLLDD", 4},
	}
}

// validMBI: the first digit is not 0, and S, L, O, I, B, Z are not used.
func validMBI(v []byte) bool {
	for _, c := range v {
		switch c {
		case 'S', 'L', 'O', 'I', 'B', 'Z':
			return false
		}
	}
	return v[0] != '0'
}
