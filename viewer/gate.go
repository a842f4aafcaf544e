package viewer

import (
	"errors"
	"net/http"
	"strings"

	"gatepost/gateway"
)

// gatePage is the page before the proof.
type gatePage struct {
	frame
	P              gateway.LinkPage
	Sent           bool // this session has a live code
	MayAsk         bool // the link may have a code now
	PIN            bool // there is a standing secret that opens the link
	Heading, Intro string
	Problem        *problem
}

// problem is what went wrong with a form, in words for the one who sent it.
type problem struct {
	Text  string
	More  string
	Field bool // it is about the PIN field
}

// visit is what a link is to its visitor; false when the request was answered.
func (v *viewer) visit(w http.ResponseWriter, r *http.Request, l link) (gateway.LinkPage, bool) {
	page, err := v.journeys.Visit(r.Context(), l.secret, l.visitor)
	if err != nil {
		v.failed(w, r, "visit", err)
		return page, false
	}
	return page, true
}

// showLink answers GET /m/{secret}: the message for a session that has proven
// the link, the gate for everybody else.
func (v *viewer) showLink(w http.ResponseWriter, r *http.Request) {
	l, ok := v.link(r)
	if !ok {
		v.mended(w, r)
		return
	}
	page, ok := v.visit(w, r, l)
	if !ok {
		return
	}
	if page.State == gateway.LinkUnknown || page.State == "" {
		v.unknown(w, r)
		return
	}
	query := r.URL.Query()
	if query.Has("idle") && readable(page.State) {
		v.wasIdle(w, r, l, page)
		return
	}
	if l.visitor.Session != "" && !onlyLooking(r) && readable(page.State) {
		if done := v.tryMessage(w, r, l, page); done {
			return
		}
	}
	if query.Has("left") && l.visitor.Session == "" && page.State == gateway.LinkActive {
		v.left(w, r, l, page)
		return
	}
	var trouble *problem
	if query.Has("sent") && l.visitor.Session == "" {
		trouble = &problem{Text: v.frame(r, l, page).W.T("error.cookies")}
	}
	v.gate(w, r, l, page, http.StatusOK, trouble)
}

// readable reports whether a session that has proven a link may still read in
// this state of it. Others who guess wrong pause and freeze a link; that does
// not shut the door behind the one who is inside.
func readable(s gateway.LinkState) bool {
	return s == gateway.LinkActive || s == gateway.LinkPaused || s == gateway.LinkFrozen
}

// mended helps a link out that a mail program took the next full stop into.
// What is no link at all looks like an unknown one.
func (v *viewer) mended(w http.ResponseWriter, r *http.Request) {
	bare := strings.TrimRight(r.PathValue("secret"), ".,;:!?)>]}'\"")
	secret, err := gateway.ParseLinkSecret(bare)
	if err != nil || bare == r.PathValue("secret") {
		v.unknown(w, r)
		return
	}
	http.Redirect(w, r, "/m/"+secret.Path(), http.StatusSeeOther)
}

// provable reports whether a proof opens a link in this state of it: those
// that expired or froze come back with a code, where that is allowed.
func provable(p gateway.LinkPage) bool {
	return p.State == gateway.LinkActive || p.State == gateway.LinkExpired && p.Renewable || p.State == gateway.LinkFrozen && p.SelfThaw
}

// gate shows the page before the proof, or why there is none.
func (v *viewer) gate(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage, status int, trouble *problem) {
	if !provable(page) {
		v.closed(w, r, l, page)
		return
	}
	p := gatePage{frame: v.frame(r, l, page), P: page, Problem: trouble}
	p.Sent = !page.CodeSentAt.IsZero()
	p.PIN = page.PIN != gateway.PINNone && page.State != gateway.LinkFrozen
	p.Title = p.W.T("gate.title")
	switch page.State {
	case gateway.LinkExpired:
		p.Title, p.Intro = p.W.T("expired.title"), p.W.T("expired.renew")
		if !page.CodeAllowed { // the PIN of the sender renews it
			p.Intro = p.W.T("expired.text")
		}
	case gateway.LinkFrozen:
		p.Title, p.Intro = p.W.T("frozen.title"), p.W.T("frozen.thaw")
	}
	p.Heading = p.Title
	if p.Sent {
		p.Title = p.W.T("gate.pin.title")
	}
	if trouble != nil {
		p.Title = p.W.T("error.title", "Title", p.Title)
	}
	p.MayAsk = !v.config.Now().Before(page.ResendAt)
	v.write(w, r, status, "gate", p)
}

// answerLink answers POST /m/{secret}: a form of the gate, or an answer.
func (v *viewer) answerLink(w http.ResponseWriter, r *http.Request) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
		return
	}
	if isParcel(r) {
		v.reply(w, r, l)
		return
	}
	if status := v.form(w, r, l); status != 0 {
		v.refused(w, r, l, status)
		return
	}
	switch {
	case r.PostForm.Has("device"):
		v.enter(w, r, l)
	case r.PostForm.Has("pin"):
		v.prove(w, r, l, r.PostForm.Get("pin"))
	case r.PostForm.Has("code"):
		v.sendCode(w, r, l)
	default:
		v.refused(w, r, l, http.StatusBadRequest)
	}
}

func (v *viewer) sendCode(w http.ResponseWriter, r *http.Request, l link) {
	session, page, err := v.journeys.SendCode(r.Context(), l.secret, l.visitor)
	var soon *gateway.TooSoonError
	var shut *gateway.LinkClosedError
	switch {
	case errors.As(err, &soon):
		v.metrics.codes.WithLabelValues("too_soon").Inc()
		v.again(w, r, l, func(words words) *problem {
			return &problem{Text: words.T("error.too_soon", "Clock", words.Clock(soon.At))}
		})
		return
	case errors.As(err, &shut):
		v.metrics.codes.WithLabelValues("closed").Inc()
		v.again(w, r, l, nil)
		return
	case err != nil:
		v.metrics.codes.WithLabelValues("failed").Inc()
		v.failed(w, r, "code", err)
		return
	case !provable(page):
		v.metrics.codes.WithLabelValues("closed").Inc()
		v.closed(w, r, l, page)
		return
	}
	v.metrics.codes.WithLabelValues("sent").Inc()
	if session != "" && session != l.visitor.Session {
		v.setSession(w, session)
	}
	http.Redirect(w, r, l.path+"?sent", http.StatusSeeOther)
}

// again shows the gate as it is now, with a problem in the reader's language.
func (v *viewer) again(w http.ResponseWriter, r *http.Request, l link, say func(words) *problem) {
	page, ok := v.visit(w, r, l)
	if !ok {
		return
	}
	var trouble *problem
	if say != nil {
		trouble = say(v.frame(r, l, page).W)
	}
	v.gate(w, r, l, page, http.StatusOK, trouble)
}

// prove tries a code or a PIN. A wrong one gets the same page again.
func (v *viewer) prove(w http.ResponseWriter, r *http.Request, l link, pin string) {
	session, result, err := v.journeys.Prove(r.Context(), l.secret, l.visitor, cutTo(pin, 256))
	v.proved(w, r, l, session, result, err)
}

// enter opens a link on a remembered browser.
func (v *viewer) enter(w http.ResponseWriter, r *http.Request, l link) {
	session, result, err := v.journeys.Enter(r.Context(), l.secret, l.visitor)
	// Forgotten meanwhile, or worth too little here. The cookie stays: others
	// may be remembered on this browser, too.
	if errors.Is(err, gateway.ErrNotProven) {
		http.Redirect(w, r, l.path, http.StatusSeeOther)
		return
	}
	v.proved(w, r, l, session, result, err)
}

// proved answers a try. A session that has proven something has another secret
// than before: who planted the old one gains nothing.
func (v *viewer) proved(w http.ResponseWriter, r *http.Request, l link, session string, result gateway.ProofResult, err error) {
	if err != nil {
		v.metrics.proofs.WithLabelValues("failed").Inc()
		v.failed(w, r, "proof", err)
		return
	}
	if session != "" && session != l.visitor.Session {
		v.setSession(w, session)
	}
	if result.Passed {
		v.metrics.proofs.WithLabelValues("passed").Inc()
		http.Redirect(w, r, l.path, http.StatusSeeOther)
		return
	}
	v.metrics.proofs.WithLabelValues(proofLabel(result.Reason)).Inc()
	v.gate(w, r, l, result.Page, http.StatusOK, v.pinProblem(v.frame(r, l, result.Page).W, result))
}

// proofLabel keeps the label of a metric to a closed set.
func proofLabel(reason gateway.ProofReason) string {
	switch reason {
	case gateway.ProofMalformed, gateway.ProofNoCode, gateway.ProofClosed, gateway.ProofThawed:
		return string(reason)
	default:
		return string(gateway.ProofWrong)
	}
}

func (v *viewer) pinProblem(w words, result gateway.ProofResult) *problem {
	switch result.Reason {
	case gateway.ProofMalformed:
		if result.Page.PIN != gateway.PINNone {
			return &problem{Text: w.T("error.malformed.pin"), Field: true}
		}
		return &problem{Text: w.T("error.malformed"), Field: true}
	case gateway.ProofNoCode:
		return &problem{Text: w.T("error.no_code")}
	case gateway.ProofThawed:
		return nil // the gate asks for the PIN
	default:
		p := &problem{Text: w.T("error.wrong"), Field: true}
		if result.Page.PIN != gateway.PINNone {
			p.Text = w.T("error.wrong.pin")
		}
		if left := result.Page.TriesLeft; left > 0 {
			p.More = w.T("error.left", "Count", left)
		}
		return p
	}
}

// leave answers POST /m/{secret}/leave.
func (v *viewer) leave(w http.ResponseWriter, r *http.Request) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
		return
	}
	if status := v.form(w, r, l); status != 0 {
		v.refused(w, r, l, status)
		return
	}
	if err := v.journeys.Leave(r.Context(), l.visitor); err != nil {
		v.failed(w, r, "leave", err)
		return
	}
	v.setSession(w, "")
	http.Redirect(w, r, l.path+"?left", http.StatusSeeOther)
}

// left is the page after leaving.
func (v *viewer) left(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage) {
	p := notePage{frame: v.frame(r, l, page)}
	p.Title = p.W.T("left.title")
	if !page.Device && page.PIN == gateway.PINNone { // the others need no new code
		p.Lines = []string{p.W.T("left.text")}
	}
	p.Again = p.W.T("left.again")
	v.note(w, r, http.StatusOK, p)
}

// wasIdle is the page after a message that nobody used closed itself. It asks
// nothing of the session, which may be alive in another window.
func (v *viewer) wasIdle(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage) {
	p := notePage{frame: v.frame(r, l, page)}
	p.Title = p.W.T("idle.title")
	p.Lines = []string{p.W.T("idle.text"), p.W.T("idle.draft")}
	p.Again = p.W.T("left.again")
	v.note(w, r, http.StatusOK, p)
}
