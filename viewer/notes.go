package viewer

import (
	"errors"
	"net/http"
	"time"

	"gatepost/gateway"
)

// notePage is a page that says one thing and what to do now.
type notePage struct {
	frame
	Lines     []string
	CallHelp  *help  // whom to ask, shown large
	Reference string // what to tell them
	Again     string // words of a button that leads to the link
}

func (v *viewer) note(w http.ResponseWriter, r *http.Request, status int, p notePage) {
	v.write(w, r, status, "note", p)
}

// showKeys answers GET /keys: what the keyboard can do.
func (v *viewer) showKeys(w http.ResponseWriter, r *http.Request) {
	f := v.frame(r, link{}, gateway.LinkPage{})
	f.Title = f.W.T("keys.title")
	v.write(w, r, http.StatusOK, "keys-page", f)
}

// root is the page for those who come without a link.
func (v *viewer) root(w http.ResponseWriter, r *http.Request) {
	p := notePage{frame: v.frame(r, link{}, gateway.LinkPage{})}
	p.Title = p.W.T("root.title", "Org", p.Org)
	p.Lines = []string{p.W.T("root.text", "Org", p.Org), p.W.T("root.then")}
	v.note(w, r, http.StatusOK, p)
}

// none answers every path that is none of ours.
func (v *viewer) none(w http.ResponseWriter, r *http.Request) {
	p := notePage{frame: v.frame(r, link{}, gateway.LinkPage{})}
	p.Title = p.W.T("none.title")
	p.Lines = []string{p.W.T("none.text")}
	v.note(w, r, http.StatusNotFound, p)
}

// broken is the page for everything that is our fault.
func (v *viewer) broken(w http.ResponseWriter, r *http.Request) {
	p := notePage{frame: v.frame(r, link{}, gateway.LinkPage{})}
	p.Title = p.W.T("broken.title")
	p.Lines = []string{p.W.T("broken.text")}
	v.note(w, r, http.StatusInternalServerError, p)
}

// failed answers an error of the journeys or of the library: it is logged, and
// the reader is told to come back.
func (v *viewer) failed(w http.ResponseWriter, r *http.Request, doing string, err error) {
	busy := errors.Is(err, gateway.ErrBusy) || errors.Is(err, errManyFiles)
	if !busy {
		v.config.Logger.Error("viewer request failed", "area", "viewer", "phase", doing, "error", err)
	}
	l, ok := v.link(r)
	if d, staff := v.staffDesk(r); !ok && staff {
		l, ok = link{path: d.base}, true
	}
	p := notePage{frame: v.frame(r, l, gateway.LinkPage{})}
	p.Title = p.W.T("broken.title")
	p.Lines = []string{p.W.T("broken.text")}
	if busy {
		p.Title, p.Lines = p.W.T("busy.title"), []string{p.W.T("busy.text")}
	}
	if ok {
		p.Again = p.W.T("again.button")
	}
	w.Header().Set("Retry-After", "60")
	v.note(w, r, http.StatusServiceUnavailable, p)
}

// refused answers a form that did not come from our own page.
func (v *viewer) refused(w http.ResponseWriter, r *http.Request, l link, status int) {
	v.metrics.refused.Inc()
	if status == http.StatusRequestEntityTooLarge || status == http.StatusUnsupportedMediaType {
		// Else the server below waits for the rest of the body before it answers.
		w.Header().Set("Connection", "close")
	}
	p := notePage{frame: v.frame(r, l, gateway.LinkPage{})}
	p.Title = p.W.T("refused.title")
	p.Lines = []string{p.W.T("refused.text")}
	p.Again = p.W.T("again.button")
	v.note(w, r, status, p)
}

// notOpened answers an error of a desk: who has proven nothing goes where one
// proves, and a message that cannot be read here says why.
func (v *viewer) notOpened(w http.ResponseWriter, r *http.Request, d desk, err error) {
	var shut *gateway.TurnClosedError
	switch {
	case errors.Is(err, gateway.ErrNotProven):
		http.Redirect(w, r, d.home, http.StatusSeeOther)
	case errors.Is(err, gateway.ErrNoTurn):
		v.none(w, r)
	case errors.As(err, &shut):
		p := notePage{frame: v.frame(r, d.link, gateway.LinkPage{})}
		p.Title = p.W.T("turn.closed.title")
		p.Lines = []string{whyClosed(p.W, shut.State)}
		p.Again = p.W.T("turn.back")
		v.note(w, r, http.StatusGone, p)
	default:
		v.failed(w, r, "open", err)
	}
}

// unknown is the page of a link that never was, or is gone, or is no link:
// they look the same.
func (v *viewer) unknown(w http.ResponseWriter, r *http.Request) {
	p := notePage{frame: v.frame(r, link{}, gateway.LinkPage{})}
	p.Title = p.W.T("unknown.title")
	p.Lines = []string{p.W.T("unknown.text"), p.W.T("unknown.then"), p.W.T("unknown.ask")}
	p.CallHelp = p.Help
	if p.Help == nil {
		p.Lines = p.Lines[:2]
	}
	v.note(w, r, http.StatusNotFound, p)
}

// closed is the page of a link that takes no code now.
func (v *viewer) closed(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage) {
	p := notePage{frame: v.frame(r, l, page)}
	status := http.StatusOK
	switch page.State {
	case gateway.LinkPaused:
		left := page.PausedUntil.Sub(v.config.Now())
		minutes := max(1, int((left+time.Minute-1)/time.Minute))
		p.Title = p.W.T("paused.title")
		p.Lines = []string{p.W.T("paused.text", "Clock", p.W.Clock(page.PausedUntil)) + " " + p.W.T("paused.minutes", "Count", minutes), p.W.T("paused.then")}
		p.Again = p.W.T("again.button")
	case gateway.LinkFrozen:
		p.Title = p.W.T("frozen.title")
		p.Lines = v.askThem(p, p.W.T("frozen.text"), "frozen.then")
		p.CallHelp, p.Reference = p.Help, page.Reference
	case gateway.LinkExpired:
		status = http.StatusGone
		p.Title = p.W.T("expired.title")
		p.Lines = v.askThem(p, p.W.T("expired.text"), "expired.then")
		p.CallHelp, p.Reference = p.Help, page.Reference
	case gateway.LinkRecalled:
		status = http.StatusGone
		p.Title = p.W.T("recalled.title")
		happened := p.W.T("recalled.text", "Org", p.Org)
		if !page.Recalled.IsZero() {
			happened = p.W.T("recalled.on", "Org", p.Org, "Day", p.W.Day(page.Recalled))
		}
		p.Lines = v.askThem(p, happened, "recalled.then")
		p.CallHelp, p.Reference = p.Help, page.Reference
	default:
		v.unknown(w, r)
		return
	}
	v.note(w, r, status, p)
}

// askThem says what happened and whom to ask.
func (v *viewer) askThem(p notePage, happened, id string) []string {
	if p.Help == nil {
		id += ".nohelp"
	}
	return []string{happened, p.W.T(id, "Org", p.Org)}
}
