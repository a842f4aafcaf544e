package gateway

import (
	"fmt"
	"math"
	"strconv"
)

// Color is one of sRGB; the zero value is none.
type Color struct {
	R, G, B uint8
	Set     bool
}

// ParseColor reads "#rrggbb".
func ParseColor(text string) (Color, error) {
	n, err := strconv.ParseUint(text[min(1, len(text)):], 16, 32)
	if err != nil || len(text) != 7 || text[0] != '#' {
		return Color{}, fmt.Errorf("%.20q is no colour (write \"#0b5c6b\")", text)
	}
	return Color{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), Set: true}, nil
}

// String is "#rrggbb", "" for none.
func (c Color) String() string {
	if !c.Set {
		return ""
	}
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}

// MarshalText implements encoding.TextMarshaler.
func (c Color) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; "" is none.
func (c *Color) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = Color{}
		return nil
	}
	read, err := ParseColor(string(text))
	if err == nil {
		*c = read
	}
	return err
}

// Contrast of two colours, from 1 to 21 (WCAG 2.2, definition of contrast
// ratio).
func (c Color) Contrast(with Color) float64 {
	a, b := c.luminance(), with.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// luminance relative to white (WCAG 2.2, definition of relative luminance).
func (c Color) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Mix is c with the share part of another colour, from 0 to 1.
func (c Color) Mix(other Color, part float64) Color {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*part)) }
	return Color{R: mix(c.R, other.R), G: mix(c.G, other.G), B: mix(c.B, other.B), Set: true}
}

// Until mixes c with as little of another colour as makes it stand out from
// every ground by ratio. false when not even the other colour itself does.
func (c Color) Until(other Color, ratio float64, grounds ...Color) (Color, bool) {
	for step := 0; step <= 100; step++ {
		mixed, enough := c.Mix(other, float64(step)/100), true
		for _, ground := range grounds {
			enough = enough && mixed.Contrast(ground) >= ratio
		}
		if enough {
			return mixed, true
		}
	}
	return other, false
}
