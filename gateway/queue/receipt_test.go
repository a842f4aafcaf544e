package queue

import (
	"context"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// What a receipt says of a segment while another attempt is under way is still
// known after that attempt is settled.
func TestReceiptDuringAnAttemptIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.courier.script = func(ctx context.Context, e gateway.Envelope, try int) gateway.Outcome {
			o := later()
			o.Segments = []gateway.SegmentResult{{Sent: true, ID: "a"}, {Status: 0x14}}
			if try == 1 {
				return o
			}
			stored, version, err := store.GetRecord[gateway.Envelope](ctx, b.store, envelopeKey(e.ID))
			if err != nil {
				t.Error(err)
				return o
			}
			stored.Last.Segments[0].State, stored.Last.Segments[0].Error = gateway.StateSent, "000"
			var batch store.Batch
			batch.RequireVersion(envelopeKey(e.ID), version)
			if err := batch.PutRecord(envelopeKey(e.ID), stored); err != nil {
				t.Error(err)
			}
			if err := store.Write(ctx, b.store, &batch); err != nil {
				t.Error(err)
			}
			o.Result, o.Segments[1] = gateway.Sent, gateway.SegmentResult{Sent: true, ID: "b"}
			return o
		}
		b.start()
		id := b.one("+15551234567@phone.invalid")
		sleep(time.Hour)
		got := b.get(id)
		if got.State != gateway.Delivered || len(got.Last.Segments) != 2 {
			t.Fatalf("%s with %d segments", got.State, len(got.Last.Segments))
		}
		if first, second := got.Last.Segments[0], got.Last.Segments[1]; first.State != gateway.StateSent || first.Error != "000" || second.State != "" || !second.Sent {
			t.Errorf("segments are %+v and %+v", first, second)
		}
	})
}

// A receipt about another sending of the segment says nothing of this one.
func TestReceiptsOfOtherIDsAreNotTakenOver(t *testing.T) {
	stored := []gateway.SegmentResult{{Sent: true, ID: "a", State: gateway.StateSent}, {Sent: true, ID: "b", State: gateway.StateExpired}}
	now := []gateway.SegmentResult{{Sent: true, ID: "a"}, {Sent: true, ID: "c"}, {}}
	got := withReceipts(now, stored)
	if got[0].State != gateway.StateSent || got[1].State != "" || got[2].State != "" || now[0].State != "" {
		t.Errorf("got %+v of %+v", got, now)
	}
}
