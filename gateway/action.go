package gateway

import "fmt"

// Action is what happens to an envelope. The zero value is Secure: an Action
// that nobody set protects.
type Action uint8

// The five actions.
const (
	Secure Action = iota // a link leaves instead of the body
	Pass                 // leaves as it is
	TLS                  // leaves only over verified TLS, else Secure
	Hold                 // waits for review
	Reject               // refused
)

var actionNames = [...]string{"secure", "pass", "tls", "hold", "reject"}

func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return actionNames[Secure]
}

// ParseAction reads the name that String writes.
func ParseAction(s string) (Action, error) {
	for i, name := range actionNames {
		if s == name {
			return Action(i), nil
		}
	}
	return Secure, fmt.Errorf("unknown action %q (pass, tls, secure, hold or reject)", s)
}

// MarshalText implements encoding.TextMarshaler.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Action) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAction(string(b))
	return err
}

// strictness orders the actions: reject > hold > secure > tls > pass. An
// unknown value counts as Secure.
func (a Action) strictness() int {
	switch a {
	case Pass:
		return 0
	case TLS:
		return 1
	case Hold:
		return 3
	case Reject:
		return 4
	default:
		return 2
	}
}

// StricterThan reports whether a demands more than b.
func (a Action) StricterThan(b Action) bool { return a.strictness() > b.strictness() }

// Mode of an installation. The zero value enforces.
type Mode uint8

// The two modes.
const (
	Enforce Mode = iota // verdicts act
	Observe             // verdicts are recorded, everything passes byte-exact
)

func (m Mode) String() string {
	if m == Observe {
		return "observe"
	}
	return "enforce"
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) error {
	switch string(b) {
	case "observe":
		*m = Observe
	case "enforce":
		*m = Enforce
	default:
		return fmt.Errorf("unknown mode %q (observe or enforce)", b)
	}
	return nil
}

// Channel is the network that a message travels on.
type Channel uint8

// The channels.
const (
	Email Channel = iota
	SMS
)

func (c Channel) String() string {
	if c == SMS {
		return "sms"
	}
	return "email"
}

// MarshalText implements encoding.TextMarshaler.
func (c Channel) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Channel) UnmarshalText(b []byte) error {
	switch string(b) {
	case "sms":
		*c = SMS
	case "email":
		*c = Email
	default:
		return fmt.Errorf("unknown channel %q (email or sms)", b)
	}
	return nil
}

// Level is a confidence. Levels compare with < and >.
type Level uint8

// The levels.
const (
	None Level = iota
	Low
	Medium
	High
)

var levelNames = [...]string{"none", "low", "medium", "high"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return levelNames[High]
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(b []byte) error {
	for i, name := range levelNames {
		if string(b) == name {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("unknown level %q", b)
}
