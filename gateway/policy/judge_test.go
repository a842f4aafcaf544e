package policy

import (
	"testing"
	"time"

	"gatepost/gateway"
)

// monday is a working day at ten.
var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// quiet is a message that no rule of the default policy claims.
func quiet() Facts {
	return Facts{Message: Message{
		Sender:  Sender{Address: gateway.MustAddress("ann@clinic.example"), Group: "staff"},
		Reading: &gateway.Reading{}, Detections: &gateway.Detections{},
		Size: 1000, Now: monday, TagsBind: true,
	}, Recipient: Recipient{Address: gateway.MustAddress("Pat@Out.example"), Language: "en"}}
}

func findings(typ string, level gateway.Level, n int) []gateway.Finding {
	all := make([]gateway.Finding, n)
	for i := range all {
		all[i] = gateway.Finding{Type: typ, Level: level, Value: uint64(i)}
	}
	return all
}

func topic(name string, level gateway.Level) []gateway.TopicScore {
	return []gateway.TopicScore{{Name: name, Level: level}}
}

func field(name, value string) []gateway.Field {
	return []gateway.Field{{Name: name, Value: gateway.Sensitive(value)}}
}

// TestDefaultPolicy holds each line of the table that buyers ask for, with
// the facts that detection should come to.
func TestDefaultPolicy(t *testing.T) {
	p := Default()
	for _, v := range []struct {
		name   string
		facts  func(*Facts)
		action gateway.Action
		rule   string // the first that demanded it
	}{
		{"nothing", func(f *Facts) {}, gateway.Pass, ""},
		{"appointment", func(f *Facts) {
			f.Detections.Kinds, f.Detections.Topics, f.Recipient.Patient = []string{"reminder"}, topic("health", gateway.Medium), true
		}, gateway.Pass, "appointment"},
		{"appointment with a diagnosis", func(f *Facts) {
			f.Detections.Kinds, f.Detections.Topics, f.Recipient.Patient = []string{"reminder"}, topic("health", gateway.High), true
		}, gateway.Secure, "health"},
		{"appointment with an identifier", func(f *Facts) {
			f.Detections.Kinds, f.Detections.Findings = []string{"reminder"}, findings("mrn", gateway.High, 1)
		}, gateway.Secure, "ids"},
		{"campaign with consent", func(f *Facts) {
			f.Reading.Fields, f.Recipient.Consents = field("X-Gatepost-Campaign", "spring"), []string{"marketing"}
		}, gateway.Pass, ""},
		{"campaign without consent", func(f *Facts) { f.Reading.Fields = field("x-gatepost-campaign", "spring") }, gateway.Reject, "campaign"},
		{"health of nobody", func(f *Facts) { f.Detections.Topics = topic("health", gateway.High) }, gateway.Pass, ""},
		{"health of a patient", func(f *Facts) { f.Detections.Topics, f.Recipient.Patient = topic("health", gateway.Medium), true }, gateway.Secure, "health"},
		{"health, named", func(f *Facts) {
			f.Detections.Topics, f.Detections.Findings = topic("health", gateway.Medium), findings("name", gateway.Medium, 1)
		}, gateway.Secure, "health"},
		{"finance of the reader", func(f *Facts) {
			f.Detections.Topics, f.Detections.AddressedToReader = topic("finance", gateway.Medium), true
		}, gateway.Secure, "finance"},
		{"legal of the reader", func(f *Facts) {
			f.Detections.Topics, f.Detections.AddressedToReader = topic("legal", gateway.Medium), true
		}, gateway.Secure, "legal"},
		{"weak topic", func(f *Facts) { f.Detections.Topics, f.Recipient.Patient = topic("health", gateway.Low), true }, gateway.Pass, ""},
		{"identifier", func(f *Facts) { f.Detections.Findings = findings("ssn", gateway.Medium, 1) }, gateway.Secure, "ids"},
		{"weak identifier", func(f *Facts) { f.Detections.Findings = findings("ssn", gateway.Low, 1) }, gateway.Pass, ""},
		{"foreign number", func(f *Facts) { f.Detections.Findings = findings("pl.pesel", gateway.Medium, 1) }, gateway.Secure, "ids"},
		{"security code", func(f *Facts) { f.Detections.Findings = findings("card_security_code", gateway.High, 1) }, gateway.Reject, "cvv"},
		{"key", func(f *Facts) { f.Detections.Findings = findings("private_key", gateway.High, 1) }, gateway.Secure, "secrets"},
		{"ten identifiers", func(f *Facts) { f.Detections.Findings = findings("iban", gateway.High, 10) }, gateway.Hold, "bulk"},
		{"nine identifiers", func(f *Facts) { f.Detections.Findings = findings("iban", gateway.High, 9) }, gateway.Secure, "ids"},
		{"PIN", func(f *Facts) { f.Reading.Tags.PIN = "123456" }, gateway.Secure, "pin"},
		{"tag", func(f *Facts) { f.Reading.Tags.Secure = true }, gateway.Secure, "tag"},
		{"sensitivity", func(f *Facts) { f.Reading.Fields = field("Sensitivity", "Company-Confidential") }, gateway.Secure, "tag"},
		{"thread", func(f *Facts) { f.Thread.Secured = true }, gateway.Secure, "thread"},
		{"encrypted archive", func(f *Facts) { f.Reading.Unreadable = []gateway.Unreadable{{Kind: "encrypted_archive"}} }, gateway.Hold, "unreadable"},
		{"damaged document", func(f *Facts) { f.Reading.Unreadable = []gateway.Unreadable{{Kind: "damaged_document"}} }, gateway.Secure, "damaged"},
		{"encrypted mail", func(f *Facts) { f.Reading.Encrypted = true }, gateway.Pass, ""},
		{"date of birth alone", func(f *Facts) { f.Detections.Findings = findings("date_of_birth", gateway.High, 1) }, gateway.Pass, ""},
		{"read in two ways", func(f *Facts) { f.Reading.Uncertain = []string{"duplicate Content-Type"} }, gateway.Hold, ""},
		{"scan cut short", func(f *Facts) { f.Detections.Truncated = true }, gateway.Hold, ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			f := quiet()
			v.facts(&f)
			got := p.Judge(f)
			if got.Action != v.action {
				t.Fatalf("got %s by %v, want %s", got.Action, got.Rules, v.action)
			}
			if v.rule != "" && (len(got.Rules) == 0 || got.Rules[0] != v.rule) {
				t.Errorf("got it by %v, want %s", got.Rules, v.rule)
			}
		})
	}
}
