package e2e

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// smsText is what an application submits.
type smsText struct {
	from, to string // "+15551234567", "12345" or a name
	text     string
	coding   string // gsm, latin1, ucs2; empty: what the application's library chooses
	how      string // udh8 (also empty), udh16, sar, payload
	table    int    // national language: 1 Turkish, 2 Spanish, 3 Portuguese
	order    []int  // the parts to send, from 1; empty: each once
}

// smsReceipt is a delivery receipt as an application saw it.
type smsReceipt struct{ id, state string }

// smsMO is a text that came from outside, put together.
type smsMO struct{ from, to, text string }

// smsApp is an application that binds as a transceiver.
type smsApp interface {
	// Submit asks for a receipt, waits until every part was answered with
	// status 0 and returns the ids; what is not answered so fails the test.
	Submit(smsText) []string
	Receipts() []smsReceipt // of final and intermediate states
	MOs() []smsMO           // those that are whole
}

// smsApps are the real peers that submit.
var smsApps = []struct {
	name  string
	start func(t *testing.T, addr, systemID, password string) smsApp
}{
	{"node-smpp", func(t *testing.T, addr, id, password string) smsApp { return startNodeApp(t, addr, id, password) }},
	{"Net-SMPP", startPerlApp},
	{"Kannel", startKannel},
	{"go-smpp", startFiorix},
}

var answerPatience = 60 * time.Second

// lineApp is an application that speaks lines of JSON: node-smpp and Net::SMPP.
type lineApp struct {
	*talker
	tags int
}

func startNodeApp(t *testing.T, addr, systemID, password string, more ...object) *lineApp {
	t.Helper()
	needNodeSMPP(t)
	host, port, _ := strings.Cut(addr, ":")
	options := object{"host": host, "port": number(t, port), "system_id": systemID, "password": password}
	for _, m := range more {
		for k, v := range m {
			options[k] = v
		}
	}
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return bound(&lineApp{talker: startTalker(t, "node-smpp", "node", "smspeers/app.js", string(raw))})
}

func startPerlApp(t *testing.T, addr, systemID, password string) smsApp {
	t.Helper()
	needProgram(t, "perl")
	if _, err := output(t, time.Minute, "perl", "-MNet::SMPP", "-e1"); err != nil {
		missing(t, "Net::SMPP is not installed")
	}
	host, port, _ := strings.Cut(addr, ":")
	return bound(&lineApp{talker: startTalker(t, "Net::SMPP", "perl", "smspeers/app.pl", host, port, systemID, password, "transceiver")})
}

func bound(a *lineApp) *lineApp {
	a.t.Helper()
	if e := a.wait(1, 30*time.Second, "bound", nil)[0]; e.Status != 0 {
		a.t.Fatalf("%s: bind was answered with 0x%x", a.name, e.Status)
	}
	return a
}

// send submits and returns the responses to the parts, whatever they say.
func (a *lineApp) send(s smsText, parts int) []smsEvent {
	a.t.Helper()
	a.tags++
	tag := strconv.Itoa(a.tags)
	command := object{"do": "submit", "tag": tag, "from": s.from, "to": s.to, "text": s.text, "coding": s.coding, "how": s.how, "receipt": 1}
	if s.table != 0 {
		command["table"] = s.table
	}
	if s.order != nil {
		command["order"] = s.order
	}
	a.do(command)
	mine := func(e smsEvent) bool { return e.Tag == tag }
	if parts == 0 {
		parts = a.wait(1, answerPatience, "resp", mine)[0].Parts
	}
	return a.wait(parts, answerPatience, "resp", mine)
}

// Submit implements smsApp.
func (a *lineApp) Submit(s smsText) []string {
	a.t.Helper()
	var ids []string
	for _, e := range a.send(s, 0) {
		if e.Status != 0 || e.id() == "" {
			a.t.Fatalf("%s: part %d was answered with status 0x%x and id %q", a.name, e.Part, e.Status, e.id())
		}
		ids = append(ids, e.id())
	}
	return ids
}

// deliveries are the deliver_sm that were answered with 0.
func (a *lineApp) deliveries(receipts bool) []smsEvent {
	return a.told("deliver", func(e smsEvent) bool { return string(e.Answered) == "0" && e.isReceipt() == receipts })
}

// Receipts implements smsApp.
func (a *lineApp) Receipts() []smsReceipt {
	var all []smsReceipt
	for _, e := range a.deliveries(true) {
		all = append(all, receiptFrom(e.Text, e.Receipted, e.State))
	}
	return all
}

// MOs implements smsApp.
func (a *lineApp) MOs() []smsMO { return joined(a.deliveries(false)) }

// isReceipt reports what esm_class says (SMPP v3.4 section 5.2.12).
func (e smsEvent) isReceipt() bool { return e.ESMClass&0x3C == 0x04 || e.ESMClass&0x3C == 0x20 }

var (
	receiptID   = regexp.MustCompile(`\bid:(\S+)`)
	receiptStat = regexp.MustCompile(`\bstat:(\S+)`)
	smsStates   = []string{"", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"}
)

// receiptFrom reads a receipt's text and parameters; where they contradict
// each other both are told.
func receiptFrom(text, tlvID string, tlvState int) smsReceipt {
	var r smsReceipt
	if m := receiptID.FindStringSubmatch(text); m != nil {
		r.id = m[1]
	}
	if m := receiptStat.FindStringSubmatch(text); m != nil {
		r.state = m[1]
	}
	if tlvID != "" && tlvID != r.id {
		r.id = strings.Trim(r.id+"|"+tlvID, "|")
	}
	if tlvState > 0 && tlvState < len(smsStates) && smsStates[tlvState] != r.state {
		r.state = strings.Trim(r.state+"|"+smsStates[tlvState], "|")
	}
	return r
}
