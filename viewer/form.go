package viewer

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// maxForm bounds the body of a form, in octets.
const maxForm = 16 << 10

// token proves that a form was on a page of ours that showed this very link.
// It is bound to the link and not to the session, because the first form of a
// visit makes the session and a second tab must go on working; that a foreign
// page cannot bring the session along is the cookie's SameSite.
func (v *viewer) token(l link) string {
	sum := v.config.MAC("viewer: form", l.secret[:])
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// form reads a form that came from our own page. What it returns instead is
// the status to answer with.
func (v *viewer) form(w http.ResponseWriter, r *http.Request, l link) (status int) {
	return v.formWith(w, r, v.token(l))
}

// formWith is form for pages with another token.
func (v *viewer) formWith(w http.ResponseWriter, r *http.Request, token string) (status int) {
	if r.ContentLength > maxForm {
		return http.StatusRequestEntityTooLarge
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return http.StatusUnsupportedMediaType
	}
	if err := r.ParseForm(); err != nil {
		return http.StatusRequestEntityTooLarge
	}
	if !v.sameSite(r) || !sameToken(r.PostForm.Get("token"), token) {
		return http.StatusForbidden
	}
	return 0
}

func sameToken(given, token string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// onlyLooking reports whether a GET is none that a person makes in order to
// read: HEAD, or a browser that loads ahead.
func onlyLooking(r *http.Request) bool {
	return r.Method != http.MethodGet || looksAhead(r)
}

// looksAhead reports whether a request fetches what nobody sees yet.
func looksAhead(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return true
	}
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if p := strings.ToLower(r.Header.Get(name)); strings.Contains(p, "prefetch") || strings.Contains(p, "preview") || strings.Contains(p, "prerender") {
			return true
		}
	}
	return false
}
