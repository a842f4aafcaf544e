package flow

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"gatepost/gateway"
)

// number is the telephone at an end of a message, in E.164 form where that can
// be told. People stop messages to the number that the carrier names, so one
// that an application spells as it is dialled at home must be found to be the
// same. Digits of unknown type are read both ways where the configuration
// names the country; those that could be either are taken for international
// when they begin with the country's own code, for national otherwise.
func (s *SMSSettings) number(l gateway.Line) (gateway.Address, error) {
	a, err := l.Number()
	if err != nil || s == nil || s.Country == "" || l.TON == gateway.TONInternational || strings.HasPrefix(l.Addr, "+") || strings.HasPrefix(l.Addr, "00") {
		return a, err
	}
	home, err := phonenumbers.Parse(l.Addr, s.Country)
	if err != nil || !phonenumbers.IsValidNumber(home) {
		return a, nil // a short code, or a number of another country
	}
	code := phonenumbers.Format(home, phonenumbers.E164)
	abroad, err := phonenumbers.Parse("+"+l.Addr, s.Country)
	ours := err == nil && abroad.GetCountryCode() == home.GetCountryCode() && phonenumbers.IsValidNumber(abroad)
	if l.TON == gateway.TONUnknown && ours {
		return a, nil
	}
	return gateway.PhoneAddress(code)
}

// maxShortCode is how many digits a number has at most that only a carrier
// understands: E.164 numbers that people write are longer.
const maxShortCode = 6

// unmarked is a number without the marks that people put between digits.
func unmarked(text string) string {
	return strings.NewReplacer(" ", "", "-", "", ".", "", "/", "", "(", "", ")", "").Replace(text)
}

// typed is the telephone that a person wrote, with the marks that people put
// between digits. It is what number makes of it where a country is told:
// by "+", by "00", or by the configuration. Anything else is refused, because a
// guess would name the telephone of somebody else. gateway.ErrBadAddress.
func (s *SMSSettings) typed(text string) (gateway.Address, error) {
	line, err := gateway.ParseLine(unmarked(text))
	if err != nil {
		return gateway.Address{}, err
	}
	a, err := s.number(line)
	if err != nil || line.TON == gateway.TONInternational || len(line.Addr) <= maxShortCode {
		return a, err
	}
	number := a.Phone().Reveal()
	if !strings.HasPrefix(number, "+") {
		return gateway.Address{}, gateway.ErrBadAddress
	}
	if strings.HasPrefix(line.Addr, "00") || s != nil && s.Country != "" && plausible(number, s.Country) {
		return a, nil
	}
	return gateway.Address{}, gateway.ErrBadAddress
}

// plausible reports whether a number exists, or has the code of the country and
// a length that numbers have there.
func plausible(number, country string) bool {
	n, err := phonenumbers.Parse(number, country)
	if err != nil {
		return false
	}
	ours := int(n.GetCountryCode()) == phonenumbers.GetCountryCodeForRegion(country)
	return phonenumbers.IsValidNumber(n) || ours && phonenumbers.IsPossibleNumber(n)
}
