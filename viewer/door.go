package viewer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// door stands before the pages. It takes a request in whole before it gives it
// one of the places inside, so that who sends slowly holds up nobody, and it
// keeps each neighbour to a few places.
//
// Those who look and those who send forms have places of their own: neither
// can shut the other out, not even behind a proxy where all are one neighbour.
// A form with files is the exception: it is read by its page, at the pace of
// its line, and has a few places for itself: those for whom the session is
// proven, and others, in a hurry, for everybody else.
type door struct {
	next      http.Handler
	looking   *crowd // requests without a body that are served
	sending   *crowd // requests with a body that are served
	reading   *crowd // requests whose bodies are here or on their way
	parcels   *crowd // forms with files that are on their way, of proven sessions
	strangers *crowd // and of others
}

// Places of one neighbour, of each kind.
const placesEach = 32

// patience is how long a form that has arrived waits for a place: what it says
// should be done, and forms are quick.
const patience = 5 * time.Second

// Places of forms with files, of each of the two kinds: of all, and of one
// neighbour.
const (
	parcelsAtOnce = 64
	parcelsEach   = 8
)

// newDoor has places for n requests at once, n/4 of them for forms.
func newDoor(next http.Handler, n int) *door {
	forms := max(1, n/4)
	return &door{next: next, looking: newCrowd(max(1, n-forms), placesEach), sending: newCrowd(forms, placesEach), reading: newCrowd(4*n, placesEach),
		parcels: newCrowd(parcelsAtOnce, parcelsEach), strangers: newCrowd(parcelsAtOnce, parcelsEach)}
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if isParcel(r) && strings.HasPrefix(r.URL.Path, "/m/") {
		d.takeParcel(w, r, control)
		return
	}
	// Fails only where the server below has no deadlines, as in tests.
	_ = control.SetWriteDeadline(time.Now().Add(bodyTime + patience + pageTime))
	neighbour, places, wait := neighbourOf(r.RemoteAddr), d.looking, time.Duration(0)
	if r.ContentLength != 0 {
		places = d.sending
		done, ok := d.reading.enter(neighbour)
		if !ok {
			hangUp(w, r)
			tooMany(w)
			return
		}
		defer done()
		if !takeBody(w, r, control) {
			return
		}
		wait = patience
	}
	leave, ok := places.await(r.Context(), neighbour, wait)
	if !ok {
		tooMany(w)
		return
	}
	defer leave()
	_ = control.SetWriteDeadline(time.Now().Add(pageTime))
	d.next.ServeHTTP(w, r)
}

// takeBody reads the body of r into memory; false when that failed and was
// answered. A body that is larger than any form becomes one that says so to
// its reader.
func takeBody(w http.ResponseWriter, r *http.Request, control *http.ResponseController) bool {
	if r.ContentLength > maxForm {
		hangUp(w, r)
		r.Body = tooLarge{}
		return true
	}
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	switch {
	case err != nil:
		hangUp(w, r)
		status := http.StatusBadRequest
		if errors.Is(err, os.ErrDeadlineExceeded) {
			status = http.StatusRequestTimeout
		}
		plain(w, status, "The form did not arrive. Please send it again.")
		return false
	case len(body) > maxForm:
		hangUp(w, r)
		r.Body = tooLarge{}
	default:
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return true
}

// hangUp ends the connection after the answer: else HTTP/1 would wait for the
// rest of the body before it answers. HTTP/2 gives up the one stream.
func hangUp(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// tooMany answers one who finds no place.
func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	plain(w, http.StatusServiceUnavailable, "Too many visitors at this moment. Please try again in a few seconds.")
}

// plain answers outside of the pages, which may cost nothing here.
func plain(w http.ResponseWriter, status int, text string) {
	inert(w.Header())
	http.Error(w, text, status)
}

// tooLarge is a body that was not read.
type tooLarge struct{}

// Read implements io.Reader.
func (tooLarge) Read([]byte) (int, error) { return 0, &http.MaxBytesError{Limit: maxForm} }

// Close implements io.Closer.
func (tooLarge) Close() error { return nil }
