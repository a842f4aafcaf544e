package gateway

import "time"

// ParseSMPPTime reads a time of SMPP v3.4 section 7.1.1: absolute, YYMMDDhhmmsstnnp
// with the quarters of an hour that it is away from UTC, or relative to now.
// The zero time for "", which stands for "at once" or "the default"; false for
// anything that is no time.
func ParseSMPPTime(text string, now time.Time) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	if len(text) != 16 {
		return time.Time{}, false
	}
	var n [6]int // year, month, day, hour, minute, second
	for i := range n {
		v, ok := smppDigits(text[2*i : 2*i+2])
		if !ok {
			return time.Time{}, false
		}
		n[i] = v
	}
	tenth, ok := smppDigits(text[12:13])
	quarters, okq := smppDigits(text[13:15])
	if !ok || !okq {
		return time.Time{}, false
	}
	if text[15] == 'R' {
		clock := time.Duration(n[3])*time.Hour + time.Duration(n[4])*time.Minute + time.Duration(n[5])*time.Second
		return now.AddDate(n[0], n[1], n[2]).Add(clock), tenth == 0 && quarters == 0
	}
	t := time.Date(2000+n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], tenth*int(100*time.Millisecond), time.UTC)
	if n[3] > 23 || n[4] > 59 || n[5] > 59 || t.Day() != n[2] || int(t.Month()) != n[1] || quarters > 48 {
		return time.Time{}, false
	}
	away := time.Duration(quarters) * 15 * time.Minute
	switch text[15] {
	case '+':
		return t.Add(-away), true
	case '-':
		return t.Add(away), true
	}
	return time.Time{}, false
}

func smppDigits(text string) (n int, ok bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, true
}
