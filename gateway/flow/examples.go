package flow

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/policy"
)

// maxExample bounds one line of a file of examples; octets.
const maxExample = 16 << 20

// example is one line of a file of examples.
type example struct {
	ID      string `json:"id"`
	Channel string `json:"channel"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Mode    string `json:"mode"` // standard or secure, "" when not labelled
}

// JudgeCase judges one of a policy's own cases.
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

func (j *Judge) judgeExample(e example) gateway.Verdict {
	channel := gateway.Email
	if e.Channel == "sms" {
		channel = gateway.SMS
	}
	r := readingOf(channel, e.Subject, e.Text, nil)
	facts := j.facts(r, gateway.MustAddress("staff@organization.example"), int64(len(e.Text)), workingDay(12), true)
	return j.policy.Prepare(facts).For(policy.Recipient{Address: gateway.MustAddress("someone@outside.example")}, policy.Thread{})
}

// eachExample calls f for every line of in. Its errors name the line.
func eachExample(in io.Reader, f func(example) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxExample)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var e example
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("examples, line %d: not a JSON object with id, channel, subject and text", n)
		}
		if err := f(e); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("examples, line %d: longer than %d octets", n+1, maxExample)
	}
	return lines.Err()
}

// TestExamples judges examples, one JSON object a line, and writes a verdict
// line for each to out. It returns the counts for people.
func (j *Judge) TestExamples(in io.Reader, out io.Writer) (string, error) {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	actions, right, labelled := map[string]int{}, map[string]int{}, map[string]int{}
	err := eachExample(in, func(e example) error {
		v := j.judgeExample(e)
		actions[v.Action.String()]++
		if e.Mode != "" {
			labelled[e.Mode]++
			if (v.Action != gateway.Pass) == (e.Mode == "secure") {
				right[e.Mode]++
			}
		}
		return lines.Encode(policy.NewLine(e.ID, v))
	})
	return counts(actions, right, labelled), err
}

func counts(actions, right, labelled map[string]int) string {
	var b strings.Builder
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		fmt.Fprintf(&b, "action %s: %d\n", action, actions[action])
	}
	for _, mode := range slices.Sorted(maps.Keys(labelled)) {
		fmt.Fprintf(&b, "labelled %s: %d, right: %d\n", mode, labelled[mode], right[mode])
	}
	return b.String()
}

// DiffExamples writes which examples before and after decide differently and
// by which rules, and returns how many.
func DiffExamples(before, after *Judge, in io.Reader, out io.Writer, asJSON bool) (int, error) {
	n := 0
	lines := json.NewEncoder(out)
	err := eachExample(in, func(e example) error {
		d, differ := policy.Diff(before.judgeExample(e), after.judgeExample(e))
		if !differ {
			return nil
		}
		n++
		if asJSON {
			return lines.Encode(struct {
				ID string `json:"id"`
				policy.Difference
			}{e.ID, d})
		}
		_, err := fmt.Fprintf(out, "%s: %s\n", e.ID, d)
		return err
	})
	return n, err
}
