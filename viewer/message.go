package viewer

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"gatepost/gateway"
	"gatepost/viewer/library"
)

// messagePage is the page of a message for one who may read it.
type messagePage struct {
	frame
	letterView
	Done   string // what has just worked, "" for nothing
	Talk   *talk  // the conversation around it; nil where the message stands alone
	Offer  *offer // what would make the next time easier; nil for nothing
	PIN    bool   // the proof lets the reader choose a PIN, or remove theirs
	Print  bool   // for paper: no controls
	Leave  string // where the form for leaving goes
	Minute int    // minutes without use after which the session ends
}

// letterView is a message as a page shows it.
type letterView struct {
	Base                                      string // path of the message
	Subject, From, To, Sent, Reference, Until string
	Document                                  string // of the frame; "" when the mail has no HTML
	Height                                    string // class of the frame's height
	Blocked                                   bool
	Text                                      template.HTML // escaped, with links
	Cut                                       bool
	Files, Embedded                           []fileLine

	policy string // sources of the style sheets of Document
}

// fileLine is one file in the list.
type fileLine struct {
	ID, Name, About string
	Href, Save      string
	ShowHref, Show  string // Show is "" when a browser cannot show it
	In              string // how it is shown in place: picture, audio, video; "" on a page of its own
}

// read opens the message of d for a page. The caller closes the reading, and
// calls leave, once or more often, as soon as the page is finished.
func (v *viewer) read(r *http.Request, d desk) (grant gateway.Grant, reading *library.Reading, leave func(), err error) {
	grant, err = d.grant(r.Context(), -1)
	if err != nil {
		return grant, nil, nil, err
	}
	leave, err = v.room.enter(r.Context())
	if err != nil {
		return grant, nil, nil, err
	}
	reading, err = v.library.Mail(r.Context(), grant, d.link.secret)
	if err != nil {
		leave()
		return grant, nil, nil, err
	}
	return grant, reading, leave, nil
}

// tryMessage shows the message when the session has proven the link; false
// when it has not.
func (v *viewer) tryMessage(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage) bool {
	d, _ := v.desk(r)
	grant, reading, leave, err := v.read(r, d)
	if errors.Is(err, gateway.ErrNotProven) {
		return false
	}
	if err != nil {
		v.failed(w, r, "open", err)
		return true
	}
	defer leave()
	defer v.close(reading)
	talk, err := v.journeys.Conversation(r.Context(), l.secret, l.visitor)
	if err != nil {
		v.failed(w, r, "conversation", err)
		return true
	}
	p := v.messagePage(r, d, page, grant, reading)
	p.Talk = v.talk(p.W, l, talk)
	p.Offer, p.PIN = v.offer(r, page, grant), ownsPIN(page, grant.Assurance)
	p.Done = doneText(p.W, r.URL.Query().Get("done"))
	v.showMessage(w, r, "message", p, leave)
	return true
}

// showTurn answers GET /m/{secret}/turn/{id}.
func (v *viewer) showTurn(w http.ResponseWriter, r *http.Request) { v.showAlone(w, r, false) }

// showPrint answers GET …/print: a message for paper.
func (v *viewer) showPrint(w http.ResponseWriter, r *http.Request) { v.showAlone(w, r, true) }

func (v *viewer) showAlone(w http.ResponseWriter, r *http.Request, print bool) {
	d, ok := v.desk(r)
	if !ok {
		v.unknown(w, r)
		return
	}
	if d.session == "" || onlyLooking(r) {
		http.Redirect(w, r, d.home, http.StatusSeeOther)
		return
	}
	grant, reading, leave, err := v.read(r, d)
	if err != nil {
		v.notOpened(w, r, d, err)
		return
	}
	defer leave()
	defer v.close(reading)
	page := gateway.LinkPage{}
	if !d.staff {
		if page, ok = v.visit(w, r, d.link); !ok {
			return
		}
	}
	p := v.messagePage(r, d, page, grant, reading)
	p.Print = print
	if p.Title = p.W.T("message.body"); print {
		p.Title = p.W.T("print.title")
	}
	v.showMessage(w, r, "message", p, leave)
}

// showMessage sends a page with a message. leave is called as soon as it is
// finished.
func (v *viewer) showMessage(w http.ResponseWriter, r *http.Request, name string, p messagePage, leave func()) {
	if p.policy != "" {
		w.Header().Set("Content-Security-Policy", fmt.Sprintf(pagePolicy, " "+p.policy))
	}
	if page, ok := v.render(w, name, p); ok {
		leave()
		v.send(w, r, http.StatusOK, page)
	}
}

func (v *viewer) close(reading *library.Reading) {
	if err := reading.Close(); err != nil {
		v.config.Logger.Warn("closing a body failed", "area", "viewer", "error", err)
	}
}

func (v *viewer) messagePage(r *http.Request, d desk, page gateway.LinkPage, grant gateway.Grant, reading *library.Reading) messagePage {
	if grant.Language != "" {
		page.Language = grant.Language
	}
	p := messagePage{frame: v.frame(r, d.link, page), Leave: d.home + "/leave", Minute: int(v.config.Idle.Minutes())}
	p.idle(v, r)
	if d.staff {
		p.Token, p.Path = v.staffToken(d.base, d.session), d.base
	}
	// The page's title stays in the browser's history: no subject there.
	p.Title = p.W.T("message.body")
	p.letterView = v.letter(p.frame, d, grant, reading)
	return p
}

// letter prepares a message for a page.
func (v *viewer) letter(f frame, d desk, grant gateway.Grant, reading *library.Reading) letterView {
	sent := reading.Date
	if !grant.Sent.IsZero() {
		sent = grant.Sent
	}
	out := letterView{
		Base: d.base, Reference: grant.Reference, Cut: reading.Cut, Sent: f.W.Day(sent), Until: f.W.Day(grant.Expires),
		Subject: reading.Subject.Reveal(), From: reading.From.Reveal(), To: reading.To.Reveal(), Text: linked(reading.Text.Reveal()),
	}
	if reading.HTML != nil {
		out.Document = document(f, reading.HTML, "")
		out.Height, out.Blocked = frameClass(reading.HTML.Lines), reading.HTML.Blocked > 0
		out.policy = hashSource(mailSheet) + " " + hashSource(reading.HTML.Style)
	}
	for n := range reading.Files {
		file := &reading.Files[n]
		if file.Embedded {
			out.Embedded = append(out.Embedded, line(f.W, d, n, file))
		} else {
			out.Files = append(out.Files, line(f.W, d, n, file))
		}
	}
	return out
}

func line(w words, d desk, n int, f *library.File) fileLine {
	out := fileLine{
		ID: fmt.Sprintf("file-%d", n), Name: f.Name.Reveal(), Save: w.T("files.download"),
		About: w.T("files.of", "Kind", w.T("kind."+string(f.Kind)), "Size", w.Size(f.Size)),
		Href:  fmt.Sprintf("%s/file/%d", d.base, n), ShowHref: fmt.Sprintf("%s/show/%d", d.base, n),
	}
	switch f.Kind {
	case library.Picture:
		out.Show, out.In = w.T("files.show"), "picture"
	case library.PDF:
		out.Show = w.T("files.show")
	case library.Sound:
		out.Show, out.In = w.T("files.play"), "audio"
	case library.Video:
		out.Show, out.In = w.T("files.play"), "video"
	}
	return out
}

// document is a mail's HTML as a document of its own. Its two style sheets are
// known by their hashes; nothing else may style it. back adds a way there.
func document(f frame, h *library.HTML, back string) string {
	var b strings.Builder
	escape := template.HTMLEscapeString
	b.WriteString(`<!doctype html><html lang="` + escape(f.W.Lang) + `"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>`)
	b.WriteString(escape(f.W.T("message.frame")) + `</title><style>` + mailSheet + `</style><style>` + h.Style + `</style></head><body dir="auto">`)
	if back != "" {
		b.WriteString(`<p><a class="back" href="` + escape(back) + `">` + escape(f.W.T("message.back")) + `</a></p>`)
	}
	b.WriteString(h.Body.Reveal())
	b.WriteString(`</body></html>`)
	return b.String()
}
