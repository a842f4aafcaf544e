package flow

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/policy"
)

// JudgeCase judges one of a policy's own cases, or an example of a file.
func (j *Judge) JudgeCase(c policy.Case) gateway.Verdict {
	r := readingOf(c.Channel, c.Subject, c.Text, c.Headers)
	facts := j.facts(r, caseAddress(c.From, "staff@organization.example"), int64(len(c.Text)), workingDay(c.At), true)
	facts.SMPP, facts.Declared = c.SMPP, c.Declared
	to := policy.Recipient{
		Address: caseAddress(c.To, "someone@outside.example"), Known: c.Patient || len(c.Consents) > 0, Patient: c.Patient, Consents: c.Consents,
		SentToday: c.SentToday,
	}
	return j.policy.Prepare(facts).For(to, policy.Thread{Exists: c.ThreadSecured, Secured: c.ThreadSecured})
}

// workingDay is when examples are judged: an hour of some Thursday.
func workingDay(hour int) time.Time { return time.Date(1970, 1, 1, hour, 0, 0, 0, time.UTC) }

func caseAddress(s, otherwise string) gateway.Address {
	if a, err := gateway.PhoneAddress(s); err == nil {
		return a
	}
	if a, err := gateway.ParseAddress(s); err == nil && !a.IsNull() {
		return a
	}
	return gateway.MustAddress(otherwise)
}

// readingOf makes the reading of an example: subject and text are its parts,
// as they stand, so that offsets count in the example's own text.
func readingOf(channel gateway.Channel, subject, text string, fields []gateway.Field) *gateway.Reading {
	r := &gateway.Reading{Channel: channel}
	if channel == gateway.Email {
		var head bytes.Buffer
		oneLine := strings.NewReplacer("\r", " ", "\n", " ")
		for _, f := range append([]gateway.Field{{Name: "Subject", Value: gateway.Sensitive(subject)}}, fields...) {
			fmt.Fprintf(&head, "%s: %s\r\n", f.Name, oneLine.Replace(f.Value.Reveal()))
		}
		head.WriteString("\r\n")
		r = mailmsg.Read(head.Bytes())
		r.Uncertain, r.Unreadable = nil, nil // an example is text, not octets
	}
	r.Parts = nil
	if subject != "" {
		r.Parts = append(r.Parts, gateway.Part{Kind: gateway.PartSubject, Text: gateway.Sensitive(subject)})
	}
	r.Parts = append(r.Parts, gateway.Part{Kind: gateway.PartText, Path: "1", Text: gateway.Sensitive(text)})
	return r
}
