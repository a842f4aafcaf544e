package policy

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gatepost/gateway"
)

// levelType is the CEL type of LOW, MEDIUM and HIGH. Values of it are integers
// at run time, so that they compare; the type keeps a rule from comparing a
// level with a number.
func levelType() *cel.Type { return cel.OpaqueType("level") }

// variable is a name that rules can use.
type variable struct {
	name      string
	typ       *cel.Type
	recipient bool   // differs between the recipients of a message
	secret    bool   // text of people: never part of an explanation
	words     string // a phrase, and details for the documentation behind ";"
	value     func(*Judge) ref.Val
}

func (v variable) phrase() string {
	phrase, _, _ := strings.Cut(v.words, ";")
	return phrase
}

// variables is the vocabulary of variables.
func variables() []variable {
	str, boolean, integer := cel.StringType, cel.BoolType, cel.IntType
	return []variable{
		{"channel", str, false, false, "the channel; email or sms", func(j *Judge) ref.Val { return types.String(j.m.Channel.String()) }},
		{"sender.address", str, false, true, "the sender's address; of the envelope, in lower case", func(j *Judge) ref.Val { return address(j.m.Sender.Address, "") }},
		{"sender.domain", str, false, true, "the sender's domain", func(j *Judge) ref.Val { return types.String(j.m.Sender.Address.Domain()) }},
		{"sender.group", str, false, false, "the sender's group; the role of the account (staff, compliance, admin), empty without one", func(j *Judge) ref.Val { return types.String(j.m.Sender.Group) }},
		{"recipient.address", str, true, true, "the recipient's address; of an SMS the number in E.164 form", func(j *Judge) ref.Val { return address(j.r.Address, j.r.Number) }},
		{"recipient.domain", str, true, true, "the recipient's domain; empty for an SMS", func(j *Judge) ref.Val { return domain(j.r.Address) }},
		{"recipient.patient", boolean, true, false, "the recipient is a patient", func(j *Judge) ref.Val { return types.Bool(j.r.Patient) }},
		{"recipient.known", boolean, true, false, "the recipient is in the contacts", func(j *Judge) ref.Val { return types.Bool(j.r.Known) }},
		{"recipient.language", str, true, false, "the recipient's language; BCP 47, empty when unknown", func(j *Judge) ref.Val { return types.String(j.r.Language) }},
		{"recipient.sent_today", integer, true, false, "the number of SMS that the source address sent to the recipient in the last 24 hours; without this one, 0 for mail", func(j *Judge) ref.Val { return types.Int(j.r.SentToday) }},
		{"subject", str, false, true, "the subject", func(j *Judge) ref.Val { return types.String(j.reading.Subject.Reveal()) }},
		{"size", integer, false, false, "the size in octets", func(j *Judge) ref.Val { return types.Int(j.m.Size) }},
		{"list_id", str, false, true, "the List-Id", func(j *Judge) ref.Val { return types.String(j.reading.ListID) }},
		{"system_id", str, false, false, "the SMPP system_id", func(j *Judge) ref.Val { return types.String(j.m.SMPP.SystemID) }},
		{"service_type", str, false, false, "the SMPP service_type", func(j *Judge) ref.Val { return types.String(j.m.SMPP.ServiceType) }},
		{"source_address", str, false, true, "the SMPP source address", func(j *Judge) ref.Val { return types.String(j.m.SMPP.SourceAddress.Reveal()) }},
		{"tag.secure", boolean, false, false, "the sender asked for secure delivery", func(j *Judge) ref.Val { return types.Bool(j.m.TagsBind && j.asksSecure()) }},
		{"tag.pin", boolean, false, false, "the sender set a PIN", func(j *Judge) ref.Val { return types.Bool(j.m.TagsBind && j.reading.Tags.PIN != "") }},
		{"tag.urgent", boolean, false, false, "the sender marked it urgent", func(j *Judge) ref.Val { return types.Bool(j.m.TagsBind && j.reading.Tags.Urgent) }},
		{"thread.secured", boolean, true, false, "the conversation was secured before", func(j *Judge) ref.Val { return types.Bool(j.thread.Secured) }},
		{"thread.exists", boolean, true, false, "the message belongs to a conversation", func(j *Judge) ref.Val { return types.Bool(j.thread.Exists || j.thread.Secured) }},
		{"addressed_to_reader", boolean, false, false, "the text speaks to its reader about the topic", func(j *Judge) ref.Val { return types.Bool(j.detections.AddressedToReader) }},
		{"encrypted_mail", boolean, false, false, "the mail is encrypted already (S/MIME, PGP)", func(j *Judge) ref.Val { return types.Bool(j.reading.Encrypted) }},
		{"local_time", integer, false, false, "the hour at the organization; 0 to 23", func(j *Judge) ref.Val { return types.Int(j.m.Now.Hour()) }},
		{"weekend", boolean, false, false, "it is Saturday or Sunday", func(j *Judge) ref.Val {
			day := j.m.Now.Weekday()
			return types.Bool(day == time.Saturday || day == time.Sunday)
		}},
	}
}

func address(a gateway.Address, number gateway.Sensitive) ref.Val {
	switch {
	case a.IsNull():
		return types.String(number.Reveal())
	case a.IsPhone():
		return types.String(a.Phone().Reveal())
	}
	return types.String(a.Key())
}

// domain is that of mail: a telephone has none.
func domain(a gateway.Address) ref.Val {
	if a.IsPhone() {
		return types.String("")
	}
	return types.String(a.Domain())
}

// asksSecure reports whether the sender asked by tag, X-Gatepost-* field or
// Sensitivity (RFC 4021 section 2.1.55; mail clients spell both values).
func (j *Judge) asksSecure() bool {
	if j.reading.Tags.Secure {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(header(j.reading, "Sensitivity"))) {
	case "confidential", "company-confidential":
		return true
	}
	return false
}

// header is the value of the first field with this name, "" when absent.
func header(r *gateway.Reading, name string) string {
	for i := range r.Fields {
		if strings.EqualFold(r.Fields[i].Name, name) {
			return r.Fields[i].Value.Reveal()
		}
	}
	return ""
}

// declared reports what the sender says the message is. A campaign needs the
// word of staff or of the caller; list and bulk are plain header fields.
func (j *Judge) declared(kind string) bool {
	if slices.Contains(j.m.Declared, kind) {
		return true
	}
	precedence := strings.ToLower(strings.TrimSpace(header(j.reading, "Precedence")))
	switch kind {
	case "campaign":
		return j.m.TagsBind && header(j.reading, "X-Gatepost-Campaign") != ""
	case "list":
		return j.reading.ListID != "" || precedence == "list"
	case "bulk":
		return precedence == "bulk" || precedence == "junk"
	}
	return false
}

// Closed sets of words.

func levelNames() []string { return []string{"LOW", "MEDIUM", "HIGH"} }

func levelOf(name string) gateway.Level { return gateway.Level(1 + slices.Index(levelNames(), name)) }

func topicNames() []string { return []string{"health", "finance", "legal"} }

func kindNames() []string { return []string{"reminder", "marketing", "receipt", "one_time_code"} }

// Declarations lists what a sender can declare.
func Declarations() []string { return declaredNames() }

func declaredNames() []string { return []string{"campaign", "list", "bulk"} }

func unreadableNames() []string {
	return []string{
		gateway.UnreadableArchive, gateway.UnreadableDocument, gateway.UnreadableDamaged,
		gateway.UnreadableImageOnly, gateway.UnreadableContainer, gateway.UnreadableLimit,
	}
}

// nationalID is the class of all types of the form <cc>.<name>.
const nationalID = "national_id"

// alias is the name under which detection knows a type that has two.
func alias(typ string) string {
	switch typ {
	case "us.ssn":
		return "ssn"
	case "us.itin":
		return "itin"
	case "gb.nhs":
		return "nhs"
	}
	return typ
}

// BuiltinTypes lists the types of findings that a rule may name, besides
// national_id, the NationalTypes and the policy's own detectors.
func BuiltinTypes() []string {
	return []string{
		"ssn", "itin", "ein", "card", "card_security_code", "iban", "bic", "aba", "bank_account", "account",
		"passport", "drivers_licence", "mbi", "mrn", "health_plan_id", "nhs", "npi", "dea", "case_number",
		"name", "date_of_birth", "address", "phone", "email", "ip", "url",
		"password", "private_key", "token", "bitcoin", "ethereum",
	}
}

// NationalTypes lists the types of the form <cc>.<name>: numbers of persons that
// one country gives out. national_id stands for all of them.
func NationalTypes() []string {
	return []string{
		"au.medicare", "au.tfn", "ca.ab_phn", "ca.bc_phn", "ca.ohip", "ca.ramq", "ca.sin", "de.idnr", "de.kvnr",
		"es.dni", "es.nie", "fr.nir", "gb.nino", "in.aadhaar", "in.pan", "it.codicefiscale", "nl.bsn", "pl.pesel",
	}
}
