package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/policy"
)

// example is one line of a file of examples. What it shares with a test of the
// policy has the same name and means the same.
type example struct {
	ID            string            `json:"id"`
	Channel       string            `json:"channel"` // email, as when absent, or sms
	Subject       string            `json:"subject"`
	Text          string            `json:"text"`
	Mode          string            `json:"mode"` // standard or secure, "" when not labelled
	Headers       map[string]string `json:"headers"`
	From          string            `json:"from"`
	To            string            `json:"to"`
	Patient       bool              `json:"patient"`
	Consents      []string          `json:"consents"`
	ThreadSecured bool              `json:"thread_secured"`
	At            *int              `json:"at"` // hour; noon when absent
	SentToday     int               `json:"sent_today"`
	SystemID      string            `json:"system_id"`
	ServiceType   string            `json:"service_type"`
	SourceAddress string            `json:"source_address"`
	Declared      []string          `json:"declared"`
}

// exampleKeys are the keys of an example that say something to the judge, with
// what their values must be.
func exampleKeys() map[string]string {
	const text, truth, texts, number = "a text", "true or false", "a list of texts", "a whole number"
	return map[string]string{
		"id": text, "channel": text, "subject": text, "text": text, "mode": text, "from": text, "to": text,
		"headers": "names with texts", "patient": truth, "thread_secured": truth, "consents": texts, "declared": texts,
		"at": number, "sent_today": number, "system_id": text, "service_type": text, "source_address": text,
	}
}

// noteKeys are what labelled collections write beside an example, about where
// it is from and what is in it. The judge does not look at them.
func noteKeys() []string {
	return []string{
		"lang", "entities", "exhaustive_types", "types_present", "negative_for", "rule", "labelled_by", "source", "unit",
		"weak_without_context", "group", "service", "acts", "orig_label", "health", "section", "domain", "icd9", "gl_rule", "template",
	}
}

// read says what is wrong with a line. It quotes nothing but names of keys:
// examples may be real messages.
func (e *example) read(line []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &members) != nil || members == nil {
		return "not a JSON object with id, channel, subject and text"
	}
	keys := exampleKeys()
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if keys[key] == "" && !slices.Contains(noteKeys(), key) {
			return unknownKey(key)
		}
	}
	err := json.Unmarshal(line, e)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		key, _, _ := strings.Cut(wrong.Field, ".")
		kind, _, _ := strings.Cut(wrong.Value, " ") // "number 1.5" would quote
		return fmt.Sprintf("%s must be %s, not %s", key, keys[key], kind)
	}
	if err != nil {
		return "not a JSON object with id, channel, subject and text"
	}
	return e.check()
}

// check says which value is none that its key can have.
func (e *example) check() string {
	declared := policy.Declarations()
	switch {
	case e.Channel != "" && e.Channel != "email" && e.Channel != "sms":
		return "channel must be email or sms"
	case e.Mode != "" && e.Mode != "standard" && e.Mode != "secure":
		return "mode must be standard or secure"
	case !exampleAddress(e.From):
		return "from is no address"
	case !exampleAddress(e.To):
		return "to is no address"
	case e.At != nil && (*e.At < 0 || *e.At > 23):
		return "at must be an hour, 0 to 23"
	case e.SentToday < 0:
		return "sent_today must not be negative"
	case slices.ContainsFunc(e.Declared, func(d string) bool { return !slices.Contains(declared, d) }):
		return "declared can hold " + strings.Join(declared, ", ")
	}
	return ""
}

// exampleAddress reports whether s, which is empty for anybody, is an address
// of mail or a telephone number.
func exampleAddress(s string) bool {
	if _, err := gateway.PhoneAddress(s); err == nil || s == "" {
		return true
	}
	a, err := gateway.ParseAddress(s)
	return err == nil && !a.IsNull()
}

var keyForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,30}$`)

// unknownKey says that a key is unknown and which one may be meant. What does
// not look like a name may be a piece of a message and is not shown.
func unknownKey(key string) string {
	known := slices.Sorted(maps.Keys(exampleKeys()))
	if !keyForm.MatchString(key) {
		return "a key that is unknown; known are " + strings.Join(known, ", ")
	}
	if best := policy.Nearest(key, append(known, noteKeys()...)); best != "" {
		return fmt.Sprintf("unknown key %q; did you mean %q?", key, best)
	}
	if key == "expect" || key == "label" {
		return fmt.Sprintf("unknown key %q; mode says what an example should be: standard or secure", key)
	}
	return fmt.Sprintf("unknown key %q; known are %s", key, strings.Join(known, ", "))
}

// asCase makes e what it would be as a test of the policy.
func (e *example) asCase() policy.Case {
	c := policy.Case{
		Text: e.Text, Subject: e.Subject, From: e.From, To: e.To, Patient: e.Patient, Consents: e.Consents, ThreadSecured: e.ThreadSecured,
		At: policy.Noon, SentToday: e.SentToday, Declared: e.Declared,
		SMPP: policy.SMPP{SystemID: e.SystemID, ServiceType: e.ServiceType, SourceAddress: gateway.Sensitive(e.SourceAddress)},
	}
	if e.Channel == "sms" {
		c.Channel = gateway.SMS
	}
	if e.At != nil {
		c.At = *e.At
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		c.Headers = append(c.Headers, gateway.Field{Name: name, Value: gateway.Sensitive(e.Headers[name])})
	}
	return c
}
