package main

import (
	"html/template"
	"net/http"
	"slices"
)

// world is what the page shows.
type world struct {
	Mails  []captured  // newest first
	Phones []telephone // each with its newest text first
}

func (m *mailbox) world() world {
	w := world{Mails: m.list()}
	if m.network != nil {
		w.Phones = m.network.list()
	}
	for i := range w.Phones {
		slices.Reverse(w.Phones[i].Texts)
	}
	return w
}

func render(w http.ResponseWriter, page *template.Template, data any) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	if err := page.Execute(w, data); err != nil {
		return // the browser went away
	}
}

func (m *mailbox) page(w http.ResponseWriter, _ *http.Request) { render(w, mailboxPage(), m.world()) }

// phone shows one telephone and a field to write from it. It does not renew
// itself, which would take away what is being typed.
func (m *mailbox) phone(w http.ResponseWriter, r *http.Request) {
	for _, p := range m.world().Phones {
		if p.Number == r.PathValue("number") {
			render(w, phonePage(), p)
			return
		}
	}
	http.NotFound(w, r)
}

// maxWritten bounds what is typed on a telephone, in octets.
const maxWritten = 2000

// write sends what was typed on a telephone to the clinic.
func (m *mailbox) write(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4*maxWritten)
	words := r.FormValue("text")
	if m.network == nil || words == "" || len(words) > maxWritten || len(m.network.shown(r.PathValue("number"))) == 0 {
		http.Error(w, "nothing was sent", http.StatusBadRequest)
		return
	}
	if err := m.network.write(r.Context(), r.PathValue("number"), demoLine, words); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

const pageStyle = `<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:1rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
article,.phone{border:1px solid #d0d7de;border-radius:8px;padding:.5rem 1rem;margin:1rem 0}h2{font-size:1.1rem;margin:.2rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f8fa;padding:.6rem;border-radius:6px}a{color:#0a58ca}small{color:#57606a}
.code{font-size:1.6rem;letter-spacing:.15em}.phone{border-radius:24px;border-width:3px}
.phone p{white-space:pre-wrap;overflow-wrap:anywhere;border-radius:14px;padding:.4rem .8rem;margin:.5rem 0 .1rem;width:fit-content;max-width:85%}
.in{background:#eaeef2}.out{background:#ddf4ff;margin-left:auto!important}.phone small{display:block}.out+small{text-align:right}
textarea{width:100%;font:inherit;box-sizing:border-box}button{font:inherit;padding:.3rem 1rem;min-height:2.5rem}
@media(min-width:60rem){body{max-width:80rem}.world{display:grid;grid-template-columns:3fr 2fr;gap:2rem;align-items:start}}</style>`

const phoneTexts = `{{define "texts"}}{{range .Texts}}<p class="{{if .From}}in{{else}}out{{end}}">{{.Before}}{{with .Link}}<a href="{{.}}">{{.}}</a>{{end}}{{.After}}</p>
<small>{{if .From}}from {{.From}} · {{else}}sent · {{end}}{{.Segments}} {{if eq .Segments 1}}segment{{else}}segments{{end}} · {{.At.Format "15:04:05"}}</small>
{{end}}{{end}}`

func mailboxPage() *template.Template {
	return template.Must(template.New("mailbox").Parse(phoneTexts + `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="refresh" content="5"><title>What arrived outside</title>
` + pageStyle + `
<h1>What arrived outside</h1><p>This is the mailbox of everybody outside the organization, and the next hop of the gateway{{if .Phones}}; and their telephones, with a simulated carrier{{end}}. The page renews itself.</p>
<div class="world"><div>
{{range $i, $m := .Mails}}<article><h2>{{.Subject}}</h2><small>to {{range .To}}{{.}} {{end}}· envelope sender &lt;{{.From}}&gt; from {{.Hello}} · {{.At.Format "15:04:05"}} · <a href="/raw/{{$i}}">every octet</a></small>
{{if .Link}}<p><a href="{{.Link}}">Open the secure message</a></p>{{end}}{{if .Code}}<p class="code">{{.Code}}</p>{{end}}<pre>{{.Text}}</pre></article>
{{else}}<p>Nothing yet.</p>{{end}}</div>
<div>{{range .Phones}}<section class="phone"><h2>{{.Number}}</h2><a href="/phone/{{.Number}}">write from this telephone</a>
{{template "texts" .}}</section>
{{end}}</div></div></html>`))
}

func phonePage() *template.Template {
	return template.Must(template.New("phone").Parse(phoneTexts + `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{{.Number}}</title>
` + pageStyle + `
<h1>{{.Number}}</h1><p><a href="/">Back to everything that arrived</a></p>
<form method="post"><label>To the clinic:<br><textarea name="text" rows="3" maxlength="480" required autofocus></textarea></label><button>Send</button></form>
<section class="phone">{{template "texts" .}}</section></html>`))
}
