package config

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func pngOf(width, height int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height)))
	return b.Bytes()
}

func jpegOf() []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil)
	return b.Bytes()
}

const goodSVG = `<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" xml:space="preserve"><style>.a{fill:url(#g)}</style>
<defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs><use xlink:href="#x" style="fill:url( '#g' )"/><path class="a" d="M0 0"/></svg>`

func svg(inside string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">` + inside + `</svg>`
}

func TestLogosAreChecked(t *testing.T) {
	for _, k := range []struct{ raw, kind, complaint string }{
		{string(pngOf(40, 20)), "image/png", ""}, {string(jpegOf()), "image/jpeg", ""}, {goodSVG, "image/svg+xml", ""},
		{svg(`<inkscape:a xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" b="c"/>`), "image/svg+xml", ""},
		{"", "", "is no PNG"}, {"GIF89a", "", "is no PNG"}, {"<html><svg/></html>", "", "is no PNG"}, {"<svg/>", "", "is no PNG"}, {goodSVG[:len(goodSVG)-4], "", "is no PNG"},
		{string(pngOf(40, 20)[:60]), "", "damaged"}, {string(pngOf(3000, 3000)), "", "megapixels"}, {string(jpegOf()[:100]), "", "damaged"},
		{string(pngOf(4, 4)) + strings.Repeat(" ", maxLogo), "", "larger than 256 KiB"},
		{svg(`<script>alert(1)</script>`), "", "holds <script>"}, {svg(`<foreignObject/>`), "", "holds <foreignObject>"},
		{svg(`<image href="data:image/png;base64,AA"/>`), "", "holds <image>"}, {svg(`<animate attributeName="href"/>`), "", "holds <animate>"}, {svg(`<a href="#x"/>`), "", "holds <a>"},
		{svg(`<path onload="x()"/>`), "", "handler onload"}, {svg(`<path ONCLICK="x()"/>`), "", "handler onclick"},
		{svg(`<use xlink:href="https://t.example/a.svg#x"/>`), "", "elsewhere"}, {svg(`<use href="data:image/svg+xml,x"/>`), "", "elsewhere"},
		{svg(`<path fill="url(https://t.example/)"/>`), "", "elsewhere"}, {svg(`<path style="fill:URL( 'https://t.example/' )"/>`), "", "elsewhere"}, {svg(`<g xml:base="https://t.example/"/>`), "", "elsewhere"},
		{svg(`<style>@import "https://t.example/a.css";</style>`), "", "elsewhere"}, {svg(`<style>a{b:u\72l(x)}</style>`), "", "elsewhere"},
		{svg(`<style><![CDATA[a{b:url(//t.example)}]]></style>`), "", "elsewhere"},
		{svg(`<h:img xmlns:h="http://www.w3.org/1999/xhtml" src="x"/>`), "", "holds <img>"},
		{`<!DOCTYPE svg [<!ENTITY a "b">]>` + svg(""), "", "declares entities"}, {`<?xml-stylesheet href="https://t.example"?>` + svg(""), "", "xml-stylesheet"},
		{svg(strings.Repeat("<g>", 100) + strings.Repeat("</g>", 100)), "", "nested"}, {svg(`&evil;`), "", "is no PNG"},
	} {
		logo, err := CheckLogo([]byte(k.raw))
		if k.complaint == "" && (err != nil || logo.Type != k.kind || string(logo.Octets) != k.raw) {
			t.Errorf("%.60q: %q, %v", k.raw, logo.Type, err)
		}
		if k.complaint != "" && (err == nil || !strings.Contains(err.Error(), k.complaint)) {
			t.Errorf("%.80q: %v, want %q", k.raw, err, k.complaint)
		}
	}
}

func FuzzLogo(f *testing.F) {
	f.Add([]byte(goodSVG))
	f.Add(pngOf(3, 3))
	f.Add(jpegOf())
	f.Add([]byte(svg(`<style>a{b:url(#c)}</style>`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		logo, err := CheckLogo(raw)
		if err != nil {
			return
		}
		if lower := bytes.ToLower(raw); logo.Type == "image/svg+xml" && (bytes.Contains(lower, []byte("<script")) || bytes.Contains(lower, []byte("<foreignobject"))) && !bytes.Contains(lower, []byte("<!")) {
			t.Errorf("taken: %q", raw)
		}
	})
}

func TestBrands(t *testing.T) {
	const head = "organization: {domains: [clinic.example, law.example]}\n"
	files := map[string]string{"logo.png": string(pngOf(40, 20)), "bad.svg": svg(`<script/>`)}
	c, err := load(t, head+"brand:\n  - {domain: LAW.example, name: Law, help: +1 555, logo: logo.png, color: \"#0B5C6B\", footer: Main Street}\n  - {domain: clinic.example}\n", files)
	if err != nil {
		t.Fatal(err)
	}
	brands, err := c.Brands()
	if err != nil || len(brands) != 2 {
		t.Fatalf("%v, %v", brands, err)
	}
	if b := brands["law.example"]; b.Name != "Law" || b.Help != "+1 555" || b.Color.String() != "#0b5c6b" || b.Logo.Type != "image/png" || b.Footer != "Main Street" {
		t.Errorf("%+v", b)
	}
	if got := string(c.Effective()); !strings.Contains(got, `color: "#0b5c6b"`) || strings.Contains(got, `color: ""`) {
		t.Errorf("effective: %s", got)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(c.Brand[0].Logo), "logo.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Brands(); err == nil || !strings.Contains(err.Error(), "brand[0].logo") {
		t.Errorf("without its file: %v", err)
	}
	for entry, want := range map[string]string{
		"{domain: other.example}": `:2:18: brand[0].domain: "other.example" is none of organization.domains`,
		"{name: x}":               `brand[0].domain: "" is none of organization.domains`,
		"{domain: clinic.example}, {domain: clinic.example}":              `brand[1].domain: "clinic.example" has a brand already`,
		"{domain: clinic.example, color: teal}":                           `:2:41: brand[0].color: "teal" is no colour (write "#0b5c6b")`,
		"{domain: clinic.example, color: \"#ffcc00\"}":                    `brand[0].color: #ffcc00 is too pale for white letters, which need a contrast of 4.5 to 1 (here 1.5); a darker one like it is "#`,
		"{domain: clinic.example, logo: absent.png}":                      `brand[0].logo: "`,
		"{domain: clinic.example, logo: bad.svg}":                         `holds <script>`,
		"{domain: clinic.example, name: \"a\\nb\"}":                       `brand[0].name: holds a character that cannot be seen`,
		"{domain: clinic.example, footer: \"a\\u202eb\"}":                 `brand[0].footer: holds a character`,
		"{domain: clinic.example, name: " + strings.Repeat("x", 81) + "}": `brand[0].name: is longer than 80`,
		"{domain: clinic.example, colour: \"#000000\"}":                   `did you mean "color"?`,
	} {
		if _, err := load(t, head+"brand: ["+entry+"]\n", files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", entry, err, want)
		}
	}
}
