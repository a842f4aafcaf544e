package detect

// cardKinds are payment cards (ISO/IEC 7812: issuer, length, Luhn).
func cardKinds() []kind {
	return []kind{{
		typ: "card", valid: validCard, why: "issuer, length and checksum", loose: true, luhn: true,
		shapes: []shape{
			{"16", 5}, {"4 4 4 4", 7}, {"15", 5}, {"4 6 5", 6}, {"4 5 6", 5}, {"14", 4}, {"4 6 4", 5},
			{"13", 3}, {"4 3 3 3", 4}, {"19", 3}, {"4 4 4 4 3", 4}, {"6 13", 3}, {"18", 2}, {"17", 1},
			{"6 10", 4}, {"4 4 5", 1}, {"8 8", 4}, {"4 4 4 3", 4}, {"4 4 4 2", 4},
		},
	}, {
		typ: "card", valid: validCard, why: "issuer, length and checksum", luhn: true,
		shapes: []shape{{"12", 0}, {"4 4 4", 0}},
	}, {
		// Issuers come and go: what is called a card and has the checksum is one.
		typ: "card", valid: func(v []byte) bool { return !same(v[1:]) && v[0] != '0' }, why: "length and checksum", loose: true, luhn: true,
		shapes: []shape{{"16", 0}, {"4 4 4 4", 0}, {"15", 0}, {"4 6 5", 0}, {"14", 0}, {"4 6 4", 0}, {"19", 0}, {"13", 0}},
	}}
}

// issuers are the ranges of leading digits, compared as six digits, and the
// lengths in use as a bit set.
// issuer is a range of the first six digits, and the lengths that its cards have,
// a bit each.
type issuer struct {
	from, to int
	lengths  uint32
}

var issuers = []issuer{
	{60400, 60499, 1 << 12},                         // Maestro, leading zero
	{180000, 180099, 1 << 15},                       // JCB
	{213100, 213199, 1 << 15},                       // JCB
	{222100, 272099, 1 << 16},                       // Mastercard
	{300000, 305999, 1<<14 | 1<<16},                 // Diners Club
	{309500, 309599, 1<<14 | 1<<16},                 // Diners Club
	{308800, 309499, 1 << 16},                       // JCB
	{309600, 310299, 1 << 16},                       // JCB
	{311200, 312099, 1 << 16},                       // JCB
	{315800, 315999, 1 << 16},                       // JCB
	{333700, 334999, 1 << 16},                       // JCB
	{340000, 349999, 1 << 15},                       // American Express
	{352800, 358999, 1<<16 | 1<<17 | 1<<18 | 1<<19}, // JCB
	{360000, 369999, 1<<14 | 1<<16 | 1<<19},         // Diners Club
	{370000, 379999, 1 << 15},                       // American Express
	{380000, 399999, 1<<14 | 1<<16 | 1<<19},         // Diners Club
	{400000, 499999, 1<<13 | 1<<16 | 1<<19},         // Visa
	{500000, 509999, 0xff << 12},                    // Maestro, Elo
	{510000, 559999, 1 << 16},                       // Mastercard
	{560000, 589999, 0xff << 12},                    // Maestro
	{601100, 601199, 1<<16 | 1<<17 | 1<<18 | 1<<19}, // Discover
	{604000, 604199, 0xff << 12},                    // RuPay, Maestro
	{606282, 606282, 1 << 16},                       // Hipercard
	{620000, 629999, 1<<16 | 1<<17 | 1<<18 | 1<<19}, // UnionPay
	{630000, 639999, 0xff << 12},                    // Maestro, InstaPayment
	{644000, 659999, 1<<16 | 1<<17 | 1<<18 | 1<<19}, // Discover, RuPay
	{670000, 679999, 0xff << 12},                    // Maestro
	{220000, 220499, 1<<16 | 1<<17 | 1<<18 | 1<<19}, // Mir
	{810000, 817199, 1<<16 | 1<<17 | 1<<18 | 1<<19}, // UnionPay
	{979200, 979299, 1 << 16},                       // Troy
	{600000, 601099, 1<<16 | 1<<19},                 // store cards
	{603000, 603999, 1 << 16},                       // store cards
}

// issuersBy are the issuers by the first two digits.
var issuersBy = func() (t [100][]issuer) {
	for _, r := range issuers {
		for i := r.from / 10000; i <= r.to/10000; i++ {
			t[i] = append(t[i], r)
		}
	}
	return t
}()

// validCard judges what kind.luhn leaves.
func validCard(v []byte) bool {
	if len(v) < 12 || len(v) > 19 || same(v[1:]) {
		return false
	}
	n := num(v[:6])
	for _, r := range issuersBy[n/10000] {
		if n >= r.from && n <= r.to && r.lengths>>len(v)&1 != 0 {
			return true
		}
	}
	return false
}
