package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// mailbox is the world outside in the demo: an SMTP server that takes
// everything and a web page that shows what arrived. It is an independent
// peer on purpose: it shares no code with the gateway.
type mailbox struct {
	network *centre // whose telephones are shown, too; nil: none

	mu    sync.Mutex
	mails []captured
}

type captured struct {
	At      time.Time
	Hello   string // what the peer called itself
	From    string
	To      []string
	Subject string
	Text    string
	Link    string
	Code    string
	Raw     string
}

// mailboxLimit bounds what the demo keeps.
const mailboxLimit = 200

// NewSession implements smtp.Backend.
func (m *mailbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &delivery{box: m, hello: c.Hostname()}, nil
}

type delivery struct {
	box   *mailbox
	hello string
	mail  captured
}

func (d *delivery) Reset()        { d.mail = captured{} }
func (d *delivery) Logout() error { return nil }
func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.mail = captured{Hello: d.hello, From: from}
	return nil
}
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.mail.To = append(d.mail.To, to)
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, 60<<20))
	if err != nil {
		return err
	}
	d.mail.At, d.mail.Raw = time.Now(), string(raw)
	d.mail.read(raw)
	d.box.add(d.mail)
	return nil
}

func (m *mailbox) add(c captured) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = append(m.mails, c)
	if len(m.mails) > mailboxLimit {
		m.mails = m.mails[1:]
	}
}

func (m *mailbox) list() []captured {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := make([]captured, 0, len(m.mails))
	for i := len(m.mails) - 1; i >= 0; i-- {
		newest = append(newest, m.mails[i])
	}
	return newest
}

var (
	linkIn = regexp.MustCompile(`https?://\S+/m/[A-Za-z0-9_-]{22}`)
	codeIn = regexp.MustCompile(`(?m)^\s*([0-9]{6})\s*$`)
)

// read fills in what the page shows.
func (c *captured) read(raw []byte) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return
	}
	if c.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		c.Subject = msg.Header.Get("Subject")
	}
	c.Text = firstText(textproto.MIMEHeader(msg.Header), msg.Body, 0)
	c.Link = linkIn.FindString(c.Text)
	if hit := codeIn.FindStringSubmatch(c.Text); hit != nil {
		c.Code = hit[1]
	}
}

func firstText(h textproto.MIMEHeader, body io.Reader, depth int) string {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && depth < 5 {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return ""
			}
			if text := firstText(p.Header, p, depth+1); text != "" {
				return text
			}
		}
	}
	if kind != "text/plain" {
		return ""
	}
	if strings.EqualFold(h.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	raw, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return ""
	}
	return string(raw)
}

// serve runs the SMTP side and the page until ctx ends.
func (m *mailbox) serve(ctx context.Context, smtpListener, webListener net.Listener) {
	s := smtp.NewServer(m)
	s.Domain, s.EnableSMTPUTF8, s.MaxMessageBytes = "mailbox.demo", true, 60<<20
	go func() { _ = s.Serve(smtpListener) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", m.page)
	mux.HandleFunc("GET /raw/{n}", m.raw)
	mux.HandleFunc("GET /phone/{number}", m.phone)
	mux.HandleFunc("POST /phone/{number}", m.write)
	web := &http.Server{Handler: http.NewCrossOriginProtection().Handler(mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = web.Serve(webListener) }()
	<-ctx.Done()
	_ = errors.Join(s.Close(), web.Close())
}

func (m *mailbox) raw(w http.ResponseWriter, r *http.Request) {
	list := m.list()
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= len(list) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprint(w, list[n].Raw)
}
