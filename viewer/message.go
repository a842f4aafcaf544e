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

// messagePage is the page of a proven session.
type messagePage struct {
	frame
	Subject, From, To, Sent, Reference, Until string
	Document                                  string // of the frame; "" when the mail has no HTML
	Height                                    string // class of the frame's height
	Blocked                                   bool
	Text                                      template.HTML // escaped, with links
	Cut                                       bool
	Files, Embedded                           []fileLine
	IdleMinutes                               int
}

// fileLine is one file in the list.
type fileLine struct {
	ID, Name, About string
	Href, Save      string
	ShowHref, Show  string // Show is "" when a browser cannot show it
}

// tryMessage shows the message when the session has proven the link; false
// when it has not.
func (v *viewer) tryMessage(w http.ResponseWriter, r *http.Request, l link, page gateway.LinkPage) bool {
	grant, err := v.journeys.Open(r.Context(), l.secret, l.visitor, -1)
	if errors.Is(err, gateway.ErrNotProven) {
		return false
	}
	if err != nil {
		v.failed(w, r, "open", err)
		return true
	}
	leave, err := v.room.enter(r.Context())
	if err != nil {
		v.failed(w, r, "room", err)
		return true
	}
	defer leave()
	reading, err := v.library.Mail(r.Context(), grant, l.secret)
	if err != nil {
		v.failed(w, r, "read", err)
		return true
	}
	defer v.close(reading)
	p := v.messagePage(r, l, page, grant, reading)
	if reading.HTML != nil {
		w.Header().Set("Content-Security-Policy", fmt.Sprintf(pagePolicy, " "+hashSource(mailSheet)+" "+hashSource(reading.HTML.Style)))
	}
	if page, ok := v.render(w, "message", p); ok {
		leave()
		v.send(w, r, http.StatusOK, page)
	}
	return true
}

func (v *viewer) close(reading *library.Reading) {
	if err := reading.Close(); err != nil {
		v.config.Logger.Warn("closing a body failed", "area", "viewer", "error", err)
	}
}

func (v *viewer) messagePage(r *http.Request, l link, page gateway.LinkPage, grant gateway.Grant, reading *library.Reading) messagePage {
	if grant.Language != "" {
		page.Language = grant.Language
	}
	p := messagePage{
		frame: v.frame(r, l, page), Reference: grant.Reference, Cut: reading.Cut, IdleMinutes: int(v.config.Idle.Minutes()),
		Subject: reading.Subject.Reveal(), From: reading.From.Reveal(), To: reading.To.Reveal(),
	}
	// The page's title stays in the browser's history: no subject there.
	p.Title = p.W.T("message.body")
	sent := reading.Date
	if !grant.Sent.IsZero() {
		sent = grant.Sent
	}
	p.Sent, p.Until = p.W.Day(sent), p.W.Day(grant.Expires)
	p.Text = linked(reading.Text.Reveal())
	if reading.HTML != nil {
		p.Document = document(p.frame, reading.HTML, false)
		p.Height, p.Blocked = frameClass(reading.HTML.Lines), reading.HTML.Blocked > 0
	}
	for n := range reading.Files {
		f := &reading.Files[n]
		if f.Embedded {
			p.Embedded = append(p.Embedded, line(p.W, l, n, f))
		} else {
			p.Files = append(p.Files, line(p.W, l, n, f))
		}
	}
	return p
}

func line(w words, l link, n int, f *library.File) fileLine {
	out := fileLine{
		ID: fmt.Sprintf("file-%d", n), Name: f.Name.Reveal(), Save: w.T("files.download"),
		About: w.T("files.of", "Kind", w.T("kind."+string(f.Kind)), "Size", w.Size(f.Size)),
		Href:  fmt.Sprintf("%s/file/%d", l.path, n), ShowHref: fmt.Sprintf("%s/show/%d", l.path, n),
	}
	switch f.Kind {
	case library.Picture, library.PDF:
		out.Show = w.T("files.show")
	case library.Sound, library.Video:
		out.Show = w.T("files.play")
	}
	return out
}

// document is a mail's HTML as a document of its own. Its two style sheets are
// known by their hashes; nothing else may style it. alone adds a way back.
func document(f frame, h *library.HTML, alone bool) string {
	var b strings.Builder
	escape := template.HTMLEscapeString
	b.WriteString(`<!doctype html><html lang="` + escape(f.W.Lang) + `"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>`)
	b.WriteString(escape(f.W.T("message.frame")) + `</title><style>` + mailSheet + `</style><style>` + h.Style + `</style></head><body dir="auto">`)
	if alone {
		b.WriteString(`<p><a class="back" href="` + escape(f.Path) + `">` + escape(f.W.T("message.back")) + `</a></p>`)
	}
	b.WriteString(h.Body.Reveal())
	b.WriteString(`</body></html>`)
	return b.String()
}
