package e2e

import (
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fiorix/go-smpp/smpp"
	"github.com/fiorix/go-smpp/smpp/pdu"
	"github.com/fiorix/go-smpp/smpp/pdu/pdufield"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutext"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutlv"
)

// fiorixApp is the Go client.
type fiorixApp struct {
	t *testing.T
	x *smpp.Transceiver

	mu        sync.Mutex
	deliverer []smsEvent
}

func startFiorix(t *testing.T, addr, systemID, password string) smsApp {
	t.Helper()
	a := &fiorixApp{t: t}
	a.x = &smpp.Transceiver{Addr: addr, User: systemID, Passwd: password, RespTimeout: answerPatience, EnquireLink: 10 * time.Second, Handler: a.hear}
	status := a.x.Bind()
	t.Cleanup(func() { _ = a.x.Close() })
	select {
	case s := <-status:
		if s.Status() != smpp.Connected {
			t.Fatalf("go-smpp: %v %v", s.Status(), s.Error())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("go-smpp: the bind was not answered")
	}
	go func() { // it blocks where nobody reads its states
		for range status {
		}
	}()
	return a
}

// hear keeps a deliver_sm; the library answers it by itself.
func (a *fiorixApp) hear(p pdu.Body) {
	if p.Header().ID != pdu.DeliverSMID {
		return
	}
	f, tlvs := p.Fields(), p.TLVFields()
	octets := f[pdufield.ShortMessage].Bytes()
	e := smsEvent{Event: "deliver", smsFields: smsFields{From: f[pdufield.SourceAddr].String(), To: f[pdufield.DestinationAddr].String(),
		ESMClass: int(f[pdufield.ESMClass].Bytes()[0]), DataCoding: int(f[pdufield.DataCoding].Bytes()[0])}}
	if v := tlvs[pdutlv.TagMessagePayload]; v != nil {
		octets = v.Bytes()
	}
	if v := tlvs[pdutlv.TagReceiptedMessageID]; v != nil {
		e.Receipted = strings.TrimRight(string(v.Bytes()), "\x00")
	}
	if v := tlvs[pdutlv.TagMessageStateOption]; v != nil {
		e.State = int(v.Bytes()[0])
	}
	e.Octets = hex.EncodeToString(append(userDataHeader(p), octets...))
	switch e.DataCoding {
	case 8:
		e.Text = string(pdutext.UCS2(octets).Decode())
	case 3:
		e.Text = string(pdutext.Latin1(octets).Decode())
	default:
		e.Text = string(pdutext.GSM7(octets).Decode())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deliverer = append(a.deliverer, e)
}

// userDataHeader is the user data header, which the library takes off the text.
func userDataHeader(p pdu.Body) []byte {
	list, ok := p.Fields()[pdufield.GSMUserData].(*pdufield.UDHList)
	if !ok || len(list.Data) == 0 {
		return nil
	}
	header := []byte{0}
	for _, u := range list.Data {
		header = append(header, u.IEI.Data, u.IELength.Data)
		header = append(header, u.IEData.Data...)
	}
	header[0] = byte(len(header) - 1)
	return header
}

// Submit implements smsApp.
func (a *fiorixApp) Submit(s smsText) []string {
	a.t.Helper()
	m := &smpp.ShortMessage{Register: pdufield.FinalDeliveryReceipt}
	m.Src, m.SourceAddrTON, m.SourceAddrNPI = end(s.from)
	m.Dst, m.DestAddrTON, m.DestAddrNPI = end(s.to)
	room := 160
	switch s.coding {
	case "ucs2":
		m.Text, room = pdutext.UCS2(s.text), 140
	case "latin1":
		m.Text, room = pdutext.Latin1(s.text), 140
	default:
		m.Text = pdutext.GSM7(s.text)
	}
	if len(m.Text.Encode()) <= room {
		sent, err := a.x.Submit(m)
		if err != nil {
			a.t.Fatalf("go-smpp: %v", err)
		}
		return []string{sent.RespID()}
	}
	parts, err := a.x.SubmitLongMsg(m)
	if err != nil {
		a.t.Fatalf("go-smpp: %v", err)
	}
	var ids []string
	for i := range parts {
		ids = append(ids, parts[i].RespID())
	}
	return ids
}

// end is an address with its type of number and numbering plan.
func end(address string) (string, uint8, uint8) {
	if digits, ok := strings.CutPrefix(address, "+"); ok {
		return digits, 1, 1
	}
	if strings.Trim(address, "0123456789") == "" {
		return address, 0, 1
	}
	return address, 5, 0
}

func (a *fiorixApp) deliveries(receipts bool) []smsEvent {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []smsEvent
	for _, e := range a.deliverer {
		if e.isReceipt() == receipts {
			found = append(found, e)
		}
	}
	return found
}

// Receipts implements smsApp.
func (a *fiorixApp) Receipts() []smsReceipt {
	var all []smsReceipt
	for _, e := range a.deliveries(true) {
		all = append(all, receiptFrom(e.Text, e.Receipted, e.State))
	}
	return all
}

// MOs implements smsApp.
func (a *fiorixApp) MOs() []smsMO { return joined(a.deliveries(false)) }
