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
