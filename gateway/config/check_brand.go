package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/gateway"
)

// Longest texts of a brand, in characters.
const (
	maxBrandName   = 80
	maxBrandFooter = 300
)

// brands checks the brand of each mail domain.
func (k *checker) brands() {
	for i := range k.Brand {
		b, path := &k.Brand[i], fmt.Sprintf("brand[%d]", i)
		switch {
		case !slices.Contains(k.Organization.Domains, b.Domain):
			k.bad(path+".domain", "%s is none of organization.domains", quote(b.Domain))
		case slices.ContainsFunc(k.Brand[:i], func(other Brand) bool { return other.Domain == b.Domain }):
			k.bad(path+".domain", "%s has a brand already", quote(b.Domain))
		}
		k.oneLine(path+".name", b.Name, maxBrandName)
		k.oneLine(path+".help", b.Help, maxBrandName)
		k.oneLine(path+".footer", b.Footer, maxBrandFooter)
		if b.Logo != "" {
			if _, err := readLogo(b.Logo); err != nil {
				k.bad(path+".logo", "%s: %v", quote(b.Logo), err)
			}
		}
		if _, nearest, ok := b.Color.Shades(); b.Color.Set && !ok {
			k.bad(path+".color", "%s is too pale for white letters, which need a contrast of 4.5 to 1 (here %.1f); a darker one like it is \"%s\"",
				b.Color, b.Color.Contrast(gateway.Color{R: 0xff, G: 0xff, B: 0xff, Set: true}), nearest)
		}
	}
}

// oneLine checks a text that people see.
func (k *checker) oneLine(path, text string, longest int) {
	switch {
	case !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) && r != 0x061c && r > 0x200f
	}) >= 0:
		k.bad(path, "holds a character that cannot be seen")
	case utf8.RuneCountInString(text) > longest:
		k.bad(path, "is longer than %d characters", longest)
	}
}

// Brands reads the brands with their logos.
func (c *Config) Brands() (map[string]gateway.Brand, error) {
	brands := make(map[string]gateway.Brand, len(c.Brand))
	for i, b := range c.Brand {
		brand := gateway.Brand{Domain: b.Domain, Name: b.Name, Help: b.Help, Footer: b.Footer, Color: b.Color}
		if b.Logo != "" {
			logo, err := readLogo(b.Logo)
			if err != nil {
				return nil, Problems{c.problem(fmt.Sprintf("brand[%d].logo", i), "%s: %v", quote(b.Logo), err)}
			}
			brand.Logo = logo
		}
		brands[b.Domain] = brand
	}
	return brands, nil
}
