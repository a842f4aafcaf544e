package viewer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"

	"gatepost/gateway"
)

// answerPage is the form for an answer on a page of its own: for a new
// conversation, and for an answer that could not be taken.
type answerPage struct {
	frame
	Form answerForm
}

// answerForm is a form for an answer.
type answerForm struct {
	Action  string
	Once    string
	Staff   []string // who gets it, as they are called
	New     bool     // it begins a conversation: To and Subject are asked
	Known   []knownLine
	Subject string
	Text    string
	Problem *problem
	Again   bool // files have to be chosen again
	Proof   bool // the session is over: prove again in another window
	Failed  bool // a page about an error: the form is all of it
	MaxText int
	MaxFile int
	MaxSize int64
	Most    string // MaxSize in words
	Sizes   string // the limits in words
}

// knownLine is a member of staff to choose.
type knownLine struct {
	Value, Name string
	Chosen      bool
}

// maxSubject bounds the subject of a new conversation, in octets.
const maxSubject = 800

// fieldsOfAnswer are those of the form, its files excepted.
var fieldsOfAnswer = [...]string{"token", "once", "to", "subject", "reply"}

// form is an empty form for an answer.
func (v *viewer) answerForm(w words, action string, c gateway.Conversation) answerForm {
	f := answerForm{
		Action: action, Once: v.once(), MaxText: gateway.MaxAnswerText, MaxFile: gateway.MaxAnswerFiles, MaxSize: gateway.MaxAnswerSize, Most: mostSize(w),
		Sizes: w.T("answer.files.limits", "Files", gateway.MaxAnswerFiles, "Size", mostSize(w)),
	}
	for _, k := range c.Staff {
		f.Staff = append(f.Staff, nameOf(k))
	}
	for _, k := range c.Known {
		f.Known = append(f.Known, knownLine{Value: k.Address.Wire(), Name: nameOf(k)})
	}
	return f
}

// mostSize is the limit of all files together as people say it: 100 MB.
func mostSize(w words) string {
	return w.T("size.mb", "N", fmt.Sprint(gateway.MaxAnswerSize>>20))
}

// nameOf is how a member of staff is called on a page.
func nameOf(k gateway.Known) string {
	if name := oneLine(k.Name.Reveal()); name != "" {
		return name
	}
	return k.Address.Wire()
}

// reply answers POST /m/{secret} with files: an answer in the conversation.
func (v *viewer) reply(w http.ResponseWriter, r *http.Request, l link) {
	v.take(w, r, l, false)
}

// begin answers POST /m/{secret}/new.
func (v *viewer) begin(w http.ResponseWriter, r *http.Request) {
	l, ok := v.link(r)
	if !ok || !isParcel(r) {
		v.unknown(w, r)
		return
	}
	v.take(w, r, l, true)
}

// take reads an answer while it arrives and hands it on. The session is asked
// first: who has proven nothing holds up nobody who has, and no octet of their
// files is read. What they wrote is shown to them again.
func (v *viewer) take(w http.ResponseWriter, r *http.Request, l link, fresh bool) {
	unproven := v.knows(r, l)
	if !pacedOf(r).enter(unproven == nil) {
		hangUp(w, r)
		tooMany(w)
		return
	}
	p, err := newParcel(r.Header.Get("Content-Type"), r.Body, "reply", fieldsOfAnswer[:]...)
	if err != nil {
		status := http.StatusBadRequest
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) || r.ContentLength > maxParcel {
			status = http.StatusRequestEntityTooLarge
		}
		v.drop(w, r)
		v.refused(w, r, l, status)
		return
	}
	if !v.sameSite(r) || !sameToken(p.fields["token"], v.token(l)) {
		v.drop(w, r)
		v.refused(w, r, l, http.StatusForbidden)
		return
	}
	if unproven != nil {
		v.drop(w, r)
		v.notTaken(w, r, l, p, fresh, unproven)
		return
	}
	leave, ok := v.room.answers.enter(l.path)
	if !ok {
		err = errManyFiles
	} else {
		defer leave()
		_, err = v.hand(r.Context(), l, p, fresh)
	}
	v.drain(w, r) // an answer that was taken before is not read again
	if err != nil {
		v.notTaken(w, r, l, p, fresh, err)
		return
	}
	v.metrics.answers.WithLabelValues("taken").Inc()
	done := "answered"
	if fresh {
		done = "begun"
	}
	v.doneWith(w, r, l.path+"?done="+done)
}

// knows asks whether the session of a request has proven the link. Nothing of
// the request's body is read.
func (v *viewer) knows(r *http.Request, l link) error {
	if l.visitor.Session == "" || !v.sameSite(r) {
		return gateway.ErrNotProven
	}
	_, err := v.journeys.Conversation(r.Context(), l.secret, l.visitor)
	return err
}

// hand gives an answer to the journeys.
func (v *viewer) hand(ctx context.Context, l link, p *parcel, fresh bool) (gateway.Answered, error) {
	text := written(p.fields["reply"])
	a := gateway.Answer{Text: gateway.Sensitive(text), Next: p.Next, Once: v.onceOf(p.fields["once"], text)}
	if len(text) > gateway.MaxAnswerText {
		return gateway.Answered{}, gateway.ErrAnswerTooLarge
	}
	if fresh {
		to, err := gateway.ParseAddress(p.fields["to"])
		if err != nil || to.IsNull() {
			return gateway.Answered{}, gateway.ErrNoStaff
		}
		a.To, a.Subject = to, gateway.Sensitive(cutRunes(oneLine(p.fields["subject"]), maxSubject))
	}
	done, err := v.journeys.Answer(ctx, l.secret, l.visitor, a)
	if err != nil && p.failed != nil {
		return done, p.failed
	}
	return done, err
}

// doneWith tells a browser where to go on, and a script that it worked.
func (v *viewer) doneWith(w http.ResponseWriter, r *http.Request, path string) {
	if byScript(r) {
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusCreated)
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// byScript reports whether our own script sends the form.
func byScript(r *http.Request) bool { return r.Header.Get("X-Gatepost-Script") != "" }

// once is what tells two forms apart: each page has another one.
func (v *viewer) once() string {
	var raw [16]byte
	if _, err := io.ReadFull(v.config.Random, raw[:]); err != nil {
		// The form works without: what is sent twice then arrives twice.
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// onceOf binds the token of a form to its text: who goes back and writes
// something else says something else.
func (v *viewer) onceOf(once, text string) string {
	if once == "" {
		return ""
	}
	sum := v.config.MAC("viewer: once", []byte(once), []byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// drain reads what is left of a form of a proven session, so that the browser,
// which sends all before it looks for an answer, gets to see ours. What is too
// much for that is hung up on.
func (v *viewer) drain(w http.ResponseWriter, r *http.Request) { v.swallow(w, r, 2*maxParcel) }

// drop is drain for everybody else, who get less patience.
func (v *viewer) drop(w http.ResponseWriter, r *http.Request) {
	pacedOf(r).hurry(dropTime)
	v.swallow(w, r, dropSize)
}

func (v *viewer) swallow(w http.ResponseWriter, r *http.Request, most int64) {
	n, err := io.CopyN(io.Discard, r.Body, most)
	if err != io.EOF || n == most {
		hangUp(w, r)
	}
}

// notTaken shows the form again, with what was written and why it was not
// taken.
func (v *viewer) notTaken(w http.ResponseWriter, r *http.Request, l link, p *parcel, fresh bool, err error) {
	status, label, say := why(err)
	v.metrics.answers.WithLabelValues(label).Inc()
	if status >= http.StatusInternalServerError {
		v.config.Logger.Error("viewer request failed", "area", "viewer", "phase", "answer", "error", err)
	}
	// Neither is needed to show the text again.
	page, _ := v.journeys.Visit(r.Context(), l.secret, l.visitor)
	talk, _ := v.journeys.Conversation(r.Context(), l.secret, l.visitor)
	a := answerPage{frame: v.frame(r, l, page)}
	a.Form = v.answerForm(a.W, r.URL.Path, talk)
	a.Form.New, a.Form.Failed, a.Form.Once = fresh, true, p.fields["once"]
	a.Form.Text, a.Form.Subject, a.Form.Again = p.fields["reply"], p.fields["subject"], p.files > 0 || p.next != nil && p.next.FileName() != ""
	if fresh && len(a.Form.Known) == 0 && p.fields["to"] != "" { // the session is over, the choice is not
		a.Form.Known = []knownLine{{Value: p.fields["to"], Name: p.fields["to"]}}
	}
	for n := range a.Form.Known {
		a.Form.Known[n].Chosen = a.Form.Known[n].Value == p.fields["to"]
	}
	a.Form.Proof = errors.Is(err, gateway.ErrNotProven)
	clock := ""
	if soon := (*gateway.TooSoonError)(nil); errors.As(err, &soon) {
		clock = a.W.Clock(soon.At)
	}
	a.Form.Problem = &problem{Text: a.W.T(say, "Files", gateway.MaxAnswerFiles, "Size", mostSize(a.W), "Clock", clock), Field: errors.Is(err, gateway.ErrAnswerEmpty)}
	a.Title = a.W.T("error.title", "Title", a.W.T("answer.title"))
	v.write(w, r, status, "answer", a)
}

// why an answer was not taken: the status, the label of the metric, and the
// words for it.
func why(err error) (status int, label, words string) {
	var shut *gateway.LinkClosedError
	var soon *gateway.TooSoonError
	switch {
	case errors.As(err, &soon):
		return http.StatusTooManyRequests, "too_soon", "answer.too_soon"
	case errors.Is(err, gateway.ErrNotProven):
		return http.StatusForbidden, "not_proven", "answer.not_proven"
	case errors.Is(err, gateway.ErrAnswerTooLarge):
		return http.StatusRequestEntityTooLarge, "too_large", "answer.too_large"
	case errors.Is(err, gateway.ErrAnswerEmpty):
		return http.StatusUnprocessableEntity, "empty", "answer.is_empty"
	case errors.Is(err, gateway.ErrNoStaff):
		return http.StatusUnprocessableEntity, "nobody", "answer.nobody"
	case errors.As(err, &shut):
		return http.StatusForbidden, "closed", "answer.closed"
	case errors.Is(err, errParcel):
		return http.StatusBadRequest, "broken", "answer.broken"
	case errors.Is(err, errManyFiles):
		return http.StatusServiceUnavailable, "crowded", "answer.crowded"
	default:
		return http.StatusServiceUnavailable, "failed", "answer.failed"
	}
}

// showNew answers GET /m/{secret}/new.
func (v *viewer) showNew(w http.ResponseWriter, r *http.Request) {
	l, talk, ok := v.inside(w, r)
	if !ok {
		return
	}
	page, ok := v.visit(w, r, l)
	if !ok {
		return
	}
	a := answerPage{frame: v.frame(r, l, page)}
	a.Form = v.answerForm(a.W, l.path+"/new", talk)
	a.Form.New = true
	a.Title = a.W.T("new.title")
	a.idle(v, r)
	v.write(w, r, http.StatusOK, "answer", a)
}

// inside is the link of a visitor whose session has proven it, and their
// conversation; false when the request was answered.
func (v *viewer) inside(w http.ResponseWriter, r *http.Request) (link, gateway.Conversation, bool) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
		return l, gateway.Conversation{}, false
	}
	if l.visitor.Session == "" || onlyLooking(r) {
		http.Redirect(w, r, l.path, http.StatusSeeOther)
		return l, gateway.Conversation{}, false
	}
	talk, err := v.journeys.Conversation(r.Context(), l.secret, l.visitor)
	if errors.Is(err, gateway.ErrNotProven) {
		http.Redirect(w, r, l.path, http.StatusSeeOther)
		return l, talk, false
	}
	if err != nil {
		v.failed(w, r, "conversation", err)
		return l, talk, false
	}
	return l, talk, true
}

// stay answers POST /m/{secret}/stay: somebody writes, and the session must
// not end meanwhile.
func (v *viewer) stay(w http.ResponseWriter, r *http.Request) {
	l, ok := v.link(r)
	if !ok {
		v.unknown(w, r)
		return
	}
	if status := v.form(w, r, l); status != 0 {
		v.refused(w, r, l, status)
		return
	}
	_, err := v.journeys.Conversation(r.Context(), l.secret, l.visitor)
	switch {
	case errors.Is(err, gateway.ErrNotProven):
		w.WriteHeader(http.StatusForbidden)
	case err != nil:
		v.failed(w, r, "conversation", err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
