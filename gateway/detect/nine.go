package detect

// nineKinds are the types that nine digits without separators may be, in the order of
// the registry: more than of any other number, and what people list most.
var nineKinds = [...]string{"ssn", "itin", "aba", "ein", "nl.bsn", "ca.sin", "au.tfn"}

// isNine reports whether all is what nineDigits judges.
func isNine(t *typeTable, all []match) bool {
	if len(all) != len(nineKinds) {
		return false
	}
	for i, m := range all {
		if k := &t.kinds[m.kind]; k.typ != nineKinds[i] || m.asks&^asksSigns != asksApart {
			return false
		}
	}
	return true
}

// nineDigits says of nine digits which of nineKinds they are, a bit each, as their
// validators do: what several of those look at is looked at once.
func nineDigits(v []byte) (kinds uint8) {
	const lanes = 0x00ff00ff00ff00ff
	x, last := load(v, 0)-'0'*octets, int(v[8]-'0') // the first digit is the lowest octet
	first, second, group := int(x&0xff), int(x>>8&0xff), int(x>>24&0xff)*10+int(x>>32&0xff)
	if isSSN(x, byte(last)) {
		kinds = 1 << 0
	}
	if first == 9 && itinGroups[group] {
		kinds |= 1 << 1
	}
	even, odd := x&lanes, x>>8&lanes
	if sum := int(even*weights371.even>>48+odd*weights371.odd>>48) + last; districts[first*10+second] && sum%10 == 0 {
		kinds |= 1 << 2
	}
	nine := (odd + (0x80-5)*(lanes/0xff)) >> 7 & (lanes / 0xff) // as luhn does
	if sum := int((even+2*odd-9*nine)*(lanes/0xff)>>48) + last; first != 0 && first != 8 && sum%10 == 0 {
		kinds |= 1 << 5
	}
	if x == uint64(first)*octets && last == first {
		return kinds &^ (1 << 0) // the others are no such numbers
	}
	kinds |= 1 << 3
	if sum := int(even*falling9.even>>48+odd*falling9.odd>>48) - last; sum%11 == 0 && first|second != 0 {
		kinds |= 1 << 4
	}
	if sum := int(even*weightsTFN.even>>48+odd*weightsTFN.odd>>48) + 10*last; sum%11 == 0 {
		kinds |= 1 << 6
	}
	return kinds
}
