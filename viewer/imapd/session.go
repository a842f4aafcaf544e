package imapd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"gatepost/gateway"
)

// session is what one client does. go-imap calls it one command at a time;
// during IDLE from a goroutine of its own.
type session struct {
	c       *conn
	engine  *imapserver.Conn
	srv     *Server
	account gateway.MailAccount
	turns   chan struct{} // see turn
	user    bool          // somebody is logged in
	looked  time.Time

	mu  sync.Mutex // held while an IDLE or a Poll writes; guards box
	box *box       // what is selected; nil: nothing
}

var (
	_ imapserver.SessionIMAP4rev2   = (*session)(nil)
	_ imapserver.SessionAppendLimit = (*session)(nil)
)

func newSession(c *conn, e *imapserver.Conn) *session {
	return &session{c: c, engine: e, srv: c.srv}
}

// work is the context of one call of Mail.
func (s *session) work() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.c.ctx, s.srv.cfg.Limits.Work)
}

// slowest is how many octets a second a message of an APPEND has at least.
const slowest = 1 << 10

// workFor is work for a call that reads size octets from the client.
func (s *session) workFor(size int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.c.ctx, s.srv.cfg.Limits.Work+time.Duration(size/slowest)*time.Second)
}

// Login implements imapserver.Session.
func (s *session) Login(name, password string) error {
	ctx, cancel := s.work()
	defer cancel()
	a, err := s.srv.mail.MailLogin(ctx, name, password, gateway.Visitor{Remote: s.c.addr.Addr().String(), Agent: s.c.agent})
	var turns chan struct{}
	if err == nil {
		if turns = s.srv.peers.login(s.c, a.Name); turns == nil {
			s.srv.metrics.refused.WithLabelValues("user").Inc()
			return no(imap.ResponseCodeLimit, "Too many sessions of this user")
		}
	}
	result, answer := loginAnswer(err)
	s.srv.metrics.logins.WithLabelValues(result).Inc()
	s.c.log.Info("imap login", "result", result, "tls", s.c.secure, "account_set", err == nil)
	if err != nil {
		return answer
	}
	s.account, s.turns, s.user, s.looked = a, turns, true, time.Now()
	s.srv.metrics.sessions.Inc()
	return nil
}

// loginAnswer is what a login is answered, and its label.
func loginAnswer(err error) (string, error) {
	var soon *gateway.TooSoonError
	switch {
	case err == nil:
		return "ok", nil
	case errors.Is(err, gateway.ErrNotProven):
		return "wrong", imapserver.ErrAuthFailed
	case errors.As(err, &soon):
		return "too_soon", no(imap.ResponseCodeUnavailable, "Too many wrong passwords: wait before the next try")
	case errors.Is(err, gateway.ErrBusy):
		return "busy", no(imap.ResponseCodeUnavailable, "Too many logins at once, try again in some seconds")
	}
	return "error", no(imap.ResponseCodeUnavailable, "Not possible at the moment, try again later")
}

// Close implements imapserver.Session.
func (s *session) Close() error {
	s.leave()
	if s.user {
		s.user = false
		s.srv.metrics.sessions.Dec()
		s.srv.peers.logout(s.account.Name)
		s.c.log.Info("imap logout", "duration", time.Since(s.c.started).Round(time.Millisecond))
	}
	return nil
}

// expired reports whether the user may not go on. It is asked before a command
// at most once a second.
func (s *session) expired() bool {
	if now := time.Now(); now.Sub(s.looked) > time.Second {
		s.looked = now
		return s.revoked()
	}
	return false
}

// revoked asks whether the account still is what it was at the login. Only a
// plain no counts: a store that stutters logs nobody out.
func (s *session) revoked() bool {
	ctx, cancel := s.work()
	defer cancel()
	return errors.Is(s.srv.mail.MailCurrent(ctx, s.account), gateway.ErrNotProven)
}

// AppendLimit implements imapserver.SessionAppendLimit.
func (s *session) AppendLimit() uint32 { return uint32(s.srv.cfg.MaxMessage) }

// Namespace implements imapserver.SessionNamespace.
func (s *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Prefix: "", Delim: delimiter}}}, nil
}

// no is a refusal.
func no(code imap.ResponseCode, format string, args ...any) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: fmt.Sprintf(format, args...)}
}

// bad is the answer to a command that makes no sense.
func bad(text string) error {
	return &imap.Error{Type: imap.StatusResponseTypeBad, Text: text}
}

// answer makes of an error of Mail what the client is told.
func (s *session) answer(err error) error {
	var refused *gateway.FolderError
	var answered *imap.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered), errors.Is(err, errCut):
		return err
	case errors.As(err, &refused):
		return no(imap.ResponseCode(refused.Code), "%s", oneLine(refused.Text))
	case errors.Is(err, gateway.ErrNoEntry):
		return no("EXPUNGEISSUED", "It is not there any more")
	case errors.Is(err, gateway.ErrNotProven):
		s.c.bye("This account may not be used any more")
		return no(imap.ResponseCodeNoPerm, "This account may not be used any more")
	}
	level := slog.LevelError
	if s.c.hungUp(err) {
		level = slog.LevelDebug
	}
	s.c.log.Log(s.c.ctx, level, "imap command failed", "error", err, "name", s.c.now.label())
	return no(imap.ResponseCodeUnavailable, "Not possible at the moment, try again later")
}

// oneLine makes text fit for an answer.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, text)
}
