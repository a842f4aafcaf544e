package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	mimeparts "mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// smsSite is a gate between applications and the carrier, and the world of
// mail around it.
type smsSite struct {
	*gate
	carrier *smsCarrier
	outside *sink // staff and everybody else by mail
}

// passAll lets every text through.
const passAll = "policy: none\ndefault: pass\non_error: secure\nrules: []\n"

func newSMSSite(t *testing.T, policy string, carrier object, more ...string) *smsSite {
	t.Helper()
	needNodeSMPP(t)
	all := object{"system_id": "gw", "password": smsPassword}
	for k, v := range carrier {
		all[k] = v
	}
	s := &smsSite{carrier: startCarrier(t, all), outside: startSink(t, nil)}
	for i, m := range more {
		more[i] = strings.ReplaceAll(m, "%SMSC%", s.carrier.addr())
	}
	s.gate = newGate(t, settings{policy: policy, smsc: s.carrier.addr(), routes: []string{fmt.Sprintf("{domain: \"*\", via: %q, tls: none}", s.outside.addr)}, more: more}).start()
	s.carrier.wait(1, 30*time.Second, "bind", func(e smsEvent) bool { return e.Status == 0 })
	return s
}

// app is a node-smpp application that is bound to the gate as clinic.
func (s *smsSite) app(more ...object) *lineApp {
	s.t.Helper()
	return startNodeApp(s.t, s.smpp, "clinic", smsPassword, more...)
}

// TestSMSThroughGatepost: what the peers do without Gatepost they do through
// it: texts of every alphabet reach the carrier with the octets that the
// application's library made, receipts come under the ids that Gatepost gave,
// and texts from outside reach the application and, by mail, staff.
func TestSMSThroughGatepost(t *testing.T) {
	t.Parallel()
	for _, app := range smsApps {
		t.Run(app.name, func(t *testing.T) {
			s := newSMSSite(t, passAll, nil)
			control := startCarrier(t, nil)
			a, beside := app.start(t, s.smpp, "clinic", smsPassword), app.start(t, control.addr(), "clinic", smsPassword)
			for _, text := range smsAlphabets {
				if !text.speaks(app.name) {
					continue
				}
				text.from, text.to = clinicNumber, patient
				got, want := reaches(t, a, s.carrier, text), reaches(t, beside, control, text)
				sameSegments(t, app.name, got, want)
			}
			receiptsCome(t, a, s.carrier)
			mosCome(t, a, s.carrier)
			for n, words := range []string{"[really]", "приду", "question about it"} {
				mail := s.outside.wait(t, "frontdesk@clinic.example", n+1)
				if !strings.Contains(decoded(t, mail.raw), words) {
					t.Errorf("the mail to staff lacks %q:\n%s", words, mail.raw)
				}
			}
			s.must("audit", "verify")
		})
	}
}

// sameSegments compares segments with those that came without Gatepost. Parts
// may have come twice or in another order; go-smpp draws references at random.
func sameSegments(t *testing.T, app string, got, want []smsEvent) {
	t.Helper()
	shape := func(events []smsEvent) []string {
		var all []string
		for _, e := range events {
			f := e.smsFields
			f.Text, f.Registered = "", 0
			if ref, total, _ := e.place(); app == "go-smpp" && total > 1 {
				f.Octets = strings.Replace(f.Octets, ref, "....", 1)
			}
			all = append(all, fmt.Sprintf("%+v", f))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	if g, w := shape(got), shape(want); !slices.Equal(g, w) {
		t.Errorf("through Gatepost came\n%s\nwithout it came\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

// decoded are the texts of a mail with their transfer encodings taken off.
func decoded(t *testing.T, raw []byte) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	must(t, err)
	return part(t, textproto.MIMEHeader(m.Header), m.Body)
}

func part(t *testing.T, header textproto.MIMEHeader, body io.Reader) string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && strings.HasPrefix(kind, "multipart/") {
		var b strings.Builder
		parts := mimeparts.NewReader(body, params["boundary"])
		for p, err := parts.NextRawPart(); err == nil; p, err = parts.NextRawPart() {
			b.WriteString(part(t, p.Header, p) + "\n")
		}
		return b.String()
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	must(t, err)
	return string(text)
}

var smsCode = regexp.MustCompile(`\b[0-9]{6}\b`)

// codeBySMS waits for the next code that the carrier gets for a telephone.
func (s *smsSite) codeBySMS(phone string) func() string {
	n := len(s.codes(phone))
	return func() string {
		s.t.Helper()
		var code string
		eventually(s.t, answerPatience, func() string {
			all := s.codes(phone)
			if len(all) <= n {
				return "no code has come by SMS"
			}
			code = all[n]
			return ""
		})
		return code
	}
}

func (s *smsSite) codes(phone string) []string {
	var all []string
	for _, e := range s.carrier.submits() {
		if code := smsCode.FindString(e.Text); "+"+e.To == phone && code != "" && !smsLink.MatchString(e.Text) {
			all = append(all, code)
		}
	}
	return all
}

// TestSMSSecuredIsReadAndAnswered: the link of a notice opens with a code that
// comes by SMS, where only the telephone is known; the page shows the text; the
// answer reaches staff by mail, and its words no application.
func TestSMSSecuredIsReadAndAnswered(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, "", nil)
	a := s.app()
	long := "Your biopsy result is positive. " + strings.Repeat("The kestrel is well. ", 12)
	ids := a.Submit(smsText{from: clinicNumber, to: patient, text: long})
	link := secured(t, s.carrier.waitSubmits(1))
	eventually(t, answerPatience, func() string {
		if got := a.Receipts(); !slices.Contains(got, smsReceipt{ids[len(ids)-1], "DELIVRD"}) {
			return fmt.Sprintf("no receipt for the last of %v: %v", ids, got)
		}
		return ""
	})
	b := newBrowser(t)
	opened := b.open(link, s.codeBySMS(patient))
	if !strings.Contains(opened.body, strings.TrimSpace(long)) {
		t.Errorf("the page does not show the text:\n%s", opened.body)
	}
	if sent := b.answer(opened, "The goldfinch says thank you.", nil); sent.status != http.StatusOK {
		t.Fatalf("after the answer: %d\n%s", sent.status, sent.body)
	}
	if mail := s.outside.wait(t, "frontdesk@clinic.example", 1); !strings.Contains(decoded(t, mail.raw), "goldfinch") {
		t.Errorf("staff got\n%s", mail.raw)
	}
	for _, e := range a.told("deliver", nil) {
		if strings.Contains(e.raw, "goldfinch") || strings.Contains(e.raw, hex.EncodeToString([]byte("goldfinch"))) {
			t.Errorf("the application got the words of the answer: %s", e.raw)
		}
	}
	noSecrets(t, s.carrier.submits(), append(smsSecrets, "goldfinch"))
	states := map[string]int{}
	for _, r := range a.Receipts() {
		states[r.id]++
	}
	for id, n := range states {
		if n != 1 {
			t.Errorf("%d receipts for %s", n, id)
		}
	}
	s.must("audit", "verify")
}

// TestSMSConversation: a text from outside reaches staff; what they answer
// from the mail client reaches the telephone, secured in a conversation that
// is; mail to a number becomes SMS.
func TestSMSConversation(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, "", nil)
	a := s.app()
	a.Submit(smsText{from: clinicNumber, to: patient, text: "Your biopsy result is positive, please call."})
	secured(t, s.carrier.waitSubmits(1))
	s.carrier.do(object{"do": "mo", "from": patient, "to": clinicNumber, "text": "Can I come at ten?"})
	question := s.outside.wait(t, "frontdesk@clinic.example", 1)
	if text := decoded(t, question.raw); !strings.Contains(text, "Can I come at ten?") {
		t.Errorf("staff got\n%s", question.raw)
	}
	capability := address(t, question.header(t, "From"))
	accepted(t, s.relay, "frontdesk@clinic.example", []string{capability},
		newMail("Front Desk <frontdesk@clinic.example>", capability, "Re: "+question.header(t, "Subject"), "ten@clinic.example", "Yes, ten is fine, says the kestrel.\r\n", "In-Reply-To: "+question.header(t, "Message-ID")))
	answer := s.carrier.waitSubmits(2)[1:]
	link := secured(t, answer)
	noSecrets(t, answer, append(smsSecrets, "fine"))
	if "+"+answer[0].From != clinicNumber || "+"+answer[0].To != patient {
		t.Errorf("the answer went from %s to %s", answer[0].From, answer[0].To)
	}
	if opened := newBrowser(t).open(link, s.codeBySMS(patient)); !strings.Contains(opened.body, "ten is fine") {
		t.Errorf("the page does not show the answer:\n%s", opened.body)
	}
	const another = "+15550100888"
	accepted(t, s.relay, "ann@clinic.example", []string{another + "@sms.clinic.example"},
		newMail("Dr Ann <ann@clinic.example>", another+"@sms.clinic.example", "Parking", "parking@clinic.example", "Please park behind the house.\r\n"))
	s.textTo(another, "park behind the house")
	s.must("audit", "verify")
}

// textTo waits for a text with these words at the carrier.
func (s *smsSite) textTo(phone, words string) smsMO {
	s.t.Helper()
	var found smsMO
	eventually(s.t, answerPatience, func() string {
		for _, m := range s.carrier.texts() {
			if "+"+m.to == phone && strings.Contains(m.text, words) {
				found = m
				return ""
			}
		}
		return fmt.Sprintf("%s has not got %q: %q", phone, words, s.carrier.texts())
	})
	return found
}

// TestSMSStop: STOP is confirmed within seconds and refuses what comes
// afterwards; "Please stop by at 3" is no such word; START takes it back.
func TestSMSStop(t *testing.T) {
	t.Parallel()
	s := newSMSSite(t, passAll, nil)
	a := s.app()
	hello := smsText{from: clinicNumber, to: patient, text: "Your appointment is on Monday at 9:30."}
	a.Submit(hello)
	say := func(text string) int {
		n := len(s.carrier.submits())
		s.carrier.do(object{"do": "mo", "from": patient, "to": clinicNumber, "text": text})
		return n
	}
	say("Please stop by at 3")
	s.outside.wait(t, "frontdesk@clinic.example", 1)
	a.Submit(hello)
	n := len(s.carrier.waitSubmits(2))
	start := time.Now()
	say(" sToP! ")
	confirmed := s.carrier.waitSubmits(n + 1)[n]
	if took := time.Since(start); "+"+confirmed.To != patient || took > 10*time.Second {
		t.Errorf("confirmed after %v by %+v", took, confirmed.smsFields)
	}
	for _, e := range a.send(hello, 1) {
		if e.Status == 0 {
			t.Error("a text to someone who said STOP was taken")
		}
	}
	if other := startNodeApp(t, s.smpp, "other", longPassword); len(other.Submit(smsText{from: otherNumber, to: patient, text: "Your bill is ready."})) != 1 {
		t.Error("another sender's text was refused")
	}
	n = len(s.carrier.waitSubmits(n + 2))
	say("START")
	s.carrier.waitSubmits(n + 1)
	a.Submit(hello)
	if len(s.evidence("consent")) == 0 {
		t.Error("no evidence of the opt-out")
	}
	s.must("audit", "verify")
}
