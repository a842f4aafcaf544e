package gateway

import (
	"fmt"
	"log/slog"
)

// Sensitive is text that must never reach a log, an error or a metric: a
// subject, a name, a reply of a foreign server, a file name. Every fmt verb
// and slog print "[redacted]"; Reveal is the only way to the text, so that a
// grep for it finds each place that shows it.
type Sensitive string

// Reveal returns the text itself.
func (s Sensitive) Reveal() string { return string(s) }

// Format implements fmt.Formatter.
func (s Sensitive) Format(f fmt.State, _ rune) { redact(f, len(s) == 0, "[redacted]") }

// LogValue implements slog.LogValuer.
func (s Sensitive) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func redact(f fmt.State, empty bool, mark string) {
	if empty {
		mark = "[none]"
	}
	_, _ = f.Write([]byte(mark))
}
