package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"gatepost/gateway"
)

// Limits of a logo.
const (
	maxLogo       = 256 << 10 // octets
	maxLogoPixels = 4_000_000
	maxLogoDepth  = 64 // elements inside of each other
)

// readLogo reads and checks a logo.
func readLogo(file string) (gateway.Logo, error) {
	f, err := os.Open(file)
	if err != nil {
		return gateway.Logo{}, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxLogo+1))
	if err != nil {
		return gateway.Logo{}, err
	}
	return CheckLogo(raw)
}

// CheckLogo makes a logo of a PNG, a JPEG or an SVG, known by its octets and
// not by its name. A picture is decoded whole. An SVG is refused when anything
// in it acts or is loaded from elsewhere: it is shown as a picture, which runs
// nothing, and this is the second lock on the same door.
func CheckLogo(raw []byte) (gateway.Logo, error) {
	if len(raw) > maxLogo {
		return gateway.Logo{}, fmt.Errorf("is larger than %d KiB", maxLogo>>10)
	}
	switch {
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		return picture("image/png", raw, png.DecodeConfig, png.Decode)
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		return picture("image/jpeg", raw, jpeg.DecodeConfig, jpeg.Decode)
	}
	if err := harmlessSVG(raw); err != nil {
		return gateway.Logo{}, err
	}
	return gateway.Logo{Type: "image/svg+xml", Octets: raw}, nil
}

func picture(kind string, raw []byte, size func(io.Reader) (image.Config, error), whole func(io.Reader) (image.Image, error)) (gateway.Logo, error) {
	c, err := size(bytes.NewReader(raw))
	if err != nil || c.Width < 1 || c.Height < 1 {
		return gateway.Logo{}, errors.New("is a damaged picture")
	}
	if int64(c.Width)*int64(c.Height) > maxLogoPixels {
		return gateway.Logo{}, fmt.Errorf("has more than %d megapixels", maxLogoPixels/1_000_000)
	}
	if _, err := whole(bytes.NewReader(raw)); err != nil {
		return gateway.Logo{}, errors.New("is a damaged picture")
	}
	return gateway.Logo{Type: kind, Octets: raw}, nil
}

// What an SVG may hold. Elements of the drawing programs' own namespaces, with
// what is in them, draw nothing and stay.
func svgElements() []string {
	return strings.Fields(`svg g path rect circle ellipse line polyline polygon defs linearGradient radialGradient stop title desc metadata
		clipPath mask symbol use text tspan style pattern marker filter feGaussianBlur feOffset feMerge feMergeNode feFlood feComposite feBlend feColorMatrix switch`)
}

func svgForeign() []string {
	return strings.Fields(`http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd http://www.inkscape.org/namespaces/inkscape
		http://www.w3.org/1999/02/22-rdf-syntax-ns# http://creativecommons.org/ns# http://purl.org/dc/elements/1.1/`)
}

// svgLoads finds what would load or run in a value or in a style sheet.
var svgLoads = regexp.MustCompile(`(?i)url\(\s*["']?\s*[^#"'\s]|@import|expression\s*\(|javascript:|-moz-binding|\\`)

const svgSpace = "http://www.w3.org/2000/svg"

// harmlessSVG says what is wrong with an SVG.
func harmlessSVG(raw []byte) error {
	d := xml.NewDecoder(bytes.NewReader(raw))
	depth, elements := 0, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.New("is no PNG, JPEG or SVG")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if elements == 0 && (token.Name.Local != "svg" || token.Name.Space != svgSpace) {
				return errors.New("is no PNG, JPEG or SVG")
			}
			if elements, depth = elements+1, depth+1; depth > maxLogoDepth {
				return errors.New("is nested too deeply")
			}
			if err := harmlessElement(token); err != nil {
				return err
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if svgLoads.Match(token) {
				return errors.New("loads something from elsewhere")
			}
		case xml.Directive:
			if bytes.Contains(token, []byte("[")) {
				return errors.New("declares entities")
			}
		case xml.ProcInst:
			if token.Target != "xml" {
				return fmt.Errorf("holds <?%.20s?>", token.Target)
			}
		}
	}
	if elements == 0 {
		return errors.New("is no PNG, JPEG or SVG")
	}
	return nil
}

func harmlessElement(e xml.StartElement) error {
	if e.Name.Space == svgSpace && !slices.Contains(svgElements(), e.Name.Local) || e.Name.Space != svgSpace && !slices.Contains(svgForeign(), e.Name.Space) {
		return fmt.Errorf("holds <%.30s>: save it as a plain SVG or as a PNG", e.Name.Local)
	}
	for _, a := range e.Attr {
		name := strings.ToLower(a.Name.Local)
		switch {
		case strings.HasPrefix(name, "on"):
			return fmt.Errorf("holds the handler %.30s", name)
		case strings.HasSuffix(name, "href") && !strings.HasPrefix(a.Value, "#"), name == "src", name == "base", svgLoads.MatchString(a.Value):
			return fmt.Errorf("loads something from elsewhere in <%.30s %.30s>", e.Name.Local, name)
		}
	}
	return nil
}
