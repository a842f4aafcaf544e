package policy

import (
	"fmt"
	"slices"
	"strings"

	yamlast "github.com/goccy/go-yaml/ast"

	"gatepost/gateway"
)

// Case is one example of `tests:`: a message and what must become of it. The
// caller of RunCases turns it into Facts with the real reader and detector.
type Case struct {
	Line          int
	Text          string
	Subject       string
	Channel       gateway.Channel
	Headers       []gateway.Field // in order of the file
	From, To      string          // addresses; "" is anybody inside, anybody outside
	Patient       bool
	Consents      []string
	ThreadSecured bool
	At            int // hour of a working day; noon where the file says nothing
	SentToday     int
	SMPP          SMPP
	Declared      []string
	Expect        gateway.Action
	Until         *int     // hour until which it must wait; nil: not looked at
	Rules         []string // that must have demanded Expect
}

// Noon is the hour at which a case is judged that does not say when.
const Noon = 12

func (d *document) readCase(n yamlast.Node) {
	c := Case{Line: where(n).line, At: Noon}
	var to yamlast.Node
	known := caseKeys()
	for _, e := range d.mapping(n, "a test", known) {
		switch e.key {
		case "text":
			c.Text = d.text(e.value, e.key)
		case "subject":
			c.Subject = d.text(e.value, e.key)
		case "channel":
			if d.oneOf(e.value, e.key, []string{"email", "sms"}) == "sms" {
				c.Channel = gateway.SMS
			}
		case "headers":
			for _, h := range d.mapping(e.value, e.key, nil) {
				c.Headers = append(c.Headers, gateway.Field{Name: h.key, Value: gateway.Sensitive(d.text(h.value, h.key))})
			}
		case "from":
			c.From = d.mailbox(e)
		case "to":
			c.To, to = d.text(e.value, e.key), e.value
		case "patient":
			c.Patient = d.truth(e.value, e.key)
		case "consents":
			c.Consents = d.texts(e.value, e.key)
		case "thread_secured":
			c.ThreadSecured = d.truth(e.value, e.key)
		case "at":
			c.At = *d.hour(e.value, e.key)
		case "sent_today":
			c.SentToday, _ = d.number(e.value, e.key)
		case "system_id":
			c.SMPP.SystemID = d.text(e.value, e.key)
		case "service_type":
			c.SMPP.ServiceType = d.text(e.value, e.key)
		case "source_address":
			c.SMPP.SourceAddress = gateway.Sensitive(d.text(e.value, e.key))
		case "declared":
			for _, item := range d.list(e.value, e.key) {
				c.Declared = append(c.Declared, d.oneOf(item, e.key, declaredNames()))
			}
		case "until":
			c.Until = d.hour(e.value, e.key)
		case "expect":
			c.Expect = d.action(e.value, e.key)
		case "rules":
			c.Rules = d.knownRules(e.value)
		}
	}
	if there := meant(n, known); there != nil && !there["expect"] {
		d.add(where(n), "a test needs expect")
	}
	d.checkTo(c, to)
	d.cases = append(d.cases, c)
}

// checkTo refuses a recipient whom no message could reach: a test would be
// about somebody else.
func (d *document) checkTo(c Case, n yamlast.Node) {
	if n == nil || c.To == "" {
		return
	}
	_, err := gateway.PhoneAddress(c.To)
	if c.Channel == gateway.SMS {
		if err != nil {
			d.add(where(n), "to: %s is no telephone number: of an SMS write +15550001111", quote(c.To))
		}
		return
	}
	if err == nil {
		return // a mail to a telephone
	}
	if _, err := gateway.ParseAddress(c.To); err != nil {
		d.add(where(n), "to: %s is no mail address%s", quote(c.To), wholeDomain(c.To))
	}
}

// wholeDomain says how to write somebody of a domain.
func wholeDomain(s string) string {
	if domain := strings.TrimPrefix(s, "@"); !strings.Contains(domain, "@") && strings.Contains(domain, ".") {
		return fmt.Sprintf("; did you mean somebody there, %q?", "anybody@"+domain)
	}
	return ""
}

func (d *document) mailbox(e entry) string {
	text := d.text(e.value, e.key)
	if _, err := gateway.ParseAddress(text); err != nil {
		d.add(where(e.value), "%s: %s is no mail address%s", e.key, quote(text), wholeDomain(text))
	}
	return text
}

// knownRules reads ids of rules; those unknown are reported once all rules
// have been read.
func (d *document) knownRules(n yamlast.Node) []string {
	var ids []string
	for _, ref := range d.references(n, "rules") {
		ids = append(ids, ref.id)
		d.mentions = append(d.mentions, ref)
	}
	return ids
}

// Failure is a case that did not come out as expected.
type Failure struct {
	Case    Case
	Verdict gateway.Verdict
	Text    string // "policy.yaml:80: expected pass, got secure by health"
}

// String is Text.
func (f Failure) String() string { return f.Text }

// RunCases judges every case of the policy and returns those that failed.
func (p *Policy) RunCases(judge func(Case) gateway.Verdict) []Failure {
	var failures []Failure
	for _, c := range p.cases {
		v := judge(c)
		if text := c.compare(v); text != "" {
			failures = append(failures, Failure{c, v, fmt.Sprintf("%s:%d: %s", p.file, c.Line, text)})
		}
	}
	return failures
}

// compare says how v differs from what c expects; "" when it does not.
func (c Case) compare(v gateway.Verdict) string {
	if v.Action != c.Expect {
		return fmt.Sprintf("expected %s, got %s by %s", c.Expect, v.Action, by(v))
	}
	if c.Until != nil && (v.Options.NotBefore.IsZero() || v.Options.NotBefore.Hour() != *c.Until) {
		return fmt.Sprintf("expected to wait until %s, it does not", clock(*c.Until))
	}
	for _, id := range c.Rules {
		if !slices.Contains(v.Rules, id) && !waitsFor(v, id) {
			return fmt.Sprintf("expected %s by %s, got it by %s", c.Expect, id, by(v))
		}
	}
	return ""
}

// waitsFor reports whether a rule makes the message wait.
func waitsFor(v gateway.Verdict, id string) bool {
	return slices.ContainsFunc(v.Results, func(r gateway.RuleResult) bool {
		return r.ID == id && r.Met && r.Until != "" && r.LiftedBy == "" && !r.Shadow
	})
}

// Line is what `policy test --json` prints for one example.
type Line struct {
	ID         string      `json:"id"`
	Action     string      `json:"action"`
	Rules      []string    `json:"rules"`
	Detections []Detection `json:"detections"`
}

// Detection is one finding of a Line.
type Detection struct {
	Type       string `json:"type"`
	Part       string `json:"part"`  // subject or text
	Start      int    `json:"start"` // code points
	End        int    `json:"end"`   // exclusive
	Confidence string `json:"confidence"`
}

// NewLine makes the Line of a verdict. Findings in other parts than subject
// and body are counted to the text; those in hidden ones have no place in it.
func NewLine(id string, v gateway.Verdict) Line {
	l := Line{ID: id, Action: v.Action.String(), Rules: append([]string{}, v.Rules...), Detections: []Detection{}}
	for _, f := range v.Findings {
		part := "text"
		switch f.Kind {
		case gateway.PartSubject:
			part = "subject"
		case gateway.PartHidden:
			continue
		}
		l.Detections = append(l.Detections, Detection{alias(f.Type), part, f.Start, f.End, f.Level.String()})
	}
	return l
}
