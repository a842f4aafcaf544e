package detect

// commonKinds are written alike in many countries.
func commonKinds() []kind {
	return []kind{
		{typ: "iban", valid: mod97, why: "country structure and checksum"}, // iban.go finds its shape
		{typ: "ip", why: "four octets"},
		{typ: "phone", valid: validNANP, why: "area and exchange",
			shapes: []shape{{"3 3 4", 4}, {"1 3 3 4", 4}, {"3 7", 1}, {"10", 0}, {"11", -1}, {"3 3 3 4", 3}}},
		{typ: "date_of_birth", valid: validDate, why: "date", dated: true,
			shapes: []shape{{"2 2 4", 1}, {"1 2 4", 1}, {"2 1 4", 1}, {"1 1 4", 1}, {"4 2 2", 1}, {"4 1 1", 1}, {"4 1 2", 1}, {"4 2 1", 1}, {"2 2 2", 1}, {"1 2 2", 1}}},
	}
}

// validNANP: area and exchange of the North American plan begin with 2 to 9.
func validNANP(v []byte) bool {
	if len(v) > 10 {
		p := v[:len(v)-10]
		if p[len(p)-1] != '1' || len(p) == 3 && (p[0] != '0' || p[1] != '0') {
			return false
		}
		v = v[len(v)-10:]
	}
	return v[0] >= '2' && v[3] >= '2' && !same(v)
}

// validDate accepts day, month and year in any usual order. The groups'
// lengths are lost here; a year of four digits stands first or last.
func validDate(v []byte) bool {
	n := len(v)
	if n >= 6 {
		if isYear(v[:4]) && dayPair(v[4:]) || isYear(v[n-4:]) && dayPair(v[:n-4]) {
			return true
		}
	}
	return n == 6 && dayPair(v[:4]) || n == 5 && dayPair(v[:3])
}

// isYear reports whether v is a year from 1890 to 2035.
func isYear(v []byte) bool {
	if v[0] == '1' {
		return v[1] == '8' && v[2] == '9' || v[1] == '9'
	}
	return v[0] == '2' && v[1] == '0' && (v[2] < '3' || v[2] == '3' && v[3] <= '5')
}

// dayPair reports whether v, two to four digits, can be a day and a month in
// either order.
func dayPair(v []byte) bool {
	for cut := 1; cut <= 2 && cut < len(v); cut++ {
		if len(v)-cut > 2 {
			continue
		}
		a, b := num(v[:cut]), num(v[cut:])
		if day(a, b) || day(b, a) {
			return true
		}
	}
	return false
}
