package viewer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"gatepost/gateway"
)

// worn is a brand as pages wear it.
type worn struct {
	gateway.Brand
	Sheet string // path of its style sheet, "" when it has no colour
	Icon  string // path of its logo, "" when it has none
}

// brandFile is what /brand/ serves.
type brandFile struct {
	kind   string
	octets []byte
}

// brands are the brands by mail domain, and their files by name. A name holds
// a hash of domain and content, so that a browser may keep the file.
type brands struct {
	worn  map[string]*worn
	files map[string]brandFile
}

func dress(all map[string]gateway.Brand) brands {
	b := brands{worn: map[string]*worn{}, files: map[string]brandFile{}}
	for domain, brand := range all {
		w := &worn{Brand: brand}
		if sheet := colorSheet(brand.Color); sheet != "" {
			w.Sheet = b.add(domain, ".css", brandFile{"text/css; charset=utf-8", []byte(sheet)})
		}
		extension := map[string]string{"image/svg+xml": ".svg", "image/png": ".png", "image/jpeg": ".jpg"}[brand.Logo.Type]
		if extension != "" {
			w.Icon = b.add(domain, extension, brandFile{brand.Logo.Type, brand.Logo.Octets})
		}
		b.worn[domain] = w
	}
	return b
}

// add keeps a file and returns its path.
func (b brands) add(domain, extension string, f brandFile) string {
	sum := sha256.Sum256(append([]byte(domain+"\x00"+extension+"\x00"), f.octets...))
	name := hex.EncodeToString(sum[:8]) + extension
	b.files[name] = f
	return "/brand/" + name
}

// colorSheet lays a brand's colour over ours, "" for none. A colour that is
// too pale for its letters, which the configuration refuses, is not used.
func colorSheet(c gateway.Color) string {
	s, _, readable := c.Shades()
	if !c.Set || !readable {
		return ""
	}
	rule := func(plain, deep, on gateway.Color) string {
		return fmt.Sprintf(":root{--brand:%s;--brand-deep:%s;--on-brand:%s;--link:%s}", plain, deep, on, plain)
	}
	return rule(s.Light, s.LightDeep, s.OnLight) + "\n@media (prefers-color-scheme:dark){" + rule(s.Dark, s.DarkDeep, s.OnDark) + "}\n"
}

// wear puts a brand on a page; what it leaves open stays.
func (f *frame) wear(w *worn) {
	if w == nil {
		return
	}
	f.Brand = w
	if name := strings.TrimSpace(w.Name); name != "" {
		f.Org = name
	}
	if help := helpFrom(w.Help); help != nil {
		f.Help = help
	}
}

// brandPolicy is for a logo that somebody opens as a page of its own.
const brandPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// brand answers GET /brand/{name}.
func (v *viewer) brand(w http.ResponseWriter, r *http.Request) {
	f, ok := v.brands.files[r.PathValue("name")]
	if !ok {
		v.none(w, r)
		return
	}
	h := w.Header()
	v.sandboxed(h, brandPolicy)
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=86400")
	h.Set("Content-Length", fmt.Sprint(len(f.octets)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.octets)
	}
}
