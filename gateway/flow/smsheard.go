package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// heard is a message that a telephone wrote, remembered with the dialog in case
// the carrier brings it again because our answer was lost with the link.
type heard struct {
	Sum     []byte // keyed hash of the segment
	Message gateway.MessageID
	At      time.Time // when it was taken over
}

// What of a dialog is remembered for that: the messages of a time that is longer
// than a link and the next one look back, and not more than a person writes.
const (
	heardTime = 10 * time.Minute
	heardMax  = 16
)

// spell is a time from one moment to another, both included; the zero value
// holds nothing that was.
type spell struct{ from, to time.Time }

func (s spell) holds(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }

// ReceiveAgainSMS is ReceiveSMS for what the carrier brings soon after a bind. A
// message that is equal, octet by octet, to one that was taken over between two
// moments, over the link before, is that one: nil, and nobody gets it again.
func (f *Flow) ReceiveAgainSMS(ctx context.Context, s gateway.Segment, from, to time.Time) error {
	return f.receiveSegment(ctx, s, spell{from, to})
}

// sumOf recognizes a message that is brought again as it was.
func (f *Flow) sumOf(s *gateway.Segment) ([]byte, error) {
	packed, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("packing a segment: %w", err)
	}
	h := f.MAC("message in", packed)
	return h[:16], nil
}

// find is where the message of that sum stands that was taken over in the time
// given; -1 for none.
func (d *dialog) find(sum []byte, when spell) int {
	return slices.IndexFunc(d.Heard, func(h heard) bool { return when.holds(h.At) && bytes.Equal(h.Sum, sum) })
}

// remember adds a message, and forgets what is too old to come again.
func (d *dialog) remember(h heard) {
	list := slices.DeleteFunc(slices.Clone(d.Heard), func(old heard) bool { return h.At.Sub(old.At) > heardTime })
	if n := len(list) - heardMax + 1; n > 0 {
		list = slices.Delete(list, 0, n)
	}
	d.Heard = append(list, h)
}

// again takes note that the message at n of the dialog came once more. It counts
// as taken over now: what comes after it over the same link is another one.
func (r *received) again(ctx context.Context, n int) error {
	f := r.flow
	d := r.dialog
	h := d.Heard[n]
	h.At = f.Now()
	d.Heard = slices.Delete(slices.Clone(d.Heard), n, n+1)
	d.remember(h)
	var b store.Batch
	if err := f.stageDialog(&b, r.author.Ref, d); err != nil {
		return err
	}
	err := f.Audit.Stage(&b, gateway.Record{
		At: h.At, Event: gateway.EventSMSReceived, Actor: "correspondent", Message: h.Message,
		Persons: []gateway.PersonRef{r.author.Ref}, Detail: map[string]string{"again": "true"},
	})
	if err != nil {
		return err
	}
	f.Log.Info("brought again", "id", h.Message, "listener", listenerUpstream)
	return store.Write(ctx, f.Store, &b)
}
