// Package viewer is the web site where correspondents read and answer: pages
// that work without JavaScript, on a telephone, with a screen reader.
//
// It keeps no state and opens no key. What a link is worth, codes, proofs and
// sessions come from Journeys; an opened message from the library. Staff have
// one page here: an answer that could not go to their mailbox.
//
// Invariants:
//
//   - GET and HEAD change nothing. The only exception is reading itself: a GET
//     of a session that has proven the link asks Journeys.Open, which records
//     the read. HEAD and prefetching never do.
//   - No octet of a message is sent before Journeys.Open gave a Grant.
//   - Nothing of a mail is ever part of our own document: its HTML stands in a
//     sandboxed frame, its text is escaped.
//   - What a correspondent writes is handed on while it arrives; what was not
//     taken is shown again to the one who wrote it, and kept nowhere here.
//   - Every response carries the headers of guard.go; no page is stored anywhere.
//   - Errors, logs and metrics hold no link, no session and nothing of a
//     message. The path of a request is a secret and is never logged.
package viewer

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	Gate
	Talk
	Own
	Staff
}

// Gate is what one may do before a proof, and the proofs.
type Gate interface {
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
	// Enter opens a session for a remembered browser.
	Enter(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (session string, r gateway.ProofResult, err error)
	// Report takes a reader's concern, before or after a proof.
	Report(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, c gateway.Concern) error
	// Leave ends the visitor's session.
	Leave(ctx context.Context, v gateway.Visitor) error
}

// Talk is reading and answering. Everything here is gateway.ErrNotProven for a
// session that has not proven the link.
type Talk interface {
	// Open records that the message (file -1) or its file is read now, and
	// grants it.
	Open(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, file int) (gateway.Grant, error)
	// OpenTurn is Open for another message of the conversation.
	OpenTurn(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, id gateway.MessageID, file int) (gateway.Grant, error)
	// Conversation lists what was sent to the reader and what they wrote.
	Conversation(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (gateway.Conversation, error)
	// Answer takes an answer; it is durable when this returns. Errors that have
	// words of their own: gateway.ErrAnswerTooLarge, gateway.ErrAnswerEmpty,
	// gateway.ErrNoStaff, *gateway.LinkClosedError, *gateway.TooSoonError, and
	// what Answer.Next gave.
	Answer(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, a gateway.Answer) (gateway.Answered, error)
}

// Own is what readers keep for the next time: a PIN and browsers that are
// remembered. All of it needs a proof.
type Own interface {
	ChoosePIN(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, pin string) (gateway.PINProblem, error)
	DropPIN(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) error
	// Remember makes the secret of a cookie for this browser.
	Remember(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) (device string, err error)
	Devices(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor) ([]gateway.Device, error)
	// ForgetDevice forgets one, and with id "" all.
	ForgetDevice(ctx context.Context, s gateway.LinkSecret, v gateway.Visitor, id string) error
}

// Staff is reading an answer that could not go to a mailbox.
type Staff interface {
	// StaffLogin is gateway.ErrNotProven for a wrong name or password, and
	// *gateway.TooSoonError after too many of them.
	StaffLogin(ctx context.Context, name, password string, v gateway.Visitor) (session string, err error)
	// StaffOpen is Open for a member of staff whom the message is for.
	StaffOpen(ctx context.Context, session string, id gateway.MessageID, file int, v gateway.Visitor) (gateway.Grant, error)
	StaffLeave(ctx context.Context, session string) error
}

// Config of the viewer.
type Config struct {
	URL          string                   // viewer.url: where people find it
	TLS          bool                     // served over TLS: HSTS, Secure cookies with the __Host- prefix
	Organization string                   // shown where no link says it
	Help         string                   // whom to ask: a mail address or a telephone number
	Brands       map[string]gateway.Brand // by mail domain; none: the standard look
	Idle         time.Duration
	Location     *time.Location // of the times on pages; nil: the machine's
	// MAC makes the tokens of forms. Its key outlives restarts and is the same
	// on every node.
	MAC     func(purpose string, parts ...[]byte) [32]byte
	Now     func() time.Time
	Random  io.Reader // tokens that tell two forms apart
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
	brands   brands
}

// New makes the handler. It fails on a configuration that cannot work.
func New(c Config, j Journeys, l *library.Library) (http.Handler, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("viewer.url is not a URL with a host")
	}
	if c.MAC == nil || c.Now == nil || c.Random == nil || c.Logger == nil {
		return nil, errors.New("viewer: MAC, Now, Random and Logger are needed")
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
	v := &viewer{config: c, host: strings.ToLower(u.Hostname()), journeys: j, library: l, words: words, pages: pages, metrics: metrics, room: newRoom(), brands: dress(c.Brands)}
	return v.guard(v.routes()), nil
}

func (v *viewer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /m/{secret}", v.page("link", v.showLink))
	mux.HandleFunc("POST /m/{secret}", v.page("answer", v.answerLink))
	mux.HandleFunc("POST /m/{secret}/leave", v.page("leave", v.leave))
	mux.HandleFunc("POST /m/{secret}/stay", v.page("stay", v.stay))
	mux.HandleFunc("GET /m/{secret}/new", v.page("new", v.showNew))
	mux.HandleFunc("POST /m/{secret}/new", v.page("new", v.begin))
	mux.HandleFunc("GET /m/{secret}/devices", v.page("devices", v.showDevices))
	mux.HandleFunc("POST /m/{secret}/devices", v.page("devices", v.changeDevices))
	mux.HandleFunc("GET /m/{secret}/pin", v.page("pin", v.showPIN))
	mux.HandleFunc("POST /m/{secret}/pin", v.page("pin", v.changePIN))
	mux.HandleFunc("GET /m/{secret}/report", v.page("report", v.showReport))
	mux.HandleFunc("POST /m/{secret}/report", v.page("report", v.report))
	mux.HandleFunc("GET /m/{secret}/turn/{id}", v.page("turn", v.showTurn))
	mux.HandleFunc("GET /staff/{id}", v.page("staff", v.showStaff))
	mux.HandleFunc("POST /staff/{id}/login", v.page("login", v.staffLogin))
	mux.HandleFunc("POST /staff/{id}/leave", v.page("leave", v.staffLeave))
	for _, base := range []string{"GET /m/{secret}", "GET /m/{secret}/turn/{id}", "GET /staff/{id}"} {
		mux.HandleFunc(base+"/mail", v.page("mail", v.showMail))
		mux.HandleFunc(base+"/print", v.page("print", v.showPrint))
		mux.HandleFunc(base+"/all", v.page("archive", v.archive))
		mux.HandleFunc(base+"/file/{n}", v.page("file", v.download))
		mux.HandleFunc(base+"/show/{n}", v.page("show", v.showFile))
	}
	mux.HandleFunc("GET /keys", v.page("keys", v.showKeys))
	mux.HandleFunc("GET /static/{name}", v.page("static", v.static))
	mux.HandleFunc("GET /brand/{name}", v.page("static", v.brand))
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
	visitor := visitorOf(r)
	visitor.Session, visitor.Device = v.session(r), v.cookieValue(r, deviceCookie)
	return link{secret: secret, path: "/m/" + secret.Path(), visitor: visitor}, true
}

// visitorOf is who a request comes from, without cookies.
func visitorOf(r *http.Request) gateway.Visitor {
	return gateway.Visitor{Remote: hostOf(r.RemoteAddr), Agent: cutTo(r.UserAgent(), 256), Ahead: looksAhead(r)}
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
