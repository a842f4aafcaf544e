package smppd

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
	"gatepost/smppd/text"
)

// bindOld binds as esme1 with interface_version 0x33.
func (a *application) bindOld() *application {
	a.t.Helper()
	p := bindPDU(pdu.BindReceiver, "esme1", "secret1")
	p.Body.(*pdu.Bind).InterfaceVersion = 0x33
	a.write(p)
	if p := a.get(time.Second, pdu.BindReceiverResp); p.Status != pdu.OK {
		a.t.Fatalf("bind: %v", p.Status)
	}
	return a
}

// long is a delivery with those words in message_payload.
func long(key, words string) gateway.Delivery {
	s := segment("")
	s.Short, s.TLVs = nil, []gateway.TLV{{Tag: gateway.TagMessagePayload, Value: []byte(words)}}
	return gateway.Delivery{Key: key, Segments: []gateway.Segment{s}}
}

// A peer from before SMPP 3.4 gets all words, and no optional parameter
// (section 3.3).
func TestOlderPeersGetNoParameters(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindOld()
		short, much := "fits", strings.Repeat("0123456789", 40)
		part := segment("of a long text")
		part.TLVs = []gateway.TLV{{Tag: gateway.TagSARRef, Value: []byte{0, 9}}, {Tag: gateway.TagSARTotal, Value: []byte{2}}, {Tag: gateway.TagSARSeq, Value: []byte{1}}}
		g.put("esme1", long("k1", short), gateway.Delivery{Key: "k2", Segments: []gateway.Segment{part}}, long("k3", much))
		var got []string
		for range 5 {
			p := a.get(time.Second, pdu.DeliverSM)
			s := p.Body.(*pdu.Message).Segment
			equal(t, "optional parameters", len(s.TLVs), 0)
			if len(got) > 0 {
				equal(t, "has a header", s.ESMClass&0x40, 0x40)
			}
			got = append(got, string(s.Short))
			a.answer(p, pdu.OK)
		}
		equal(t, "payload that fits", got[0], short)
		equal(t, "SAR", got[1], "\x05\x00\x03\x09\x02\x01of a long text")
		equal(t, "payload that does not", got[2][6:]+got[3][6:]+got[4][6:], much)
		a.none(15 * time.Second)
		equal(t, "settled", g.settled(), []string{"k1", "k2", "k3"})
	})
}

// What was acknowledged of a text in parts is not sent again, and an old answer
// counts for no other form of it.
func TestPartsForOlderPeersAreRemembered(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		old := b.dial().bindOld()
		g.put("esme1", long("k1", strings.Repeat("0123456789", 40)))
		var last [2]pdu.PDU
		for i := range 3 {
			if p := old.get(time.Second, pdu.DeliverSM); i == 0 {
				old.answer(p, pdu.OK)
			} else {
				last[i-1] = p
			}
		}
		for i := range 2 { // only what was not answered comes again, octet by octet
			p := old.get(25*time.Second, pdu.DeliverSM)
			if i == 0 && p.Body.(*pdu.Message).Segment.Short[5] != 2 {
				t.Errorf("part %d comes again first", p.Body.(*pdu.Message).Segment.Short[5])
			}
			was := last[i].Body.(*pdu.Message).Segment.Short
			equal(t, "the same", bytes.Equal(p.Body.(*pdu.Message).Segment.Short, was), true)
		}
		now := b.dial().bindAs(pdu.BindReceiver)
		whole := now.get(25*time.Second, pdu.DeliverSM)
		equal(t, "octets of the payload", len(whole.Body.(*pdu.Message).Segment.Payload()), 400)
		old.answer(last[0], pdu.OK) // late, and of another form
		old.answer(last[1], pdu.OK)
		synctest.Wait()
		equal(t, "settled by parts", len(g.settled()), 0)
		now.answer(whole, pdu.OK)
		old.none(15 * time.Second)
		equal(t, "settled", g.settled(), []string{"k1"})
	})
}

// Optional parameters go to the peer that knows them.
func TestParametersPreferPeersThatKnowThem(t *testing.T) {
	a := newAccount(&Server{}, "esme1", digest{})
	old, other, now := &session{version: 0x33}, &session{}, &session{version: version34}
	old.mail.window, other.mail.window, now.mail.window = 1, 1, 1
	a.post.receivers = []*session{old, now, other}
	tagged, bare := long("k1", "x"), mo("k2", "x")
	for range 4 {
		if c, instead, _ := a.chooseLocked(&tagged); c != now || instead {
			t.Errorf("it goes to version %#x", c.version)
		}
	}
	seen := map[*session]int{}
	for range 6 {
		c, _, _ := a.chooseLocked(&bare)
		seen[c]++
	}
	if seen[old] != 2 || seen[other] != 2 || seen[now] != 2 {
		t.Errorf("what has no parameters: %d, %d, %d", seen[old], seen[other], seen[now])
	}
	now.mail.window = 0
	if c, _, wait := a.chooseLocked(&tagged); c != nil || !wait {
		t.Error("it does not wait for the peer that knows them")
	}
	a.post.receivers = []*session{old, other}
	first, _, _ := a.chooseLocked(&tagged)
	second, _, _ := a.chooseLocked(&tagged)
	if first == nil || second == nil || first == second {
		t.Error("older peers do not take turns")
	}
	old.mail.window, other.mail.window = 0, 0
	tagged.Plain, tagged.Instead = true, []gateway.Segment{segment("x")}
	old.secure, other.mail.window = true, 1
	if c, _, wait := a.chooseLocked(&tagged); c != nil || !wait {
		t.Error("it goes instead while an older peer may take it")
	}
}

// What no older peer can be told waits for another, holds up nothing, and is
// not settled.
func TestWhatOlderPeersCannotBeTold(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		old := b.dial().bindOld()
		huge := long("k1", strings.Repeat("\x80", 65_535))
		huge.Segments[0].DataCoding = 4
		if _, err := (text.Texts{}).Older(huge.Segments, 1); err == nil {
			t.Fatal("it can be told")
		}
		g.put("esme1", huge, mo("k2", "next"))
		p := old.get(time.Second, pdu.DeliverSM)
		equal(t, "words", wordsOf(p), "next")
		old.answer(p, pdu.OK)
		old.none(30 * time.Second)
		equal(t, "settled", g.settled(), []string{"k2"})
		now := b.dial().bindAs(pdu.BindReceiver)
		p = now.get(15*time.Second, pdu.DeliverSM)
		equal(t, "octets", len(p.Body.(*pdu.Message).Segment.Payload()), 65_535)
		now.answer(p, pdu.OK)
		synctest.Wait()
		equal(t, "settled", g.settled(), []string{"k2", "k1"})
	})
}
