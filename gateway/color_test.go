package gateway

import (
	"math"
	"testing"
)

func TestColors(t *testing.T) {
	for text, want := range map[string]Color{"#000000": {Set: true}, "#ffffff": {255, 255, 255, true}, "#0B5c6b": {0x0b, 0x5c, 0x6b, true}} {
		if c, err := ParseColor(text); err != nil || c != want {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "#", "0b5c6b", "#0b5c6", "#0b5c6bff", "#gggggg", "red", "#+12345", "#0x1234", "url(x)", "#12_456"} {
		if c, err := ParseColor(text); err == nil {
			t.Errorf("%q is %v", text, c)
		}
	}
	var c Color
	if err := c.UnmarshalText([]byte("#0B5C6B")); err != nil || c.String() != "#0b5c6b" {
		t.Errorf("%v %v", c, err)
	}
	if err := c.UnmarshalText(nil); err != nil || c.Set || c.String() != "" {
		t.Errorf("%v %v", c, err)
	}
}

// TestContrast compares with the values that WCAG's own examples and common
// checkers give.
func TestContrast(t *testing.T) {
	for _, k := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#767676", "#ffffff", 4.54}, {"#0000ff", "#ffffff", 8.59}, {"#ff0000", "#ffffff", 4.00}, {"#123456", "#123456", 1}} {
		a, _ := ParseColor(k.a)
		b, _ := ParseColor(k.b)
		if got := a.Contrast(b); math.Abs(got-k.want) > 0.006 || got != b.Contrast(a) {
			t.Errorf("%s on %s: %.3f, want %.2f", k.a, k.b, got, k.want)
		}
	}
}

// TestShadesAreReadable walks through the colours: what is refused is too
// pale, what is offered instead is taken, and every text of every shade can
// be read where it stands.
func TestShadesAreReadable(t *testing.T) {
	light, dark := grounds()
	taken, refused := 0, 0
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := Color{uint8(r), uint8(g), uint8(b), true}
				s, nearest, ok := c.Shades()
				if !ok {
					refused++
					if c.Contrast(light[0]) >= Readable && c.Contrast(light[1]) >= Readable {
						t.Fatalf("%v stands out and is refused", c)
					}
					if s, _, ok = nearest.Shades(); !ok {
						t.Fatalf("%v is offered instead of %v, and refused", nearest, c)
					}
				} else {
					taken++
				}
				for _, pair := range [][2]Color{
					{s.Light, light[0]}, {s.Light, light[1]}, {s.OnLight, s.Light}, {s.OnLight, s.LightDeep},
					{s.Dark, dark[0]}, {s.Dark, dark[1]}, {s.OnDark, s.Dark}, {s.OnDark, s.DarkDeep},
				} {
					if got := pair[0].Contrast(pair[1]); got < Readable {
						t.Fatalf("%v: %v on %v is %.2f", c, pair[0], pair[1], got)
					}
				}
			}
		}
	}
	if taken < 500 || refused < 500 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}
