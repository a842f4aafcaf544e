package smppd

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fiorix/go-smpp/smpp"
	fiorix "github.com/fiorix/go-smpp/smpp/pdu"
	"github.com/fiorix/go-smpp/smpp/pdu/pdufield"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutext"

	"gatepost/gateway"
)

// inbox is what a fiorix client was brought.
type inbox struct {
	mu    sync.Mutex
	texts []string
}

func (i *inbox) take(p fiorix.Body) {
	if p.Header().ID != fiorix.DeliverSMID {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.texts = append(i.texts, p.Fields()[pdufield.ShortMessage].String())
}

func (i *inbox) has(words string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, t := range i.texts {
		if strings.Contains(t, words) {
			return true
		}
	}
	return false
}

// TestFiorix: an independent client binds, submits, gets a receipt and a
// message, over plain TCP and over TLS.
func TestFiorix(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[secure], func(t *testing.T) { testFiorix(t, secure) })
	}
}

func testFiorix(t *testing.T, secure bool) {
	g := newFake()
	g.submit = func(_ context.Context, s submitted) (string, []gateway.LineFault, error) {
		id := g.take(s)
		g.put(s.peer.Account, gateway.Delivery{Key: id, Receipt: &gateway.Receipt{
			ID: gateway.Sensitive(id), Source: s.segment.Source, Dest: s.segment.Dest, State: gateway.StateSent, Submitted: time.Now(), Done: time.Now()}})
		return id, nil, nil
	}
	s := start(t, g, nil)
	var got inbox
	trx := &smpp.Transceiver{Addr: s.addr, User: "esme1", Passwd: "secret1", Handler: got.take, RespTimeout: 5 * time.Second}
	if secure {
		trx.Addr, trx.TLS = s.secure, &tls.Config{RootCAs: s.pool, ServerName: "gatepost.example"}
	}
	status := trx.Bind()
	defer trx.Close()
	if st := <-status; st.Status() != smpp.Connected {
		t.Fatalf("bind: %v: %v", st.Status(), st.Error())
	}
	for _, words := range []string{"Your visit is at 3", strings.Repeat("A long text of several segments. ", 20)} {
		sm := &smpp.ShortMessage{
			Src: "CLINIC", SourceAddrTON: 5, Dst: "15557654321", DestAddrTON: 1, DestAddrNPI: 1,
			Text: pdutext.GSM7(words), Register: pdufield.FinalDeliveryReceipt,
		}
		submit := trx.Submit
		if len(words) > 160 {
			submit = func(sm *smpp.ShortMessage) (*smpp.ShortMessage, error) {
				parts, err := trx.SubmitLongMsg(sm)
				if err != nil {
					return nil, err
				}
				return &parts[len(parts)-1], nil
			}
		}
		last, err := submit(sm)
		if err != nil {
			t.Fatalf("submitting %d octets: %v", len(words), err)
		}
		equal(t, "id", last.RespID(), fmt.Sprint("m", len(g.taken())))
	}
	taken := g.taken()
	equal(t, "segments", len(taken), 1+5)
	equal(t, "place of the last", []any{taken[5].place.Kind, taken[5].place.Total, taken[5].place.Seq}, []any{"udh16", 5, 5})
	equal(t, "sender", taken[0].segment.Source.Addr, "CLINIC")
	eventually(t, "the first receipt", func() bool { return got.has("id:m1 ") && got.has("stat:DELIVRD") })
	eventually(t, "the last receipt", func() bool { return got.has("id:m6 ") })
	g.put("esme1", mo("x1", "yes, I will come"))
	eventually(t, "the message", func() bool { return got.has("yes, I will come") })
	eventually(t, "all is settled", func() bool { return len(g.settled()) == 7 })
}
