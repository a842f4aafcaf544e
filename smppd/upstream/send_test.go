package upstream

import (
	"testing"

	"gatepost/gateway"
)

// TestSend: the segments of a message arrive in order, octet by octet, and the
// ids that the carrier gave come back; what was sent before is left out.
func TestSend(t *testing.T) {
	m := newSMSC(t, nil)
	c := start(t, m, &inboundStub{})
	done := []gateway.SegmentResult{{}, {Sent: true, ID: "old"}}
	results, o := c.Send(t.Context(), message("a", "b", "c"), done)
	if o.Result != gateway.Sent || o.Code != 250 || o.Host != m.addr() || !o.TLS.Loopback || len(o.Segments) != 3 {
		t.Fatalf("outcome %s", result(o))
	}
	if got := m.order(); got != "a c" {
		t.Errorf("arrived: %s", got)
	}
	for i, id := range []gateway.Sensitive{"1", "old", "2"} {
		if !results[i].Sent || results[i].ID != id || results[i].Unknown {
			t.Errorf("segment %d: sent %v, id %s", i, results[i].Sent, results[i].ID.Reveal())
		}
	}
	if done[0].Sent {
		t.Error("done was changed")
	}
}
