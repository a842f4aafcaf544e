package queue

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
	"gatepost/store/storetest"
)

// TestASettlementSeesWhatOthersChanged: memory is believed only as long as the
// record is the one that it was made of.
func TestASettlementSeesWhatOthersChanged(t *testing.T) {
	s := storetest.NewMemory()
	q := New(s, instant{}, &fakeLedger{}, Config{}, time.Now, rand.Reader, nil)
	e := &entry{id: gateway.EnvelopeID{N: 1}}
	put := func(hold string) []byte {
		t.Helper()
		b := new(store.Batch)
		record, err := q.putState(b, &gateway.Envelope{ID: e.id, State: gateway.Queued, Hold: hold}, 0)
		if err == nil {
			err = store.Write(t.Context(), s, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	want := func(hold string) {
		t.Helper()
		got, version, err := q.settling.read(t.Context(), e)
		item, _ := s.Get(t.Context(), envelopeKey(e.id))
		if err != nil || got.Hold != hold || version != item.Version {
			t.Errorf("read %q of version %d, %v, want %q of %d", got.Hold, version, err, hold, item.Version)
		}
	}
	e.record, e.envelope = put("stored"), &gateway.Envelope{Hold: "in memory"}
	want("in memory")
	put("by somebody else")
	want("by somebody else")
	e.record = nil
	want("by somebody else")
}
