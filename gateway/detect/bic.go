package detect

import (
	"strings"

	"gatepost/gateway"
)

// countries are the codes of ISO 3166-1 and XK, which SWIFT uses for Kosovo.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"

// labelledBIC reports the bank identifier (ISO 9362) near label l, after it or
// on its line before it. Only a label makes one: many words have its layout.
func (s *scan) labelledBIC(l label) {
	for i := int(l.end); i < s.n && i <= int(l.end)+nearLabel; i++ {
		if class[s.b[i]]&(letter|digit) == 0 {
			continue
		}
		to := s.runEndAt(i)
		if s.bicAt(l, i, to) {
			return
		}
		i = to
	}
	for i := int(l.start); i > 0 && i >= int(l.start)-nearLabel/2 && class[s.b[i-1]]&newline == 0; i-- {
		if class[s.b[i-1]]&(letter|digit) == 0 {
			continue
		}
		to := i
		for i > 0 && to-i <= 11 && class[s.b[i-1]]&(letter|digit) != 0 {
			i--
		}
		if s.bicAt(l, i, to) {
			return
		}
	}
}

// runEndAt is the end of the letters and digits at i, at most twelve.
func (s *scan) runEndAt(i int) int {
	to := i
	for class[s.b[to]]&(letter|digit) != 0 && to-i <= 11 {
		to++
	}
	return to
}

// bicAt reports the bank identifier [i, to), if it is one.
func (s *scan) bicAt(l label, i, to int) bool {
	if !validBIC(s.b[i:to]) {
		return false
	}
	s.found(l.typ, i, to, gateway.Step{Name: "layout and country", Weight: 1}, gateway.Step{Name: "label near", Weight: nearWeight})
	return true
}

// validBIC: four letters of the bank, a country, two for the place, and perhaps
// three for the branch, all in capitals.
func validBIC(v []byte) bool {
	if len(v) != 8 && len(v) != 11 {
		return false
	}
	for i, c := range v {
		if !isUpper(c) && (i < 6 || class[c] != digit) {
			return false
		}
	}
	return strings.Contains(countries, string(v[4:6])+" ") || string(v[4:6]) == "ZW"
}
