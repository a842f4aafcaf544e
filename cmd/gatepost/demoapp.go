package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fiorix/go-smpp/smpp"
	"github.com/fiorix/go-smpp/smpp/pdu"
	"github.com/fiorix/go-smpp/smpp/pdu/pdufield"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutext"

	"gatepost/gateway"
)

// application is the clinic's appointment system in the demo. It speaks SMPP
// by somebody else's library on purpose: it knows nothing of the gateway.
type application struct {
	smpp *smpp.Transceiver

	mu       sync.Mutex
	receipts map[string]string // stat: by id:
	messages []string          // source and text of what telephones wrote
}

func newApplication(addr string) *application {
	a := &application{receipts: make(map[string]string)}
	a.smpp = &smpp.Transceiver{
		Addr: addr, User: demoEsme, Passwd: demoEsmePass, Handler: a.take, RespTimeout: 10 * time.Second, BindInterval: time.Second,
	}
	return a
}

// bind binds as transceiver.
func (a *application) bind(ctx context.Context, patience time.Duration) error {
	status := a.smpp.Bind()
	deadline := time.After(patience)
	for {
		select {
		case s := <-status:
			if s.Status() == smpp.Connected {
				return nil
			}
			if s.Status() == smpp.BindFailed {
				return s.Error()
			}
		case <-deadline:
			return errors.New("no answer")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *application) close() { _ = a.smpp.Close() }

// submit sends a text that fits one segment and asks for a receipt. The error
// is the status that the gateway answered.
func (a *application) submit(to, text string) (id string, err error) {
	sm, err := a.smpp.Submit(&smpp.ShortMessage{
		Src: strings.TrimPrefix(demoLine, "+"), SourceAddrTON: gateway.TONInternational, SourceAddrNPI: gateway.NPIE164,
		Dst: strings.TrimPrefix(to, "+"), DestAddrTON: gateway.TONInternational, DestAddrNPI: gateway.NPIE164,
		Text: pdutext.GSM7(text), Register: pdufield.FinalDeliveryReceipt,
	})
	var status pdu.Status
	if errors.As(err, &status) {
		return "", fmt.Errorf("command_status 0x%02X (%w)", uint32(status), status)
	}
	if err != nil {
		return "", err
	}
	return sm.RespID(), nil
}

// take takes a deliver_sm, which the library has answered: a receipt or what a
// telephone wrote.
func (a *application) take(p pdu.Body) {
	if p.Header().ID != pdu.DeliverSMID {
		return
	}
	f := p.Fields()
	words := f[pdufield.ShortMessage].String()
	a.mu.Lock()
	defer a.mu.Unlock()
	var id, state string
	for field := range strings.FieldsSeq(words) {
		if v, ok := strings.CutPrefix(field, "id:"); ok {
			id = v
		}
		if v, ok := strings.CutPrefix(field, "stat:"); ok {
			state = v
		}
	}
	if id != "" && state != "" {
		a.receipts[id] = state
		return
	}
	a.messages = append(a.messages, "+"+f[pdufield.SourceAddr].String()+" "+words)
}

func (a *application) receipt(id string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.receipts[id]
}

// got reports whether a telephone's text has arrived.
func (a *application) got(from, words string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.messages {
		if m == from+" "+words {
			return true
		}
	}
	return false
}
