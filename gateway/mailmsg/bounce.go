package mailmsg

import (
	"regexp"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
	"gatepost/gateway/mailmsg/internal/transfer"
)

// Limits of what is read of a foreign report.
const (
	maxReport     = 1 << 20 // octets
	maxReported   = 100     // recipients
	maxDiagnostic = 512     // octets
)

// Fate is what a report says of one recipient.
type Fate struct {
	Action     string // failed, delayed, delivered, relayed or expanded
	Status     string // RFC 3463
	Diagnostic gateway.Sensitive
}

// Bounce is a delivery report that came back. The fate on top is the worst
// one: a notice has one recipient, and more than one fate means that it was
// forwarded.
type Bounce struct {
	Fate
	Recipients []Fate // each; one at least
	Formal     bool   // a report of RFC 3464: nothing was guessed
}

// ParseReport reads what came to the return path of a notice: a report of RFC
// 3464 at its word, anything else by its subject and text. It never fails;
// what says nothing usable is a failure of unknown cause, because the return
// path gets nothing but reports.
func ParseReport(raw []byte) Bounce {
	raw = raw[:min(len(raw), maxReport)]
	fates := reported(raw)
	formal := len(fates) > 0
	if !formal {
		fates = []Fate{guess(raw)}
	}
	b := Bounce{Fate: fates[0], Recipients: fates, Formal: formal}
	for _, f := range fates[1:] {
		if severity(f.Action) > severity(b.Action) {
			b.Fate = f
		}
	}
	return b
}

func severity(action string) int {
	switch action {
	case ActionFailed:
		return 2
	case ActionDelayed:
		return 1
	}
	return 0
}

// reported reads the groups of a message/delivery-status part.
func reported(raw []byte) []Fate {
	b := header.Split(raw)
	media := header.Params{}
	for _, f := range b.Fields {
		if f.Is("Content-Type") {
			media = header.ParseParams(f.Raw)
		}
	}
	if media.Value == "message/delivery-status" || media.Value == "message/global-delivery-status" {
		return groups(raw[b.Body:])
	}
	if !strings.HasPrefix(media.Value, "multipart/") {
		return nil
	}
	src := newSource(raw)
	for _, boundary := range media.All("boundary") {
		list := src.delimiters(b.Body, len(raw), boundary)
		for i, d := range list {
			end := len(raw)
			if i+1 < len(list) {
				end = list[i+1].from
			}
			if fates := statusPart(raw[d.to:end]); len(fates) > 0 {
				return fates
			}
		}
	}
	return nil
}

// statusPart reads one part, when it is the one.
func statusPart(part []byte) []Fate {
	b := header.Split(part)
	status, encoding := false, ""
	for _, f := range b.Fields {
		switch {
		case f.Is("Content-Type"):
			media := header.ParseParams(f.Raw).Value
			status = media == "message/delivery-status" || media == "message/global-delivery-status"
		case f.Is("Content-Transfer-Encoding"):
			encoding = transferName(f.Raw)
		}
	}
	if !status {
		return nil
	}
	body := part[b.Body:]
	switch encoding { // RFC 3464 section 2.1 wants 7bit; not everyone listens
	case "quoted-printable":
		body = transfer.QuotedPrintable(body)
	case "base64":
		body = transfer.DecodeBase64(body).Data
	}
	return groups(body)
}

// groups reads the per-recipient groups, which empty lines separate (RFC 3464
// section 2.1). The group of the whole message has no Action.
func groups(body []byte) []Fate {
	var fates []Fate
	for len(body) > 0 && len(fates) < maxReported {
		b := header.Split(body)
		if f, ok := groupFate(b.Fields); ok {
			fates = append(fates, f)
		}
		if b.Body == 0 {
			break
		}
		body = body[b.Body:]
	}
	return fates
}

func groupFate(fields []header.Field) (f Fate, ok bool) {
	for _, field := range fields {
		value := header.Decode(field.Raw).Main
		switch {
		case field.Is("Action"):
			f.Action, ok = strings.ToLower(firstWord(value)), true
		case field.Is("Status"):
			f.Status, ok = firstWord(value), true
		case field.Is("Diagnostic-Code"):
			if _, text, typed := strings.Cut(value, ";"); typed {
				value = text
			}
			f.Diagnostic = clip(value)
		}
	}
	return settle(f), ok
}

func firstWord(s string) string {
	words := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' || c == '(' || c == ';' })
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// settle makes an answer of what a report says and leaves out.
func settle(f Fate) Fate {
	if !isStatus(f.Status) {
		f.Status = statusIn(f.Diagnostic.Reveal())
	}
	switch f.Action {
	case ActionFailed, ActionDelayed, ActionDelivered, ActionRelayed, ActionExpanded:
	default:
		f.Action = map[byte]string{'2': ActionDelivered, '4': ActionDelayed}[(f.Status + "5")[0]]
		if f.Action == "" {
			f.Action = ActionFailed
		}
	}
	if f.Status == "" {
		f.Status = map[string]string{ActionFailed: "5.0.0", ActionDelayed: "4.0.0"}[f.Action]
	}
	if f.Status == "" {
		f.Status = "2.0.0"
	}
	return f
}

// statusIn finds an enhanced status in a reply, "" when there is none.
func statusIn(s string) string {
	if s = regexp.MustCompile(`\b[245]\.[0-9]{1,3}\.[0-9]{1,3}\b`).FindString(s); isStatus(s) {
		return s
	}
	return ""
}

// guess reads a report in no known form: a line with a status, or with an SMTP
// reply, is its diagnosis.
func guess(raw []byte) Fate {
	r := Read(raw)
	f := Fate{Action: ActionFailed}
	subject := strings.ToLower(r.Subject.Reveal())
	if strings.Contains(subject, "delay") || strings.Contains(subject, "warning") {
		f.Action = ActionDelayed
	}
	reply := regexp.MustCompile(`(?m)^.*\b[45][0-9]{2}[ -]([45]\.[0-9]{1,3}\.[0-9]{1,3})?.*$`)
	for _, p := range r.Parts {
		if p.Kind != gateway.PartText && p.Kind != gateway.PartHTML {
			continue
		}
		if line := reply.FindString(p.Text.Reveal()); line != "" {
			f.Diagnostic = clip(line)
			f.Status = statusIn(line)
			break
		}
	}
	return settle(f)
}

// clip is a foreign line that may stand in a report of ours.
func clip(s string) gateway.Sensitive {
	s = visible(s)
	return gateway.Sensitive(s[:min(len(s), maxDiagnostic)])
}
