package viewer

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"gatepost/gateway"
)

// staffPage asks a member of staff who they are.
type staffPage struct {
	frame
	Problem *problem
}

// staffDesk is the message of a path below /staff.
func (v *viewer) staffDesk(r *http.Request) (desk, bool) {
	id, err := gateway.ParseMessageID(r.PathValue("id"))
	if err != nil {
		return desk{}, false
	}
	d := desk{session: v.staffSession(r), base: "/staff/" + id.String(), staff: true}
	d.home = d.base
	who := visitorOf(r)
	d.grant = func(ctx context.Context, file int) (gateway.Grant, error) {
		return v.journeys.StaffOpen(ctx, d.session, id, file, who)
	}
	return d, true
}

// staffToken is the token of the forms of a staff page. It is bound to the
// session; the form of the log-in, which makes the session, has that of none.
func (v *viewer) staffToken(base, session string) string {
	sum := v.config.MAC("viewer: staff form", []byte(base), []byte(session))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// showStaff answers GET /staff/{id}: the message, or who is asking.
func (v *viewer) showStaff(w http.ResponseWriter, r *http.Request) {
	d, ok := v.staffDesk(r)
	if !ok {
		v.none(w, r)
		return
	}
	if d.session == "" || onlyLooking(r) {
		v.staffForm(w, r, d, http.StatusOK, nil)
		return
	}
	grant, reading, leave, err := v.read(r, d)
	if errors.Is(err, gateway.ErrNotProven) {
		v.staffForm(w, r, d, http.StatusOK, nil)
		return
	}
	if errors.Is(err, gateway.ErrNoTurn) { // for another member of staff
		v.staffForm(w, r, d, http.StatusForbidden, func(w words) string { return w.T("staff.wrong") })
		return
	}
	if err != nil {
		v.notOpened(w, r, d, err)
		return
	}
	defer leave()
	defer v.close(reading)
	v.showMessage(w, r, "message", v.messagePage(r, d, gateway.LinkPage{}, grant, reading), leave)
}

func (v *viewer) staffForm(w http.ResponseWriter, r *http.Request, d desk, status int, say func(words) string) {
	p := staffPage{frame: v.frame(r, link{}, gateway.LinkPage{})}
	p.Path, p.Token = d.base, v.staffToken(d.base, "")
	p.Title = p.W.T("staff.title")
	if say != nil {
		p.Problem = &problem{Text: say(p.W)}
		p.Title = p.W.T("error.title", "Title", p.Title)
	}
	v.write(w, r, status, "staff", p)
}

// Limits of what is looked at of a name and a password, in octets.
const (
	maxStaffName = 320
	maxPassword  = 1024
)

// staffLogin answers POST /staff/{id}/login.
func (v *viewer) staffLogin(w http.ResponseWriter, r *http.Request) {
	d, ok := v.staffPost(w, r, func(d desk) string { return v.staffToken(d.base, "") })
	if !ok {
		return
	}
	session, err := v.journeys.StaffLogin(r.Context(), cutTo(r.PostForm.Get("name"), maxStaffName), cutTo(r.PostForm.Get("password"), maxPassword), visitorOf(r))
	var soon *gateway.TooSoonError
	switch {
	case errors.Is(err, gateway.ErrNotProven):
		v.metrics.staff.WithLabelValues("wrong").Inc()
		v.staffForm(w, r, d, http.StatusForbidden, func(w words) string { return w.T("staff.wrong") })
	case errors.As(err, &soon):
		v.metrics.staff.WithLabelValues("too_soon").Inc()
		v.staffForm(w, r, d, http.StatusTooManyRequests, func(w words) string { return w.T("staff.too_soon", "Clock", w.Clock(soon.At)) })
	case err != nil:
		v.metrics.staff.WithLabelValues("failed").Inc()
		v.failed(w, r, "login", err)
	default:
		v.metrics.staff.WithLabelValues("passed").Inc()
		v.setCookie(w, staffCookie, session, 0)
		http.Redirect(w, r, d.base, http.StatusSeeOther)
	}
}

// staffPost reads a form of a staff page that has the token given; false when
// the request was answered.
func (v *viewer) staffPost(w http.ResponseWriter, r *http.Request, token func(desk) string) (desk, bool) {
	d, ok := v.staffDesk(r)
	if !ok {
		v.none(w, r)
		return d, false
	}
	if status := v.formWith(w, r, token(d)); status != 0 {
		v.refused(w, r, link{path: d.base}, status)
		return d, false
	}
	return d, true
}

// staffLeave answers POST /staff/{id}/leave.
func (v *viewer) staffLeave(w http.ResponseWriter, r *http.Request) {
	d, ok := v.staffPost(w, r, func(d desk) string { return v.staffToken(d.base, d.session) })
	if !ok {
		return
	}
	if d.session != "" {
		if err := v.journeys.StaffLeave(r.Context(), d.session); err != nil {
			v.failed(w, r, "leave", err)
			return
		}
	}
	v.setCookie(w, staffCookie, "", 0)
	http.Redirect(w, r, d.base, http.StatusSeeOther)
}
