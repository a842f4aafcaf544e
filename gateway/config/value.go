package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of octets. It is written 512, 64KiB, 50MiB or 2GiB.
type Size int64

var sizeUnits = [...]struct {
	name   string
	octets int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// ParseSize reads what String writes.
func ParseSize(s string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.octets {
			break
		}
		return Size(n * u.octets), nil
	}
	return 0, fmt.Errorf("%s is no size (write 512, 64KiB, 50MiB or 2GiB)", quote(s))
}

func (s Size) String() string {
	for _, u := range sizeUnits {
		if int64(s)%u.octets == 0 && s != 0 {
			return strconv.FormatInt(int64(s)/u.octets, 10) + u.name
		}
	}
	return "0"
}

// Units that time.ParseDuration lacks. A year is 365 days.
var longUnits = [...]struct {
	letter byte
	length time.Duration
}{{'y', 365 * day}, {'w', 7 * day}, {'d', day}}

var errDuration = errors.New("no duration")

// ParseDuration reads 90s, 15m, 4h, 30d, 2w, 6y and sums in falling units
// such as 1d12h. It is never negative.
func ParseDuration(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is no duration (write 90s, 15m, 4h, 30d, 6y or 1d12h)", quote(s))
	}
	return d, nil
}

func parseDuration(s string) (time.Duration, error) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, errDuration
	}
	var sum time.Duration
	for _, u := range longUnits {
		digits, rest, ok := strings.Cut(s, string(u.letter))
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n > uint64((math.MaxInt64-sum)/u.length) {
			return 0, errDuration
		}
		sum += time.Duration(n) * u.length
		s = rest
	}
	if s == "" {
		return sum, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || s[0] < '0' || s[0] > '9' || d > math.MaxInt64-sum {
		return 0, errDuration
	}
	return sum + d, nil
}

// FormatDuration writes what ParseDuration reads, in the largest units that
// fit: 30d, 1d12h, 15m.
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range longUnits {
		// Weeks are read but not written: 30d is easier than 4w2d. Years
		// only when they come out even.
		if u.letter == 'w' || u.letter == 'y' && d%u.length != 0 {
			continue
		}
		if n := d / u.length; n > 0 {
			fmt.Fprintf(&b, "%d%c", n, u.letter)
			d %= u.length
		}
	}
	if d > 0 {
		text := d.String()
		if strings.HasSuffix(text, "m0s") {
			text = text[:len(text)-2]
		}
		if strings.HasSuffix(text, "h0m") {
			text = text[:len(text)-2]
		}
		b.WriteString(text)
	}
	return b.String()
}

// Secret is a reference to a secret, with its value once Load has read it.
// The value is never written in the configuration file, and every fmt verb,
// slog and the renderers of this package show the reference only.
type Secret struct {
	File string // path of a file; one final newline is not part of the secret
	Env  string // name of an environment variable

	value string
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether nothing was configured.
func (s Secret) IsZero() bool { return s == Secret{} }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText implements encoding.TextMarshaler: JSON shows no secret either.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// read fetches the value. Its errors name the reference, never the value.
func (s *Secret) read(readFile func(string) ([]byte, error), lookup func(string) (string, bool)) error {
	if s.Env != "" {
		value, ok := lookup(s.Env)
		if !ok || value == "" {
			return fmt.Errorf("environment variable %s is not set", s.Env)
		}
		s.value = trimNewline(value)
		return nil
	}
	raw, err := readFile(s.File)
	if err != nil {
		return fmt.Errorf("reading the secret: %w", err)
	}
	s.value = trimNewline(string(raw))
	if s.value == "" {
		return fmt.Errorf("secret file %s is empty", s.File)
	}
	return nil
}

func trimNewline(s string) string {
	s = strings.TrimSuffix(s, "\n")
	return strings.TrimSuffix(s, "\r")
}
