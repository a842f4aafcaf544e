package gateway

// Brand is how one mail domain shows itself to correspondents. What is empty
// is as for the organization as a whole.
type Brand struct {
	Domain string // mail domain, lower case
	Name   string
	Help   string // whom to ask: a mail address or telephone number
	Footer string // a line of the domain's own below each page
	Color  Color  // of buttons and links; see Shades
	Logo   Logo
}

// Logo is a picture that was checked: it is what Type says, of bounded size,
// and nothing of it acts or is loaded from elsewhere.
type Logo struct {
	Type   string // image/svg+xml, image/png or image/jpeg; "" for none
	Octets []byte
}

// Readable is the contrast that text needs (WCAG 2.2, 1.4.3).
const Readable = 4.5

// Shades are the colours that a brand's colour gives, each readable where it
// stands.
type Shades struct {
	Light, LightDeep, OnLight Color // on a light ground: buttons and links, pressed, the text of buttons
	Dark, DarkDeep, OnDark    Color // the same on a dark ground
}

// Grounds of pages and mails, from which a brand's colour must stand out.
func grounds() (light, dark []Color) {
	return []Color{{0xff, 0xff, 0xff, true}, {0xee, 0xf3, 0xf5, true}}, []Color{{0x10, 0x19, 0x1e, true}, {0x1a, 0x26, 0x2d, true}}
}

// Shades makes the shades of a brand's colour. On a light ground it is used as
// it is; false when it does not stand out there, and nearest is the colour
// like it that does. On a dark ground it is made as much lighter as it needs.
func (c Color) Shades() (s Shades, nearest Color, ok bool) {
	light, dark := grounds()
	black, white := Color{Set: true}, light[0]
	nearest, _ = c.Until(black, Readable, light...)
	s.Light, s.LightDeep, s.OnLight = c, c.Mix(black, 0.25), white
	s.Dark, _ = c.Until(white, Readable, dark...)
	s.DarkDeep = s.Dark.Mix(white, 0.3)
	s.OnDark, _ = c.Mix(black, 0.7).Until(black, Readable, s.Dark, s.DarkDeep)
	return s, nearest, nearest == c
}
