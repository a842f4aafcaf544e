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
	given := r.PostForm.Get("token")
	if !v.sameSite(r) || subtle.ConstantTimeCompare([]byte(given), []byte(v.token(l))) != 1 {
		return http.StatusForbidden
	}
	return 0
}

// cookie is the name of the session cookie. The prefix __Host- makes browsers
// refuse it from any other host or without TLS (RFC 6265bis section 4.1.3.2).
func (v *viewer) cookie() string {
	if v.config.TLS {
		return "__Host-gatepost"
	}
	return "gatepost"
}

// maxSession bounds the cookie that is looked at, in octets.
const maxSession = 64

// session is the secret that the browser shows, "" for none.
func (v *viewer) session(r *http.Request) string {
	c, err := r.Cookie(v.cookie())
	if err != nil || len(c.Value) > maxSession {
		return ""
	}
	return c.Value
}

// setSession hands out a session; "" takes it back. It ends with the browser:
// there is no Expires, the store decides how long it is worth something.
func (v *viewer) setSession(w http.ResponseWriter, secret string) {
	c := &http.Cookie{
		Name: v.cookie(), Value: secret, Path: "/", HttpOnly: true,
		Secure: v.config.TLS, SameSite: http.SameSiteLaxMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// onlyLooking reports whether a GET is none that a person makes in order to
// read: HEAD, or a browser that loads ahead.
func onlyLooking(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return true
	}
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if p := strings.ToLower(r.Header.Get(name)); strings.Contains(p, "prefetch") || strings.Contains(p, "preview") || strings.Contains(p, "prerender") {
			return true
		}
	}
	return false
}
