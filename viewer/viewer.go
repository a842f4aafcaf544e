// Package viewer is the web site where correspondents read: pages that work
// without JavaScript, on a telephone, with a screen reader.
//
// It keeps no state and opens no key. What a link is worth, codes, proofs and
// sessions come from Journeys; an opened message from the library. It is not
// the place for staff.
//
// Invariants:
//
//   - GET and HEAD change nothing. The only exception is reading itself: a GET
//     of a session that has proven the link asks Journeys.Open, which records
//     the read. HEAD and prefetching never do.
//   - No octet of a message is sent before Journeys.Open gave a Grant.
//   - Nothing of a mail is ever part of our own document: its HTML stands in a
//     sandboxed frame, its text is escaped.
//   - Every answer carries the headers of guard.go; no page is stored anywhere.
//   - Errors, logs and metrics hold no link, no session and nothing of a
//     message. The path of a request is a secret and is never logged.
package viewer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatepost/gateway"
	"gatepost/viewer/library"
)

// Journeys is what the viewer asks of the rest of Gatepost.
type Journeys interface {
	// Visit says what may be shown before a proof. It writes nothing. An
	// unknown link is a LinkPage with LinkUnknown, not an error.
	Visit(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (gateway.LinkPage, error)
	// SendCode sends a code and returns the secret of the session that it is
	// bound to, a new one when v has none that is alive. Errors that have pages
	// of their own: *gateway.TooSoonError, *gateway.LinkClosedError.
	SendCode(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (session string, p gateway.LinkPage, err error)
	// Prove tries a code or a PIN and returns the secret of the session that has
	// proven the link: a new one with each proof, also when v had none before.
	// When nothing is proven it is the visitor's own.
	Prove(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, pin string) (session string, r gateway.ProofResult, err error)
	// Open records that the message (file -1) or its file is read now, and
	// grants it. gateway.ErrNotProven when the session has no proof.
	Open(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, file int) (gateway.Grant, error)
	// Leave ends the visitor's session.
	Leave(ctx context.Context, v gateway.Visitor) error
}

// Config of the viewer.
type Config struct {
	URL          string // viewer.url: where people find it
	TLS          bool   // served over TLS: HSTS, Secure cookies with the __Host- prefix
	Organization string // shown where no link says it
	Help         string // whom to ask: a mail address or a telephone number
	Idle         time.Duration
	Location     *time.Location // of the times on pages; nil: the machine's
	// MAC makes the tokens of forms. Its key outlives restarts and is the same
	// on every node.
	MAC     func(purpose string, parts ...[]byte) [32]byte
	Now     func() time.Time
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// viewer is the handler's state; nothing of it but the counts of room changes
// after New.
type viewer struct {
	config   Config
	host     string // of URL, without port, lower case
	journeys Journeys
	library  *library.Library
	words    *catalogue
	pages    *pages
	metrics  *metrics
	room     *room
}

// New makes the handler. It fails on a configuration that cannot work.
func New(c Config, j Journeys, l *library.Library) (http.Handler, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("viewer.url is not a URL with a host")
	}
	if c.MAC == nil || c.Now == nil || c.Logger == nil {
		return nil, errors.New("viewer: MAC, Now and Logger are needed")
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	if c.Idle <= 0 {
		c.Idle = 15 * time.Minute
	}
	words, err := loadWords(wordFiles)
	if err != nil {
		return nil, err
	}
	pages, err := loadPages()
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering the viewer's metrics: %w", err)
	}
	v := &viewer{config: c, host: strings.ToLower(u.Hostname()), journeys: j, library: l, words: words, pages: pages, metrics: metrics, room: newRoom()}
	return v.guard(v.routes()), nil
}

func (v *viewer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /m/{secret}", v.page("link", v.showLink))
	mux.HandleFunc("POST /m/{secret}", v.page("answer", v.answerLink))
	mux.HandleFunc("POST /m/{secret}/leave", v.page("leave", v.leave))
	mux.HandleFunc("GET /m/{secret}/mail", v.page("mail", v.showMail))
	mux.HandleFunc("GET /m/{secret}/file/{n}", v.page("file", v.download))
	mux.HandleFunc("GET /m/{secret}/show/{n}", v.page("show", v.showFile))
	mux.HandleFunc("GET /static/{name}", v.page("static", v.static))
	mux.HandleFunc("GET /robots.txt", v.page("static", v.robots))
	mux.HandleFunc("GET /{$}", v.page("root", v.root))
	mux.HandleFunc("/", v.page("none", v.none))
	return mux
}

// page counts what happened to one kind of request.
func (v *viewer) page(name string, serve func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		counted := &statusWriter{ResponseWriter: w}
		defer func() { v.metrics.requests.WithLabelValues(name, counted.class()).Inc() }()
		serve(counted, r)
	}
}

// link is one request that names a link.
type link struct {
	secret  gateway.LinkSecret
	visitor gateway.Visitor
	path    string // "/m/<secret>"
}

// link reads the link of a request; false when its text is none.
func (v *viewer) link(r *http.Request) (link, bool) {
	secret, err := gateway.ParseLinkSecret(r.PathValue("secret"))
	if err != nil {
		return link{}, false
	}
	return link{secret: secret, path: "/m/" + secret.Path(), visitor: gateway.Visitor{
		Session: v.session(r), Remote: hostOf(r.RemoteAddr), Agent: cutTo(r.UserAgent(), 256), Ahead: looksAhead(r),
	}}, true
}

// looksAhead reports whether a request fetches what nobody sees yet.
func looksAhead(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return true
	}
	for _, field := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		value := strings.ToLower(r.Header.Get(field))
		if strings.Contains(value, "prefetch") || strings.Contains(value, "preview") || strings.Contains(value, "prerender") {
			return true
		}
	}
	return false
}

// hostOf is a network address without its port: the port is another one for
// each connection, and would make one visitor look like many.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

func cutTo(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
