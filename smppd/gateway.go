package smppd

import (
	"context"

	"gatepost/gateway"
)

// Gateway is what the server asks. All methods are called by many goroutines
// at once. A gateway.Fault carries the command_status of the answer, see
// statusOf; any other error is temporary.
type Gateway interface {
	// SubmitSMS takes one segment for one destination, or for several
	// (submit_multi). Nil means committed and durable; id is the message_id of
	// the answer, at most 64 octets. refused are the destinations that were not
	// taken; when none was, err may say why instead.
	//
	// The segments of a session enter in the order in which they came, but for
	// those that were under way at the same time.
	SubmitSMS(ctx context.Context, p gateway.Peer, s gateway.Segment, place gateway.SegmentPlace, to []gateway.Line) (id string, refused []gateway.LineFault, err error)
	// QuerySMS tells the state of a message of the account;
	// gateway.ErrNoShortMessage for one that it does not have.
	QuerySMS(ctx context.Context, account, id string, source gateway.Line) (gateway.ShortMessageState, error)
	// CancelSMS takes back what has not left. id is "" for every message of that
	// service_type, source and destination.
	CancelSMS(ctx context.Context, account, id, serviceType string, source, dest gateway.Line) error
	// ReplaceSMS puts the text of s in the place of that of a message that has
	// not left. s has what replace_sm has (SMPP v3.4 section 4.10.1).
	ReplaceSMS(ctx context.Context, account, id string, s gateway.Segment) error
	// Deliveries returns at most max of what waits for the account, oldest
	// first, after the key after; "" is the beginning. after may have been
	// settled since.
	Deliveries(ctx context.Context, account, after string, max int) ([]gateway.Delivery, error)
	// DeliveriesDone settles what the application has acknowledged; nil means
	// durable. A key that was settled before is no error.
	DeliveriesDone(ctx context.Context, account string, keys []string) error
	// DeliveriesWait returns a channel that is closed, or sent to, when something
	// new waits for the account after the call.
	DeliveriesWait(account string) <-chan struct{}
}

// Account is an application that may bind.
type Account struct {
	SystemID string            // at most 15 octets
	Password gateway.Sensitive // not empty; longer than the 8 octets of SMPP v3.4 section 5.2.2 works
	// Senders are the source addresses that it may use. The first one stands in
	// for an empty source.
	Senders   []gateway.Line
	AnySender bool // it may use others than Senders too
	Rate      int  // segments a second, submit_multi counted per destination; 0: no limit
	// Window is the number of unanswered submissions after which a session is
	// not read from, and of unanswered deliveries; 0 is 100.
	Window   int
	Sessions int // bound at once; 0: Limits.PerAccount
}
