package relay

import (
	"errors"
	"net"
	"time"

	"gatepost/gateway"
)

// The phases of an attempt, as Outcome.Phase spells them.
const (
	phaseConnect  = "connect"
	phaseBanner   = "banner"
	phaseEhlo     = "ehlo"
	phaseStartTLS = "starttls"
	phaseAuth     = "auth"
	phaseMail     = "mail"
	phaseRcpt     = "rcpt"
	phaseData     = "data"
	phaseDot      = "dot"
)

// trouble is why a step came to nothing. Its text is either a constant of ours
// or the reply of the next hop, so Error shows neither.
type trouble struct {
	result  gateway.Result
	phase   string
	code    int
	status  string
	text    gateway.Sensitive
	unknown bool
	clear   bool // TLS failed in a way after which opportunistic delivery may go on without it
	astray  bool // a reply that is none, or that has no place where it came
	cause   error
}

func (t *trouble) Error() string {
	s := t.phase + ": " + t.status
	if t.cause != nil {
		s += ": " + t.cause.Error()
	}
	return s
}

func (t *trouble) Unwrap() error { return t.cause }

// deferred is a temporary trouble in our own words.
func deferred(phase, status, text string, cause error) *trouble {
	return &trouble{phase: phase, status: status, text: gateway.Sensitive(text), cause: cause}
}

// refusal is a permanent trouble in our own words.
func refusal(phase, status, text string) *trouble {
	return &trouble{result: gateway.Failed, phase: phase, status: status, text: gateway.Sensitive(text)}
}

// ioTrouble is a connection that failed: always temporary.
func ioTrouble(phase string, err error) *trouble {
	status, text := "4.4.2", "Connection lost"
	var timeout net.Error
	switch {
	case errors.Is(err, errBroken):
		status, text = "4.5.0", "Reply is no SMTP"
	case phase == phaseConnect:
		status, text = "4.4.1", "Connection failed"
	case errors.As(err, &timeout) && timeout.Timeout():
		text = "Timed out waiting for the next hop"
	}
	t := deferred(phase, status, text, err)
	t.astray = errors.Is(err, errBroken)
	return t
}

// answered is the trouble that an unwelcome reply means. 5yz is permanent only
// in a transaction: before MAIL it speaks of us or of the host, not of the
// message (RFC 7504 leaves other hosts to try), so it is temporary.
func answered(phase string, r reply) *trouble {
	t := &trouble{phase: phase, code: r.code, status: r.status(), text: r.text()}
	switch {
	case r.class() == 5 && inTransaction(phase) && !tooMany(phase, r):
		t.result = gateway.Failed
	case r.class() == 2 || r.class() == 3:
		t.status, t.astray = "4.5.0", true
	case r.class() == 5:
		t.status = "4" + t.status[1:]
	}
	return t
}

func inTransaction(phase string) bool {
	return phase == phaseMail || phase == phaseRcpt || phase == phaseData || phase == phaseDot
}

// tooMany tells "too many recipients" of RFC 5321 section 4.5.3.1.10, where
// 552 must be read as 452, from a mailbox that is full for good.
func tooMany(phase string, r reply) bool {
	return phase == phaseRcpt && r.code == 552 && (r.status() == "5.0.0" || r.status() == "5.5.3")
}

// outcome is the trouble as the caller hears of it.
func (t *trouble) outcome(at time.Time, host string, state gateway.TLSState) gateway.Outcome {
	return gateway.Outcome{
		Result: t.result, At: at, Code: t.code, Status: t.status, Text: t.text,
		Phase: t.phase, Host: host, TLS: state, Unknown: t.unknown,
	}
}

// asTrouble returns the trouble inside err; any other error is ours and
// therefore temporary.
func asTrouble(phase string, err error) *trouble {
	var t *trouble
	if errors.As(err, &t) {
		return t
	}
	return deferred(phase, "4.3.0", "Internal fault", err)
}
