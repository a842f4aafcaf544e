package viewer

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"gatepost/gateway"
)

// pagePolicy is the Content-Security-Policy of our own pages: our style sheet,
// our script, our pictures, our forms, nothing else. No other path of ours is
// served as a script, and nosniff keeps browsers from taking it for one.
// Message pages add the hashes of the
// two style sheets of a mail, which its frame inherits.
const pagePolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'%s; img-src 'self' data:; media-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// documentPolicy is that of an octet stream of a stranger: if a browser shows
// it against all advice, then as a document that can do nothing.
const documentPolicy = "sandbox; default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"

// guard puts the security headers on every answer, refuses foreign host names
// and turns a panic into a page without data.
func (v *viewer) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.headers(w.Header())
		started := &statusWriter{ResponseWriter: w}
		defer v.recover(started, r)
		if !v.ours(r.Host) {
			http.Error(started, "This server does not know that name.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(started, r)
	})
}

func (v *viewer) headers(h http.Header) {
	inert(h)
	if v.config.TLS {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
}

// inert are the headers of an answer that do not depend on the configuration.
func inert(h http.Header) {
	for name, value := range map[string]string{
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      strings.Replace(pagePolicy, "%s", "", 1),
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=(), browsing-topics=()",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"X-Robots-Tag":                 "noindex, nofollow, noarchive, nosnippet, noimageindex",
	} {
		h.Set(name, value)
	}
}

// recover ends a panic of a handler. What was thrown may hold anything, so
// only the place is logged.
func (v *viewer) recover(w *statusWriter, r *http.Request) {
	thrown := recover()
	if thrown == nil {
		return
	}
	if thrown == http.ErrAbortHandler {
		panic(thrown)
	}
	v.metrics.panics.Inc()
	v.config.Logger.Error("viewer handler panicked", "area", "viewer", "error", gateway.PanicText(thrown), "path", gateway.PanicPlace())
	if w.status != 0 { // too late for a page: break the connection off
		panic(http.ErrAbortHandler)
	}
	v.broken(w, r)
}

// ours reports whether host is the viewer's own name, or this machine: a page
// under a foreign name would be a page that a stranger framed or rebound.
func (v *viewer) ours(host string) bool {
	name := strings.ToLower(host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if name == v.host || name == "localhost" {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// sameSite reports whether a form came from our own page, as far as the
// browser says (Fetch Metadata; Origin for browsers without it). Under
// no-referrer a browser sends the Origin "null" with our own forms, so null
// decides nothing; the token of the form does.
func (v *viewer) sameSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && v.ours(u.Host) && strings.EqualFold(u.Host, r.Host)
}

// statusWriter remembers how an answer began.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// class is "2xx" and so on.
func (w *statusWriter) class() string {
	switch {
	case w.status == 0 || w.status/100 == 2:
		return "2xx"
	case w.status/100 == 3:
		return "3xx"
	case w.status/100 == 4:
		return "4xx"
	default:
		return "5xx"
	}
}
