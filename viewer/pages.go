package viewer

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"unicode"

	"gatepost/gateway"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/viewer.css
var pageSheet []byte

//go:embed static/mail.css
var mailSheet string

//go:embed static/icon.svg
var icon []byte

// pageScript makes things easier for those who have JavaScript; nothing needs
// it.
//
//go:embed static/viewer.js
var pageScript []byte

// pages renders all HTML.
type pages struct {
	all    *template.Template
	style  []byte
	sheet  string // name of the style sheet, with its hash so that it may be kept
	script string // name of the script, likewise
}

func loadPages() (*pages, error) {
	all, err := template.New("").Funcs(template.FuncMap{"pair": pairOf}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading page templates: %w", err)
	}
	style := append(append([]byte(nil), pageSheet...), frameSheet()...)
	return &pages{all: all, style: style, sheet: hashedName(style, ".css"), script: hashedName(pageScript, ".js")}, nil
}

// part is a piece of a page, with the page around it: a template takes one
// thing.
type part struct{ Page, Part any }

func pairOf(page, piece any) part { return part{page, piece} }

// hashedName is a name that no other content has.
func hashedName(content []byte, extension string) string {
	sum := sha256.Sum256(content)
	return "viewer-" + hex.EncodeToString(sum[:8]) + extension
}

// frame is what every page has.
type frame struct {
	W      words
	Title  string
	Org    string
	Help   *help
	Brand  *worn // nil: the standard look
	Sheet  string
	Script string
	Path   string // of the link
	Token  string // for forms
	// IdleSeconds is the time without use after which a page with something
	// private on it closes; 0: there is nothing private.
	IdleSeconds int
}

// idle says that f shows something private. A computer of others closes it
// sooner.
func (f *frame) idle(v *viewer, r *http.Request) {
	idle := v.config.Idle
	if v.cookieValue(r, publicCookie) != "" {
		idle = min(idle, publicIdle)
	}
	f.IdleSeconds = int(idle.Seconds())
}

// help is whom to ask, with a link that writes or rings.
type help struct {
	Text string
	Href template.URL // mailto: or tel:, "" for other texts
	Dir  string       // an address or a number reads from left to right in every language
}

// helpFrom reads what the organization says; nil when it says nothing.
func helpFrom(text string) *help {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	if a, err := gateway.ParseAddress(text); err == nil && !a.IsNull() && a.IsASCII() && !strings.ContainsAny(text, `"?&%#`) {
		return &help{Text: text, Href: template.URL("mailto:" + a.Wire()), Dir: "ltr"}
	}
	number := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("-()./", r) {
			return -1
		}
		return r
	}, text)
	if digits := strings.TrimPrefix(number, "+"); len(digits) >= 3 && strings.Trim(digits, "0123456789") == "" {
		return &help{Text: text, Href: template.URL("tel:" + number), Dir: "ltr"}
	}
	return &help{Text: text, Dir: "auto"}
}

// frame begins a page of link l; page may be zero when nothing is known.
func (v *viewer) frame(r *http.Request, l link, page gateway.LinkPage) frame {
	f := frame{
		W:   v.words.in(v.config.Location, page.Language, r.Header.Get("Accept-Language")),
		Org: page.Organization, Path: l.path,
		Sheet: "/static/" + v.pages.sheet, Script: "/static/" + v.pages.script,
	}
	if f.Org == "" {
		f.Org = v.config.Organization
	}
	f.Help = helpFrom(page.Help)
	if f.Help == nil {
		f.Help = helpFrom(v.config.Help)
	}
	f.wear(v.brands.worn[page.Brand])
	if l.path != "" {
		f.Token = v.token(l)
	}
	return f
}

// write renders a template as the whole answer.
func (v *viewer) write(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	if page, ok := v.render(w, name, data); ok {
		v.send(w, r, status, page)
	}
}

// render renders a template in memory: a page is whole or it is an error. false
// means that the error was answered.
func (v *viewer) render(w http.ResponseWriter, name string, data any) ([]byte, bool) {
	var b bytes.Buffer
	if err := v.pages.all.ExecuteTemplate(&b, name, data); err != nil {
		// Template errors can quote data.
		v.config.Logger.Error("viewer page failed", "area", "viewer", "name", name)
		http.Error(w, "Something went wrong. Please try again later.", http.StatusInternalServerError)
		return nil, false
	}
	return b.Bytes(), true
}

// send answers with a finished page, as slowly as the line takes it.
func (v *viewer) send(w http.ResponseWriter, r *http.Request, status int, page []byte) {
	h := w.Header()
	release, ok := v.room.hold(len(page))
	if !ok {
		tooMany(w)
		return
	}
	defer release()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", fmt.Sprint(len(page)))
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(struct{ io.Writer }{w}, timed(bytes.NewReader(page), w))
	}
}

// hashSource is a sheet's source in a Content-Security-Policy.
func hashSource(sheet string) string {
	sum := sha256.Sum256([]byte(sheet))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (v *viewer) static(w http.ResponseWriter, r *http.Request) {
	body, kind := icon, "image/svg+xml"
	switch r.PathValue("name") {
	case v.pages.sheet:
		body, kind = v.pages.style, "text/css; charset=utf-8"
	case v.pages.script:
		body, kind = pageScript, "text/javascript; charset=utf-8"
	case "icon.svg":
	default:
		v.none(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=86400")
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func (v *viewer) robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
}
