package flow

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/text"
	"gatepost/store"
)

// piece is a part of a long text from a telephone, of which the others never
// come.
func piece(t testing.TB, from string, ref, seq int) gateway.Segment {
	t.Helper()
	s := wrote(t, fmt.Sprintf("piece %d of %d", seq, ref), from, "+15550001111")[0]
	s.TLVs = []gateway.TLV{
		{Tag: 0x020C, Value: store.Uint32(uint32(ref))[2:]}, {Tag: 0x020E, Value: []byte{255}}, {Tag: 0x020F, Value: []byte{byte(seq)}},
	}
	if place, err := (text.Texts{}).Place(&s); err != nil || place.Seq != seq || place.Total != 255 {
		t.Fatalf("no part of a text: %+v, %v", place, err)
	}
	return s
}

// TestOnePhoneDoesNotStarveOthers: a telephone that sends parts without an end
// is told to come back, and the parts of others are taken, before and after a
// restart.
func TestOnePhoneDoesNotStarveOthers(t *testing.T) {
	w, kv := newWorld(t), emptyStore()
	flood := func(ctx context.Context, f *Flow, ref int) (taken int) {
		for ; taken < 2*maxPartsOfPhone; taken++ {
			err := f.ReceiveSMS(ctx, piece(t, phonePass, ref, taken+1))
			if err == nil {
				continue
			}
			if fault := gateway.FaultOf(err); !fault.Temporary() || fault.SMPP != gateway.StatusTemporaryApp {
				t.Errorf("a part too many: %v", err)
			}
			break
		}
		return taken
	}
	for round, want := range []int{maxPartsOfPhone, 0} {
		err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
			if err := f.waiting.recount(ctx, f); err != nil {
				return err
			}
			if taken := flood(ctx, f, round); taken != want {
				t.Errorf("round %d: %d parts of one telephone wait", round, taken)
			}
			return receiveAll(ctx, f, wrote(t, longWords, phoneSecure, "+15550001111"))
		})
		if err != nil {
			t.Errorf("round %d, another telephone: %v", round, err)
		}
	}
	err := w.in(t, kv, func(ctx context.Context, f *Flow) error {
		time.Sleep(10 * time.Minute)
		f.agendaOnce(ctx)
		if taken := flood(ctx, f, 3); taken != maxPartsOfPhone {
			t.Errorf("when its time is over there is room for %d parts", taken)
		}
		time.Sleep(10 * time.Minute)
		f.agendaOnce(ctx)
		if n := len(f.waiting.loads); n != 0 {
			t.Errorf("%d telephones are counted, and nothing waits", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	w.sound(t, kv)
}

// Many telephones together fill no more than there is for all of them.
func TestPartsOfAllPhonesAreBounded(t *testing.T) {
	w := newWorld(t)
	_ = w.in(t, emptyStore(), func(ctx context.Context, f *Flow) error {
		for n := range maxPartsWaiting / 10 {
			f.waiting.add(&waitingPart{Inbound: true, From: store.Uint32(uint32(n))}, 10, 1000)
		}
		f.waiting.counted = f.Now()
		err := f.ReceiveSMS(ctx, piece(t, phonePass, 1, 1))
		if fault := gateway.FaultOf(err); err == nil || fault.SMPP != gateway.StatusQueueFull {
			t.Errorf("a part too many: %v", err)
		}
		if _, err := submit(ctx, f, short(t, longWords, phonePass)[0]); err != nil {
			t.Errorf("what telephones write keeps applications from writing: %v", err)
		}
		big := &waitingPart{Inbound: true, From: []byte("one")}
		if f.waiting = (partLoads{}); f.waiting.full(big, maxOctetsOfPhone+1) == nil || !errors.Is(f.waiting.full(big, maxOctetsOfPhone+1), faultPhoneParts) {
			t.Error("the octets of one telephone are not bounded")
		}
		return nil
	})
}
