package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// These are the controls of the stories of short messages: the peers speak to
// each other with nothing between them, so whatever is missing in the other
// stories is Gatepost's doing.

const (
	clinicNumber = "+15550100200"
	otherNumber  = "+15550100300"
	patient      = "+15550100777"
	smsPassword  = "keptsafe" // Kannel cuts to the eight octets of SMPP v3.4 section 4.1.1
	longPassword = "kept-safe-for-long"
)

// smsAlphabets are texts that every alphabet of short messages is needed for.
var smsAlphabets = []smsText{
	{text: "Your appointment is on Monday at 9:30. Reply YES to confirm."},
	{text: "@£$¥ èéùìòÇ ØøÅå ΔΦΓΛΩΠΨΣΘΞ ÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà"},
	{text: "Fee: 12€ [room 4] {B} ~ ^ | \\ end"},
	{text: "Ärztin Müller, Straße 5: façade naïve", coding: "latin1"},
	{text: "Ваш приём в понедельник, 9:30. 月曜日 9:30 👩‍⚕️🏥", coding: "ucs2"},
	{text: strings.Repeat("Please bring your insurance card, [form A] and 5€. ", 40)}, // 2,000 characters and more
	{text: strings.Repeat("Приём перенесён 🏥🏥. ", 30), coding: "ucs2"},
	{text: strings.Repeat("Bitte nüchtern kommen, 5€. ", 20), how: "udh16"},
	{text: strings.Repeat("Kommen Sie später, möglichst früh. ", 20), how: "sar"},
	{text: strings.Repeat("A long payload of one message. ", 60), how: "payload"},
	{text: strings.Repeat("parts backwards and doubled. ", 20), order: []int{4, 2, 2, 3, 1, 4}},
	{text: "Şişli'deki randevunuz 9:30'da, İğne için ğ", table: 1},
	{text: "Mañana a las 9:30, teléfono en recepción: í ó ú á", table: 2},
	{text: "Não esqueça o cartão, às 9:30: ã õ ê", table: 3},
}

// speaks reports whether the application's library can say it so.
func (s smsText) speaks(app string) bool {
	switch app {
	case "node-smpp":
		return true
	case "Net-SMPP":
		return s.table == 0 && s.how != "sar" && s.how != "udh16"
	case "Kannel":
		return s.table == 0 && s.how == "" && s.order == nil && s.coding != "latin1"
	}
	// go-smpp cuts between an escape and what it escapes, and in surrogate pairs.
	return s.table == 0 && s.how == "" && s.order == nil && len(s.text) < 160
}

// reaches submits a text and says what the carrier saw of it.
func reaches(t *testing.T, app smsApp, carrier *smsCarrier, s smsText) []smsEvent {
	t.Helper()
	before := len(carrier.submits())
	texts := len(carrier.texts())
	app.Submit(s)
	eventually(t, answerPatience, func() string {
		all := carrier.texts()
		if len(all) <= texts || all[len(all)-1].text == "" {
			return "the carrier has not seen the text"
		}
		return ""
	})
	last := carrier.texts()[texts:]
	if len(last) != 1 || last[0].text != s.text || last[0].from != strings.TrimPrefix(s.from, "+") || last[0].to != strings.TrimPrefix(s.to, "+") {
		t.Errorf("the carrier read\n%q\nfor\n%q", last, s.text)
	}
	return carrier.submits()[before:]
}

// TestSMSPeersAlone: every application submits texts of every alphabet to the
// carrier, gets a receipt for each and texts from outside. Kannel loses a receipt
// that comes before it has written down the response: real ones come later.
func TestSMSPeersAlone(t *testing.T) {
	t.Parallel()
	for _, app := range smsApps {
		t.Run(app.name, func(t *testing.T) {
			carrier := startCarrier(t, object{"system_id": "clinic", "password": smsPassword, "receipt_delay": 100})
			a := app.start(t, carrier.addr(), "clinic", smsPassword)
			for _, s := range smsAlphabets {
				if s.speaks(app.name) {
					s.from, s.to = clinicNumber, patient
					reaches(t, a, carrier, s)
				}
			}
			receiptsCome(t, a, carrier)
			mosCome(t, a, carrier)
		})
	}
}

// receiptsCome: a receipt comes under the id that the submit was answered
// with.
func receiptsCome(t *testing.T, a smsApp, carrier *smsCarrier) {
	t.Helper()
	for _, ids := range []string{"dec", "zeros", "HEX", "hex"} {
		carrier.set(object{"ids": ids})
		sent := a.Submit(smsText{from: clinicNumber, to: patient, text: "Receipt, please: " + ids})
		eventually(t, answerPatience, func() string {
			if !slices.Contains(a.Receipts(), smsReceipt{sent[0], "DELIVRD"}) {
				return fmt.Sprintf("no receipt for %s among %v", sent[0], a.Receipts())
			}
			return ""
		})
	}
}

// mosCome: short and long texts from outside reach the application.
func mosCome(t *testing.T, a smsApp, carrier *smsCarrier) {
	t.Helper()
	for _, text := range []string{"Yes, I will come @ 9:30 [really]", "Да, приду 🏥", strings.Repeat("I have a question about it. ", 12) + "Thanks."} {
		carrier.do(object{"do": "mo", "from": patient, "to": clinicNumber, "text": text})
		want := smsMO{strings.TrimPrefix(patient, "+"), strings.TrimPrefix(clinicNumber, "+"), text}
		eventually(t, answerPatience, func() string {
			if !slices.Contains(a.MOs(), want) {
				return fmt.Sprintf("%q has not come, only %q", text, a.MOs())
			}
			return ""
		})
	}
}

// TestSMSCarrierMisbehaves: the carrier does what the stories about broken
// carriers will ask of it.
func TestSMSCarrierMisbehaves(t *testing.T) {
	t.Parallel()
	carrier := startCarrier(t, object{"receipt": "none"})
	a := startNodeApp(t, carrier.addr(), "any", "any", object{"again": 1})
	text := smsText{from: clinicNumber, to: patient, text: "x"}
	refused := func(name string, settings object, want int) {
		t.Helper()
		carrier.set(settings)
		carrier.settled()
		for _, e := range a.send(text, 1) {
			if e.Status != want {
				t.Errorf("%s: status 0x%x, want 0x%x", name, e.Status, want)
			}
		}
	}
	refused("throttled", object{"status": 0x58, "count": 1}, 0x58)
	refused("and then not", object{}, 0)
	refused("queue full", object{"status": 0x14, "count": 1}, 0x14)
	refused("nothing to refuse", object{"status": 0}, 0)

	start := time.Now()
	refused("late", object{"late": 1500}, 0)
	if took := time.Since(start); took < 1400*time.Millisecond {
		t.Errorf("a late answer came after %v", took)
	}
	carrier.set(object{"late": 0, "turn": 3})
	for i := range 3 {
		a.do(object{"do": "submit", "tag": fmt.Sprint("turn", i), "from": text.from, "to": text.to, "text": "x"})
	}
	turned := func(e smsEvent) bool { return strings.HasPrefix(e.Tag, "turn") }
	if got := a.wait(3, answerPatience, "resp", turned); got[0].Tag != "turn2" || got[2].Tag != "turn0" {
		t.Errorf("answers out of order came as %v", got)
	}

	carrier.set(object{"turn": 0, "drop": 2})
	closed := len(a.told("closed", nil))
	for range 2 {
		a.do(object{"do": "submit", "tag": "dropped", "from": text.from, "to": text.to, "text": "x"})
	}
	a.wait(closed+1, answerPatience, "closed", nil)
	a.wait(2, answerPatience, "bound", nil)
	if got := a.told("resp", func(e smsEvent) bool { return e.Tag == "dropped" }); len(got) != 0 {
		t.Errorf("a link that was cut answered %v", got)
	}

	carrier.set(object{"hang": true})
	a.do(object{"do": "submit", "tag": "hung", "from": text.from, "to": text.to, "text": "x"})
	time.Sleep(500 * time.Millisecond)
	if got := a.told("resp", func(e smsEvent) bool { return e.Tag == "hung" }); len(got) != 0 {
		t.Errorf("a carrier that hangs answered %v", got)
	}
	carrier.set(object{"hang": false})
	a.wait(1, answerPatience, "resp", func(e smsEvent) bool { return e.Tag == "hung" })
}

// settled waits until the commands so far were carried out.
func (c *smsCarrier) settled() {
	c.t.Helper()
	n := len(c.told("pong", nil))
	c.do(object{"do": "ping"})
	c.wait(n+1, answerPatience, "pong", nil)
}

// TestSMSReceiptsOfTheCarrier: the ways in which carriers send receipts.
func TestSMSReceiptsOfTheCarrier(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		settings object
		want     []string // states
	}{
		"before the response": {object{"receipt": "before"}, []string{"DELIVRD"}},
		"twice":               {object{"times": 2}, []string{"DELIVRD", "DELIVRD"}},
		"parameters only":     {object{"form": "tlv"}, []string{"DELIVRD"}},
		"text only":           {object{"form": "text"}, []string{"DELIVRD"}},
		"intermediate first":  {object{"intermediate": true}, []string{"ENROUTE", "DELIVRD"}},
		"failed":              {object{"state": "UNDELIV"}, []string{"UNDELIV"}},
	} {
		t.Run(name, func(t *testing.T) {
			carrier := startCarrier(t, v.settings)
			a := startNodeApp(t, carrier.addr(), "any", "any")
			id := a.Submit(smsText{from: clinicNumber, to: patient, text: "x"})[0]
			eventually(t, answerPatience, func() string {
				if got := a.Receipts(); len(got) < len(v.want) {
					return fmt.Sprint(got)
				}
				return ""
			})
			for i, r := range a.Receipts() {
				if r != (smsReceipt{id, v.want[i]}) {
					t.Errorf("receipt %d is %v, want %s for %s", i, r, v.want[i], id)
				}
			}
			a.mu.Lock()
			first := a.events[1] // after the bind
			a.mu.Unlock()
			if (first.Event == "deliver") != (v.settings["receipt"] == "before") {
				t.Errorf("the first thing that came is %q", first.Event)
			}
		})
	}
}
