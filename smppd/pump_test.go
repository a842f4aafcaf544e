package smppd

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/gateway"
	"gatepost/smppd/pdu"
)

func TestTransmittersGetNothing(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		tx := b.dial().bindAs(pdu.BindTransmitter)
		g.put("esme1", mo("k1", "hello"))
		tx.none(20 * time.Second)
		rx := b.dial().bindAs(pdu.BindReceiver)
		p := rx.get(time.Second, pdu.DeliverSM)
		rx.answer(p, pdu.OK)
		synctest.Wait()
		equal(t, "settled", g.settled(), []string{"k1"})
		g.put("esme2", mo("k2", "for another"))
		rx.none(20 * time.Second)
	})
}

func TestRefusedIsRedelivered(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindTransceiver)
		g.put("esme1", mo("k1", "poison"), mo("k2", "second"))
		first, second := a.get(time.Second, pdu.DeliverSM), a.get(time.Second, pdu.DeliverSM)
		equal(t, "order", []string{wordsOf(first), wordsOf(second)}, []string{"poison", "second"})
		a.answer(first, pdu.RX_T_APPN)
		a.answer(second, pdu.OK)
		for range 3 {
			a.none(9900 * time.Millisecond) // timers.redeliver
			p := a.get(200*time.Millisecond, pdu.DeliverSM)
			equal(t, "again", wordsOf(p), "poison")
			a.answer(p, pdu.RX_T_APPN)
			g.put("esme1", mo("n"+fmt.Sprint(p.Sequence), "new")) // is not held up
			a.answer(a.get(time.Second, pdu.DeliverSM), pdu.OK)
		}
		p := a.get(11*time.Second, pdu.DeliverSM)
		equal(t, "settled before", slices.Contains(g.settled(), "k1"), false)
		a.answer(p, pdu.OK)
		a.none(15 * time.Second)
		equal(t, "settled", slices.Contains(g.settled(), "k1"), true)
	})
}

func TestUnansweredIsRedelivered(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindTransceiver)
		g.put("esme1", mo("k1", "hello"))
		first := a.get(time.Second, pdu.DeliverSM)
		a.none(19900 * time.Millisecond) // timers.response and timers.redeliver
		second := a.get(200*time.Millisecond, pdu.DeliverSM)
		equal(t, "another PDU", first.Sequence == second.Sequence, false)
		time.Sleep(10500 * time.Millisecond)
		a.answer(second, pdu.OK) // late, and good
		a.none(40 * time.Second)
		equal(t, "settled", g.settled(), []string{"k1"})
	})
}

// Of several sessions each gets its turn, and a lost one's deliveries go to
// the other at once, or to the next that binds.
func TestSessionsTakeTurns(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		one := b.dial().bindAs(pdu.BindReceiver)
		synctest.Wait()
		two := b.dial().bindAs(pdu.BindTransceiver)
		synctest.Wait()
		for i := range 4 {
			g.put("esme1", mo(fmt.Sprint("k", i), fmt.Sprint("hello ", i)))
			synctest.Wait()
		}
		var lost []string
		for range 2 {
			p := one.get(time.Second, pdu.DeliverSM)
			two.answer(two.get(time.Second, pdu.DeliverSM), pdu.OK)
			lost = append(lost, wordsOf(p))
		}
		equal(t, "the turns of one", lost, []string{"hello 0", "hello 2"})
		one.conn.Close()
		var again []string
		for range 2 {
			again = append(again, wordsOf(two.get(time.Second, pdu.DeliverSM)))
		}
		slices.Sort(again)
		equal(t, "go to two", again, lost)
		two.conn.Close()
		time.Sleep(time.Minute)
		equal(t, "settled", g.settled(), []string{"k1", "k3"})
		three := b.dial().bindAs(pdu.BindReceiver)
		for range 2 {
			three.answer(three.get(time.Second, pdu.DeliverSM), pdu.OK)
		}
		three.none(30 * time.Second)
		equal(t, "settled", len(g.settled()), 4)
	})
}

// A session has at most so many unanswered deliveries, and a slow one holds
// up no other.
func TestDeliveryWindow(t *testing.T) {
	g := newFake()
	undisturbed(t, g, func(c *Config) { c.Accounts[0].Window = 4; c.Timers.Response = 28 * time.Second }, func(t *testing.T, b *bubble) {
		slow := b.dial().bindAs(pdu.BindReceiver)
		const n = 100
		for i := range n {
			g.put("esme1", mo(fmt.Sprintf("k%03d", i), "hello"))
		}
		var held []pdu.PDU
		for range 4 {
			held = append(held, slow.get(time.Second, pdu.DeliverSM))
		}
		slow.none(10 * time.Second)
		fast := b.dial().bindAs(pdu.BindReceiver)
		for range n - 4 {
			fast.answer(fast.get(time.Second, pdu.DeliverSM), pdu.OK)
		}
		fast.none(9 * time.Second)
		for _, p := range held {
			slow.answer(p, pdu.OK)
		}
		slow.none(time.Second)
		equal(t, "settled", len(g.settled()), n)
		other := b.dial()
		other.write(bindPDU(pdu.BindReceiver, "esme2", accountsForTests()[1].Password.Reveal()))
		other.get(time.Second, pdu.BindReceiverResp)
		g.put("esme2", mo("x", "hello"))
		other.get(time.Second, pdu.DeliverSM)
	})
}

func TestSeveralSegments(t *testing.T) {
	g := newFake()
	undisturbed(t, g, func(c *Config) { c.Accounts[0].Window = 2 }, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindReceiver)
		d := gateway.Delivery{Key: "k1", Segments: []gateway.Segment{segment("1"), segment("2"), segment("3"), segment("4")}}
		g.put("esme1", d, mo("k2", "next"))
		one, two := a.get(time.Second, pdu.DeliverSM), a.get(time.Second, pdu.DeliverSM)
		a.none(time.Second)
		a.answer(one, pdu.OK)
		three := a.get(time.Second, pdu.DeliverSM)
		a.answer(two, pdu.RX_T_APPN) // the fourth is not sent now
		a.answer(three, pdu.OK)
		a.answer(a.get(time.Second, pdu.DeliverSM), pdu.OK)
		a.none(7 * time.Second)
		equal(t, "settled", g.settled(), []string{"k2"})
		var again []string
		for range 2 { // what was acknowledged does not come again
			p := a.get(11*time.Second, pdu.DeliverSM)
			again = append(again, wordsOf(p))
			a.answer(p, pdu.OK)
		}
		equal(t, "again", again, []string{"2", "4"})
		synctest.Wait()
		equal(t, "settled", g.settled(), []string{"k2", "k1"})
	})
}

// A person's words go to nobody who could be overheard: peers on pipes have no
// loopback address.
func TestPlainDeliveries(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindReceiver)
		g.put("esme1",
			gateway.Delivery{Key: "k1", Plain: true, Segments: []gateway.Segment{segment("the result was bad")}},
			gateway.Delivery{Key: "k2", Plain: true, Segments: []gateway.Segment{segment("my PIN")}, Instead: []gateway.Segment{segment("you have an answer")}},
		)
		p := a.get(time.Second, pdu.DeliverSM)
		equal(t, "instead", wordsOf(p), "you have an answer")
		a.answer(p, pdu.OK)
		a.none(30 * time.Second)
		equal(t, "settled", g.settled(), []string{"k2"})
	})
	g = newFake()
	s := start(t, g, nil) // loopback, and TLS
	g.put("esme1", gateway.Delivery{Key: "k1", Plain: true, Segments: []gateway.Segment{segment("the result was bad")}})
	c := dialTLS(t, s).bind(pdu.BindReceiver)
	p, words := c.expect()
	equal(t, "words", words, "the result was bad")
	c.acknowledge(p, pdu.OK)
	eventually(t, "settled", func() bool { return len(g.settled()) == 1 })
}

// Where one session may take a person's words and another may not, they wait
// for the one that may.
func TestPlainPrefersTheSecureSession(t *testing.T) {
	a := newAccount(&Server{}, "esme1", digest{})
	plain, secure := &session{}, &session{secure: true}
	plain.mail.window, secure.mail.window = 1, 1
	a.post.receivers = []*session{plain, secure}
	d := &gateway.Delivery{Plain: true, Instead: []gateway.Segment{segment("x")}}
	for range 3 {
		if c, instead, _ := a.chooseLocked(d); c != secure || instead {
			t.Errorf("secure %v, instead %v", c == secure, instead)
		}
	}
	secure.mail.window = 0
	if c, _, wait := a.chooseLocked(d); c != nil || !wait {
		t.Error("it does not wait for the session that may take it")
	}
	a.post.receivers = a.post.receivers[:1]
	if c, instead, _ := a.chooseLocked(d); c != plain || !instead {
		t.Error("it does not go instead")
	}
	d.Instead = nil
	if c, _, wait := a.chooseLocked(d); c != nil || wait {
		t.Error("it holds up what comes behind it")
	}
}

func TestReceipts(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		for i, version := range []byte{0x34, 0x33} {
			a := b.dial()
			p := bindPDU(pdu.BindReceiver, "esme1", "secret1")
			p.Body.(*pdu.Bind).InterfaceVersion = version
			a.write(p)
			a.get(time.Second, pdu.BindReceiverResp)
			g.put("esme1", gateway.Delivery{Key: fmt.Sprint("k", i), Receipt: &gateway.Receipt{ID: "m17", State: gateway.StateSent}})
			d := a.get(time.Second, pdu.DeliverSM)
			s := d.Body.(*pdu.Message).Segment
			equal(t, "text", string(s.Short), "id:m17")
			equal(t, "optional parameters", len(s.TLVs), map[byte]int{0x34: 1, 0x33: 0}[version])
			a.answer(d, pdu.OK)
			synctest.Wait()
			a.conn.Close()
		}
		equal(t, "settled", len(g.settled()), 2)
	})
}

// What says nothing in a deliver_sm is not in it, whatever it came as.
func TestFieldsOfDeliverSM(t *testing.T) {
	s := segment("hello")
	s.Data, s.Schedule, s.Validity, s.Replace, s.DefaultID, s.Registered, s.DataCoding = true, "x", "y", 1, 2, 3, 8
	list, err := (&session{version: version34}).segments(&gateway.Delivery{Segments: []gateway.Segment{s}}, false)
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	got := list[0]
	want := segment("hello")
	want.Registered, want.DataCoding = 3, 8
	if !reflect.DeepEqual(got, want) {
		t.Errorf("data %v, times %q %q, replace %d, default %d, registered %d, coding %d",
			got.Data, got.Schedule, got.Validity, got.Replace, got.DefaultID, got.Registered, got.DataCoding)
	}
}

// Settling is tried until it is done, and meanwhile nothing comes twice.
func TestSettlementThatFails(t *testing.T) {
	g := newFake()
	tries := 0
	g.settle = func([]string) error {
		if tries++; tries < 20 {
			return errors.New("the disk is full")
		}
		return nil
	}
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindReceiver)
		g.put("esme1", mo("k1", "hello"))
		a.answer(a.get(time.Second, pdu.DeliverSM), pdu.OK)
		a.none(time.Second)
		g.put("esme1", mo("k2", "hello"))
		a.answer(a.get(time.Second, pdu.DeliverSM), pdu.OK)
		a.none(29 * time.Second)
		equal(t, "settled", g.settled(), []string{"k1", "k2"})
	})
}

// many is a Gateway that has deliveries, and fails now and then.
type many struct {
	*fake
	calls int
}

func (m *many) Deliveries(ctx context.Context, account, after string, most int) ([]gateway.Delivery, error) {
	if m.calls++; m.calls%3 == 1 {
		return nil, errors.New("the store is stalled")
	}
	if m.calls%7 == 2 {
		panic("a bug")
	}
	return m.fake.Deliveries(ctx, account, after, most)
}

func TestGatewayThatFailsNowAndThen(t *testing.T) {
	g := &many{fake: newFake()}
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		const n = 1000
		for i := range n {
			g.put("esme1", mo(fmt.Sprintf("k%04d", i), fmt.Sprint(i)))
		}
		a := b.dial().bindAs(pdu.BindReceiver)
		seen := map[string]int{}
		for len(seen) < n {
			p := a.get(time.Minute, pdu.DeliverSM)
			seen[wordsOf(p)]++
			a.answer(p, pdu.OK)
		}
		a.none(time.Minute / 4)
		equal(t, "settled", len(g.settled()), n)
		for words, times := range seen {
			if times != 1 {
				t.Errorf("%s came %d times", words, times)
			}
		}
	})
}

// What vanished at the Gateway while it waited here is forgotten.
func TestDeliveryThatVanishes(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindReceiver)
		g.put("esme1", mo("k1", "hello"))
		a.answer(a.get(time.Second, pdu.DeliverSM), pdu.RX_T_APPN)
		synctest.Wait()
		if err := g.DeliveriesDone(t.Context(), "esme1", []string{"k1"}); err != nil {
			t.Fatal(err)
		}
		a.none(25 * time.Second)
		acct := (*b.accounts.current.Load())["esme1"]
		acct.mu.Lock()
		equal(t, "remembered", len(acct.post.flights), 0)
		acct.mu.Unlock()
		if g.asked > 20 {
			t.Errorf("the Gateway was asked %d times", g.asked)
		}
	})
}

// A delivery that can never be written is no reason to stop the others.
func TestDeliveryThatDoesNotFit(t *testing.T) {
	g := newFake()
	undisturbed(t, g, nil, func(t *testing.T, b *bubble) {
		a := b.dial().bindAs(pdu.BindReceiver)
		long := mo("k1", "hello")
		long.Segments[0].Source.Addr = "123456789012345678901234567890"
		g.put("esme1", long, mo("k2", "next"))
		p := a.get(time.Second, pdu.DeliverSM)
		equal(t, "words", wordsOf(p), "next")
		a.answer(p, pdu.OK)
		a.none(15 * time.Second)
		equal(t, "settled", g.settled(), []string{"k2"})
	})
}
