package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
)

// mustLoad loads a policy that is written in a test.
func mustLoad(t testing.TB, src string) *Policy {
	t.Helper()
	p, err := Load("p.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return p
}

// rulesOf is a policy around rules, written as they stand in a file.
func rulesOf(rules ...string) string {
	return "policy: p\ndefault: pass\nlists: {partners: [Lab.example, other.example]}\nrules:\n  - " + strings.Join(rules, "\n  - ") + "\n"
}

func when(condition string) string {
	return rulesOf("id: r\n    reason: R\n    when: >-\n      " + condition + "\n    then: secure")
}

// words has, for each word of the vocabulary, a condition that does not hold
// for a quiet message and the fact that makes it hold.
func words() map[string][]wordCase {
	d, r := func(set func(*gateway.Detections)) func(*Facts) { return func(f *Facts) { set(f.Detections) } },
		func(set func(*gateway.Reading)) func(*Facts) { return func(f *Facts) { set(f.Reading) } }
	return map[string][]wordCase{
		"channel":        {{`channel == "sms"`, func(f *Facts) { f.Channel = gateway.SMS }}},
		"sender.address": {{`sender.address == "bob@clinic.example"`, func(f *Facts) { f.Sender.Address = gateway.MustAddress("Bob@Clinic.example") }}},
		"sender.domain":  {{`sender.domain == "lab.example"`, func(f *Facts) { f.Sender.Address = gateway.MustAddress("x@LAB.example") }}},
		"sender.group":   {{`sender.group == "billing"`, func(f *Facts) { f.Sender.Group = "billing" }}},
		"recipient.address": {{`recipient.address == "sue@lab.example"`, func(f *Facts) { f.Recipient.Address = gateway.MustAddress("Sue@lab.example") }}, {`recipient.address.startsWith("+1")`, func(f *Facts) { f.Recipient.Address, f.Recipient.Number = gateway.Address{}, "+15550001111" }}, {`recipient.address == "+15550001111" && recipient.domain == ""`, func(f *Facts) {
			f.Channel, f.Recipient.Address = gateway.SMS, gateway.MustAddress("+15550001111@phone.invalid")
		}}},
		"recipient.domain":   {{`recipient.domain == "lab.example"`, func(f *Facts) { f.Recipient.Address = gateway.MustAddress("x@lab.example") }}},
		"recipient.patient":  {{`recipient.patient`, func(f *Facts) { f.Recipient.Patient = true }}},
		"recipient.known":    {{`recipient.known`, func(f *Facts) { f.Recipient.Known = true }}},
		"recipient.language": {{`recipient.language == "de"`, func(f *Facts) { f.Recipient.Language = "de" }}},
		"recipient.consents": {{`recipient.consents("marketing")`, func(f *Facts) { f.Recipient.Consents = []string{"sms", "marketing"} }}},
		"recipient.sent_today": {
			{`recipient.sent_today >= 3`, func(f *Facts) { f.Recipient.SentToday = 3 }},
			{`channel == "sms" && recipient.sent_today > 2`, func(f *Facts) { f.Channel, f.Recipient.SentToday = gateway.SMS, 3 }},
		},
		"subject": {{`subject.matches("(?i)invoice [0-9]+")`, r(func(r *gateway.Reading) { r.Subject = "Your INVOICE 12" })}},
		"size":    {{`size > 5000`, func(f *Facts) { f.Size = 5001 }}},
		"header": {{`header("X-Template") == "results"`, r(func(r *gateway.Reading) {
			r.Fields = append(field("x-template", "results"), field("X-Template", "b")...)
		})}},
		"list_id":             {{`list_id == "news.clinic.example"`, r(func(r *gateway.Reading) { r.ListID = "news.clinic.example" })}},
		"system_id":           {{`system_id == "esme1"`, func(f *Facts) { f.SMPP.SystemID = "esme1" }}},
		"service_type":        {{`service_type == "OTP"`, func(f *Facts) { f.SMPP.ServiceType = "OTP" }}},
		"source_address":      {{`source_address == "CLINIC"`, func(f *Facts) { f.SMPP.SourceAddress = "CLINIC" }}},
		"tag.secure":          {{`tag.secure`, r(func(r *gateway.Reading) { r.Tags.Secure = true })}, {`tag.secure`, r(func(r *gateway.Reading) { r.Fields = field("Sensitivity", " Confidential ") })}},
		"tag.pin":             {{`tag.pin`, r(func(r *gateway.Reading) { r.Tags.PIN = "123456" })}},
		"tag.urgent":          {{`tag.urgent`, r(func(r *gateway.Reading) { r.Tags.Urgent = true })}},
		"thread.secured":      {{`thread.secured`, func(f *Facts) { f.Thread.Secured = true }}},
		"thread.exists":       {{`thread.exists`, func(f *Facts) { f.Thread.Exists = true }}},
		"addressed_to_reader": {{`addressed_to_reader`, d(func(d *gateway.Detections) { d.AddressedToReader = true })}},
		"encrypted_mail":      {{`encrypted_mail`, r(func(r *gateway.Reading) { r.Encrypted = true })}},
		"local_time":          {{`local_time >= 22 || local_time < 7`, func(f *Facts) { f.Now = time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC) }}},
		"weekend":             {{`weekend`, func(f *Facts) { f.Now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }}},
		"lists.partners":      {{`recipient.domain in lists.partners`, func(f *Facts) { f.Recipient.Address = gateway.MustAddress("x@lab.example") }}, {`lists.partners.exists(d, recipient.domain.endsWith("." + d))`, func(f *Facts) { f.Recipient.Address = gateway.MustAddress("x@mail.other.example") }}},
		"found": {
			{`found(["iban", "card"], MEDIUM)`, d(func(d *gateway.Detections) { d.Findings = findings("card", gateway.Medium, 1) })},
			{`found(["national_id"], HIGH)`, d(func(d *gateway.Detections) { d.Findings = findings("es.nif", gateway.High, 1) })},
			{`found(["us.ssn"], LOW)`, d(func(d *gateway.Detections) { d.Findings = findings("ssn", gateway.Low, 1) })},
			{`found(["nhs"], LOW)`, d(func(d *gateway.Detections) { d.Findings = findings("gb.nhs", gateway.Low, 1) })},
		},
		"count": {
			{`count(["ssn", "card"]) == 3`, d(func(d *gateway.Detections) {
				d.Findings = append(findings("ssn", gateway.Medium, 3), append(findings("ssn", gateway.High, 2), findings("iban", gateway.High, 9)...)...)
			})},
			{`count(["ssn"], HIGH) == 2`, d(func(d *gateway.Detections) {
				d.Findings = append(findings("ssn", gateway.Medium, 5), findings("ssn", gateway.High, 2)...)
			})},
		},
		"topic": {{`topic("legal") >= MEDIUM`, d(func(d *gateway.Detections) {
			d.Topics = append(topic("health", gateway.High), topic("legal", gateway.Medium)...)
		})}},
		"kind": {{`kind("one_time_code")`, d(func(d *gateway.Detections) { d.Kinds = []string{"reminder", "one_time_code"} })}},
		"declared": {
			{`declared("campaign")`, r(func(r *gateway.Reading) { r.Fields = field("X-Gatepost-Campaign", "spring") })},
			{`declared("campaign")`, func(f *Facts) { f.Declared = []string{"campaign"} }},
			{`declared("list")`, r(func(r *gateway.Reading) { r.ListID = "news" })},
			{`declared("bulk")`, r(func(r *gateway.Reading) { r.Fields = field("precedence", "BULK") })},
		},
		"unreadable": {{`unreadable(["image_only", "limit"])`, r(func(r *gateway.Reading) { r.Unreadable = []gateway.Unreadable{{Kind: "limit"}} })}},
		"LOW":        {{`topic("health") == LOW`, d(func(d *gateway.Detections) { d.Topics = topic("health", gateway.Low) })}},
		"MEDIUM":     {{`topic("health") == MEDIUM`, d(func(d *gateway.Detections) { d.Topics = topic("health", gateway.Medium) })}},
		"HIGH":       {{`topic("health") == HIGH`, d(func(d *gateway.Detections) { d.Topics = topic("health", gateway.High) })}},
	}
}

type wordCase struct {
	condition string
	fact      func(*Facts)
}

// TestEveryWord: each word of the vocabulary says what the documentation says,
// and no word is without a test.
func TestEveryWord(t *testing.T) {
	tested := words()
	for name, cases := range tested {
		for i, c := range cases {
			t.Run(fmt.Sprintf("%s %d", name, i), func(t *testing.T) {
				p := mustLoad(t, when(c.condition))
				f := quiet()
				if v := p.Judge(f); v.Action != gateway.Pass || v.Failed {
					t.Fatalf("%s holds for a quiet message: %+v", c.condition, v.Results)
				}
				c.fact(&f)
				if v := p.Judge(f); v.Action != gateway.Secure || v.Failed {
					t.Fatalf("%s does not hold: %+v", c.condition, v.Results)
				}
			})
		}
	}
	p, err := newCompiler(&document{reader: &reader{}, lists: map[string]wordList{}}, BuiltinTypes())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range p.names() {
		if tested[strings.TrimSpace(name)] == nil {
			t.Errorf("%s has no test", name)
		}
	}
}

// TestEveryClosedWord: what may stand inside the quotes, each of it, and
// nothing else.
func TestEveryClosedWord(t *testing.T) {
	for condition, known := range map[string][]string{
		`topic("%s") >= LOW`:       {"health", "finance", "legal"},
		`kind("%s")`:               {"reminder", "marketing", "receipt", "one_time_code"},
		`declared("%s")`:           {"campaign", "list", "bulk"},
		`unreadable(["%s"])`:       {"encrypted_archive", "encrypted_document", "damaged_document", "image_only", "unknown_container", "limit"},
		`found(["%s"], MEDIUM)`:    append(BuiltinTypes(), "national_id", "us.ssn", "us.itin", "gb.nhs", "fr.nir"),
		`count(["%s"], HIGH) > 1`:  {"ssn", "national_id"},
		`recipient.consents("%s")`: {"marketing", "any word"},
	} {
		for _, word := range known {
			mustLoad(t, when(fmt.Sprintf(condition, word)))
		}
		if strings.HasPrefix(condition, "recipient") {
			continue
		}
		if _, err := Load("p.yaml", []byte(when(fmt.Sprintf(condition, "zebra")))); err == nil {
			t.Errorf("%s takes any word", condition)
		}
	}
}

// TestTagsBindStaffOnly: what a stranger writes into a subject or a field is text.
func TestTagsBindStaffOnly(t *testing.T) {
	p := mustLoad(t, when(`tag.secure || tag.pin || tag.urgent || declared("campaign")`))
	f := quiet()
	f.Reading.Tags = gateway.Tags{Secure: true, Urgent: true, PIN: "123456", Expires: 3}
	f.Reading.Fields = append(field("Sensitivity", "Company-Confidential"), field("X-Gatepost-Campaign", "x")...)
	if v := p.Judge(f); v.Action != gateway.Secure || v.Options.PIN != "sender" || v.Options.Expires != 72*time.Hour {
		t.Fatalf("staff's tags: %s %+v", v.Action, v.Options)
	}
	f.TagsBind = false
	if v := p.Judge(f); v.Action != gateway.Pass || v.Options != (gateway.Options{}) {
		t.Fatalf("a stranger's tags bind: %s %+v", v.Action, v.Options)
	}
}

// TestMacrosOfCEL: lists can be walked, conditions be nested, names be given.
func TestMacrosOfCEL(t *testing.T) {
	for _, condition := range []string{
		`["a", "b"].exists(x, x == sender.group) || !(size < 0)`,
		`["staff"].all(x, sender.group == x)`,
		`["a", sender.group].filter(x, x == "staff").size() == 1`,
		`lists.partners.map(d, "@" + d).size() == 2`,
		`["staff", "admin"].exists_one(g, g == sender.group)`,
		`(recipient.patient ? size > 10 : size == 1000) && true`,
		`channel in ["email"] && sender.address.contains("@") && subject == ""`,
	} {
		if v := mustLoad(t, when(condition)).Judge(quiet()); v.Action != gateway.Secure {
			t.Errorf("%s: %s %+v", condition, v.Action, v.Results)
		}
	}
}

func TestDefinesMayStandInAnyOrder(t *testing.T) {
	p := mustLoad(t, `policy: p
default: pass
define:
  big: limit_reached && size > least
  limit_reached: size >= least
  least: 500 + 500
rules:
  - {id: r, reason: R, when: big || limit_reached, then: hold}
`)
	f := quiet()
	if v := p.Judge(f); v.Action != gateway.Hold {
		t.Errorf("got %s", v.Action)
	}
	f.Size = 999
	if v := p.Judge(f); v.Action != gateway.Pass {
		t.Errorf("got %s", v.Action)
	}
}

func TestOwnDetectorsAreTypes(t *testing.T) {
	p := mustLoad(t, `policy: p
default: pass
own_identifiers: ["+1 555 000 1111", 4711]
detectors:
  codeword: {words: [zebraquartz]}
  patient_no: {pattern: 'PN-[0-9]{7}', literal: "PN-"}
rules:
  - {id: r, reason: R, when: 'found(["codeword", "patient_no"], MEDIUM)', then: secure}
`)
	want := []gateway.OwnDetector{{Name: "codeword", Words: []string{"zebraquartz"}}, {Name: "patient_no", Pattern: "PN-[0-9]{7}", Literal: "PN-"}}
	if got := p.Detectors(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v", got)
	}
	if got := p.OwnIdentifiers(); !slices.Equal(got, []string{"+1 555 000 1111", "4711"}) {
		t.Errorf("got %q", got)
	}
	f := quiet()
	f.Detections.Findings = findings("patient_no", gateway.High, 1)
	if v := p.Judge(f); v.Action != gateway.Secure {
		t.Errorf("got %s", v.Action)
	}
}
