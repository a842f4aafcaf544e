package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSMSCarrierComesBack: with the schedule that is built in, whose retries
// begin at a minute, everything that was accepted while the carrier was away,
// throttled or cut its links is there soon after it is well again.
// GATEPOST_SMS_STORM is how long each kind of trouble lasts (deploy/test-long.sh).
func TestSMSCarrierComesBack(t *testing.T) {
	t.Parallel()
	last, soon := 3*time.Second, 30*time.Second
	if s := os.Getenv("GATEPOST_SMS_STORM"); s != "" {
		var err error
		last, err = time.ParseDuration(s)
		must(t, err)
		soon += 45 * time.Second // it is looked for every 30 s by then
	}
	s := newSMSSite(t, passAll, nil, "queue: {first_retry: 1m}", "sms:",
		"  accounts: [{system_id: clinic, password: {file: clinic.password}, senders: [\""+clinicNumber+"\"], inbox: frontdesk@clinic.example}]",
		"  upstream: {addr: \"%SMSC%\", system_id: gw, password: {file: upstream.password}, window: 20}", "  timers: {enquire_link: 2s, response: 1s}")
	a := startWindowApp(t, s.smpp)
	for _, trouble := range []struct {
		name       string
		begin, end []object
	}{
		{"down", []object{{"do": "stop"}, {"do": "close"}}, []object{{"do": "listen"}}},
		{"throttling", []object{{"do": "set", "status": 0x58, "count": -1}}, []object{{"do": "set", "count": 0}}},
		{"dropping", []object{{"do": "set", "drop": 5, "drops": true}}, []object{{"do": "set", "drop": 0, "drops": false}}},
	} {
		for _, c := range trouble.begin {
			s.carrier.do(c)
		}
		time.Sleep(last)
		taken := a.soFar()
		for _, c := range trouble.end {
			s.carrier.do(c)
		}
		ended := time.Now()
		s.carrier.arrived(taken, soon)
		t.Logf("%s for %v: %d texts by its end, all there after %.1f s", trouble.name, last, len(taken), time.Since(ended).Seconds())
	}
	a.settle(t)
	s.carrier.twice(s.carrier.arrived(a.soFar(), soon))
	if again := a.receipted(t, time.Minute); again != 0 {
		t.Errorf("%d receipts came again", again)
	}
	s.must("audit", "verify")
}

// smsSeeds are words that stand nowhere but in some short messages, and numbers.
var smsSeeds = map[string]string{
	"text":           "moonwort-word-4801",
	"long text":      "adderwort-word-4802",
	"wide text":      "pillwort-word-4803",
	"payload":        "butterwort-word-4804",
	"lonely part":    "awlwort-word-4805",
	"passed text":    "motherwort-word-4806",
	"answer":         "sneezewort-word-4807",
	"text from them": "figwort-word-4808",
	"number":         "15550148091",
	"other number":   "15550148092",
}

// TestSMSSecretsAppearNowhere: after whole journeys of short messages, secured
// ones and others, none of the words, nor numbers, PIN and link, stands in a
// log, a metric, an operator's output, or a file under data_dir or a backup;
// and of the secured ones the carrier saw none.
func TestSMSSecretsAppearNowhere(t *testing.T) {
	s := newSMSSite(t, "policy: seeds\ndefault: secure\non_error: hold\nrules:\n  - {id: p, reason: p, when: system_id == \"other\", then: pass}\n", nil)
	secrets := s.seededTexts(t)
	var hidden []string
	for what, word := range secrets {
		if !slices.Contains([]string{"passed text", "number", "other number", "PIN", "link"}, what) {
			hidden = append(hidden, word)
		}
	}
	noSecrets(t, s.carrier.submits(), hidden)
	backup := filepath.Join(s.dir, "backup")
	s.must("backup", backup)
	_, metrics := s.get("/metrics")
	said := map[string]string{"metrics": metrics, "keys of the store": s.must("store", "dump")}
	for _, args := range [][]string{{"audit", "verify"}, {"queue", "show", "nonsense"}, {"key", "list"}} {
		out, errs, _ := s.run(args...)
		said["gatepost "+strings.Join(args, " ")] = out + errs
	}
	content := maps.Clone(secrets)
	delete(content, "number") // an export names the persons
	delete(content, "other number")
	search(t, content, "evidence", []byte(s.must("audit", "export")))
	s.stop()
	said["log"] = s.log()
	for where, text := range said {
		search(t, secrets, where, []byte(text))
	}
	if n := searchFiles(t, secrets, s.data) + searchFiles(t, secrets, backup) + searchFiles(t, secrets, s.keys); n < 10 {
		t.Errorf("only %d files were looked at", n)
	}
}

// seededTexts sends the seeded texts in every wrapping, reads and answers a
// secured one, and returns what must not be found.
func (s *smsSite) seededTexts(t *testing.T) map[string]string {
	t.Helper()
	secrets := maps.Clone(smsSeeds)
	phone := "+" + smsSeeds["number"]
	a := s.app()
	pad := strings.Repeat(" Your visit is on Monday.", 10)
	send := func(x smsText) { x.from, x.to = clinicNumber, phone; a.Submit(x) }
	send(smsText{text: smsSeeds["text"] + pad[:30]})
	link := secured(t, s.carrier.waitSubmits(1))
	for _, x := range []smsText{
		{text: pad + smsSeeds["long text"] + pad},
		{text: pad + smsSeeds["long text"] + pad, how: "udh16", order: []int{3, 1, 4, 2}},
		{text: pad + smsSeeds["long text"] + pad, how: "sar"},
		{text: "Да. " + smsSeeds["wide text"] + pad, coding: "ucs2"},
		{text: smsSeeds["payload"] + pad, how: "payload"},
		{text: smsSeeds["lonely part"] + pad + pad, order: []int{1}},
	} {
		send(x)
	}
	s.carrier.waitSubmits(6) // one notice each, and none for the part that is alone
	startNodeApp(t, s.smpp, "other", longPassword).Submit(smsText{from: otherNumber, to: "+" + smsSeeds["other number"], text: smsSeeds["passed text"]})
	s.textTo("+"+smsSeeds["other number"], smsSeeds["passed text"])

	b := newBrowser(t)
	code := s.codeBySMS(phone)
	asked := b.submit(b.get(link), "code", "")
	secrets["PIN"], secrets["link"] = code(), link[strings.LastIndexByte(link, '/')+1:]
	opened := b.submit(asked, "pin", secrets["PIN"])
	if !strings.Contains(opened.body, smsSeeds["text"]) {
		t.Fatalf("the message did not open:\n%s", opened.body)
	}
	b.answer(opened, smsSeeds["answer"], nil)
	s.outside.wait(t, "frontdesk@clinic.example", 1)
	s.carrier.do(object{"do": "mo", "tag": "seed", "from": phone, "to": clinicNumber, "text": smsSeeds["text from them"]})
	s.carrier.wait(1, answerPatience, "delivered", func(e smsEvent) bool { return e.Tag == "seed" && e.Status == 0 })
	eventually(t, answerPatience, func() string {
		if n := len(s.outside.to("frontdesk@clinic.example")); n < 2 {
			return fmt.Sprintf("staff have %d mails", n)
		}
		return ""
	})
	return secrets
}
