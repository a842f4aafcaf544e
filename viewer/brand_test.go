package viewer

import (
	"regexp"
	"strings"
	"testing"

	"gatepost/gateway"
)

const testLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="120" height="40" rx="8" fill="#7a1f5c"/><circle cx="20" cy="20" r="12" fill="#fff"/></svg>`

// testBrands are two: one with everything, one with nothing but a colour that
// is too pale, which the configuration would refuse.
func testBrands() map[string]gateway.Brand {
	return map[string]gateway.Brand{
		"paed.example": {
			Domain: "paed.example", Name: "Paediatrics & Sons", Help: "kids@paed.example", Footer: "Paediatrics, 2 Main Street",
			Color: gateway.Color{R: 0x7a, G: 0x1f, B: 0x5c, Set: true}, Logo: gateway.Logo{Type: "image/svg+xml", Octets: []byte(testLogo)},
		},
		"pale.example": {Domain: "pale.example", Color: gateway.Color{R: 0xff, G: 0xee, B: 0x88, Set: true}},
	}
}

// TestPagesWearTheBrand: name, help, footer, colour and logo are those of the
// domain; files of the brand can be kept, run nothing, and are of nobody else.
func TestPagesWearTheBrand(t *testing.T) {
	c := newClinic(t)
	b := c.visit(false)
	plain := b.get(c.path())
	if strings.Contains(plain.body, "/brand/") || strings.Contains(plain.body, "Paediatrics") {
		t.Error("a page without a brand wears one")
	}
	c.page.Brand = "paed.example"
	for name, page := range map[string]answer{"gate": b.get(c.path()), "message": c.enter(c.visit(false))} {
		for _, want := range []string{"<bdi>Paediatrics &amp; Sons</bdi>", "mailto:kids@paed.example", "Paediatrics, 2 Main Street", `<img class="logo" src="/brand/`, `<link rel="stylesheet" href="/brand/`} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the %s has no %s", name, want)
			}
		}
		if strings.Contains(page.body, "Example Clinic") && name == "gate" || strings.Contains(page.body, "style=") {
			t.Errorf("the %s speaks of somebody else, or has a style of its own", name)
		}
	}
	paths := regexp.MustCompile(`/brand/[0-9a-f]{16}\.[a-z]+`).FindAllString(b.get(c.path()).body, -1)
	if len(paths) != 2 {
		t.Fatalf("files %v", paths)
	}
	for _, path := range paths {
		a := b.get(path)
		h := a.Header
		if a.StatusCode != 200 || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox; default-src 'none'") || !strings.HasPrefix(h.Get("Cache-Control"), "public") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, a.StatusCode, h)
		}
		if strings.HasSuffix(path, ".svg") && (a.body != testLogo || h.Get("Content-Type") != "image/svg+xml") {
			t.Errorf("the logo is %.40s, %s", a.body, h.Get("Content-Type"))
		}
		if strings.HasSuffix(path, ".css") && !regexp.MustCompile(`^:root\{(--[a-z-]+:#[0-9a-f]{6};?)+\}\n@media \(prefers-color-scheme:dark\)\{:root\{(--[a-z-]+:#[0-9a-f]{6};?)+\}\}\n$`).MatchString(a.body) {
			t.Errorf("the sheet is %s", a.body)
		}
	}
	if a := b.get("/brand/paed.example.css"); a.StatusCode != 404 {
		t.Errorf("a guessed file: %d", a.StatusCode)
	}
	c.page.Brand = "pale.example"
	if pale := b.get(c.path()); strings.Contains(pale.body, "/brand/") || !strings.Contains(pale.body, "Example Clinic") {
		t.Error("a pale colour is used, or its domain has lost the organization's name")
	}
}
