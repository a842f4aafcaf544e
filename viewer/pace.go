package viewer

import (
	"io"
	"net/http"
	"time"
)

// takeParcel lets a form with files in while it is still arriving. The page
// asks first, before it reads of it, for one of the places that are held for
// long.
func (d *door) takeParcel(w http.ResponseWriter, r *http.Request, control *http.ResponseController) {
	neighbour := neighbourOf(r.RemoteAddr)
	// Fails only where the server below has no deadlines, as in tests.
	_ = control.SetWriteDeadline(time.Now().Add(patience + pageTime))
	leave, ok := d.sending.await(r.Context(), neighbour, patience)
	if !ok {
		hangUp(w, r)
		tooMany(w)
		return
	}
	body := &pacedBody{ReadCloser: r.Body, control: control, begun: time.Now(), leave: leave}
	body.place = func(proven bool) (func(), bool) {
		if proven {
			return d.parcels.enter(neighbour)
		}
		return d.strangers.enter(neighbour)
	}
	defer func() { body.leave() }()
	if r.ContentLength > 2*maxParcel {
		hangUp(w, r)
		body.ReadCloser = tooLarge{}
	}
	r.Body = body
	d.next.ServeHTTP(w, r)
}

// parcelTime is what is left of an answer's time when it has arrived: it is
// made durable then.
const parcelTime = 2 * time.Minute

// strangerTime is how long a form with files may take when nothing is proven:
// its text is read, so that it can be shown again, and its files are not.
const strangerTime = pageTime

// Of a form that is not taken, so much is read to its end and for so long; the
// rest is hung up on.
const (
	dropSize = 256 << 10 // octets
	dropTime = 2 * time.Second
)

// pacedBody gives each piece of a body its time to arrive, and all of it as
// much as minRate allows. It does the opposite of deadlineReader. It also
// holds the place of its form.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	begun   time.Time
	until   time.Time // the end of it, whatever comes; zero: none
	read    int64     // octets since begun

	place func(proven bool) (leave func(), ok bool)
	leave func() // the place that is held now
}

// pacedOf is the body of a form with files; nil where no door stands before
// the pages, as in tests.
func pacedOf(r *http.Request) *pacedBody {
	p, _ := r.Body.(*pacedBody)
	return p
}

// enter takes a place for as long as the form takes to arrive; false when
// there is none. Who has proven nothing gets one of another kind, and little
// time.
func (p *pacedBody) enter(proven bool) bool {
	if p == nil {
		return true
	}
	leave, ok := p.place(proven)
	if !ok {
		return false
	}
	p.leave()
	p.leave, p.begun = leave, time.Now()
	if !proven {
		p.hurry(strangerTime)
	}
	return true
}

// hurry ends the body in so much time at the latest.
func (p *pacedBody) hurry(most time.Duration) {
	if p == nil {
		return
	}
	if end := time.Now().Add(most); p.until.IsZero() || end.Before(p.until) {
		p.until = end
	}
}

// Read implements io.Reader.
func (p *pacedBody) Read(b []byte) (int, error) {
	now := time.Now()
	deadline := now.Add(pageTime)
	if end := p.begun.Add(pageTime + time.Duration(p.read)*time.Second/minRate); end.Before(deadline) {
		deadline = end
	}
	after := parcelTime
	if !p.until.IsZero() {
		after = pageTime
		if p.until.Before(deadline) {
			deadline = p.until
		}
	}
	p.extend(deadline, deadline.Add(pageTime))
	n, err := p.ReadCloser.Read(b)
	if p.read += int64(n); err != nil {
		// A deadline that passes later would end the request's context.
		end := time.Now().Add(after)
		p.extend(end, end)
	}
	return n, err
}

// extend fails only where the server below has no deadlines, as in tests.
func (p *pacedBody) extend(read, write time.Time) {
	_ = p.control.SetReadDeadline(read)
	_ = p.control.SetWriteDeadline(write)
}
