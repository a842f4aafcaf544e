package viewer

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"gatepost/gateway"
)

// offer is what would make the next time easier, for those who came with a
// code.
type offer struct {
	Remember bool
	PIN      bool
}

// offer is nil for those who need none, or sit at a computer of others.
func (v *viewer) offer(r *http.Request, page gateway.LinkPage, g gateway.Grant) *offer {
	if g.Assurance != gateway.SameChannel && g.Assurance != gateway.OtherChannel || v.cookieValue(r, publicCookie) != "" {
		return nil
	}
	// A PIN is chosen after a code, not on the strength of a device.
	o := offer{Remember: !page.Device, PIN: page.PIN == gateway.PINNone && !page.Device}
	if !o.Remember && !o.PIN {
		return nil
	}
	return &o
}

// ownsPIN reports whether a proof lets the reader choose a PIN or remove the
// one they chose. A PIN that a sender set or that the organization knows does
// not, nor does the mailbox alone where the organization knows one.
func ownsPIN(page gateway.LinkPage, how gateway.Assurance) bool {
	switch how {
	case gateway.OtherChannel:
		return true
	case gateway.SameChannel:
		return page.PIN != gateway.PINContact
	case gateway.StandingPIN:
		return page.PIN == gateway.PINStanding
	}
	return false
}

// devicesPage lists the browsers that are remembered.
type devicesPage struct {
	frame
	Devices []deviceLine
	This    bool // this browser is one of them
	Public  bool // others use this computer
	Done    string
}

type deviceLine struct {
	ID, Label, Created, Used string
	This                     bool
}

// showDevices answers GET /m/{secret}/devices.
func (v *viewer) showDevices(w http.ResponseWriter, r *http.Request) {
	l, page, ok := v.proven(w, r)
	if !ok {
		return
	}
	devices, err := v.journeys.Devices(r.Context(), l.secret, l.visitor)
	if v.away(w, r, l, "devices", err) {
		return
	}
	p := devicesPage{frame: v.frame(r, l, page), Public: v.cookieValue(r, publicCookie) != ""}
	p.Title = p.W.T("devices.title")
	p.idle(v, r)
	p.Done = doneText(p.W, r.URL.Query().Get("done"))
	for _, d := range devices {
		p.This = p.This || d.This
		p.Devices = append(p.Devices, deviceLine{ID: d.ID, Label: d.Label, Created: p.W.Day(d.Created), Used: p.W.Day(d.Used), This: d.This})
	}
	v.write(w, r, http.StatusOK, "devices", p)
}

// proven is the link of a visitor with a session, and its page; false when the
// request was answered. That the session has proven the link is for the
// journey to say.
func (v *viewer) proven(w http.ResponseWriter, r *http.Request) (link, gateway.LinkPage, bool) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
		return l, gateway.LinkPage{}, false
	}
	if l.visitor.Session == "" || onlyLooking(r) {
		http.Redirect(w, r, l.path, http.StatusSeeOther)
		return l, gateway.LinkPage{}, false
	}
	page, ok := v.visit(w, r, l)
	return l, page, ok
}

// away answers an error of a journey that needs a proof: who has none goes to
// the gate.
func (v *viewer) away(w http.ResponseWriter, r *http.Request, l link, doing string, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, gateway.ErrNotProven):
		http.Redirect(w, r, l.path, http.StatusSeeOther)
	default:
		v.failed(w, r, doing, err)
	}
	return true
}

// own reads a form of a visitor with a proof; false when the request was
// answered.
func (v *viewer) own(w http.ResponseWriter, r *http.Request) (link, bool) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
		return l, false
	}
	if status := v.form(w, r, l); status != 0 {
		v.refused(w, r, l, status)
		return l, false
	}
	return l, true
}

// changeDevices answers POST /m/{secret}/devices: one of four forms.
func (v *viewer) changeDevices(w http.ResponseWriter, r *http.Request) {
	l, ok := v.own(w, r)
	if !ok {
		return
	}
	form := r.PostForm
	switch {
	case form.Has("remember"):
		v.remember(w, r, l)
	case form.Has("public"):
		// A session cookie of no secret: it says what the pages should advise.
		v.setCookie(w, publicCookie, "1", 0)
		http.Redirect(w, r, l.path+"?done=public", http.StatusSeeOther)
	case form.Has("all"), form.Get("forget") != "":
		v.forget(w, r, l, form.Get("forget"))
	default:
		v.refused(w, r, l, http.StatusBadRequest)
	}
}

func (v *viewer) remember(w http.ResponseWriter, r *http.Request, l link) {
	device, err := v.journeys.Remember(r.Context(), l.secret, l.visitor)
	if v.away(w, r, l, "remember", err) {
		return
	}
	v.setCookie(w, deviceCookie, device, deviceLife)
	v.setCookie(w, publicCookie, "", 0)
	http.Redirect(w, r, l.path+"?done=remembered", http.StatusSeeOther)
}

// forget forgets one device, or all. This browser loses its cookie when it is
// one of them and nobody else is remembered on it; a secret of a device that
// is forgotten opens nothing.
func (v *viewer) forget(w http.ResponseWriter, r *http.Request, l link, id string) {
	devices, err := v.journeys.Devices(r.Context(), l.secret, l.visitor)
	if v.away(w, r, l, "devices", err) {
		return
	}
	if v.away(w, r, l, "forget", v.journeys.ForgetDevice(r.Context(), l.secret, l.visitor, id)) {
		return
	}
	for _, d := range devices {
		if d.This && (id == "" || d.ID == id) && !strings.Contains(l.visitor.Device, deviceJoin) {
			v.setCookie(w, deviceCookie, "", 0)
		}
	}
	http.Redirect(w, r, l.path+"/devices?done=forgotten", http.StatusSeeOther)
}

// pinPage chooses, changes and removes the standing PIN.
type pinPage struct {
	frame
	Set     bool // there is one
	Problem *problem
}

// showPIN answers GET /m/{secret}/pin.
func (v *viewer) showPIN(w http.ResponseWriter, r *http.Request) {
	l, page, ok := v.proven(w, r)
	if !ok {
		return
	}
	// Only this journey says whether the session has a proof.
	_, err := v.journeys.Devices(r.Context(), l.secret, l.visitor)
	if v.away(w, r, l, "devices", err) {
		return
	}
	v.pinForm(w, r, l, page, "")
}

func (v *viewer) pinForm(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage, trouble string) {
	p := pinPage{frame: v.frame(r, l, page), Set: page.PIN == gateway.PINStanding}
	p.idle(v, r)
	p.Title = p.W.T("pin.title")
	status := http.StatusOK
	if trouble != "" {
		status = http.StatusUnprocessableEntity
		p.Problem = &problem{Text: p.W.T(trouble), Field: true}
		p.Title = p.W.T("error.title", "Title", p.Title)
	}
	v.write(w, r, status, "pin-page", p)
}

// changePIN answers POST /m/{secret}/pin.
func (v *viewer) changePIN(w http.ResponseWriter, r *http.Request) {
	l, ok := v.own(w, r)
	if !ok {
		return
	}
	if r.PostForm.Has("drop") {
		if v.away(w, r, l, "pin", v.journeys.DropPIN(r.Context(), l.secret, l.visitor)) {
			return
		}
		http.Redirect(w, r, l.path+"?done=dropped", http.StatusSeeOther)
		return
	}
	page, ok := v.visit(w, r, l)
	if !ok {
		return
	}
	chosen, again := cutTo(r.PostForm.Get("chosen"), 256), cutTo(r.PostForm.Get("again"), 256)
	if chosen != again {
		v.pinForm(w, r, l, page, "pin.differs")
		return
	}
	trouble, err := v.journeys.ChoosePIN(r.Context(), l.secret, l.visitor, chosen)
	if v.away(w, r, l, "pin", err) {
		return
	}
	if trouble != gateway.PINTaken {
		v.pinForm(w, r, l, page, pinWords(trouble))
		return
	}
	http.Redirect(w, r, l.path+"?done=chosen", http.StatusSeeOther)
}

// pinWords are the words for a PIN that was not taken.
func pinWords(p gateway.PINProblem) string {
	switch p {
	case gateway.PINTooShort:
		return "pin.too_short"
	case gateway.PINTooLong:
		return "pin.too_long"
	case gateway.PINGuessable:
		return "pin.guessable"
	case gateway.PINNotAllowed:
		return "pin.not_allowed"
	default:
		return "pin.malformed"
	}
}

// doneText is what has just worked, from a closed set: the address of a page
// must not be able to put words into our mouth.
func doneText(w words, what string) string {
	id, ok := map[string]string{
		"answered": "done.answered", "begun": "done.begun", "remembered": "done.remembered", "forgotten": "done.forgotten",
		"chosen": "done.chosen", "dropped": "done.dropped", "public": "done.public",
	}[what]
	if !ok {
		return ""
	}
	return w.T(id)
}

// publicIdle is the time without use at a computer of others.
const publicIdle = 5 * time.Minute
