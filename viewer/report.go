package viewer

import (
	"net/http"

	"gatepost/gateway"
)

// reportPage is where a reader says that a link reached the wrong one, or that
// it looks like deceit. It works without a proof.
type reportPage struct {
	frame
	Reference string
}

// showReport answers GET /m/{secret}/report.
func (v *viewer) showReport(w http.ResponseWriter, r *http.Request) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
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
	p := reportPage{frame: v.frame(r, l, page), Reference: page.Reference}
	p.Title = p.W.T("report.title")
	v.write(w, r, http.StatusOK, "report", p)
}

// report answers POST /m/{secret}/report.
func (v *viewer) report(w http.ResponseWriter, r *http.Request) {
	l, ok := v.own(w, r)
	if !ok {
		return
	}
	concern := gateway.Concern(r.PostForm.Get("concern"))
	if concern != gateway.NotForMe && concern != gateway.Suspicious {
		v.refused(w, r, l, http.StatusBadRequest)
		return
	}
	if err := v.journeys.Report(r.Context(), l.secret, l.visitor, concern); err != nil {
		v.failed(w, r, "report", err)
		return
	}
	page, ok := v.visit(w, r, l)
	if !ok {
		return
	}
	p := notePage{frame: v.frame(r, l, page)}
	p.Title = p.W.T("reported.title")
	p.Lines = []string{p.W.T("reported.suspicious", "Org", p.Org)}
	if concern == gateway.NotForMe {
		// Who is inside is the wrong one, too.
		v.setSession(w, "")
		p.Lines = []string{p.W.T("reported.not_for_me", "Org", p.Org), p.W.T("reported.then")}
	}
	p.Reference = page.Reference
	v.note(w, r, http.StatusOK, p)
}
