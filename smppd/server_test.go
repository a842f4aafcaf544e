package smppd

import (
	"testing"

	"gatepost/smppd/pdu"
)

func TestBindSubmitUnbind(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr)
	answer := c.want(bindPDU(pdu.BindTransceiver, "esme1", "secret1"), pdu.OK)
	b := answer.Body.(*pdu.BindResp)
	if b.SystemID != "Gatepost" || len(b.TLVs) != 1 || b.TLVs[0].Tag != 0x0210 || string(b.TLVs[0].Value) != "\x34" {
		t.Errorf("bind_resp: %q %v", b.SystemID, b.TLVs)
	}
	equal(t, "id", idOf(t, c.want(submitPDU("Your visit is at 3"), pdu.OK)), "m1")
	got := g.taken()[0]
	equal(t, "words", string(got.segment.Short), "Your visit is at 3")
	equal(t, "account", got.peer.Account, "esme1")
	equal(t, "listener", got.peer.Listener, "smpp")
	equal(t, "total", got.place.Total, 1)
	c.want(pdu.PDU{Command: pdu.EnquireLink}, pdu.OK)
	c.want(pdu.PDU{Command: pdu.Unbind}, pdu.OK)
	c.closed()
}

func TestDelivers(t *testing.T) {
	g := newFake()
	s := start(t, g, nil)
	c := dial(t, s.addr).bind(pdu.BindReceiver)
	g.put("esme1", mo("k1", "yes, I will come"))
	p, words := c.expect()
	equal(t, "words", words, "yes, I will come")
	c.acknowledge(p, pdu.OK)
	eventually(t, "settled", func() bool { return len(g.settled()) == 1 })
}
