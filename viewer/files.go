package viewer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/viewer/library"
)

// opening is how the library opens what was granted: the whole message or its
// files alone.
type opening func(context.Context, gateway.Grant, gateway.LinkSecret) (*library.Reading, error)

// opened does what every route behind the proof does first: it asks for the
// grant of file (-1: the message) and opens the message. nil means that the
// request was answered; the caller closes what it gets.
func (v *viewer) opened(w http.ResponseWriter, r *http.Request, file int, open opening) (*library.Reading, desk) {
	d, ok := v.desk(r)
	if !ok {
		v.unknown(w, r)
		return nil, d
	}
	if d.session == "" || onlyLooking(r) {
		http.Redirect(w, r, d.home, http.StatusSeeOther)
		return nil, d
	}
	grant, err := d.grant(r.Context(), file)
	if err != nil {
		v.notOpened(w, r, d, err)
		return nil, d
	}
	reading, err := open(r.Context(), grant, d.link.secret)
	if err != nil {
		v.failed(w, r, "read", err)
		return nil, d
	}
	return reading, d
}

// showMail answers GET /m/{secret}/mail: the HTML alone, in a sandbox of its
// own headers.
func (v *viewer) showMail(w http.ResponseWriter, r *http.Request) {
	leave := func() {}
	defer func() { leave() }()
	reading, d := v.opened(w, r, -1, func(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (*library.Reading, error) {
		var err error
		if leave, err = v.room.enter(ctx); err != nil {
			leave = func() {}
			return nil, err
		}
		return v.library.Mail(ctx, g, s)
	})
	if reading == nil {
		return
	}
	defer v.close(reading)
	if reading.HTML == nil {
		http.Redirect(w, r, d.base, http.StatusSeeOther)
		return
	}
	h := w.Header()
	v.sandboxed(h, "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src "+hashSource(mailSheet)+" "+hashSource(reading.HTML.Style)+
		"; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	page := []byte(document(v.frame(r, d.link, gateway.LinkPage{}), reading.HTML, d.base))
	leave()
	v.send(w, r, http.StatusOK, page)
}

// sandboxed sets a policy that puts the document into an origin of its own.
// Browsers refuse a sandboxed page that also asks for an opener policy (HTML
// section 7.4.5), so that header goes.
func (v *viewer) sandboxed(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Del("Cross-Origin-Opener-Policy")
}

// download answers GET /m/{secret}/file/{n}.
func (v *viewer) download(w http.ResponseWriter, r *http.Request) { v.serveFile(w, r, false) }

// showFile answers GET /m/{secret}/show/{n}: a file in place, if its type is
// one that cannot run and its octets agree with the type.
func (v *viewer) showFile(w http.ResponseWriter, r *http.Request) { v.serveFile(w, r, true) }

// errManyFiles: more files of one link, or of all, are on their way than there
// is room for.
var errManyFiles = errors.New("too many files at once")

// files finds the files of a message, for which it is read once to its end:
// some 100 ms for 30 MB, which must not be asked for in any number at once.
func (v *viewer) files(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (*library.Reading, error) {
	leave, err := v.room.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return v.library.Files(ctx, g, s)
}

// openedFiles is opened for those who read files, which take one of the places
// for that until gone is called.
func (v *viewer) openedFiles(w http.ResponseWriter, r *http.Request, file int) (reading *library.Reading, d desk, gone func()) {
	gone = func() {}
	reading, d = v.opened(w, r, file, func(ctx context.Context, g gateway.Grant, s gateway.LinkSecret) (*library.Reading, error) {
		leave, ok := v.room.files.enter(r.PathValue("secret") + v.staffSession(r))
		if !ok {
			return nil, errManyFiles
		}
		gone = leave
		return v.files(ctx, g, s)
	})
	if reading == nil {
		gone()
	}
	return reading, d, gone
}

func (v *viewer) serveFile(w http.ResponseWriter, r *http.Request, show bool) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n > 9999 {
		v.none(w, r)
		return
	}
	reading, d, gone := v.openedFiles(w, r, n)
	if reading == nil {
		return
	}
	defer gone()
	defer v.close(reading)
	if n >= len(reading.Files) {
		v.none(w, r)
		return
	}
	f := &reading.Files[n]
	content, err := f.Open()
	if err != nil {
		v.failed(w, r, "file", err)
		return
	}
	defer content.Close()
	if show {
		fits, err := f.IsWhatItSays(content)
		if err != nil {
			v.failed(w, r, "file", err)
			return
		}
		if !fits {
			http.Redirect(w, r, fmt.Sprintf("%s/file/%d", d.base, n), http.StatusSeeOther)
			return
		}
	}
	v.fileHeaders(w.Header(), f, show)
	w.Header().Set("ETag", v.tag(d, n))
	http.ServeContent(w, oneRange(r), "", time.Time{}, timed(content, w))
}

// oneRange is r without a Range header of several ranges, which a server may
// ignore (RFC 9110 section 14.2). Players and download managers ask for one at
// a time. ServeContent would serve thousands of a few octets each, a seek and a
// header for every one, and it reads them in a goroutine that can outlive the
// request: with HTTP/2 that touches an answer which is gone.
func oneRange(r *http.Request) *http.Request {
	if !strings.Contains(r.Header.Get("Range"), ",") {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}

// tag names the octets of file n for ever, for nothing of a message changes
// (RFC 9110 section 8.8.3): with it a browser goes on with a download that
// broke off (If-Range). It says nothing of what is in the file.
func (v *viewer) tag(d desk, n int) string {
	sum := v.config.MAC("viewer: file", []byte(d.base), strconv.AppendInt(nil, int64(n), 10))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// showPolicy is for a file in place. Sound and video are fetched again by the
// browser's player, and the PDF viewers are plug-ins: neither works in a
// sandbox, whose requests bring no cookie. What keeps them harmless is that
// their octets were looked at, nosniff, and that nothing may run.
const showPolicy = "default-src 'none'; img-src 'self'; media-src 'self'; object-src 'self'; style-src 'unsafe-inline'; script-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"

func (v *viewer) fileHeaders(h http.Header, f *library.File, show bool) {
	kind, policy := "attachment", documentPolicy
	if show {
		kind, policy = "inline", showPolicy
	}
	if show && f.Kind == library.Picture {
		policy = "sandbox; " + showPolicy
	}
	v.sandboxed(h, policy)
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", library.Disposition(kind, f.Name.Reveal()))
	h.Set("X-Download-Options", "noopen")
}
