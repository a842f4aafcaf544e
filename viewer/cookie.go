package viewer

import (
	"net/http"
	"time"
)

// The cookies. None of them means anything without the records in the store.
const (
	sessionCookie = "gatepost"        // of a correspondent; ends with the browser
	deviceCookie  = "gatepost-device" // of a browser that is remembered
	publicCookie  = "gatepost-public" // this is a computer that others use; no secret
	staffCookie   = "gatepost-staff"  // of a member of staff; ends with the browser
)

// deviceLife is how long a browser keeps the cookie of a remembered device. The
// store decides how long it is worth something.
const deviceLife = 365 * 24 * time.Hour

// maxCookie bounds a cookie that is looked at, in octets. That of a device
// holds a secret for each of the people who are remembered on it: up to four.
const maxCookie = 176

// deviceJoin stands between those secrets.
const deviceJoin = "."

// cookieName is the name under which a browser keeps a cookie. The prefix
// __Host- makes browsers refuse it from any other host or without TLS
// (RFC 6265bis section 4.1.3.2).
func (v *viewer) cookieName(name string) string {
	if v.config.TLS {
		return "__Host-" + name
	}
	return name
}

// cookieValue is what the browser shows, "" for none.
func (v *viewer) cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(v.cookieName(name))
	if err != nil || len(c.Value) > maxCookie {
		return ""
	}
	return c.Value
}

// setCookie hands out a cookie, with life 0 until the browser ends; the value
// "" takes it back.
func (v *viewer) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{
		Name: v.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true,
		Secure: v.config.TLS, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// session is the secret of a correspondent's session, "" for none.
func (v *viewer) session(r *http.Request) string { return v.cookieValue(r, sessionCookie) }

// staffSession is that of a member of staff.
func (v *viewer) staffSession(r *http.Request) string { return v.cookieValue(r, staffCookie) }

// setSession hands out a session; "" takes it back. There is no Expires: the
// store decides how long it is worth something.
func (v *viewer) setSession(w http.ResponseWriter, secret string) {
	v.setCookie(w, sessionCookie, secret, 0)
}
