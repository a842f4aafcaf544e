package people

import (
	"slices"
	"strings"

	"gatepost/gateway"
)

// Length of a PIN that people choose or contacts have, in digits.
const (
	minPIN = 6
	maxPIN = 12
)

// Standing returns the secret that proves a person besides codes, and where it
// comes from: the one that they chose, else the attribute that an import gave
// them. nil for none.
func (p *Person) Standing() (*gateway.Hashed, gateway.PINKind) {
	switch {
	case p.Chosen != nil:
		return p.Chosen, gateway.PINStanding
	case p.PIN != nil:
		return p.PIN, gateway.PINContact
	}
	return nil, gateway.PINNone
}

// JudgePIN says why digits are no good as a standing PIN of p: anybody who
// guesses tries runs, repetitions, dates and the person's own number first.
func JudgePIN(digits string, p Person) gateway.PINProblem {
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return gateway.PINMalformed
	case len(digits) < minPIN:
		return gateway.PINTooShort
	case len(digits) > maxPIN:
		return gateway.PINTooLong
	case fewDigits(digits), run(digits), repeats(digits), dated(digits), popular(digits), own(digits, p):
		return gateway.PINGuessable
	}
	return gateway.PINTaken
}

// fewDigits: 111111, 121121.
func fewDigits(s string) bool {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen) <= 2
}

// run: each digit is as far from the one before, around the ten: 123456,
// 987654, 135791, 890123.
func run(s string) bool {
	step := (s[1] + 10 - s[0]) % 10
	for i := 2; i < len(s); i++ {
		if (s[i]+10-s[i-1])%10 != step {
			return false
		}
	}
	return true
}

// repeats: a block again and again, digits in pairs or triples, or there and
// back: 123123, 112233, 111222, 123321.
func repeats(s string) bool {
	for n := 2; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return true
		}
	}
	for n := 2; n <= 3; n++ {
		if len(s)%n == 0 && stretched(s, n) {
			return true
		}
	}
	mirrored := []byte(s)
	slices.Reverse(mirrored)
	return string(mirrored) == s
}

func stretched(s string, n int) bool {
	for i := range len(s) {
		if s[i] != s[i/n*n] {
			return false
		}
	}
	return true
}

// dated: a calendar date with two or four digits of the year, in any order of
// day, month and year that people write.
func dated(s string) bool {
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	day := func(d, m int) bool { return d >= 1 && d <= 31 && m >= 1 && m <= 12 }
	century := func(c int) bool { return c == 19 || c == 20 }
	switch len(s) {
	case 6:
		return day(two(0), two(2)) || day(two(2), two(0)) || day(two(4), two(2))
	case 8:
		return century(two(4)) && (day(two(0), two(2)) || day(two(2), two(0))) || century(two(0)) && day(two(6), two(4))
	}
	return false
}

// popular: what people take because of how a keypad looks, and the rest of the
// usual lists.
func popular(s string) bool {
	return slices.Contains([]string{
		"147258", "258369", "147369", "369258", "159357", "159753", "357159", "753159", "951753", "963852", "852963", "741852", "147852",
		"456852", "789456", "456123", "123789", "789123", "123654", "321654", "654789", "142536", "246810", "102030", "112358", "314159",
		"271828", "141421", "520131", "147258369", "123456780", "1234567890", "31415926", "3141592653",
	}, s)
}

// own: part of the person's telephone number or of the address that got the
// link.
func own(s string, p Person) bool {
	return strings.Contains(p.Phone.Reveal(), s) || strings.Contains(p.Address.Key(), s) || strings.Contains(p.Second.Key(), s)
}
