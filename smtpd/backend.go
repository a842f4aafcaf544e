package smtpd

import (
	"context"
	"io"

	"gatepost/gateway"
)

// Backend is what the server calls. Its methods are called by many sessions
// at once, by one session one at a time. A *gateway.Fault is answered as it
// is; any other error, and a panic, as 451 4.3.0 (from Authenticate: an error
// that is no Fault is 535 5.7.8, a wrong password).
type Backend interface {
	// Authenticate checks a password and returns the account that Peer.Account
	// will be. It must not log what it is given.
	Authenticate(ctx context.Context, p gateway.Peer, user, password string) (account string, err error)
	// Sender is called after MAIL FROM: s.From and the options are set.
	Sender(ctx context.Context, s *gateway.Submission) error
	// Recipient is called for each RCPT TO before r is appended to
	// s.Recipients. r.Address may hold "%", "!" or UTF-8 in its local part:
	// what may be relayed is decided here.
	Recipient(ctx context.Context, s *gateway.Submission, r gateway.Recipient) error
	// Accept reads the canonical octets of the mail from body up to io.EOF
	// and returns nil when the mail is durable; only then is the sender told
	// 250. An error from body is a *gateway.Fault and must be returned (it may
	// be wrapped). body comes straight from the connection, must be read by
	// one goroutine and is dead once Accept has returned. What Accept leaves
	// unread is discarded. s belongs to Accept.
	Accept(ctx context.Context, s gateway.Submission, body io.Reader) (gateway.MessageID, error)
}
