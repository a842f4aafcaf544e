package flow

import (
	"context"
	"errors"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/people"
)

// A telephone that writes for the first time costs a person, a conversation, a
// mail to staff and evidence, for good. Numbers can be made up by the thousand,
// so there is a bound; above it the carrier comes back later with what they
// wrote, and nothing is lost. Telephones that are known are never kept waiting.
const (
	newcomerTime = time.Hour
	maxNewcomers = 1000 // for each line of ours, within newcomerTime
	maxNewAtAll  = 5000 // for all lines
)

var faultNewcomers = shortFault(451, "4.7.1", gateway.StatusTemporaryApp, "Too many unknown numbers write just now, try again later")

// welcome refuses a telephone that nobody knows yet when too many of these have
// written within the hour.
func (f *Flow) welcome(ctx context.Context, phone gateway.Address, line gateway.Line) error {
	if _, err := f.People.Find(ctx, phone); !errors.Is(err, people.ErrUnknown) {
		return err
	}
	both := []charge{{key: f.MAC("new numbers", []byte(line.Key())), limit: maxNewcomers}, {key: f.MAC("new numbers"), limit: maxNewAtAll}}
	if f.newcomers.take(both, 1, f.Now()).IsZero() {
		return nil
	}
	f.receipts.late.Inc()
	return faultNewcomers
}
