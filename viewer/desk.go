package viewer

import (
	"context"
	"net/http"

	"gatepost/gateway"
)

// desk is one message that somebody came to read: where its pages are, and who
// grants it.
type desk struct {
	link    link   // of a correspondent; zero for staff
	session string // "" when the visitor has none
	base    string // path of the message; its files are below it
	home    string // where one proves who one is
	staff   bool
	grant   func(ctx context.Context, file int) (gateway.Grant, error)
}

// desk reads which message a request is about; false when its path names none.
func (v *viewer) desk(r *http.Request) (desk, bool) {
	if r.PathValue("secret") == "" {
		return v.staffDesk(r)
	}
	l, ok := v.link(r)
	if !ok {
		return desk{}, false
	}
	d := desk{link: l, session: l.visitor.Session, base: l.path, home: l.path}
	d.grant = func(ctx context.Context, file int) (gateway.Grant, error) {
		return v.journeys.Open(ctx, l.secret, l.visitor, file)
	}
	if text := r.PathValue("id"); text != "" {
		id, err := gateway.ParseMessageID(text)
		if err != nil {
			return desk{}, false
		}
		d.base = l.path + "/turn/" + id.String()
		d.grant = func(ctx context.Context, file int) (gateway.Grant, error) {
			return v.journeys.OpenTurn(ctx, l.secret, l.visitor, id, file)
		}
	}
	return d, true
}
